"""Lifetime value against a plain daily sum, the published cohort, and its own arithmetic."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clvkit as clv

ROWS = pd.DataFrame(
    {
        "frequency": [0, 2, 10, 0, 30],
        "recency": [0.0, 30.0, 35.0, 0.0, 38.8],
        "T": [38.86, 38.86, 39.0, 0.0, 39.0],
        "monetary_value": [np.nan, 22.0, 40.0, np.nan, 10.0],
    },
    index=pd.Index(["007", "b", "c", "new", "e"], name="customer_id"),
)


@pytest.fixture
def value(published_bgnbd, published_gammagamma):
    def answer(rows=ROWS, **options):
        return clv.lifetime_value(published_bgnbd, published_gammagamma, rows, **options)

    return answer


@pytest.mark.parametrize("months", [1, 24])
def test_a_daily_sum_gives_the_same(value, published_bgnbd, published_gammagamma, months):
    """Margin, spend and purchases day by day, each discounted from the middle of its day."""
    days = months * 365.25 / 12
    ends = np.append(np.arange(math.floor(days) + 1), days)
    bought = np.array([published_bgnbd.expected_purchases(ROWS, t / 7) for t in ends])
    today = 1.1 ** (-(ends[1:] + ends[:-1]) / 2 / 365.25)
    discounted = (today[:, None] * np.diff(bought, axis=0)).sum(axis=0)
    spend = published_gammagamma.expected_spend(ROWS)
    table = value(horizon_months=months)
    assert table["clv"].to_numpy() == pytest.approx(0.3 * spend * discounted, rel=2e-6)
    assert table["expected_purchases"].to_numpy() == pytest.approx(bought[-1])
    assert table["expected_spend"].equals(spend)
    assert table.index.equals(ROWS.index)


def test_the_published_cohort(cdnow):
    """Fader, Hardie and Lee (2005), JMR 42: about 47 a customer and 1.1 million in all.

    30% margin, 15% a year, without end; theirs is a Pareto/NBD. A hundred years are enough.
    """
    summary = clv.summarize(cdnow)
    model, money = clv.BetaGeoNBD().fit(summary), clv.GammaGamma().fit(summary)
    table = clv.lifetime_value(
        model, money, summary, horizon_months=1200, annual_discount_rate=0.15, gross_margin=0.3
    )
    assert table["clv"].mean() == pytest.approx(47, abs=1)
    assert table["clv"].sum() == pytest.approx(1.1e6, rel=0.03)


def test_a_day_a_month_a_year(value):
    """The horizon is in months whatever the unit; twelve of them are 365.25 days."""
    weeks = value(horizon_months=12)
    model = clv.BetaGeoNBD(r=0.243, alpha=4.414 * 7, a=0.793, b=2.426, time_unit="D")
    money = clv.GammaGamma(p=6.25, q=3.74, gamma=15.44)
    days = ROWS.assign(recency=ROWS["recency"] * 7, T=ROWS["T"] * 7)
    daily = clv.lifetime_value(model, money, days, horizon_months=12)
    pd.testing.assert_frame_equal(daily, weeks, rtol=1e-10)
    assert daily.attrs["time_unit"] == "D"
    assert daily["expected_purchases"].to_numpy() == pytest.approx(
        model.expected_purchases(days, 365.25).to_numpy()
    )


def test_no_horizon_no_value(value):
    table = value(horizon_months=0)
    assert (table[["clv", "expected_purchases"]] == 0).all(axis=None)


def test_without_discounting_it_is_a_product(value):
    table = value(annual_discount_rate=0, gross_margin=0.25)
    product = 0.25 * table["expected_spend"] * table["expected_purchases"]
    assert table["clv"].to_numpy() == pytest.approx(product.to_numpy())


@settings(max_examples=5)
@given(st.floats(1, 120), st.floats(0.01, 0.5), st.floats(0, 1))
def test_monotone(published_bgnbd, published_gammagamma, months, rate, margin):
    def total(**changes):
        options = {
            "horizon_months": months, "annual_discount_rate": rate, "gross_margin": margin
        } | changes  # fmt: skip
        return clv.lifetime_value(published_bgnbd, published_gammagamma, ROWS, **options)["clv"]

    base = total()
    assert (base >= 0).all()
    assert (total(horizon_months=months * 1.5) >= base).all()
    assert (total(annual_discount_rate=rate * 1.5) <= base).all()
    assert total(gross_margin=margin / 2).to_numpy() == pytest.approx(base.to_numpy() / 2)


def test_scaled_money_scales_value(sample, calibration, bgnbd, gammagamma):
    cents = calibration.assign(monetary_value=calibration["monetary_value"] * 100)
    in_cents = clv.lifetime_value(bgnbd, clv.GammaGamma().fit(cents), cents)
    in_dollars = clv.lifetime_value(bgnbd, gammagamma, calibration)
    assert in_cents["clv"].to_numpy() == pytest.approx(100 * in_dollars["clv"].to_numpy(), rel=1e-4)
    same = ["probability_alive", "expected_purchases"]
    pd.testing.assert_frame_equal(in_cents[same], in_dollars[same])


def test_permuted_rows_permute_the_answers(bgnbd, gammagamma, calibration):
    mixed = calibration.sample(frac=1, random_state=5)
    whole = clv.lifetime_value(bgnbd, gammagamma, calibration)
    pd.testing.assert_frame_equal(
        clv.lifetime_value(bgnbd, gammagamma, mixed), whole.loc[mixed.index]
    )
    assert whole.index.equals(calibration.index)


def test_silence_costs_value(value):
    rows = pd.DataFrame(
        {"frequency": 4, "recency": 20.0, "T": [21.0, 30.0, 60.0, 90.0], "monetary_value": 30.0}
    )
    table = value(rows)
    assert table["clv"].is_monotonic_decreasing
    assert table["probability_alive"].is_monotonic_decreasing


def test_the_convention_is_stated(value):
    attrs = value(horizon_months=24, annual_discount_rate=0.12, gross_margin=0.4).attrs
    assert attrs["booking"].startswith("residual: purchases after the observation end")
    assert attrs["horizon_months"] == 24
    assert attrs["annual_discount_rate"] == 0.12
    assert attrs["gross_margin"] == 0.4
    assert attrs["time_unit"] == "W"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gross_margin": 30}, "gross_margin=30: give a share between 0 and 1"),
        ({"gross_margin": float("nan")}, "gross_margin=nan"),
        ({"gross_margin": "30%"}, "gross_margin='30%'"),
        ({"horizon_months": -1}, "horizon of -1 months"),
        ({"horizon_months": math.inf}, "horizon of inf months"),
        ({"horizon_months": "a year"}, "horizon of 'a year' months"),
        ({"annual_discount_rate": -1}, "a rate per year above -1"),
        ({"annual_discount_rate": "10%"}, "is not a number"),
    ],
)
def test_parameters_that_cannot_be_used(value, options, message):
    with pytest.raises(clv.DataError, match=message):
        value(**options)


def test_a_summary_without_a_unit_needs_a_model_with_one(published_gammagamma):
    model = clv.BetaGeoNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
    with pytest.raises(clv.DataError, match="The time unit of this summary is not known"):
        clv.lifetime_value(model, published_gammagamma, ROWS)
