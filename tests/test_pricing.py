"""Break-even prices against published figures, brute force and the closed forms."""

import numpy as np
import pytest

import clvkit as clv


def test_the_break_even_of_a_price_cut_is_the_published_one():
    """Nagle and Müller's example: at a margin of 45% a cut of 5% needs 12.5% more sales."""
    cut = clv.price_breakeven(10.0, [-0.05], gross_margin=0.45, churn=0.02).iloc[0]
    assert cut["leave_at_once"] == pytest.approx(-0.125)
    rise = clv.price_breakeven(10.0, [0.05], gross_margin=0.45, churn=0.02).iloc[0]
    assert rise["leave_at_once"] == pytest.approx(0.10)


def test_at_the_churn_of_break_even_todays_customers_are_worth_the_same():
    table = clv.price_breakeven(25.0, [0.1, -0.1], gross_margin=0.6, churn=0.04)
    today = clv.formulas.clv_retention(15, 0.96, 0.10, timing="residual", payments_per_year=12)
    for row in table.itertuples():
        worth = clv.formulas.clv_retention(
            row.margin, 1 - row.churn, 0.10, timing="residual", payments_per_year=12
        )
        assert worth == pytest.approx(today)
    assert table.loc[0.1, "churn"] > 0.04 > table.loc[-0.1, "churn"]
    still = clv.price_breakeven(25.0, [0.0], gross_margin=0.6, churn=0.04).iloc[0]
    assert (still["churn"], still["leave_at_once"]) == pytest.approx((0.04, 0.0))


def test_a_discount_that_nothing_can_pay_for_says_so():
    table = clv.price_breakeven(
        100.0, [-0.5, -0.39, -0.4], gross_margin=0.4, churn=0.05, annual_discount_rate=0.3
    )
    assert table["churn"].isna().tolist() == [True, True, True]
    assert table["reason"].tolist() == [
        "the new price does not cover its costs",
        "keeping every customer for ever would not pay for it",
        "the new price does not cover its costs",
    ]
    assert np.isfinite(table["leave_at_once"].iloc[1])


def brute_annual(price, discount, margin, churn, renewal, annual=0.1):
    """Add up month by month for eighty years."""
    v, monthly, yearly = 1.1 ** (-1 / 12), 0.0, 0.0
    for month in range(960):
        monthly += margin * price * (1 - churn) ** month * v**month
        there = renewal ** (month // 12)
        paid = 12 * price * (1 - discount) if month % 12 == 0 else 0.0
        yearly += there * (paid - (1 - margin) * price) * v**month
    return monthly, yearly


def test_annual_plan_against_a_sum_month_by_month():
    plan = clv.annual_plan(25.0, 0.15, gross_margin=0.6, churn=0.05, renewal=0.7)
    monthly, yearly = brute_annual(25.0, 0.15, 0.6, 0.05, 0.7)
    assert plan["monthly_value"] == pytest.approx(monthly)
    assert plan["annual_value"] == pytest.approx(yearly)
    even = clv.annual_plan(
        25.0, 0.15, gross_margin=0.6, churn=0.05, renewal=plan["breakeven_renewal"]
    )
    assert even["annual_value"] == pytest.approx(even["monthly_value"])
    most = clv.annual_plan(25.0, plan["most_discount"], gross_margin=0.6, churn=0.05, renewal=0.7)
    assert most["annual_value"] == pytest.approx(most["monthly_value"])


def test_halved_churn_with_nobody_staying_longer():
    """5% a month is 45.96% a year (REFERENCE.md 2.1); half on the plan halve what is shown."""
    plan = clv.annual_plan(25.0, 0.15, gross_margin=0.6, churn=0.05, share=0.5)
    assert plan["shown_churn"] == pytest.approx(0.025)
    assert plan["true_churn"] == pytest.approx(0.05)
    assert plan["left_at_renewal"] == pytest.approx(0.4596, abs=5e-5)


def test_the_ends_of_break_even():
    free = clv.annual_plan(25.0, 0.0, gross_margin=0.9, churn=0.5)
    assert free["breakeven_renewal"] == 0  # the first year alone is worth more
    dear = clv.annual_plan(25.0, 0.6, gross_margin=0.5, churn=0.01)
    assert np.isnan(dear["breakeven_renewal"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: clv.price_breakeven(0, [0.1], gross_margin=0.5, churn=0.1), "money, above 0"),
        (lambda: clv.price_breakeven(9, [-1], gross_margin=0.5, churn=0.1), "above -1"),
        (lambda: clv.price_breakeven(9, [0.1], gross_margin=5, churn=0.1), "between 0 and 1"),
        (lambda: clv.price_breakeven(9, [0.1], gross_margin=0.0, churn=0.1), "leaves nothing"),
        (
            lambda: clv.price_breakeven(
                9, [0.1], gross_margin=0.5, churn=0.0, annual_discount_rate=0.0
            ),
            "no end",
        ),
        (lambda: clv.annual_plan(9, 1.5, gross_margin=0.5, churn=0.1), "discount=1.5"),
        (lambda: clv.annual_plan(9, 0.1, gross_margin=0.5, churn=np.nan), "churn=nan"),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(clv.DataError, match=message):
        call()
