"""Published numbers, brute-force sums as an independent oracle, and properties that must hold."""

import math
from fractions import Fraction
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvkit import formulas as f
from clvkit.errors import DataError, UndefinedError

TIMINGS = get_args(f.Timing)
CERTAIN = ("first_payment_now", "in_arrears")
AT_RISK = ("residual", "before_renewal")

margins = st.floats(0.01, 1e6)
retentions = st.floats(0.0, 0.99)
discounts = st.floats(0.01, 1.0)


def survival_sum(m, r, d, timing, payments=5000, growth=0.0, per_year=1):
    """Add up the expected payments one at a time: r**renewals alive, so many periods away."""
    total = 0.0
    per_period = (1 + d) ** (1 / per_year)
    for k in range(payments):
        alive = r ** (k + 1) if timing in AT_RISK else r**k
        away = k + 1 if timing in ("residual", "in_arrears") else k
        total += m * (1 + growth) ** k * alive * per_period**-away
    return total


# Rates (REFERENCE 2.1)


def test_ten_percent_a_year_is_not_a_twelfth_a_month():
    monthly = f.period_rate(0.10, 12)
    assert f"{monthly:.4%}" == "0.7974%"
    assert f"{monthly:.4%}" != "0.8333%"
    assert (1 + monthly) ** 12 == pytest.approx(1.10, rel=1e-14)


def test_continuous_rate():
    assert f.continuous_rate(0.10) == pytest.approx(math.log(1.1), rel=1e-15)
    assert f.continuous_rate(0.10, 12) == pytest.approx(math.log(1.1) / 12, rel=1e-15)
    assert math.exp(f.continuous_rate(0.15, 52)) - 1 == pytest.approx(f.period_rate(0.15, 52))


def test_monthly_churn_over_a_year():
    assert f"{f.convert_churn(0.05, 12):.2%}" == "45.96%"
    assert f.convert_churn(0.05, 12) < 12 * 0.05


def test_yearly_churn_per_month():
    assert f"{f.convert_churn(0.20, 1 / 12):.3%}" == "1.842%"
    assert f"{0.20 / 12:.3%}" != f"{f.convert_churn(0.20, 1 / 12):.3%}"


@given(st.floats(0.001, 0.999), st.floats(0.05, 60))
def test_churn_converts_back(rate, periods):
    there = f.convert_churn(rate, periods)
    if there < 1 - 1e-6:
        assert f.convert_churn(there, 1 / periods) == pytest.approx(rate, rel=1e-6)


@given(st.floats(-0.5, 5), st.integers(1, 365))
def test_period_rate_compounds_to_the_year(annual, per_year):
    compounded = (1 + f.period_rate(annual, per_year)) ** per_year
    assert compounded == pytest.approx(1 + annual, rel=1e-11)


def test_lifetime_of_one_percent_a_month():
    assert f.expected_lifetime(0.01) == 100
    assert f"{f.share_outliving(0.01, 100):.1%}" == "36.6%"
    assert f.expected_lifetime(1.0) == 1


@pytest.mark.parametrize("churn", [0.01, 0.2, 0.5, 1.0])
def test_lifetime_is_the_sum_of_survivors(churn):
    assert f.expected_lifetime(churn) == pytest.approx(sum((1 - churn) ** k for k in range(5000)))


# The simple product


def test_simple_product_of_the_chapter():
    assert f.clv_simple(40, 6, 5) == 1200
    assert f.clv_simple(40, 6, 5, 0.3) == 360


@pytest.mark.parametrize("name", ["order_value", "frequency", "lifespan"])
def test_simple_product_is_proportional_to_each_factor(name):
    factors = {"order_value": 40.0, "frequency": 6.0, "lifespan": 5.0}
    doubled = factors | {name: 2 * factors[name]}
    assert f.clv_simple(**doubled) == 2 * f.clv_simple(**factors)


def test_nobody_orders_nobody_is_worth_anything():
    assert f.clv_simple(0, 6, 5) == 0
    assert f.clv_simple(0.5, 0.5, 0.5, -0.5) == -0.0625


# Constant retention (REFERENCE 2.2; Fader & Hardie 2012)


@pytest.mark.parametrize(
    ("timing", "printed"),
    [
        ("first_payment_now", "366.67"),
        ("residual", "266.67"),
        ("in_arrears", "333.33"),
        ("before_renewal", "293.33"),
    ],
)
def test_four_conventions_as_printed(timing, printed):
    assert f"{f.clv_retention(100, 0.8, 0.1, timing=timing):.2f}" == printed


@pytest.mark.parametrize("timing", TIMINGS)
@pytest.mark.parametrize(("m", "r", "d"), [(100, 0.8, 0.1), (7.3, 0.97, 0.02), (50, 0.0, 0.3)])
def test_closed_form_is_the_sum_of_5000_payments(m, r, d, timing):
    oracle = survival_sum(m, r, d, timing)
    assert f.clv_retention(m, r, d, timing=timing) == pytest.approx(oracle, rel=1e-12)


@pytest.mark.parametrize("timing", TIMINGS)
def test_monthly_payments_with_growth(timing):
    oracle = survival_sum(10, 0.95, 0.1, timing, growth=0.01, per_year=12)
    value = f.clv_retention(10, 0.95, 0.1, timing=timing, payments_per_year=12, growth=0.01)
    assert value == pytest.approx(oracle, rel=1e-12)


@pytest.mark.parametrize("timing", TIMINGS)
@pytest.mark.parametrize("growth", [-0.1, 0.0, 0.2, 0.375, 0.8])
@pytest.mark.parametrize("payments", [1, 2, 5, 40])
def test_a_limited_number_of_payments(timing, growth, payments):
    # growth = .375 puts q = r (1 + g) / (1 + d) at 1, .8 above it.
    oracle = survival_sum(100, 0.8, 0.1, timing, payments, growth)
    value = f.clv_retention(100, 0.8, 0.1, timing=timing, growth=growth, payments=payments)
    assert value == pytest.approx(oracle, rel=1e-12)


def test_horizon_factor_of_the_residual_form():
    q = 0.8 / 1.1
    forever = f.clv_retention(100, 0.8, 0.1, timing="residual")
    five = f.clv_retention(100, 0.8, 0.1, timing="residual", payments=5)
    assert five == pytest.approx(forever * (1 - q**5), rel=1e-14)


def test_at_q_of_one_every_payment_counts_the_same():
    value = f.clv_retention(100, 1.0, 0.0, timing="first_payment_now", payments=7)
    assert value == 700
    near = f.clv_retention(100, 1.0, 1e-14, timing="first_payment_now", payments=7)
    assert near == pytest.approx(700, rel=1e-12)


def test_growing_customers_with_and_without_an_end():
    grown = {"timing": "first_payment_now", "growth": 0.05}
    assert f"{f.clv_retention(1, 1.0, 0.1, **grown):.1f}" == "22.0"
    assert f"{f.clv_retention(1, 1.0, 0.1, **grown, payments=5):.2f}" == "4.57"


@pytest.mark.parametrize(("r", "printed"), [(0.6, "1.20"), (0.7, "1.75"), (0.8, "2.67")])
def test_margin_multiples_as_printed(r, printed):
    assert f"{f.margin_multiple(r, 0.10):.2f}" == printed


def test_margin_multiple_of_ninety_percent():
    assert f"{f.margin_multiple(0.9, 0.10):.2f}" == "4.50"


def test_gupta_lehmann_stuart_2004():
    assert 100 * f.margin_multiple(0.8, 0.12) == pytest.approx(250, rel=1e-14)


def test_elasticities_as_printed():
    assert f"{f.retention_elasticity(0.8, 0.1, timing='residual'):.2f}" == "3.67"
    assert f"{f.retention_elasticity(0.8, 0.1, timing='first_payment_now'):.2f}" == "2.67"


@pytest.mark.parametrize("timing", TIMINGS)
def test_elasticity_is_the_slope_in_logs(timing):
    step = 1e-6
    up, down = (f.clv_retention(1, 0.8 * math.exp(s), 0.1, timing=timing) for s in (step, -step))
    slope = (math.log(up) - math.log(down)) / (2 * step)
    assert f.retention_elasticity(0.8, 0.1, timing=timing) == pytest.approx(slope, rel=1e-8)


def test_breakeven_of_two_points_of_retention_as_printed():
    answer = f.retention_breakeven(100, 0.80, 0.82, 0.1, timing="first_payment_now")
    assert f"{answer.once:.2f}" == "26.19"
    assert f"{answer.per_payment:.2f}" == "6.67"
    arrears = f.retention_breakeven(100, 0.80, 0.82, 0.1, timing="in_arrears")
    assert f"{arrears.per_payment:.2f}" == "6.67"


@pytest.mark.parametrize("timing", TIMINGS)
def test_at_break_even_the_customer_is_worth_as_much_as_before(timing):
    answer = f.retention_breakeven(100, 0.7, 0.75, 0.1, timing=timing)
    before = f.clv_retention(100, 0.7, 0.1, timing=timing)
    at_once = f.clv_retention(100, 0.75, 0.1, timing=timing) - answer.once
    each_time = f.clv_retention(100 - answer.per_payment, 0.75, 0.1, timing=timing)
    assert at_once == pytest.approx(before, rel=1e-12)
    assert each_time == pytest.approx(before, rel=1e-12)


def test_break_even_needs_a_payment_to_pay_from():
    with pytest.raises(UndefinedError, match="new_retention=0"):
        f.retention_breakeven(100, 0.5, 0.0, 0.1, timing="residual")
    fallen = f.retention_breakeven(100, 0.5, 0.0, 0.1, timing="first_payment_now")
    assert fallen.once == pytest.approx(100 - 110 / 0.6)


# Properties


@given(margins, retentions, discounts, st.sampled_from(TIMINGS), st.floats(0.0001, 0.009))
def test_clv_rises_with_retention(m, r, d, timing, step):
    lower = f.clv_retention(m, r, d, timing=timing)
    assert f.clv_retention(m, r + step, d, timing=timing) > lower


@given(margins, retentions, discounts, st.sampled_from(CERTAIN), st.floats(0.01, 1))
def test_clv_falls_with_the_discount_rate(m, r, d, timing, step):
    # Up to rounding: with no retention the payment of today is not discounted at all.
    value = f.clv_retention(m, r, d, timing=timing)
    assert f.clv_retention(m, r, d + step, timing=timing) <= value * (1 + 1e-12)


@given(margins, retentions, discounts, st.sampled_from(TIMINGS), st.floats(0.01, 100))
def test_clv_scales_with_the_margin(m, r, d, timing, scale):
    scaled = f.clv_retention(scale * m, r, d, timing=timing)
    assert scaled == pytest.approx(scale * f.clv_retention(m, r, d, timing=timing), rel=1e-12)


@given(margins, retentions, discounts, st.sampled_from([1, 4, 12, 52]))
def test_how_the_four_conventions_hang_together(m, r, d, per_year):
    now, residual, arrears, renewal = (
        f.clv_retention(m, r, d, timing=timing, payments_per_year=per_year) for timing in TIMINGS
    )
    step = 1 + f.period_rate(d, per_year)
    assert residual == pytest.approx(now - m, rel=1e-9, abs=1e-9 * now)
    assert now == pytest.approx(arrears * step, rel=1e-9)
    assert renewal == pytest.approx(residual * step, rel=1e-9)


@given(retentions, discounts, st.sampled_from(TIMINGS), st.integers(1, 200))
def test_a_longer_horizon_approaches_the_sum_without_end(r, d, timing, payments):
    forever = f.clv_retention(1, r, d, timing=timing)
    some = f.clv_retention(1, r, d, timing=timing, payments=payments)
    more = f.clv_retention(1, r, d, timing=timing, payments=payments + 1)
    assert some <= more * (1 + 1e-12)
    assert more <= forever * (1 + 1e-12)
    assert f.clv_retention(1, r, d, timing=timing, payments=5000) == pytest.approx(forever)


@given(st.fractions(0, 1), st.fractions(Fraction(1, 100), 1))
def test_against_exact_arithmetic(r, d):
    exact = 1 / (1 - r / (1 + d))
    value = f.clv_retention(1.0, float(r), float(d), timing="first_payment_now")
    assert value == pytest.approx(float(exact), rel=1e-9)


# Payment schedule


@pytest.mark.parametrize("timing", TIMINGS)
def test_schedule_adds_up_to_the_closed_form(timing):
    table = f.payment_schedule(100, 0.8, 0.1, timing=timing, payments=500)
    forever = f.clv_retention(100, 0.8, 0.1, timing=timing)
    assert table["cumulative"].iloc[-1] == pytest.approx(forever, rel=1e-12)
    assert table["present_value"].cumsum().equals(table["cumulative"])


@pytest.mark.parametrize(
    ("timing", "time", "survival"),
    [
        ("first_payment_now", 0.0, 1.0),
        ("residual", 1 / 12, 0.9),
        ("in_arrears", 1 / 12, 1.0),
        ("before_renewal", 0.0, 0.9),
    ],
)
def test_schedule_starts_where_the_convention_says(timing, time, survival):
    table = f.payment_schedule(20, 0.9, 0.1, timing=timing, payments=3, payments_per_year=12)
    assert table.index.tolist() == [1, 2, 3]
    first, second = table.iloc[0], table.iloc[1]
    assert (first["time"], first["survival"]) == (time, survival)
    assert second["time"] - first["time"] == pytest.approx(1 / 12)
    assert second["survival"] / first["survival"] == pytest.approx(0.9)
    assert first["discount_factor"] == pytest.approx(1.1**-time)
    assert first["present_value"] == pytest.approx(20 * survival * 1.1**-time)


# Sensitivity


def test_sensitivity_moves_one_input_at_a_time():
    table = f.sensitivity(40, 6, 0.3, 0.8, 0.1, timing="first_payment_now", change=0.1)
    assert table.index[0] == "retention"
    assert table.index[-1] == "annual_discount_rate"
    low, high, clv_low, clv_high = table.loc["retention"]
    assert (low, high) == (pytest.approx(0.72), pytest.approx(0.88))
    assert (clv_low, clv_high) == (pytest.approx(72 * 1.1 / 0.38), pytest.approx(72 * 1.1 / 0.22))
    assert table.loc["order_value", "clv_high"] == pytest.approx(1.1 * 264)
    assert table.loc["annual_discount_rate", "clv_low"] > 264
    swing = (table["clv_high"] - table["clv_low"]).abs()
    assert swing.is_monotonic_decreasing


def test_sensitivity_ends_shares_at_one():
    table = f.sensitivity(40, 6, 0.95, 0.97, 0.1, timing="residual", change=0.5)
    assert table.loc["retention", "high_value"] == 1
    assert table.loc["gross_margin", "high_value"] == 1
    assert table.loc["order_value", "high_value"] == 60


def test_sensitivity_leaves_a_value_that_does_not_exist_missing():
    table = f.sensitivity(40, 6, 0.3, 0.95, 0.0, timing="first_payment_now")
    assert table.index[0] == "retention"
    assert pd.isna(table.loc["retention", "clv_high"])
    assert table.drop(index="retention").notna().all(axis=None)


# Undefined and unusable


@pytest.mark.parametrize(
    ("retention", "discount", "growth", "shown"),
    [(1.0, 0.0, 0.0, "1 is not below.*= 1,"), (0.9, 0.05, 0.2, "1.08 is not below.*= 1.05")],
)
def test_a_sum_without_limit_is_refused_with_its_numbers(retention, discount, growth, shown):
    with pytest.raises(UndefinedError, match=shown):
        f.clv_retention(100, retention, discount, timing="residual", growth=growth)


def test_growth_equal_to_the_discount_up_to_rounding_is_refused():
    with pytest.raises(UndefinedError):
        f.clv_retention(
            1, 1.0, 0.1, timing="residual", payments_per_year=12, growth=f.period_rate(0.1, 12)
        )


def test_the_first_value_without_limit_is_named():
    with pytest.raises(UndefinedError, match=r"= 1\.01 is not below"):
        f.clv_retention(
            1, np.array([0.5, 1.0, 1.0]), 0.005, timing="residual", growth=np.array([0, 0.01, 0.02])
        )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: f.clv_retention(1, 80, 0.1, timing="residual"),
            r"retention=80 .* For 80% write 0.8",
        ),
        (lambda: f.clv_retention(1, -0.1, 0.1, timing="residual"), "retention=-0.1 cannot be used"),
        (lambda: f.clv_retention(1, math.nan, 0.1, timing="residual"), "retention=nan"),
        (lambda: f.clv_retention(math.inf, 0.8, 0.1, timing="residual"), "margin=inf"),
        (
            lambda: f.clv_retention(1, 0.8, -1, timing="residual"),
            "annual_discount_rate=-1 .* 0.1 for",
        ),
        (lambda: f.clv_retention(1, 0.8, 0.1, timing="now"), "timing='now' .* first_payment_now"),
        (
            lambda: f.clv_retention("80%", 0.8, 0.1, timing="residual"),
            "margin='80%' is not a number",
        ),
        (lambda: f.clv_retention(1, 0.8, 0.1, timing="residual", payments=0), "payments=0"),
        (lambda: f.clv_retention(1, 0.8, 0.1, timing="residual", payments=2.5), "payments=2.5"),
        (lambda: f.clv_retention(1, 0.8, 0.1, timing="residual", growth=-1), "growth=-1"),
        (
            lambda: f.clv_retention(1, 0.8, 0.1, timing="residual", payments_per_year=0),
            "payments_per_year=0",
        ),
        (lambda: f.clv_simple(40, 6, 5, 30), r"gross_margin=30 .* For 30% write 0.3"),
        (lambda: f.clv_simple(40, 6, 5, 1.5), r"gross_margin=1.5 .* For 1.5% write 0.015"),
        (lambda: f.clv_simple(-40, 6, 5), "order_value=-40"),
        (lambda: f.clv_simple(40, -6, 5), "frequency=-6"),
        (lambda: f.clv_simple(40, 6, -5), "lifespan=-5"),
        (lambda: f.expected_lifetime(0), "churn=0 cannot be used: give a share above 0"),
        (lambda: f.expected_lifetime(5), "For 5% write 0.05"),
        (lambda: f.expected_lifetime(np.array([0.1, 0.2, 0.0, 7])), r"churn\[2\]=0"),
        (lambda: f.share_outliving(1.5, 10), "churn=1.5"),
        (lambda: f.share_outliving(0.1, 0), "periods=0"),
        (lambda: f.convert_churn(-0.1, 12), "rate=-0.1"),
        (lambda: f.convert_churn(0.1, 0), "periods=0"),
        (lambda: f.period_rate(-1.5, 12), "annual=-1.5"),
        (lambda: f.period_rate(0.1, 0), "per_year=0"),
        (lambda: f.continuous_rate(-1.0), "annual=-1"),
        (lambda: f.continuous_rate(0.1, -1), "per_year=-1"),
        (lambda: f.retention_breakeven(1, 0.8, 82, 0.1, timing="residual"), "new_retention=82"),
        (
            lambda: f.payment_schedule(1, 0.8, 0.1, timing="residual", payments=0),
            "payments=0 cannot be used",
        ),
        (lambda: f.sensitivity(40, 6, 0.3, 0.8, 0.1, timing="residual", change=10), "change=10"),
        (lambda: f.sensitivity(40, 6, 30, 0.8, 0.1, timing="residual"), "gross_margin=30"),
    ],
)
def test_what_cannot_be_used_is_named(call, message):
    with pytest.raises(DataError, match=message):
        call()


# Arrays


def test_scalars_in_float_out():
    answers = [
        f.period_rate(0.1, 12),
        f.continuous_rate(np.float64(0.1)),
        f.convert_churn(0.05, 12),
        f.expected_lifetime(1),
        f.share_outliving(0.01, 100),
        f.clv_simple(40, 6, 5),
        f.clv_retention(100, 0.8, 0.1, timing="residual", payments=3),
        f.margin_multiple(0.8, 0.1),
        f.retention_elasticity(0.8, 0.1, timing="residual"),
        *f.retention_breakeven(100, 0.8, 0.82, 0.1, timing="residual"),
    ]
    assert {type(answer) for answer in answers} == {float}


def test_arrays_broadcast():
    retention = np.array([0.6, 0.7, 0.8, 0.9])
    discount = np.array([[0.05], [0.1], [0.2]])
    table = f.clv_retention(100, retention, discount, timing="before_renewal", payments=9)
    assert table.shape == (3, 4)
    alone = f.clv_retention(100, 0.7, 0.2, timing="before_renewal", payments=9)
    assert table[2, 1] == pytest.approx(alone, rel=1e-14)
    assert f.margin_multiple(retention, 0.1).round(2).tolist() == [1.2, 1.75, 2.67, 4.5]
    assert f.convert_churn(np.array([0.05, 1.0]), 12).round(4).tolist() == [0.4596, 1.0]
    saved = f.retention_breakeven(100, retention, retention + 0.02, 0.1, timing="in_arrears")
    assert saved.per_payment[2] == pytest.approx(100 * 0.02 / 0.3)


def test_horizons_as_an_array():
    horizons = np.array([1, 2, 3])
    values = f.clv_retention(100, 0.0, 0.1, timing="first_payment_now", payments=horizons)
    assert values.tolist() == [100, 100, 100]
