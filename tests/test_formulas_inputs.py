"""What the formulas refuse, with a message that helps, and how they take arrays."""

import math

import numpy as np
import pytest

from clvkit import formulas as f
from clvkit.errors import DataError, UndefinedError

# Undefined and unusable


@pytest.mark.parametrize(
    ("retention", "discount", "growth", "shown"),
    [(1.0, 0.0, 0.0, "1 is not below.*= 1,"), (0.9, 0.05, 0.2, "1.08 is not below.*= 1.05")],
)
def test_a_sum_without_limit_is_refused_with_its_numbers(retention, discount, growth, shown):
    with pytest.raises(UndefinedError, match=shown):
        f.clv_retention(100, retention, discount, timing="residual", growth=growth)


def test_growth_equal_to_the_discount_up_to_rounding_is_refused():
    assert 0 < 1.12 - 0.8 * 1.4 < 1e-15  # equal on paper
    with pytest.raises(UndefinedError):
        f.clv_retention(1, 0.8, 0.12, timing="residual", growth=0.4)


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
