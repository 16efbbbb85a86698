"""Who is there on which day: the rules, against a slow second way."""

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clvkit as clv
from clvkit.spans import days_of, ledger


def contracts(*rows):
    return pd.DataFrame(rows, columns=["customer_id", "start", "end", "mrr"])


OTHER = ("99", "2020-01-01", "2020-01-02", 1.0)


@st.composite
def logs(draw, most=25):
    """Random contracts: overlaps, gaps, no length, no price, running, month ends, leap years."""
    day = st.dates(pd.Timestamp("2023-12-20").date(), pd.Timestamp("2024-06-05").date())
    money = st.sampled_from([0.0, 1 / 3, 0.1 + 0.2, 0.3, 9.995, 10.0, 1e-7, 99999.99])
    row = st.tuples(st.sampled_from(["0", "00", "a", "b"]), day, st.none() | day, money)
    rows = draw(st.lists(row, min_size=1, max_size=most))
    rows = [(w, min(s, e or s), e and max(s, e), m) for w, s, e, m in rows]
    table = contracts(*rows, ("c", "2023-12-15", None, 5.0), ("d", "2024-01-31", "2024-02-29", 7.0))
    return table.astype({"start": "datetime64[s]", "end": "datetime64[s]"})


def paid(table, day):
    """What each customer pays on a day, by looking at every contract."""
    runs = (table["start"] <= day) & ~(table["end"] <= day)
    whole = np.rint(table["mrr"] * 1e6).astype("int64").where(runs, 0)
    return whole.groupby(table["customer_id"], sort=False).sum()


@given(logs())
@settings(max_examples=30, deadline=None)
def test_every_day_is_as_the_contracts_say(table):
    book = ledger(table)
    last = pd.Timestamp(book.attrs()["observation_end"])
    assert last == max(table["start"].max(), table["end"].max())
    for day in pd.date_range(table["start"].min() - pd.Timedelta(days=1), last):
        assert book.levels(days_of([day])[0]).tolist() == paid(table, day).tolist()
    assert (book.before != book.after).all()


def test_overlaps_add_up_gaps_part_and_touching_contracts_are_one():
    table = contracts(
        ("1", "2024-01-01", "2024-03-01", 10), ("1", "2024-02-01", "2024-04-01", 5),
        ("1", "2024-04-01", "2024-05-01", 5), ("1", "2024-05-05", None, 5),
        ("2", "2024-01-01", None, 0), ("3", "2024-02-02", "2024-02-02", 9),
        ("4", "2024-01-01", None, 1),
    )  # fmt: skip
    book = ledger(table, observation_end="2024-12-31")
    own = book.customer == 0
    assert book.after[own].tolist() == [10_000_000, 15_000_000, 5_000_000, 0, 5_000_000]
    assert set(book.customer) == {0, 3}, "no price, or no day: no customer"
    close = ledger(table, observation_end="2024-12-31", grace_days=4)
    assert (close.after[close.customer == 0] > 0).all()
    apart = ledger(table, observation_end="2024-12-31", grace_days=3)
    assert (apart.after[apart.customer == 0] == 0).any()


def test_grace_keeps_what_was_paid_and_then_takes_the_new_price():
    table = contracts(("1", "2024-01-01", "2024-01-30", 10), ("1", "2024-02-02", None, 30), OTHER)
    moves = clv.mrr_movements(table, grace_days=5).loc["2024-01":]
    assert moves["end"].tolist()[:2] == [10, 30]
    assert moves.loc["2024-02", ["expansion", "churn", "reactivation"]].tolist() == [20, 0, 0]


def test_edges():
    future = (pd.Timestamp.now() + pd.Timedelta(days=400)).date().isoformat()
    table = contracts(
        ("1", "2023-05-10", future, 10), ("2", "2024-01-31", "2024-02-29", 10),
        ("3", "2023-11-01", "2024-01-15", 10),
    )  # fmt: skip
    assert ledger(table).attrs() == {
        "observation_start": "2023-05-10", "observation_end": "2024-02-29",
    }  # fmt: skip
    rate = clv.churn_rate(table, observation_start="2024-01-01")
    assert rate.index.astype(str).tolist() == ["2024-01", "2024-02"]
    assert rate["at_risk"].tolist() == [2, 2]
    assert rate["churned"].tolist() == [1, 1]
    assert rate["complete"].all()
    moves = clv.mrr_movements(table, observation_start="2024-01-01")
    assert moves.loc["2024-01", "start"] == 20
    assert moves.loc["2024-01", "new"] == 10
    early = clv.churn_rate(table, observation_start="2024-01-01", observation_end="2024-02-28")
    assert early["churned"].tolist() == [1, 0]
    assert not early["complete"].iloc[-1]
    middle = clv.churn_rate(table, observation_start="2024-01-10")
    assert not middle["complete"].iloc[0]


def test_a_table_brings_its_observed_days_along():
    table = contracts(("1", "2023-05-10", None, 10), ("2", "2024-01-31", None, 10))
    table.attrs = {"observation_end": "2024-06-30", "observation_start": "2024-01-01"}
    assert ledger(clv.read_subscriptions(table)).attrs() == {
        "observation_start": "2024-01-01", "observation_end": "2024-06-30",
    }  # fmt: skip


def test_what_cannot_be_used_is_refused():
    good = contracts(("1", "2024-01-01", None, 10), ("2", "2024-01-31", None, 10))
    with pytest.raises(clv.DataError, match="No contract with an mrr above 0"):
        clv.churn_rate(good.assign(mrr=0))
    with pytest.raises(clv.DataError, match="in the future"):
        clv.mrr_movements(good.assign(start="2999-01-01"))
    with pytest.raises(clv.DataError, match="Nothing is observed"):
        ledger(good, "2024-05-01", "2024-03-01")
    with pytest.raises(clv.DataError, match="yet to come"):
        ledger(good, observation_end="2999-01-01")
    with pytest.raises(clv.DataError, match="not a date"):
        ledger(good, observation_end="soon")
    with pytest.raises(clv.DataError, match="1 of 3 rows of this frame cannot be used"):
        ledger(pd.concat([good, contracts(("3", "2024-01-01", None, -5))]))
    with pytest.raises(clv.DataError, match="period='D'"):
        clv.churn_rate(good, "D")
    with pytest.raises(clv.DataError, match="grace_days"):
        clv.churn_rate(good, grace_days=-1)
    orders = clv.read_transactions("cdnow-sample")
    with pytest.raises(clv.DataError, match="inactive_days=90"):
        clv.mrr_movements(orders)


@given(logs())
@settings(max_examples=15, deadline=None)
def test_the_order_of_rows_does_not_matter(table):
    mixed = table.sample(frac=1, random_state=1).reset_index(drop=True)
    one, two = clv.mrr_movements(table), clv.mrr_movements(mixed)
    pd.testing.assert_frame_equal(one, two)
    pd.testing.assert_frame_equal(clv.churn_rate(table), clv.churn_rate(mixed))


def in_duckdb(table):
    return duckdb.from_arrow(pa.Table.from_pandas(table, preserve_index=False))


@given(
    logs(), st.sampled_from("WMQY"), st.sampled_from([0, 1, 9, 60]),
    st.sampled_from([None, "2024-02-29", "2024-04-17"]), st.sampled_from([None, "2024-01-10"]),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_movements_in_an_engine_are_those_in_memory(table, period, grace, last, first):
    edges = {"observation_start": first, "observation_end": last, "grace_days": grace}
    here = clv.mrr_movements(table, period, **edges)
    there = clv.mrr_movements(in_duckdb(table), period, **edges)
    pd.testing.assert_frame_equal(there, here)
    assert there.attrs == here.attrs


def test_a_gap_of_just_the_grace_days_is_none_in_an_engine():
    table = contracts(("1", "2023-12-01", "2024-01-30", 10.0), ("1", "2024-02-02", None, 10.0),
                      ("2", "2024-01-01", None, 1.0))  # fmt: skip
    table = table.astype({"start": "datetime64[us]", "end": "datetime64[us]"})
    for grace, left in ((2, 1), (3, 0)):
        moves = clv.mrr_movements(in_duckdb(table), grace_days=grace)
        assert moves["customers_lost"].sum() == left
        pd.testing.assert_frame_equal(moves, clv.mrr_movements(table, grace_days=grace))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mrr": -5.0}, "1 of 3 rows of this table cannot be used. Call clv.read_subscriptions"),
        ({"mrr": None}, "1 of 3 rows"),
        ({"customer_id": " "}, "1 of 3 rows"),
        ({"start": None}, "1 of 3 rows"),
        ({"start": pd.Timestamp("2999-01-01")}, "1 of 3 rows"),
        ({"end": pd.Timestamp("2023-12-31")}, "1 of 3 rows"),
    ],
)
def test_an_engine_refuses_what_a_frame_would(change, message):
    rows = contracts(("1", "2024-01-01", None, 10.0), ("2", "2024-01-31", "2024-03-01", 10.0),
                     ("3", "2024-02-01", "2024-02-05", 3.0))  # fmt: skip
    rows = rows.astype({"start": "datetime64[us]", "end": "datetime64[us]"})
    assert len(clv.mrr_movements(in_duckdb(rows))) == 3
    with pytest.raises(clv.DataError, match=message):
        clv.mrr_movements(in_duckdb(rows.assign(**{k: [v, *rows[k][1:]] for k, v in change.items()})
                          .astype(rows.dtypes)))  # fmt: skip
    with pytest.raises(clv.DataError, match="of one customer"):
        clv.mrr_movements(in_duckdb(rows.head(1)))
    with pytest.raises(clv.DataError, match="No contract with an mrr above 0"):
        clv.mrr_movements(in_duckdb(rows.assign(mrr=0.0)))
    with pytest.raises(clv.DataError, match="no rows"):
        clv.mrr_movements(in_duckdb(rows.head(0)))
    with pytest.raises(clv.DataError, match="not dates: cast it"):
        clv.mrr_movements(in_duckdb(rows.astype({"start": "str"})))
