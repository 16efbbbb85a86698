"""Recurring revenue: to the cent in every month, and published examples."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_spans import contracts, logs, paid

import clvkit as clv

LINES = ["start", "new", "reactivation", "expansion", "contraction", "churn", "end"]


def whole_cents(column):
    return np.rint(column * 100).astype("int64")


@given(logs(), st.sampled_from(["W", "M", "Q", "Y"]), st.sampled_from([0, 3]))
@settings(max_examples=60, deadline=None)
def test_movements_reconcile_to_the_cent_in_every_period(table, period, grace):
    moves = clv.mrr_movements(table, period, grace_days=grace)
    cents = moves[LINES].apply(whole_cents)
    gained = cents["new"] + cents["reactivation"] + cents["expansion"]
    assert (cents["end"] == cents["start"] + gained - cents["contraction"] - cents["churn"]).all()
    assert (cents["start"].iloc[1:].to_numpy() == cents["end"].iloc[:-1].to_numpy()).all()
    assert (cents[LINES[1:-1]] >= 0).all(axis=None)
    assert np.allclose(moves[LINES] * 100, cents, atol=1e-6), "no fraction of a cent is reported"


@given(logs())
@settings(max_examples=20, deadline=None)
def test_movements_are_those_found_customer_by_customer(table):
    moves = clv.mrr_movements(table)
    last = pd.Timestamp(moves.attrs["observation_end"])
    been = set()
    before = paid(table, table["start"].min() - pd.Timedelta(days=1))
    days = iter(pd.date_range(table["start"].min(), last))
    for month, row in moves.iterrows():
        found = dict.fromkeys(LINES[1:-1], 0)
        joined = set()
        for day in days:
            now = paid(table, day)
            joined |= set(now[now > 0].index)
            if day == month.end_time.normalize() or day == last:
                break
        for who in now.index:
            was, is_ = before[who], now[who]
            if was == 0 and is_ > 0:
                found["reactivation" if who in been else "new"] += is_
            elif was > 0 and is_ == 0:
                found["churn"] += was
            else:
                found["expansion"] += max(is_ - was, 0)
                found["contraction"] += max(was - is_, 0)
        been |= joined
        before = now
        for name, units in found.items():
            assert abs(row[name] - units / 1e6) <= 0.0100001, (month, name)
        assert row["end"] == pytest.approx(now.sum() / 1e6, abs=0.0051)
        assert row["customers_end"] == (now > 0).sum()


def test_thirds_and_cents_add_up_as_a_whole():
    table = contracts(*((str(i), "2024-01-15", None, 100 / 12) for i in range(1200)))
    assert clv.mrr_movements(table)["end"].iloc[-1] == 10_000.00
    table = contracts(("1", "2024-01-01", "2024-02-10", 0.1 + 0.2), ("1", "2024-02-10", None, 0.3),
                      ("2", "2024-01-01", None, 1))  # fmt: skip
    moves = clv.mrr_movements(table, observation_end="2024-02-29")
    assert moves.loc["2024-02", LINES].tolist() == [1.3, 0, 0, 0, 0, 0, 1.3]


def test_reference_examples():
    """REFERENCE 2.4: a twelfth a month; 100 customers at 100 and 50 at 600 a year are 12,500."""
    rows = [(f"m{i}", "2024-01-01", None, 100) for i in range(100)]
    rows += [(f"y{i}", "2024-01-01", None, 600 / 12) for i in range(50)]
    moves = clv.mrr_movements(contracts(*rows))
    assert moves["end"].iloc[0] == 12_500
    assert moves["arpa"].iloc[0] == pytest.approx(12_500 / 150)


def test_a_customer_who_grew_first_loses_no_more_than_at_the_start():
    """A vendor once printed 275.8% of churned revenue for such a case."""
    table = contracts(
        ("1", "2023-12-01", "2024-01-10", 100), ("1", "2024-01-10", "2024-01-20", 500),
        ("2", "2023-12-01", None, 100), ("3", "2024-03-01", None, 1),
    )  # fmt: skip
    kept = clv.revenue_retention(table, 1).loc["2024-01"]
    assert kept["grr"] == 0.5
    assert kept["nrr"] == 0.5
    assert kept["logo"] == 0.5
    moves = clv.mrr_movements(table).loc["2024-01"]
    assert moves["churn"] == 100
    assert moves["expansion"] == 0


@given(logs(), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_gross_retention_is_at_most_one_and_at_most_net(table, window):
    try:
        kept = clv.revenue_retention(table, window)
        cohorts = clv.revenue_retention(table, window, by="cohort")
    except clv.UndefinedError:
        return
    for rates in (kept, cohorts):
        assert (rates["grr"] <= 1).all()
        assert (rates["grr"] <= rates["nrr"]).all()
        assert (rates["grr"] <= rates["grr_high"].fillna(1)).all()
        assert rates["logo"].between(0, 1).all()
    for month, row in kept.iterrows():
        was = paid(table, (month - window).end_time.normalize())
        now = paid(table, month.end_time.normalize())[was > 0]
        was = was[was > 0]
        assert row["customers"] == len(was)
        assert row["nrr"] == pytest.approx(now.sum() / was.sum(), abs=1e-12)
        assert row["grr"] == pytest.approx(np.minimum(now, was).sum() / was.sum(), abs=1e-12)
        assert row["logo"] == (now > 0).mean()
        parts = cohorts.loc[month]
        assert parts["start_mrr"].sum() == pytest.approx(row["start_mrr"], abs=0.02)
        assert parts["customers"].sum() == row["customers"]


def test_monthly_retention_does_not_multiply_to_the_yearly_one():
    subs = clv.read_subscriptions("saas")
    months = clv.revenue_retention(subs, 1).loc["2024-01":"2024-12"]
    year = clv.revenue_retention(subs, 12).loc["2024-12"]
    assert len(months) == 12
    assert abs(months["nrr"].prod() - year["nrr"]) > 0.01
    assert year["nrr_low"] < year["nrr"] < year["nrr_high"]


def test_scaling_money_scales_money_and_no_rate():
    subs = clv.read_subscriptions("saas").table
    dear = subs.assign(mrr=subs["mrr"] * 8)
    one, eight = clv.revenue_retention(subs), clv.revenue_retention(dear)
    rates = ["grr", "nrr", "logo", "grr_low", "nrr_high"]
    pd.testing.assert_frame_equal(one[rates], eight[rates])
    moves = clv.mrr_movements(dear)[LINES]
    assert np.allclose(moves, 8 * clv.mrr_movements(subs)[LINES], atol=0.05)


def test_quick_ratio_needs_losses():
    table = contracts(
        ("1", "2024-01-01", "2024-02-10", 10), ("2", "2024-01-01", None, 30),
        ("3", "2024-02-05", None, 5), ("1", "2024-03-01", "2024-03-20", 8),
        ("1", "2024-03-20", None, 12), ("4", "2024-02-01", "2024-03-15", 4),
    )  # fmt: skip
    moves = clv.mrr_movements(table, observation_end="2024-03-31")
    ratio = clv.quick_ratio(moves)
    assert np.isnan(ratio.iloc[0])
    assert ratio.attrs["undefined"] == 1
    assert ratio.loc["2024-02"] == pytest.approx(9 / 10)
    assert ratio.loc["2024-03"] == pytest.approx(12 / 4)
    assert clv.quick_ratio(moves, reactivation=False).loc["2024-03"] == 0
    with pytest.raises(clv.DataError, match="mrr_movements"):
        clv.quick_ratio(moves[["new"]])


def test_cohorts_add_up_to_all():
    subs = clv.read_subscriptions("saas")
    layers, moves = clv.mrr_by_cohort(subs), clv.mrr_movements(subs)
    assert np.allclose(layers.sum(axis=1), moves["end"], atol=0.05)
    assert layers.columns.tolist() == ["2019", "2020", "2021", "2022", "2023", "2024"]
    assert (layers.loc["2021-01":"2022-12", "2023"] == 0).all()
    assert moves.loc["2021-01", "start"] == pytest.approx(
        subs.table[(subs.table["start"] < "2021-01-01")
                   & ~(subs.table["end"] < "2021-01-01")]["mrr"].sum()
    )  # fmt: skip


def test_too_short_a_log_has_no_retention():
    table = contracts(("1", "2024-01-01", None, 10), ("2", "2024-01-31", None, 10))
    with pytest.raises(clv.UndefinedError, match="12 months"):
        clv.revenue_retention(table)
    with pytest.raises(clv.DataError, match="by='plan'"):
        clv.revenue_retention(table, 1, by="plan")
    with pytest.raises(clv.DataError, match="window_months"):
        clv.revenue_retention(table, 0)
