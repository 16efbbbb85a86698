"""Unit economics: what a customer may cost, from a few numbers.

Money is margin unless a name says revenue; churn and margin are per month, discount rates per
year. CLV is always before acquisition cost, which is taken off, or divided by, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from clvkit.arguments import floats, whole_number
from clvkit.errors import DataError, UndefinedError
from clvkit.formulas import (
    Timing,
    clv_retention,
    convert_churn,
    expected_lifetime,
)
from clvkit.models.base import Array


def clv_to_cac(
    cac: float,
    revenue: float,
    gross_margin: float,
    churn: float,
    annual_discount_rate: float,
    *,
    horizon: int = 24,
    payments_per_year: int = 12,
) -> pd.DataFrame:
    """The ratio of one customer on five bases side by side, none mixed with another.

    Parameters
    ----------
    cac
        What the customer costs, taken once and only here: CLV is before acquisition cost.
    revenue, churn
        Per payment period, months by default.
    horizon
        Payments that the last basis counts.

    Returns
    -------
    One row a basis: ``clv`` and ``ratio``. ``revenue`` and ``margin`` are undiscounted over
    1/churn periods (missing without churn); ``discounted`` counts the first payment now,
    ``residual`` leaves it out (Fader and Hardie 2012); ``horizon`` is ``discounted``, cut off.
    """
    _positive_money(cac, "cac")
    margin = revenue * gross_margin
    rate, kept = annual_discount_rate, 1 - churn

    def discounted(timing: Timing, payments: int | None = None) -> float:
        each = clv_retention(margin, kept, rate, timing=timing, payments=payments,
                             payments_per_year=payments_per_year)  # fmt: skip
        return float(each)

    lifetime = expected_lifetime(churn) if churn else np.nan
    clv = {
        "revenue": revenue * lifetime,
        "margin": margin * lifetime,
        "discounted": _or_missing(lambda: discounted("first_payment_now")),
        "residual": _or_missing(lambda: discounted("residual")),
        "horizon": discounted("first_payment_now", horizon),
    }
    frame = pd.DataFrame({"clv": clv}).rename_axis("basis")
    return frame.assign(ratio=frame["clv"] / cac)


def payback(
    cac: float,
    margin: float,
    churn: float | None = None,
    *,
    survival: Sequence[float] | pd.Series | None = None,
    start: str | pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Months until a customer's margin has repaid the CAC, without churn and with survival.

    Parameters
    ----------
    margin
        Per month, first paid on joining.
    churn, survival
        One of them: a constant churn a month, or the shares still there at each payment from
        the first (1) on.
    start
        The day of joining; the answer then has ``date`` and ``given_up``.

    Returns
    -------
    Rows ``without churn`` (CAC / margin, with its fraction) and ``with survival`` (payments
    until the margin of those still there reaches the CAC): ``months`` (missing where it never
    comes, or not in the months known), ``recovered`` (the share of CAC that ever comes back;
    missing where it has no limit), ``all_in`` (months until 95% of all that ever comes has come:
    what has not been repaid by then hardly will be) and ``reason``.
    """
    _positive_money(cac, "cac")
    simple, surviving = ([np.nan, np.nan, np.nan, ""] for _ in range(2))
    if (churn is None) == (survival is None):
        raise DataError("Give churn or survival, one of the two.")
    if not _finite(margin, "margin") > 0:
        simple[3] = surviving[3] = "no margin: nothing pays it back"
    elif churn is not None:
        simple[0] = cac / margin
        lost = float(convert_churn(churn, 1))  # Checked to be a share.
        needed = cac / margin * (1 - 1e-9)
        surviving = _constant_churn(needed, lost)
    else:
        simple[0] = cac / margin
        curve = floats(survival, "survival")
        if not len(curve) or abs(curve[0] - 1) > 1e-9 or np.any(np.diff(curve) > 1e-12):
            raise DataError("survival: give the shares still there, from 1 on and never rising.")
        paid = np.flatnonzero(margin * np.cumsum(curve) >= cac * (1 - 1e-9))
        if len(paid):
            surviving[0] = float(paid[0] + 1)
        else:
            surviving[3] = f"not within the {len(curve)} months known"
    columns = ["months", "recovered", "all_in", "reason"]
    frame = pd.DataFrame([simple, surviving], ["without churn", "with survival"], columns)
    if start is not None:
        for name, months in {"date": frame["months"], "given_up": frame["all_in"]}.items():
            frame[name] = _later(pd.Timestamp(start), months)
    return frame


def maximum_cac(
    margin: float,
    churn: float,
    annual_discount_rate: float,
    *,
    required_return: float = 0.0,
    payback_months: int | None = None,
) -> pd.DataFrame:
    """The most a customer may cost, by each demand; the lowest binds.

    Parameters
    ----------
    margin, churn
        Per month; the first margin comes on joining and is certain.
    required_return
        Discounted margin over CAC, less 1: 2.0 demands 3 for 1.
    payback_months
        The surviving, undiscounted margin of so many payments has to reach the CAC.

    Returns
    -------
    Rows ``break even``, ``required return`` and, if asked for, ``payback``: ``cac`` and
    ``binding``.
    """
    if not _finite(required_return, "required_return") > -1:
        raise DataError(f"required_return={required_return!r}: give a share above -1, 2.0 for 3:1.")

    def worth(rate: float, payments: int | None = None) -> float:
        return float(clv_retention(margin, 1 - churn, rate, timing="first_payment_now",
                                   payments_per_year=12, payments=payments))  # fmt: skip

    limits = {"break even": worth(annual_discount_rate)}
    limits["required return"] = limits["break even"] / (1 + required_return)
    if payback_months is not None:
        limits["payback"] = worth(0.0, whole_number(payback_months, "payback_months"))
    frame = pd.DataFrame({"cac": limits}).rename_axis("demand")
    return frame.assign(binding=frame["cac"] <= frame["cac"].min() + 1e-9)


def acquisition_or_retention(
    margin: float,
    annual_discount_rate: float,
    *,
    acquisition_spend: float,
    acquisition_rate: float,
    acquisition_ceiling: float,
    retention_spend: float,
    retention_rate: float,
    retention_ceiling: float,
) -> pd.DataFrame:
    """Split money between winning and keeping (Blattberg and Deighton 1996).

    With A spent on a prospect a share ``a = ceiling (1 - exp(-k A))`` joins; with R spent a year
    on a customer a share ``r`` stays, by the same kind of curve. The customer equity of a
    prospect, for a yearly ``margin`` m and discounting d, is
    ``a m - A + a (m - R/r) q / (1 - q)`` with ``q = r / (1 + d)``. Each ``k`` follows from what
    is spent today, the rate it reaches, and the ceiling that no spend would lift.

    Returns
    -------
    Rows ``today`` and ``best``: ``acquisition_spend`` (a prospect), ``acquisition_rate``,
    ``retention_spend`` (a customer and year), ``retention_rate``, ``customer_equity`` (a
    prospect) and ``customer_value`` (a customer, before acquisition).
    """
    from scipy.optimize import minimize_scalar

    steep_a = _steepness(acquisition_spend, acquisition_rate, acquisition_ceiling, "acquisition")
    steep_r = _steepness(retention_spend, retention_rate, retention_ceiling, "retention")
    interest = 1 + annual_discount_rate
    if not interest > 1:
        raise DataError("annual_discount_rate: give a rate per year above 0, 0.1 for 10%.")

    def customer(spend: float) -> float:
        rate = -retention_ceiling * np.expm1(-steep_r * spend)
        # R/r tends to 1 / (ceiling k) as R falls to 0, and q to 0: nothing is left but m.
        return float(margin + (margin * rate - spend) / (interest - rate))

    rows = {}
    found = minimize_scalar(
        lambda spend: -customer(spend), bounds=(0.0, 50 / steep_r), method="bounded",
        options={"xatol": 1e-9 / steep_r},
    )  # fmt: skip
    keep = max([float(found.x), 0.0], key=customer)
    gain = acquisition_ceiling * steep_a * customer(keep)
    win = float(np.log(gain) / steep_a) if gain > 1 else 0.0
    for name, (win_spend, keep_spend) in {
        "today": (acquisition_spend, retention_spend), "best": (win, keep),
    }.items():  # fmt: skip
        rate = float(-acquisition_ceiling * np.expm1(-steep_a * win_spend))
        value = customer(keep_spend)
        kept = float(-retention_ceiling * np.expm1(-steep_r * keep_spend))
        rows[name] = [win_spend, rate, keep_spend, kept, rate * value - win_spend, value]
    columns = ["acquisition_spend", "acquisition_rate", "retention_spend", "retention_rate",
               "customer_equity", "customer_value"]  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def referral_value(
    referrals: float, share_anyway: float, clv: float, saved_cost: float, reward: float
) -> pd.DataFrame:
    """What one customer's referrals are worth (after Kumar, Petersen and Leone 2010).

    Parameters
    ----------
    referrals
        Customers who joined because of the one who referred them, per referrer.
    share_anyway
        Share of them who would have joined without the referral. They bring no new value, only
        the acquisition cost that need not be spent on them.
    clv, saved_cost, reward
        Money per referred customer: value before acquisition cost, the acquisition cost saved,
        and what the firm pays for a referral, both rewards together.

    Returns
    -------
    Rows ``would not have come``, ``would have come anyway``, ``rewards`` and ``total``:
    ``customers`` and ``value``, money per referrer.
    """
    anyway = float(convert_churn(share_anyway, 1))  # Checked to be a share.
    brought = referrals * (1 - anyway)
    rows = {
        "would not have come": [brought, brought * clv],
        "would have come anyway": [referrals * anyway, referrals * anyway * saved_cost],
        "rewards": [referrals, -referrals * reward],
    }
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["customers", "value"])
    frame.loc["total"] = [referrals, frame["value"].sum()]
    return frame


def _constant_churn(needed: float, churn: float) -> list[Any]:
    """Payments until so many monthly margins are in, of those who ever come, and 95% of all."""
    if churn == 0:
        return [float(np.ceil(needed)), np.nan, np.nan, ""]
    kept = 1 - churn
    all_in = float(np.ceil(np.log(0.05) / np.log(kept))) if kept else 1.0
    if needed * churn >= 1 and needed > 1:
        reason = "never: customers leave before they have paid it back"
        return [np.nan, 1 / (churn * needed), all_in, reason]
    months = np.ceil(np.log1p(-needed * churn) / np.log(kept)) if kept else 1.0
    return [max(float(months), 1.0), 1 / (churn * needed), all_in, ""]


def _later(start: pd.Timestamp, months: pd.Series) -> list[Any]:
    return [
        pd.NaT if np.isnan(n) else start + pd.DateOffset(months=int(np.ceil(n - 1e-9)))
        for n in months
    ]


def _steepness(spend: float, rate: float, ceiling: float, name: str) -> float:
    """How fast the rate nears its ceiling: k of ``rate = ceiling (1 - exp(-k spend))``."""
    _positive_money(spend, f"{name}_spend")
    if not 0 < rate < ceiling <= 1:
        raise DataError(
            f"{name}_rate={rate:g}, {name}_ceiling={ceiling:g}: the rate that today's spend "
            "reaches has to lie above 0 and below the ceiling, and the ceiling at 1 or below."
        )
    return float(-np.log1p(-rate / ceiling) / spend)


def _finite(value: float, name: str) -> Array:
    number = floats(value, name)
    if number.ndim or not np.isfinite(number):
        raise DataError(f"{name}={value!r}: give a finite number.")
    return number


def _positive_money(value: float, name: str) -> None:
    if not _finite(value, name) > 0:
        raise DataError(f"{name}={value!r}: give an amount above 0.")


def _or_missing(calculate: Any) -> float:
    try:
        return float(calculate())
    except UndefinedError:
        return float("nan")
