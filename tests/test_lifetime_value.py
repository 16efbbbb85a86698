"""Lifetime value: conventions, horizons, contracts, intervals."""

import numpy as np
import pandas as pd
import pytest

import clvkit as clv
from clvkit import simulate
from clvkit.formulas import clv_retention, continuous_rate

MODELS = [clv.BetaGeoNBD, clv.ModifiedBetaGeoNBD, clv.ParetoNBD]


@pytest.fixture(scope="module")
def summary():
    return clv.split(clv.datasets.cdnow(sample=True), "1997-09-30")[0]


@pytest.fixture(scope="module")
def money(summary):
    return clv.GammaGamma().fit(summary)


@pytest.mark.parametrize("kind", MODELS)
def test_value_is_margin_times_spend_times_discounted_purchases(kind, summary, money):
    model = kind().fit(summary)
    value = clv.lifetime_value(
        model, money, summary, horizon_months=12, annual_discount_rate=0.15, gross_margin=0.4,
        interval=None,
    )  # fmt: skip
    weeks = 365.25 / 7
    worth = model.discounted_purchases(summary, continuous_rate(0.15, weeks), weeks)
    expected = 0.4 * worth * money.expected_spend(summary)
    assert value["clv"].to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-12)
    assert value["expected_purchases"].to_numpy() == pytest.approx(
        model.expected_purchases(summary, weeks).to_numpy(), rel=1e-9
    )
    assert value.index.equals(summary.index)
    assert value.attrs["total"] == pytest.approx(value["clv"].sum())
    assert value.attrs["booking"].startswith("residual")


def test_horizons(summary, money):
    model = clv.BetaGeoNBD().fit(summary)
    totals = [
        clv.lifetime_value(model, money, summary, horizon_months=each, interval=None).attrs["total"]
        for each in (0, 12, 36, 1200, None)
    ]
    assert totals[0] == 0
    assert totals == sorted(totals)
    assert totals[3] == pytest.approx(totals[4], rel=1e-4)
    whole = clv.lifetime_value(model, money, summary, horizon_months=None, interval=None)
    # a < 1: undiscounted, a whole life has no mean, and says so by a missing number.
    assert whole["expected_purchases"].isna().all()
    with pytest.raises(clv.UndefinedError):
        clv.lifetime_value(model, money, summary, horizon_months=None, annual_discount_rate=0)


@pytest.mark.parametrize("interval", ["draws", "bootstrap"])
def test_intervals(summary, money, interval):
    model = clv.BetaGeoNBD().fit(summary)
    options = {"interval": interval, "replicates": 60}
    value = clv.lifetime_value(model, money, summary, **options)
    assert (value["clv_low"] < value["clv"]).mean() > 0.99
    assert (value["clv_high"] > value["clv"]).mean() > 0.99
    attrs = value.attrs
    assert attrs["total_low"] < attrs["total"] < attrs["total_high"]
    # About six per cent either way for 2,357 customers, by whichever way.
    assert 0.1 < (attrs["total_high"] - attrs["total_low"]) / attrs["total"] < 0.5
    again = clv.lifetime_value(model, money, summary, **options)
    pd.testing.assert_frame_equal(value, again)
    mixed = clv.lifetime_value(model, money, summary.iloc[::-1], **options)
    if interval == "draws":
        pd.testing.assert_frame_equal(mixed.iloc[::-1], value, check_exact=False)
    other = clv.lifetime_value(model, money, summary, **options, seed=2)
    assert other.attrs["total_low"] != attrs["total_low"]


def test_no_interval_from_known_parameters(summary):
    model = clv.BetaGeoNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, time_unit="W")
    value = clv.lifetime_value(model, 30.0, summary)
    assert value[["clv_low", "clv_high"]].isna().all(axis=None)
    assert value.attrs["interval"] is None
    assert (value["expected_spend"] == 30).all()


def test_opportunities():
    model = clv.BetaGeoBetaBinomial(alpha=1.2, beta=0.75, gamma=0.66, delta=2.8, time_unit="Y")
    rows = pd.DataFrame({"frequency": [0, 6], "recency": [0, 6], "T": [6, 6]}, dtype="float64")
    value = clv.lifetime_value(model, 50.0, rows, horizon_months=42, gross_margin=1.0)
    # Three and a half years are three opportunities.
    worth = model.discounted_purchases(rows, np.log(1.1), 3)
    assert value["clv"].to_numpy() == pytest.approx(50 * worth.to_numpy())


@pytest.mark.parametrize(
    "timing", ["first_payment_now", "residual", "in_arrears", "before_renewal"]
)
@pytest.mark.parametrize("months", [None, 60])
def test_contracts_agree_with_the_closed_forms(timing, months):
    """Customers who hardly differ have a constant retention, here of 80%."""
    model = clv.ShiftedBetaGeometric(alpha=2e7, beta=8e7, time_unit="Y")
    base = pd.DataFrame({"tenure": [0, 7, 3], "ended": [False, False, True]})
    value = clv.lifetime_value(
        model, 100.0, base, horizon_months=months, gross_margin=1.0, timing=timing
    )
    payments = None if months is None else months // 12
    closed = clv_retention(100.0, 0.8, 0.1, timing=timing, payments=payments)
    assert value["clv"].to_numpy() == pytest.approx([closed, closed, 0], rel=1e-5)
    assert value["probability_alive"].tolist() == [1, 1, 0]
    assert timing.replace("_", " ") in value.attrs["booking"]


def test_contract_intervals():
    rows = simulate.contracts(clv.ShiftedBetaGeometric(alpha=1, beta=4, time_unit="M"), 2000, 12)
    model = clv.ShiftedBetaGeometric().fit(rows)
    for interval in ("draws", "bootstrap"):
        value = clv.lifetime_value(
            model, 20.0, rows, horizon_months=24, interval=interval, replicates=50
        )
        running = ~rows["ended"]
        assert (value.loc[running, "clv_low"] < value.loc[running, "clv"]).all()
        assert (value.loc[~running, "clv"] == 0).all()
        assert value.attrs["total_low"] < value.attrs["total"] < value.attrs["total_high"]


def test_refusals(summary, money):
    model = clv.BetaGeoNBD().fit(summary)
    for options, message in [
        ({"gross_margin": 1.2}, "between 0 and 1"), ({"horizon_months": -1}, "0 or more"),
        ({"timing": "in_arrears"}, "without a contract"), ({"interval": "guess"}, "'draws'"),
    ]:  # fmt: skip
        with pytest.raises(clv.DataError, match=message):
            clv.lifetime_value(model, money, summary, **options)
    with pytest.raises(clv.DataError, match="money=-1"):
        clv.lifetime_value(model, -1.0, summary)
    bare = summary.copy()
    bare.attrs = {}
    known = clv.BetaGeoNBD(r=1, alpha=1, a=1, b=1)
    with pytest.raises(clv.DataError, match="time unit"):
        clv.lifetime_value(known, money, bare)


def test_currency_is_handed_on(summary, money):
    model = clv.ParetoNBD().fit(summary)
    value = clv.lifetime_value(model, money, summary, currency="USD", interval=None)
    assert value.attrs["currency"] == "USD"
