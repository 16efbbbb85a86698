"""Published figures, brute force and bad input for what a customer may cost."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clvkit as clv

MONTHLY = 1.01**12 - 1  # 1% a month, as a rate per year.
money = st.floats(1, 1e5)
churns = st.floats(0.001, 0.9)


def test_five_bases_of_one_firm():
    """REFERENCE 2.5: revenue 4.00, margin 3.20, discounted 2.69, residual 2.53, horizon 2.07."""
    bases = clv.clv_to_cac(500, 100, 0.8, 0.05, MONTHLY)
    assert bases.index.tolist() == ["revenue", "margin", "discounted", "residual", "horizon"]
    assert bases["ratio"].round(2).tolist() == [4.00, 3.20, 2.69, 2.53, 2.07]


@given(money, money, st.floats(0.01, 1), churns, st.floats(0.01, 1))
def test_bases_against_sums_written_out(cac, revenue, margin, churn, rate):
    bases = clv.clv_to_cac(cac, revenue, margin, churn, rate)
    month = np.arange(24)
    d = (1 + rate) ** (1 / 12)
    horizon = (revenue * margin * (1 - churn) ** month / d**month).sum()
    assert bases.loc["horizon", "clv"] == pytest.approx(horizon)
    # The first payment is all that lies between two of the bases; CAC is in none of them.
    first = bases.loc["discounted", "clv"] - bases.loc["residual", "clv"]
    assert first == pytest.approx(revenue * margin, rel=1e-6)
    twice = clv.clv_to_cac(2 * cac, revenue, margin, churn, rate)
    pd.testing.assert_series_equal(twice["clv"], bases["clv"])
    pd.testing.assert_series_equal(2 * twice["ratio"], bases["ratio"])


def test_bases_without_a_limit_are_missing():
    bases = clv.clv_to_cac(500, 100, 0.8, 0.0, 0.0)["clv"]
    assert bases[["revenue", "margin", "discounted", "residual"]].isna().all()
    assert bases["horizon"] == pytest.approx(24 * 80)
    assert (
        clv.clv_to_cac(500, 100, 0.8, 0.0, 0.1)["clv"].notna().tolist() == [False] * 2 + [True] * 3
    )


@pytest.mark.parametrize(("margin", "months"), [(100, 12), (80, 15), (65, 18.461538)])
def test_payback_without_churn(margin, months):
    """REFERENCE 2.5: CAC 1,200 and ARPA 100 at margins of 100%, 80% and 65%."""
    answer = clv.payback(1200, margin, 0.02)
    assert answer.loc["without churn", "months"] == pytest.approx(months)
    assert answer.loc["with survival", "months"] > months


@given(money, money, churns)
def test_payback_with_survival_against_a_loop(cac, margin, churn):
    answer = clv.payback(cac, margin, churn).loc["with survival"]
    assert answer["recovered"] == pytest.approx(margin / churn / cac, rel=1e-6)
    collected, alive = 0.0, 1.0
    for month in range(1, 400):
        collected += margin * alive
        alive *= 1 - churn
        if collected >= cac * (1 - 1e-9):
            assert answer["months"] == month
            return
    assert np.isnan(answer["months"]) or answer["months"] >= 400
    if margin / churn < cac * 0.999:
        assert answer["reason"].startswith("never")


def test_payback_that_never_comes_says_by_when_to_stop_waiting():
    answer = clv.payback(2000, 80, 0.05, start="2024-01-31")
    surviving = answer.loc["with survival"]
    assert np.isnan(surviving["months"])
    assert surviving["recovered"] == pytest.approx(0.8)
    assert surviving["reason"] == "never: customers leave before they have paid it back"
    # 1 - 0.95**59 = 0.9515 of all that ever comes, after 58 months 0.9489.
    assert surviving["all_in"] == 59
    assert surviving["given_up"] == pd.Timestamp("2028-12-31")
    assert pd.isna(surviving["date"])
    assert answer.loc["without churn", "date"] == pd.Timestamp("2026-02-28")


def test_payback_on_a_curve_of_survival():
    curve = 0.95 ** np.arange(40)
    by_curve, by_churn = clv.payback(500, 80, survival=curve), clv.payback(500, 80, 0.05)
    months = by_churn.loc["with survival", "months"]
    assert by_curve.loc["with survival", "months"] == months == 8
    short = clv.payback(500, 80, survival=curve[:5]).loc["with survival"]
    assert np.isnan(short["months"])
    assert short["reason"] == "not within the 5 months known"


def test_payback_at_the_corners():
    assert clv.payback(50, 80, 1.0).loc["with survival", "months"] == 1
    assert np.isnan(clv.payback(81, 80, 1.0).loc["with survival", "months"])
    assert clv.payback(1200, 100, 0.0).loc["with survival", "months"] == 12
    assert clv.payback(1200, 100, 0.0)["recovered"].isna().all()
    none = clv.payback(1200, 0, 0.05)
    assert none["months"].isna().all()
    assert set(none["reason"]) == {"no margin: nothing pays it back"}
    for wrong in [{}, {"churn": 0.1, "survival": [1, 0.9]}]:
        with pytest.raises(clv.DataError, match="one of the two"):
            clv.payback(100, 10, **wrong)
    for cac in (0, -5, np.nan, "x"):
        with pytest.raises(clv.DataError, match="cac"):
            clv.payback(cac, 10, 0.1)
    with pytest.raises(clv.DataError, match=r"For 5% write 0\.05"):
        clv.payback(100, 10, 5)
    with pytest.raises(clv.DataError, match="never rising"):
        clv.payback(100, 10, survival=[1, 0.8, 0.9])


def test_maximum_cac_by_each_demand():
    answer = clv.maximum_cac(80, 0.05, MONTHLY, required_return=2.0, payback_months=12)
    assert answer.loc["break even", "cac"] == pytest.approx(500 * 2.693333)
    assert answer.loc["required return", "cac"] == pytest.approx(500 * 2.693333 / 3)
    assert answer.loc["payback", "cac"] == pytest.approx((80 * 0.95 ** np.arange(12)).sum())
    assert answer["binding"].tolist() == [False, True, False]
    # At the ceiling of the payback, the payback takes just that long.
    ceiling = answer.loc["payback", "cac"]
    assert clv.payback(ceiling, 80, 0.05).loc["with survival", "months"] == 12
    assert clv.maximum_cac(80, 0.05, MONTHLY)["binding"].all()


SPLIT = {
    "acquisition_spend": 5.0, "acquisition_rate": 0.05, "acquisition_ceiling": 0.4,
    "retention_spend": 10.0, "retention_rate": 0.5, "retention_ceiling": 0.7,
}  # fmt: skip


def equity(A, R, margin=100, d=0.1):
    """Blattberg and Deighton (1996), year by year instead of in closed form."""
    k_a, k_r = -np.log(1 - 0.05 / 0.4) / 5, -np.log(1 - 0.5 / 0.7) / 10
    a, r = 0.4 * (1 - np.exp(-k_a * A)), 0.7 * (1 - np.exp(-k_r * R))
    years = np.arange(1, 300)
    return a * margin - A + a * ((margin - R / r) * (r / (1 + d)) ** years).sum()


def test_acquisition_or_retention_against_brute_force():
    answer = clv.acquisition_or_retention(100, 0.1, **SPLIT)
    assert answer.loc["today", "customer_equity"] == pytest.approx(equity(5, 10))
    assert answer.loc["today", "acquisition_rate"] == pytest.approx(0.05)
    assert answer.loc["today", "retention_rate"] == pytest.approx(0.5)
    best = answer.loc["best"]
    grid = [(equity(A, R), A, R) for A in np.linspace(5, 80, 151) for R in np.linspace(2, 40, 153)]
    highest, A, R = max(grid)
    assert best["customer_equity"] == pytest.approx(highest, rel=1e-4)
    assert best["customer_equity"] >= highest
    assert (best["acquisition_spend"], best["retention_spend"]) == pytest.approx((A, R), abs=0.6)


def test_acquisition_that_pays_for_nothing_gets_nothing():
    answer = clv.acquisition_or_retention(1, 0.1, **SPLIT)
    assert answer.loc["best", "acquisition_spend"] == 0
    assert answer.loc["best", "customer_equity"] == 0
    with pytest.raises(clv.DataError, match="below the ceiling"):
        clv.acquisition_or_retention(100, 0.1, **SPLIT | {"retention_rate": 0.7})
    with pytest.raises(clv.DataError, match="above 0"):
        clv.acquisition_or_retention(100, 0.0, **SPLIT)


def test_referral_value_by_hand():
    """2 referrals, 1 of 4 would have come: 1.5 x 300 + 0.5 x 40 - 2 x 25."""
    answer = clv.referral_value(2, 0.25, clv=300, saved_cost=40, reward=25)
    assert answer["value"].tolist() == [450, 20, -50, 420]
    assert answer.loc["total", "customers"] == 2
    with pytest.raises(clv.DataError, match=r"For 25% write 0\.25"):
        clv.referral_value(2, 25, clv=300, saved_cost=40, reward=25)


def test_one_mechanism_prices_every_input():
    inputs = {"cac": 500.0, "margin": 80.0, "churn": 0.05}

    def months(**values):
        return clv.payback(**values).loc["with survival", "months"]

    table = clv.formulas.swings(months, inputs)
    assert set(table.index) == set(inputs)
    assert table.loc["cac", "low_value"] == pytest.approx(450)
    assert table.loc["cac", "high"] == months(cac=550, margin=80, churn=0.05)
    assert table.loc["margin", "low"] > table.loc["margin", "high"]
    spread = (table["high"] - table["low"]).abs()
    assert spread.is_monotonic_decreasing
