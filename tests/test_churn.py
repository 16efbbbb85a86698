"""Churn under every definition, survival and reasons: published numbers and second ways."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from test_spans import OTHER, contracts, logs, paid

import clvkit as clv
from clvkit.churn import REPORTED_BY

METHODS = ["start_cohort", "simple", "exposure", "average_base", "daily", "hazard"]
CAUSES = ["joined_and_left", "returned", "base", "not_due", "right_edge"]


def reference_log():
    """S=100 at the start of February, N=50 join, 12 leave, 2 of these joined in February."""
    rows = [(f"old{i}", "2024-01-01", "2024-02-20" if i < 10 else None, 100) for i in range(100)]
    rows += [(f"new{i}", "2024-02-05", "2024-02-25" if i < 2 else None, 100) for i in range(50)]
    return contracts(*rows)


@pytest.mark.parametrize(
    ("method", "rate"),
    [("start_cohort", 0.10), ("simple", 0.12), ("exposure", 0.08), ("average_base", 12 / 119)],
)
def test_reference_definitions(method, rate):
    """REFERENCE 2.4: 10.0%, 12.0%, 8.0%, 10.08%; a vendor LTV from 833 to 1,250 at ARPA 100."""
    table = clv.churn_rate(reference_log(), method=method, observation_end="2024-02-29")
    assert table.loc["2024-02", "rate"] == pytest.approx(rate)
    assert table.loc["2024-02", "complete"]
    value = clv.formulas.expected_lifetime(rate) * 100
    assert 833 < value < 1251


def test_daily_and_hazard_count_the_days():
    table = reference_log()
    end = {"observation_end": "2024-02-29"}
    daily = clv.churn_rate(table, method="daily", **end).loc["2024-02", "rate"]
    assert daily == pytest.approx(10 / 150 + 2 / 140)
    hazard = clv.churn_rate(table, method="hazard", **end).loc["2024-02", "rate"]
    assert hazard == pytest.approx(1 - (140 / 150) * (138 / 140))


def test_compare_gives_each_difference_its_cause():
    compared = clv.compare_churn(reference_log(), observation_end="2024-02-29")
    simple = compared.loc["simple"]
    assert simple["joined_and_left"] == pytest.approx(0.02)
    assert simple[["returned", "base", "not_due", "right_edge"]].tolist() == [0, 0, 0, 0]
    exposure = compared.loc["exposure"]
    assert exposure["base"] == pytest.approx(12 / 150 - 12 / 100)
    assert compared.loc["all_periods", "right_edge"] == pytest.approx((0.1 + 1) / 2 - 0.1)
    assert set(REPORTED_BY) - {"inactivity"} <= set(compared.index)


@given(logs())
@settings(max_examples=12, deadline=None)
def test_parts_add_up_and_counts_are_those_of_the_days(table):
    rates = {method: clv.churn_rate(table, method=method) for method in METHODS}
    for row in rates.values():
        fine = row.dropna()
        assert (fine["low"] <= fine["rate"] + 1e-12).all()
        assert (fine["rate"] <= fine["high"] + 1e-12).all()
    for month, row in rates["start_cohort"].iterrows():
        end = min(month.end_time, pd.Timestamp(rates["simple"].attrs["observation_end"]))
        was = paid(table, month.start_time - pd.Timedelta(days=1)) > 0
        now = paid(table, end.normalize()) > 0
        assert row["at_risk"] == was.sum()
        assert row["churned"] == (was & ~now).sum()
    try:
        compared = clv.compare_churn(table)
    except clv.UndefinedError:
        return
    own = compared.loc["start_cohort", "rate"]
    known = compared.dropna()
    assert np.allclose(own + known[CAUSES].sum(axis=1), known["rate"], atol=1e-12)
    used = rates["start_cohort"]["complete"] & (rates["start_cohort"]["at_risk"] > 0)
    for method in METHODS:
        assert compared.loc[method, "rate"] == pytest.approx(rates[method]["rate"][used].mean())


def test_returns_within_a_month_are_churn_in_some_definitions_only():
    table = contracts(
        ("1", "2024-01-01", "2024-02-10", 10), ("1", "2024-02-15", None, 10),
        ("2", "2024-01-01", None, 10),
    )  # fmt: skip
    compared = clv.compare_churn(table, observation_end="2024-02-29")
    assert compared.loc["start_cohort", "rate"] == 0
    assert compared.loc["simple", "returned"] == 0.5
    closed = clv.compare_churn(table, observation_end="2024-02-29", grace_days=5)
    assert (closed["rate"].drop("all_periods") == 0).all()


def test_yearly_contracts_hide_churn_until_they_are_due():
    rows = [(f"y{i}", "2023-01-15", "2024-01-15" if i < 5 else None, 10, 12) for i in range(10)]
    rows += [(f"m{i}", "2023-01-15", None, 10, 1) for i in range(10)]
    table = contracts(*(row[:4] for row in rows)).assign(billing_months=[r[4] for r in rows])
    options = {"observation_start": "2023-06-01", "observation_end": "2024-01-31"}
    compared = clv.compare_churn(table, **options)
    # January: 20 due, 5 lost; the seven months before: ten due, none lost.
    assert compared.loc["renewals_due", "rate"] == pytest.approx((5 / 20) / 8)
    only = clv.compare_churn(table[table["billing_months"] == 12], **options)
    assert only.loc["start_cohort", "rate"] == pytest.approx(0.5 / 8)
    assert only.loc["renewals_due", "rate"] == pytest.approx(0.5)
    assert only.loc["renewals_due", "not_due"] == pytest.approx(0.5 - 0.5 / 8)
    assert np.isnan(clv.compare_churn(table, "W", **options).loc["renewals_due", "rate"])


def test_inactivity_depends_on_the_days():
    orders = pd.DataFrame(
        [("1", "2024-01-01", 5), ("1", "2024-01-31", 5), ("1", "2024-04-15", 5),
         ("2", "2024-01-10", 5), ("3", "2024-04-20", 5)],
        columns=["customer_id", "date", "amount"],
    )  # fmt: skip
    thirty = clv.churn_rate(orders, method="inactivity", inactive_days=30)
    # 1 buys on the 30th day of silence and stays; both are silent by 1 March and 9 February.
    assert thirty.loc["2024-02", ["churned", "at_risk"]].tolist() == [1, 2]
    assert thirty.loc["2024-03", ["churned", "at_risk"]].tolist() == [1, 1]
    assert thirty.attrs["came_back"] == 0.5
    assert clv.churn_rate(orders, method="inactivity", inactive_days=90)["churned"].sum() == 1
    long = clv.churn_rate(orders, method="inactivity", inactive_days=400)
    assert long["churned"].sum() == 0, "after the last purchase nobody knows"
    with pytest.raises(clv.DataError, match="needs inactive_days"):
        clv.churn_rate(orders, method="inactivity")
    with pytest.raises(clv.DataError, match="subscriptions say when they end"):
        clv.churn_rate(clv.read_subscriptions("saas"), method="inactivity", inactive_days=9)


def test_survival_is_that_of_the_product_limit_by_hand():
    """Three of four known to the day; one runs, one began before anybody looked."""
    table = contracts(
        ("1", "2024-01-01", "2024-02-01", 9), ("2", "2024-01-01", "2024-04-01", 9),
        ("3", "2024-01-01", None, 9), ("4", "2024-02-01", None, 9),
    )  # fmt: skip
    curve = clv.survival_curves(table, observation_end="2024-06-30").set_index("period")
    assert curve["estimate"].tolist()[:5] == pytest.approx([1, 0.75, 0.75, 0.5, 0.5])
    assert curve.loc[0, "median_remaining"] == 3
    assert np.isnan(curve.loc[3, "median_remaining"])
    assert curve["stays_12"].isna().all()
    assert curve.loc[2, "at_risk"] == 3
    late = clv.survival_curves(
        pd.concat([table, contracts(("5", "2023-01-01", "2024-03-01", 9))]),
        observation_start="2024-01-01", observation_end="2024-06-30",
    )  # fmt: skip
    late = late.set_index("period")
    assert late.loc[1, "estimate"] == pytest.approx(0.75), "number 5 was not at risk then"
    assert late.loc[14, "estimate"] == 0


def test_survival_by_segment_and_odd_segments():
    subs = clv.read_subscriptions("saas")
    plans = clv.survival_curves(subs, by="plan")
    assert plans["segment"].unique().tolist() == ["Basic", "Business", "Team"]
    assert ((plans["low"] <= plans["estimate"]) & (plans["estimate"] <= plans["high"])).all()
    at = plans[plans["period"] == 12].set_index("segment")["estimate"]
    assert at["Basic"] < at["Team"] < at["Business"]
    one = pd.Series({"00001": "alone", "00500": "two", "00501": "two"})
    some = clv.survival_curves(subs, by=one)
    assert set(some["segment"]) == {"alone", "two"}
    with pytest.raises(clv.DataError, match="no column"):
        clv.survival_curves(subs, by="colour")
    with pytest.raises(clv.DataError, match="known segment"):
        clv.survival_curves(subs, by=pd.Series({"nobody": "x"}))


def test_reasons_add_up_to_all_leavings():
    subs = clv.read_subscriptions("saas")
    reasons = clv.churn_reasons(subs)
    assert reasons["share"].sum() == pytest.approx(1)
    daily = clv.churn_rate(subs, method="daily")
    assert reasons["churned"].sum() >= daily["churned"].sum()
    assert (reasons["low"] < reasons["rate"]).all()
    assert (reasons["rate"] < reasons["high"]).all()
    plain = clv.churn_reasons(subs.table[["customer_id", "start", "end", "mrr"]])
    assert plain.index.tolist() == ["not recorded"]
    assert plain["churned"].sum() == reasons["churned"].sum()
    nobody = clv.churn_reasons(
        contracts(("1", "2024-01-01", None, 1), ("2", "2024-01-01", None, 1))
    )
    assert nobody.empty


def test_the_reason_is_that_of_the_contract_that_ends_last():
    table = contracts(
        ("1", "2024-01-01", "2024-02-01", 5), ("1", "2024-01-01", "2024-03-01", 7), OTHER,
    )  # fmt: skip
    table["end_reason"] = ["downgrade", "price", None]
    reasons = clv.churn_reasons(table)
    assert reasons.loc["price", ["churned", "mrr_lost"]].tolist() == [1, 7]
    assert reasons.loc["not recorded", "churned"] == 1


def test_truth_of_the_reasons_lies_in_their_intervals():
    from clvkit.simulate import spend_history, subscriptions

    spend = spend_history("saas", seed=24)
    came = spend.pivot(index="month", columns="channel", values="new_customers")
    came.index = pd.to_datetime(came.index)
    truth = pd.Series(subscriptions(came, seed=5).subscriptions.attrs["truth"]["reasons"])
    found = clv.churn_reasons(clv.read_subscriptions("saas")).loc[truth.index]
    assert ((found["low"] < truth) & (truth < found["high"])).all()


def test_unknown_methods_and_empty_periods():
    with pytest.raises(clv.DataError, match="method='vendor'"):
        clv.churn_rate(reference_log(), method="vendor")
    one_day = contracts(("1", "2024-01-05", None, 1), ("2", "2024-01-05", None, 1))
    with pytest.raises(clv.UndefinedError, match="from end to end"):
        clv.compare_churn(one_day)
    rate = clv.churn_rate(one_day)
    assert rate["rate"].isna().all()
    assert len(rate) == 1
