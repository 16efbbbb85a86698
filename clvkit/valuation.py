"""From purchases and spend to money: lifetime value over a horizon."""

import numpy as np
import pandas as pd

from clvkit.errors import DataError
from clvkit.formulas import continuous_rate
from clvkit.models import BetaGeoNBD, GammaGamma
from clvkit.units import days_per, months_to

BOOKING = "residual: purchases after the observation end, each discounted from the day it is due"

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)


def lifetime_value(
    model: BetaGeoNBD,
    money: GammaGamma,
    summary: pd.DataFrame,
    *,
    horizon_months: float = 36,
    annual_discount_rate: float = 0.10,
    gross_margin: float = 0.3,
) -> pd.DataFrame:
    """Expected margin of each customer over the coming months, in today's money.

    The booking convention is *residual*: what has been paid is not counted, the purchases still
    to come are, each discounted from the moment at which it is expected:
    margin · spend · ∫ e^{-δt} dE[purchases to t], over the horizon (Fader, Hardie and Lee 2005,
    JMR 42). A row with frequency, recency and T of 0 is a customer acquired today, whose first
    purchase is not counted.

    Parameters
    ----------
    horizon_months
        Months from the observation end on; converted to the summary's time unit.
    annual_discount_rate
        Per year; converted once to the continuous rate δ = ln(1 + d).
    gross_margin
        Share of spend that is left after the cost of serving, 0 to 1.

    Returns
    -------
    One row a customer, in the order of ``summary``: ``probability_alive``,
    ``expected_purchases`` (over the horizon, not discounted), ``expected_spend`` (money a
    purchase), ``clv`` (money). ``attrs`` states the conventions.
    """
    if not (isinstance(gross_margin, (int, float, np.number)) and 0 <= gross_margin <= 1):
        raise DataError(f"gross_margin={gross_margin!r}: give a share between 0 and 1.")
    unit = summary.attrs.get("time_unit") or model.time_unit
    if unit is None:
        raise DataError(
            "The time unit of this summary is not known, so a horizon in months cannot be placed. "
            "Use clv.summarize(orders, time_unit=...), or make the model with time_unit='W'."
        )
    per_year = days_per("Y") / days_per(unit)
    delta = continuous_rate(annual_discount_rate, per_year)
    horizon = months_to(horizon_months, unit)
    purchases = model.expected_purchases(summary, horizon)
    discounted = np.exp(-delta * horizon) * purchases
    # Integration by parts: ∫ e^{-δt} dE(t) = e^{-δH} E(H) + δ ∫ e^{-δt} E(t) dt.
    for node, weight in zip((_NODES + 1) / 2 * horizon, _WEIGHTS / 2 * horizon, strict=True):
        discounted += (
            delta * weight * np.exp(-delta * node) * model.expected_purchases(summary, node)
        )
    spend = money.expected_spend(summary)
    table = pd.DataFrame(
        {
            "probability_alive": model.probability_alive(summary),
            "expected_purchases": purchases,
            "expected_spend": spend,
            "clv": gross_margin * spend * discounted,
        }
    )
    table.attrs = {
        "booking": BOOKING,
        "horizon_months": horizon_months,
        "annual_discount_rate": annual_discount_rate,
        "gross_margin": gross_margin,
        "time_unit": unit,
    }
    return table
