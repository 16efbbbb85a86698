"""Prices: how much churn a rise may cause, what a discount must save, annual against monthly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvkit.arguments import floats
from clvkit.errors import DataError
from clvkit.formulas import convert_churn, period_rate


def price_breakeven(
    price: float,
    changes: Sequence[float],
    *,
    gross_margin: float,
    churn: float,
    annual_discount_rate: float = 0.10,
    periods_per_year: float = 12,
) -> pd.DataFrame:
    """How many customers a change of price may lose, or has to keep, before it costs money.

    With the margin m before and m' after: at once the share 1 - m/m' may leave, if those who stay
    go on as before (Nagle and Müller 2017, The Strategy and Tactics of Pricing, the break-even
    change of sales: a price cut of 5% at a margin of 45% needs 12.5% more). Or nobody leaves at
    once, and the retention of all later periods may go from r to r', where the worth of today's
    customers, m·r/(1+i-r) (residual; i a period), stays as it is: r' = V(1+i) / (m' + V).

    Parameters
    ----------
    price
        Money a period.
    changes
        Shares of the price: 0.1 raises it by a tenth, -0.2 is a discount of a fifth.
    gross_margin
        Share of today's price that is left; the costs stay when the price moves.
    churn
        Share of customers who leave in a period, today.

    Returns
    -------
    One row a change: ``price`` and ``margin`` after it (money a period), ``leave_at_once``
    (share of customers; below 0: that share must be won), ``churn`` (a period, up to which a rise
    may lift it, or to which a discount must lower it), both missing with a ``reason`` where no
    number of customers can pay for the change.
    """
    cost = _money(price, "price") * (1 - _share(gross_margin, "gross_margin"))
    retention = 1 - _share(churn, "churn")
    interest = float(period_rate(annual_discount_rate, periods_per_year))
    moves = np.atleast_1d(floats(changes, "changes", "shares of the price"))
    if not (np.isfinite(moves).all() and (moves > -1).all()):
        raise DataError(f"changes={changes!r}: give shares of the price above -1, 0.1 for 10%.")
    margin = price - cost
    if not margin > 0:
        raise DataError("gross_margin=0 leaves nothing that a change of price could save.")
    if 1 + interest <= retention:
        raise DataError("Without churn and without a discount rate a customer's worth has no end.")
    after = price * (1 + moves) - cost
    worth = margin * retention / (1 + interest - retention)
    earns = after > 1e-12 * price
    new = 1 - worth * (1 + interest) / np.where(earns, after + worth, 1.0)
    possible = earns & (new >= -1e-12)
    reason = np.where(
        ~earns, "the new price does not cover its costs",
        np.where(possible, "", "keeping every customer for ever would not pay for it"),
    )  # fmt: skip
    return pd.DataFrame(
        {
            "price": price * (1 + moves),
            "margin": after,
            "leave_at_once": np.where(earns, 1 - margin / np.where(earns, after, 1.0), np.nan),
            "churn": np.where(possible, np.maximum(new, 0.0), np.nan),
            "reason": reason,
        },
        index=pd.Index(moves, name="change"),
    )


def annual_plan(
    price: float,
    discount: float,
    *,
    gross_margin: float,
    churn: float,
    renewal: float | None = None,
    share: float = 0.5,
    annual_discount_rate: float = 0.10,
) -> pd.Series:
    """A year paid in advance at a discount, against the monthly plan: what hides in its churn.

    A monthly customer pays ``price`` and leaves each month with the chance ``churn``, first
    payment now: worth m / (1 - s·v), s = 1 - churn, v the discount factor of a month. An annual
    one pays 12·price·(1 - discount) now, costs (1 - gross_margin)·price in each of the twelve
    months, and renews with the chance ρ: worth A / (1 - ρ·v¹²). Nobody can leave within the
    year, so the churn on the dashboard falls at once by the share of those on the plan, whether
    or not one customer stays longer.

    Parameters
    ----------
    price
        Money a month. ``churn`` is per month too, of customers on the monthly plan.
    renewal
        Share of annual customers who renew; default: s¹², those whom the monthly plan would
        still have after a year, so that nobody has changed.
    share
        Share of customers on the annual plan.

    Returns
    -------
    ``shown_churn`` (a month, on the dashboard of the first months), ``renewal`` and ``same``
    (what it would be had nobody changed, s¹²), ``true_churn`` (the monthly churn that
    ``renewal`` stands for), ``left_at_renewal`` (share of annual customers who leave on one day),
    ``monthly_value`` and ``annual_value`` (money a customer), ``breakeven_renewal`` (the renewal
    at which both are worth the same; 0: even a single year is worth more; missing: not even
    renewal by all would do) and ``most_discount`` (the discount at which they are, if ``renewal``
    is as given).
    """
    _money(price, "price"), _share(gross_margin, "gross_margin"), _share(discount, "discount")
    stay = 1 - _share(churn, "churn")
    v = 1 / (1 + float(period_rate(annual_discount_rate, 12)))
    same = stay**12
    kept = same if renewal is None else _share(renewal, "renewal")
    if max(stay * v, kept * v**12) >= 1:
        raise DataError("Without churn and without a discount rate a customer's worth has no end.")
    monthly = gross_margin * price / (1 - stay * v)
    costs = (1 - gross_margin) * price * sum(v**k for k in range(12))
    year = 12 * price * (1 - discount) - costs
    breakeven = (1 - year / monthly) / v**12 if monthly > 0 else np.nan
    return pd.Series(
        {
            "shown_churn": churn * (1 - _share(share, "share")),
            "renewal": kept,
            "same": same,
            "true_churn": float(convert_churn(1 - kept, 1 / 12)),
            "left_at_renewal": 1 - kept,
            "monthly_value": monthly,
            "annual_value": year / (1 - kept * v**12),
            "breakeven_renewal": max(breakeven, 0.0) if breakeven <= 1 else np.nan,
            "most_discount": 1 - (monthly * (1 - kept * v**12) + costs) / (12 * price),
        },
        name="annual plan",
    )


def _share(value: ArrayLike, name: str) -> float:
    number = floats(value, name)
    if number.ndim or not 0 <= number <= 1:
        raise DataError(f"{name}={value!r}: give a share between 0 and 1.")
    return float(number)


def _money(value: ArrayLike, name: str) -> float:
    number = floats(value, name)
    if number.ndim or not (np.isfinite(number) and number > 0):
        raise DataError(f"{name}={value!r}: give money, above 0.")
    return float(number)
