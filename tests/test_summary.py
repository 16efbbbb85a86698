"""Frequency, recency, T and spend, and the cut between fitting and what happened after."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clvkit as clv


def frame(rows):
    return pd.DataFrame(rows, columns=["customer_id", "date", "amount"])


SHOP = frame(
    [
        ("007", "2025-01-01", 10.0),
        ("001", "2025-01-05", 7.0),
        ("007", "2025-01-15", 20.0),
        ("007", "2025-01-15", 5.0),
        ("007", "2025-01-29", 41.0),
        ("late", "2025-02-20", 1.0),
        ("001", "2025-02-25", 9.0),
        ("late", "2025-03-01", 3.0),
    ]
)


def test_by_hand():
    """Two purchases on one day are one; the first is not a repeat; spend is per day of purchase."""
    summary = clv.summarize(SHOP, time_unit="D", observation_end="2025-02-05")
    assert summary.index.tolist() == ["007", "001"]
    assert summary.loc["007"].tolist() == [2, 28, 35, (25 + 41) / 2]
    assert summary.loc["001", ["frequency", "recency", "T"]].tolist() == [0, 0, 31]
    assert pd.isna(summary.loc["001", "monetary_value"])
    assert summary.attrs == {"time_unit": "D", "observation_end": "2025-02-05"}


def test_observed_until_the_last_purchase_of_anybody():
    summary = clv.summarize(SHOP, time_unit="D")
    assert summary["T"].tolist() == [59, 55, 9]
    assert summary.loc["late"].tolist() == [1, 9, 9, 3]


@pytest.mark.parametrize(("unit", "length"), [("D", 1), ("W", 7), ("M", 30.4375), ("Y", 365.25)])
def test_time_is_divided_and_not_cut(unit, length):
    days, other = clv.summarize(SHOP, time_unit="D"), clv.summarize(SHOP, time_unit=unit)
    for column in ("recency", "T"):
        assert other[column].to_numpy() == pytest.approx(
            days[column].to_numpy() / length, rel=1e-15
        )
    assert other["frequency"].equals(days["frequency"])


def test_split_by_hand():
    fit_on, holdout = clv.split(SHOP, "2025-02-05", time_unit="D")
    pd.testing.assert_frame_equal(
        fit_on, clv.summarize(SHOP, time_unit="D", observation_end="2025-02-05")
    )
    assert holdout.index.tolist() == ["007", "001"]
    assert holdout["purchases"].tolist() == [0, 1]
    assert holdout["spend"].tolist() == [0, 9]
    assert holdout["duration"].tolist() == [24, 24]
    assert holdout.attrs["born_in_holdout"] == 1
    assert holdout.attrs["calibration_end"] == "2025-02-05"
    assert holdout.attrs["observation_end"] == "2025-03-01"


def test_the_last_day_of_calibration_belongs_to_it():
    fit_on, holdout = clv.split(SHOP, "2025-01-29", time_unit="D")
    assert fit_on.loc["007", "frequency"] == 2
    assert holdout.loc["007", "purchases"] == 0


def test_split_in_the_middle_unless_told():
    assert clv.split(SHOP)[1].attrs["calibration_end"] == "2025-01-30"


def test_published_counts(calibration, holdout):
    """Fader, Hardie and Lee (2005): 2,357 customers; 2,457 repeat purchases, 4,339 by week 78."""
    assert len(calibration) == 2357
    assert calibration["frequency"].sum() == 2457
    assert calibration["frequency"].sum() + holdout["purchases"].sum() == 4339
    assert (calibration["frequency"] > 0).sum() == 946
    assert holdout["duration"].unique() == [39.0]
    assert calibration["T"].max() == pytest.approx(272 / 7)
    assert holdout.attrs["born_in_holdout"] == 0


purchases = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "0c", "c"]), st.integers(0, 90), st.integers(0, 9999)
    ),
    min_size=1, max_size=40,
)  # fmt: skip


def shop(rows):
    day = pd.Timestamp("2025-01-01")
    rows = [("a", 0, 5), ("b", 3, 5), *rows, ("a", 91, 100)]
    return frame([(c, day + pd.Timedelta(days=d), cents / 100) for c, d, cents in rows])


@settings(max_examples=15)
@given(purchases, st.randoms(use_true_random=False))
def test_permuting_the_rows_permutes_the_answers(rows, random):
    one = shop(rows)
    other = one.sample(frac=1, random_state=random.randrange(1000)).reset_index(drop=True)
    for answer, mixed in zip(
        clv.split(one, "2025-02-01"), clv.split(other, "2025-02-01"), strict=True
    ):
        pd.testing.assert_frame_equal(mixed.loc[answer.index], answer)
    first_seen = other[other["date"] <= "2025-02-01"]["customer_id"].drop_duplicates()
    assert mixed.index.tolist() == first_seen.tolist()


@settings(max_examples=20)
@given(purchases)
def test_counted_one_customer_at_a_time(rows):
    """The same in plain Python."""
    table = shop(rows)
    summary = clv.summarize(table, time_unit="D")
    for customer, own in table.groupby("customer_id"):
        daily = own.groupby("date")["amount"].sum()
        row = summary.loc[customer]
        assert row["frequency"] == len(daily) - 1
        assert row["recency"] == (daily.index[-1] - daily.index[0]).days
        assert row["T"] == (table["date"].max() - daily.index[0]).days
        if len(daily) > 1:
            assert row["monetary_value"] == pytest.approx(daily.iloc[1:].mean())
        else:
            assert pd.isna(row["monetary_value"])


@settings(max_examples=15)
@given(purchases, st.integers(0, 90))
def test_calibration_and_holdout_add_up(rows, day):
    table = shop(rows)
    cut = pd.Timestamp("2025-01-01") + pd.Timedelta(days=day)
    fit_on, holdout = clv.split(table, cut)
    whole = clv.summarize(table).loc[fit_on.index, "frequency"]
    assert (fit_on["frequency"] + holdout["purchases"]).equals(whole)
    assert holdout.attrs["born_in_holdout"] == len(clv.summarize(table)) - len(fit_on)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: clv.summarize(SHOP, observation_end="2024-01-01"), "before the first purchase"),
        (lambda: clv.summarize(SHOP, observation_end="2999-01-01"), "is yet to come"),
        (lambda: clv.summarize(SHOP, observation_end="03/04/2025"), "write it as YYYY-MM-DD"),
        (lambda: clv.summarize(SHOP, time_unit="week"), "give 'D', 'W', 'M' or 'Y'"),
        (lambda: clv.summarize(SHOP, time_unit=["W"]), "give 'D', 'W', 'M' or 'Y'"),
        (lambda: clv.split(SHOP, "2025-03-01"), "leaves no holdout"),
        (lambda: clv.split(SHOP, "2024-03-01"), "calibration_end=2024-03-01 lies before"),
        (lambda: clv.split(SHOP.assign(date="2025-01-01")), "leaves no holdout"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(clv.DataError, match=message):
        call()
