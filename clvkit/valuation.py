"""From purchases and spend, or from contracts, to money: lifetime value with its interval."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvkit.arguments import floats, whole_number
from clvkit.errors import DataError, UndefinedError
from clvkit.formulas import Timing, continuous_rate, period_rate
from clvkit.models import BetaGeoBetaBinomial, ContractModel, GammaGamma, PurchaseModel
from clvkit.models.base import Array, Model, resamples
from clvkit.models.grouping import distinct
from clvkit.units import days_per, months_to

BOOKING = "residual: purchases after the observation end, each discounted from the day it is due"
_CONTRACT_BOOKING = {
    "residual": "residual: renewals to come, the first one period from now",
    "before_renewal": "before renewal: renewals to come, the first one due today",
    "first_payment_now": "first payment now: one payment today for certain, then renewals",
    "in_arrears": "in arrears: payments at the end of each period begun, the first for certain",
}
_CHUNK = 20_000

Interval = Literal["draws", "bootstrap"]


def lifetime_value(
    model: PurchaseModel | ContractModel,
    money: GammaGamma | float,
    summary: pd.DataFrame,
    *,
    horizon_months: float | None = 36,
    annual_discount_rate: float = 0.10,
    gross_margin: float = 0.3,
    timing: Timing = "residual",
    currency: str | None = None,
    interval: Interval | None = "draws",
    replicates: int = 200,
    seed: int = 1,
) -> pd.DataFrame:
    """Expected margin of each customer over the coming months, in today's money.

    Without a contract the booking convention is *residual*: what has been paid is not counted,
    the purchases still to come are, each discounted from the moment at which it is expected:
    margin · spend · ∫ e^{-δt} dE[purchases to t], over the horizon (Fader, Hardie and Lee 2005,
    JMR 42). A row with frequency, recency and T of 0 is a customer acquired today, whose first
    purchase is not counted. With a contract every surviving customer pays once a period.

    Parameters
    ----------
    money
        A fitted or known :class:`~clvkit.GammaGamma`; or what everybody pays a purchase or a
        contract period.
    summary
        As :func:`clvkit.summarize` makes it; for a contract model, ``tenure`` and ``ended``.
    horizon_months
        Months from the observation end on; converted to the summary's time unit. A discrete
        model counts the whole periods in it. ``None`` counts the whole life.
    annual_discount_rate
        Per year; converted once, to the continuous rate δ = ln(1 + d) or the rate per period.
    gross_margin
        Share of spend that is left after the cost of serving, 0 to 1.
    timing
        Contracts only: the booking convention, as in :func:`clvkit.formulas.clv_retention`.
    currency
        Name of the money, handed on in ``attrs``.
    interval
        Where the 90% interval comes from: ``"draws"`` of the parameters from the estimator's
        distribution, ``"bootstrap"``: both models fitted again to customers drawn with
        replacement from ``summary``, on which they must have been fitted; ``None`` for none.
        It is an interval of the *expected* value: what one customer really does varies far more.
    replicates, seed
        How many draws or resamples; the same seed gives the same interval.

    Returns
    -------
    One row a customer, in the order of ``summary``: ``probability_alive``,
    ``expected_purchases`` (over the horizon, not discounted; of a contract the payments),
    ``expected_spend`` (money a purchase), ``clv`` (money), ``clv_low`` and ``clv_high``, missing
    where no parameter was estimated. ``attrs`` states the conventions and the total with its
    interval: ``total``, ``total_low``, ``total_high``; where ``summary`` has ``weights``, each
    row counts that often in the total.
    """
    if not (isinstance(gross_margin, (int, float, np.number)) and 0 <= gross_margin <= 1):
        raise DataError(f"gross_margin={gross_margin!r}: give a share between 0 and 1.")
    replicates = whole_number(replicates, "replicates")
    if not isinstance(summary, pd.DataFrame):
        raise DataError(f"summary: a data frame is wanted, not {type(summary).__name__}.")
    counts = _customers(summary)
    unit = time_unit_of(model, summary)
    plan = Plan(model, summary, unit, horizon_months, annual_discount_rate, timing)
    worth, spend = plan.worth(model), _spend(money, summary)
    table = pd.DataFrame(
        {
            "probability_alive": plan.alive(),
            "expected_purchases": plan.purchases(model),
            "expected_spend": spend,
            "clv": gross_margin * spend * worth[plan.back],
        },
        index=summary.index,
    )
    table["clv_low"], table["clv_high"], totals = np.nan, np.nan, (np.nan, np.nan)
    if interval is not None and (model._fit or getattr(money, "_fit", None)):
        pairs = list(paired_models(model, money, summary, interval, replicates, seed))
        try:
            worths = np.array([plan.worth(each) for each, _ in pairs])
        except UndefinedError:
            interval = None
        else:
            spends, where = paired_spends([each for _, each in pairs], summary)
            low, high, totals = _bands(worths, plan.back, spends, where, counts)
            table["clv_low"], table["clv_high"] = gross_margin * low, gross_margin * high
    table.attrs = {
        "booking": plan.booking,
        "horizon_months": horizon_months,
        "annual_discount_rate": annual_discount_rate,
        "gross_margin": gross_margin,
        "time_unit": unit,
        "currency": currency or summary.attrs.get("currency"),
        "interval": interval if not np.isnan(totals[0]) else None,
        "total": float(table["clv"] @ counts),
        "total_low": float(gross_margin * totals[0]),
        "total_high": float(gross_margin * totals[1]),
    }
    return table


class Plan:
    """What to count: the discounted purchases or payments of each distinct history."""

    def __init__(
        self, model: PurchaseModel | ContractModel, summary: pd.DataFrame, unit: str,
        horizon_months: float | None, annual_discount_rate: float, timing: Timing,
    ) -> None:  # fmt: skip
        self.model, self.summary, self.timing = model, summary, timing
        per_year = days_per("Y") / days_per(unit)
        whole_life = horizon_months is None
        self.horizon = np.inf if horizon_months is None else months_to(horizon_months, unit)
        if isinstance(model, ContractModel | BetaGeoBetaBinomial) and not whole_life:
            self.horizon = np.floor(self.horizon + 1e-9)
        if isinstance(model, ContractModel):
            if timing not in _CONTRACT_BOOKING:
                raise DataError(f"timing={timing!r}: one of {list(_CONTRACT_BOOKING)}.")
            self.booking = _CONTRACT_BOOKING[timing]
            self.rate = float(period_rate(annual_discount_rate, per_year))
        else:
            if timing != "residual":
                raise DataError(
                    f"timing={timing!r}: without a contract there is no payment to be sure of; "
                    "the value is residual. Add the margin of the first purchase yourself."
                )
            self.booking = BOOKING
            self.rate = float(continuous_rate(annual_discount_rate, per_year))
        columns = model._columns(summary)
        model._usable(summary, *columns)
        self.rows, self.back = distinct(columns)

    def worth(self, model: Model) -> Array:
        """Discounted purchases or payments of each distinct history."""
        if isinstance(model, ContractModel):
            return self._payments(model, self.rate)
        assert isinstance(model, PurchaseModel)
        x, t_x, T = self.rows
        return model._alive(x, t_x, T) * model._discounted(x, T, self.rate, self.horizon)

    def purchases(self, model: Model) -> Array:
        """The same, not discounted; missing where the whole life has no mean."""
        try:
            if isinstance(model, ContractModel):
                return self._payments(model, 0.0)[self.back]
            assert isinstance(model, PurchaseModel)
            x, t_x, T = self.rows
            expected = model._alive(x, t_x, T) * model._discounted(x, T, 0.0, self.horizon)
            return np.asarray(expected[self.back])
        except UndefinedError:
            return np.full(len(self.back), np.nan)

    def alive(self) -> Array:
        """Probability that each customer is one now; a contract says so."""
        if isinstance(self.model, ContractModel):
            return np.asarray((1 - self.rows[1])[self.back])
        return self.model.probability_alive(self.summary).to_numpy()

    def _payments(self, model: ContractModel, rate: float) -> Array:
        tenure, ended = self.rows
        n = tenure.astype(np.intp)
        sure = self.timing in ("first_payment_now", "in_arrears") and self.horizon > 0
        later = model._renewals(n, rate, self.horizon - sure)
        if self.timing != "before_renewal":
            later = later / (1 + rate)
        paid = (later + sure) / (1 + rate if self.timing == "in_arrears" else 1)
        return np.asarray(np.where(ended > 0, 0.0, paid))


def time_unit_of(model: Model, summary: pd.DataFrame) -> str:
    """The unit in which ``summary`` or else ``model`` counts time; ``DataError`` without one."""
    unit = summary.attrs.get("time_unit") or model.time_unit
    if unit is None:
        raise DataError(
            "The time unit of this summary is not known, so a horizon in months cannot be placed. "
            "Use clv.summarize(orders, time_unit=...), or make the model with time_unit='W'."
        )
    return str(unit)


def _customers(summary: pd.DataFrame) -> Array:
    """How many customers each row stands for."""
    if "weights" not in summary:
        return np.ones(len(summary))
    return floats(summary["weights"], "weights", "numbers of customers")


def _spend(money: GammaGamma | float, summary: pd.DataFrame) -> Array:
    if isinstance(money, GammaGamma):
        return money.expected_spend(summary).to_numpy()
    amount = floats(money, "money", "a GammaGamma model or an amount, 0 or more")
    if amount.ndim or not (np.isfinite(amount) and amount >= 0):
        raise DataError(f"money={money!r}: give a GammaGamma model or an amount, 0 or more.")
    return np.full(len(summary), float(amount))


def paired_models(
    model: Model, money: GammaGamma | float, summary: pd.DataFrame, interval: Interval,
    replicates: int, seed: int,
) -> Iterator[tuple[Model, GammaGamma | float]]:  # fmt: skip
    """Both models, drawn or fitted again; a model of known parameters stays as it is."""
    fitted = [each for each in (model, money) if isinstance(each, Model) and each._fit]
    if interval == "draws":
        # One seed for each model: its draws do not depend on what else is uncertain.
        drawn = [
            each.draws(replicates, seed=seed + place).to_numpy()
            for place, each in enumerate(fitted)
        ]
        lines: Iterator[tuple[Array, ...]] = zip(*drawn, strict=True)
    elif interval == "bootstrap":
        ready = [each._prepare(summary) for each in fitted]
        lines = (
            tuple(each._refit(r.reweighted(c)) for each, r in zip(fitted, ready, strict=True))
            for c in resamples(ready[0].row_weights, replicates, seed)
        )
    else:
        raise DataError(f"interval={interval!r}: 'draws', 'bootstrap' or None.")
    for line in lines:
        new = dict(zip(map(id, fitted), map(Model._with, fitted, line), strict=True))
        counts, spends = new.get(id(model), model), new.get(id(money), money)
        assert not isinstance(spends, Model) or isinstance(spends, GammaGamma)
        yield counts, spends


def paired_spends(
    moneys: list[GammaGamma | float], summary: pd.DataFrame
) -> tuple[Array, NDArray[np.intp]]:
    """Expected spend of each distinct spending history, one line a draw."""
    if not isinstance(moneys[0], GammaGamma):
        return np.array(moneys, dtype="float64")[:, None], np.zeros(len(summary), dtype=np.intp)
    x, mean = moneys[0]._columns(summary)
    # A customer without repeat spend counts as one with none.
    seen = np.where((x > 0) & np.isfinite(mean), x, 0.0)
    rows, where = distinct([seen, np.where(seen > 0, mean, 0.0)])
    frame = pd.DataFrame(dict(zip(("frequency", "monetary_value"), rows, strict=True)))
    return np.array([_spend(money, frame) for money in moneys]), where


def _bands(
    worths: Array,
    back: NDArray[np.intp],
    spends: Array,
    where: NDArray[np.intp],
    counts: Array,
) -> tuple[Array, Array, tuple[float, float]]:
    """Quantiles over the draws of worth times spend, for each customer and for the sum."""
    pairs, place = distinct([back.astype("float64"), where.astype("float64")])
    rows, lines = (pair.astype(np.intp) for pair in pairs)
    customers = np.bincount(place, counts)
    by_row, by_line = np.ascontiguousarray(worths.T), np.ascontiguousarray(spends.T)
    low, high = np.empty(len(rows)), np.empty(len(rows))
    total = np.zeros(len(worths))
    for start in range(0, len(rows), _CHUNK):
        part = slice(start, start + _CHUNK)
        value = by_row[rows[part]] * by_line[lines[part]]
        total += customers[part] @ value
        # Missing values sort last: where a draw has q <= 1 the mean spend has no upper end.
        value.sort(axis=1)
        low[part], high[part] = interval_ends(value)
    total.sort()
    ends = interval_ends(total[None])
    return low[place], high[place], (float(ends[0][0]), float(ends[1][0]))


def interval_ends(ordered: Array) -> tuple[Array, Array]:
    """The 5% and the 95% quantile of each line, interpolated between neighbours.

    The k-th of n draws stands at k / (n + 1): with any other rule few draws make the interval
    too narrow (Weibull's plotting position).
    """
    last = ordered.shape[1] - 1
    low, share = divmod(max(0.05 * (last + 2) - 1, 0.0), 1)
    left, right = int(low), min(int(low) + 1, last)
    return (
        (1 - share) * ordered[:, left] + share * ordered[:, right],
        (1 - share) * ordered[:, last - left] + share * ordered[:, last - right],
    )
