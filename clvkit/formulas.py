"""Closed forms of customer lifetime value: four numbers in, a first estimate out.

Every verb takes floats or numpy arrays (they broadcast) and answers in kind. Shares and rates are
fractions, 0.8 for 80%. A discount rate is always a rate per *year*, converted once, inside. A rate
of retention or churn belongs to a period, and the docstring says to which.

The four booking conventions and their closed forms follow Fader and Hardie (2012), "Reconciling
and clarifying CLV formulas", note 024. They differ in where the first counted payment stands:

=================== ============================ ==================== ======================
timing              first counted payment        closed form          decision it serves
=================== ============================ ==================== ======================
first_payment_now   today, certain               m(1+d) / (1+d-r)     ceiling for acquisition
residual            in one period, if renewed    m r / (1+d-r)        an existing customer
in_arrears          in one period, certain       m / (1+d-r)          customers paying late
before_renewal      today, if renewed            m r (1+d) / (1+d-r)  spending on a renewal
=================== ============================ ==================== ======================
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeVar, cast, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvkit.arguments import floats
from clvkit.errors import DataError, UndefinedError

FloatArray = NDArray[np.float64]
Number = float | FloatArray
Numbers = TypeVar("Numbers", float, FloatArray)
Timing = Literal["first_payment_now", "residual", "in_arrears", "before_renewal"]

# For the first counted payment: renewals it must survive, periods it lies away.
_FIRST_PAYMENT: dict[str, tuple[int, int]] = {
    "first_payment_now": (0, 0),
    "residual": (1, 1),
    "in_arrears": (0, 1),
    "before_renewal": (1, 0),
}


class Breakeven(NamedTuple):
    """What a rise in retention may cost before it destroys value, in money per customer."""

    once: Number
    per_payment: Number


def period_rate(annual: Numbers, per_year: float) -> Numbers:
    """Convert a yearly rate to the rate per period that compounds to it.

    ``(1 + annual) ** (1 / per_year) - 1``: 10% a year is 0.7974% a month, not 0.8333%.
    """
    rate = _discount(annual, "annual")
    return cast(Numbers, _plain(np.expm1(np.log1p(rate) / _positive(per_year, "per_year"))))


def continuous_rate(annual: Numbers, per_year: float = 1) -> Numbers:
    """Convert a yearly rate to a force of interest per period, ``ln(1 + annual) / per_year``."""
    rate = _discount(annual, "annual")
    return cast(Numbers, _plain(np.log1p(rate) / _positive(per_year, "per_year")))


def convert_churn(rate: Numbers, periods: float) -> Numbers:
    """Churn over a span of ``periods`` periods, from the churn of one: ``1 - (1 - rate)**periods``.

    ``periods=12`` takes a month to a year (5% becomes 45.96%), ``periods=1/12`` a year to a month
    (20% becomes 1.842%). Assumes the same churn in every period.
    """
    kept = 1 - _share(rate, "rate")
    return cast(Numbers, _plain(1 - kept ** _positive(periods, "periods")))


def expected_lifetime(churn: Numbers) -> Numbers:
    """Mean lifetime in periods at a constant churn per period, ``1 / churn``.

    The period of joining counts as one: with a churn of 100% a customer stays for one period.
    """
    return cast(Numbers, _plain(1 / _share(churn, "churn", zero_allowed=False)))


def share_outliving(churn: Numbers, periods: float) -> Numbers:
    """Share of customers still there after ``periods`` periods, ``(1 - churn) ** periods``.

    At 1% a month 36.6% outlive the mean lifetime of 100 months.
    """
    kept = 1 - _share(churn, "churn")
    return cast(Numbers, _plain(kept ** _positive(periods, "periods")))


def clv_simple(
    order_value: Number, frequency: Number, lifespan: Number, gross_margin: Number = 1.0
) -> Number:
    """Order value x orders per year x years x gross margin, in money per customer.

    With ``gross_margin`` left at 1 the answer is revenue. Nothing is discounted.
    """
    product = (
        _not_negative(order_value, "order_value")
        * _not_negative(frequency, "frequency")
        * _not_negative(lifespan, "lifespan")
        * _gross_margin(gross_margin)
    )
    return _plain(product)


def clv_retention(
    margin: Number,
    retention: Number,
    annual_discount_rate: Number,
    *,
    timing: Timing,
    payments_per_year: float = 1,
    growth: Number = 0.0,
    payments: Number | None = None,
) -> Number:
    """CLV at a constant retention, in money per customer (Fader & Hardie 2012, note 024).

    ``margin`` and ``retention`` are per payment, the discount rate is per year; ``timing`` is one
    of the four booking conventions in the module's table. ``growth`` is the growth of the margin
    per payment from the second counted payment on, so that ``r`` becomes ``r (1 + growth)`` in the
    denominator. With ``payments=T`` only T payments count, which multiplies the answer by
    ``1 - q**T``, ``q = r (1 + growth) / (1 + d)``.

    Without a limit the sum exists only for ``q < 1``: otherwise :class:`UndefinedError`.
    """
    renewals, periods = _first_payment(timing)
    kept = _share(retention, "retention")
    interest = _interest_factor(annual_discount_rate, payments_per_year)
    first = _finite(margin, "margin") * kept**renewals / interest**periods
    grown = kept * (1 + _above(growth, "growth", -1.0, "a growth above -1, 0.05 for 5%"))
    if payments is None:
        _refuse_divergence(grown, interest)
        return _plain(first * interest / (interest - grown))
    return _plain(first * _geometric_sum(grown / interest, _whole(payments, "payments")))


def margin_multiple(retention: Number, annual_discount_rate: Number) -> Number:
    """Residual CLV over one yearly margin, ``r / (1 + i - r)`` (Gupta, Lehmann & Stuart 2004)."""
    return clv_retention(1.0, retention, annual_discount_rate, timing="residual")


def retention_elasticity(
    retention: Number, annual_discount_rate: Number, *, timing: Timing
) -> Number:
    """Per cent by which CLV rises when yearly retention rises by one per cent of itself.

    ``(1+d) / (1+d-r)`` where the first counted payment is at risk (residual, before_renewal),
    ``r / (1+d-r)`` where it is certain.
    """
    renewals, _ = _first_payment(timing)
    return _plain(np.asarray(renewals + margin_multiple(retention, annual_discount_rate)))


def retention_breakeven(
    margin: Number,
    retention: Number,
    new_retention: Number,
    annual_discount_rate: Number,
    *,
    timing: Timing,
) -> Breakeven:
    """The most that a rise of yearly retention may cost per customer: once, or at every payment.

    ``once`` is CLV(r') - CLV(r). ``per_payment`` is the cut of the margin that undoes the rise,
    ``m (1 - CLV(r) / CLV(r'))``: ``m (r' - r) / (1+d-r)`` where the first payment is certain.
    """
    earned = np.asarray(_finite(margin, "margin"))
    _share(new_retention, "new_retention")
    before = np.asarray(clv_retention(1.0, retention, annual_discount_rate, timing=timing))
    after = np.asarray(clv_retention(1.0, new_retention, annual_discount_rate, timing=timing))
    if np.any(after == 0):
        raise UndefinedError(
            f"new_retention=0 leaves nothing to pay from under timing={timing!r}: there is no "
            "break-even cost per payment."
        )
    return Breakeven(_plain(earned * (after - before)), _plain(earned * (1 - before / after)))


def payment_schedule(
    margin: float,
    retention: float,
    annual_discount_rate: float,
    *,
    timing: Timing,
    payments: int,
    payments_per_year: int = 1,
) -> pd.DataFrame:
    """List the counted payments one by one: the sum behind :func:`clv_retention`.

    One row per payment, indexed from 1: ``time`` in years from the moment of the decision,
    ``survival`` (probability that it is made), ``discount_factor``, ``present_value`` and its
    ``cumulative`` sum, both in money per customer.
    """
    renewals, periods = _first_payment(timing)
    number = pd.RangeIndex(1, int(_whole(payments, "payments")) + 1, name="payment")
    before = np.arange(len(number))
    factor = _interest_factor(annual_discount_rate, payments_per_year) ** -(before + periods)
    survival = _share(retention, "retention") ** (before + renewals)
    present_value = _finite(margin, "margin") * survival * factor
    return pd.DataFrame(
        {
            "time": (before + periods) / payments_per_year,
            "survival": survival,
            "discount_factor": factor,
            "present_value": present_value,
            "cumulative": present_value.cumsum(),
        },
        index=number,
    )


def sensitivity(
    order_value: float,
    orders_per_year: float,
    gross_margin: float,
    retention: float,
    annual_discount_rate: float,
    *,
    timing: Timing,
    change: float = 0.1,
) -> pd.DataFrame:
    """Change one input at a time by a share of itself, down and up, and price the customer again.

    Indexed by ``input``, the widest swing first: ``low_value`` and ``high_value`` of the input,
    ``clv_low`` and ``clv_high`` of the yearly :func:`clv_retention` at these two values. Retention
    and gross margin end at 1; a value that does not exist (no churn, no discounting) is missing.
    """
    inputs = {
        "order_value": float(_not_negative(order_value, "order_value")),
        "orders_per_year": float(_not_negative(orders_per_year, "orders_per_year")),
        "gross_margin": float(_gross_margin(gross_margin)),
        "retention": float(_share(retention, "retention")),
        "annual_discount_rate": float(_discount(annual_discount_rate, "annual_discount_rate")),
    }

    def priced(**value: float) -> Number:
        margin = value["order_value"] * value["orders_per_year"] * value["gross_margin"]
        rate = value["annual_discount_rate"]
        return clv_retention(margin, value["retention"], rate, timing=timing)

    table = swings(priced, inputs, change=change)
    return table.rename(columns={"low": "clv_low", "high": "clv_high"})


def swings(
    calculate: Callable[..., Any], inputs: Mapping[str, float], *, change: float = 0.1
) -> pd.DataFrame:
    """Change one input of any calculation at a time by a share of itself, and calculate again.

    ``calculate`` takes the inputs by name and answers with one number. Shares
    (``gross_margin``, ``retention``, ``churn``) end at 1.

    Indexed by ``input``, the widest swing first: ``low_value`` and ``high_value`` of the input,
    ``low`` and ``high``, what comes out at these two; missing where it is undefined.
    """
    step = float(_share(change, "change"))

    def result(changed: dict[str, float]) -> float:
        try:
            return float(calculate(**{**inputs, **changed}))
        except UndefinedError:
            return float("nan")

    rows = []
    for name, value in inputs.items():
        low, high = value * (1 - step), value * (1 + step)
        if name in ("retention", "gross_margin", "churn"):
            high = min(high, 1.0)
        rows.append((name, low, high, result({name: low}), result({name: high})))
    columns = ["input", "low_value", "high_value", "low", "high"]
    table = pd.DataFrame(rows, columns=columns).set_index("input")
    swing = (table["high"] - table["low"]).abs().fillna(np.inf)
    return table.loc[swing.sort_values(ascending=False, kind="stable").index]


def _geometric_sum(ratio: FloatArray, count: FloatArray) -> FloatArray:
    """Sum of ``ratio**k`` for k from 0 to count - 1, exact near a ratio of 1 too."""
    away = ratio - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        total = np.expm1(count * np.log1p(away)) / away
    return np.where(away == 0, count, total)


def _interest_factor(annual: Number, per_year: float) -> FloatArray:
    rate = _discount(annual, "annual_discount_rate")
    return (1 + rate) ** (1 / _positive(per_year, "payments_per_year"))


def _refuse_divergence(grown: FloatArray, interest: FloatArray) -> None:
    grown, interest = np.broadcast_arrays(grown, interest)
    # Equal up to rounding counts as equal: 1e15 would be no answer either.
    endless = np.flatnonzero(grown >= interest * (1 - 1e-12))
    if endless.size:
        kept, rate = grown.flat[endless[0]], interest.flat[endless[0]]
        raise UndefinedError(
            f"The sum over all future payments has no limit: retention x (1 + growth) = {kept:.6g} "
            f"is not below 1 + discount rate per payment = {rate:.6g}, so later payments are worth "
            "as much as earlier ones, or more. Count a number of payments (payments=5) or use a "
            "lower growth."
        )


def _first_payment(timing: str) -> tuple[int, int]:
    if timing not in _FIRST_PAYMENT:
        raise DataError(f"timing={timing!r} is not one of {', '.join(get_args(Timing))}.")
    return _FIRST_PAYMENT[timing]


def _plain(values: FloatArray) -> Number:
    return float(values) if np.ndim(values) == 0 else values


def _finite(value: Number, name: str, wanted: str = "a finite number") -> FloatArray:
    values = floats(value, name, wanted)
    _refuse(values, ~np.isfinite(values), name, wanted)
    return values


def _above(value: Number, name: str, floor: float, wanted: str) -> FloatArray:
    values = _finite(value, name, wanted)
    _refuse(values, values <= floor, name, wanted)
    return values


def _positive(value: Number, name: str) -> FloatArray:
    return _above(value, name, 0.0, "a number above 0")


def _not_negative(value: Number, name: str) -> FloatArray:
    values = _finite(value, name)
    _refuse(values, values < 0, name, "0 or more")
    return values


def _whole(value: Number, name: str) -> FloatArray:
    wanted = "a whole number of 1 or more"
    values = _finite(value, name, wanted)
    _refuse(values, (values < 1) | (values != np.floor(values)), name, wanted)
    return values


def _discount(value: Number, name: str) -> FloatArray:
    return _above(value, name, -1.0, "a rate per year above -1, 0.1 for 10%")


def _share(value: Number, name: str, *, zero_allowed: bool = True) -> FloatArray:
    wanted = (
        "a share between 0 and 1"
        if zero_allowed
        else "a share above 0 and up to 1 (without churn no lifetime ends)"
    )
    values = _finite(value, name, wanted)
    too_low = values < 0 if zero_allowed else values <= 0
    _refuse(values, too_low | (values > 1), name, wanted)
    return values


def _gross_margin(value: Number) -> FloatArray:
    values = _finite(value, "gross_margin")
    _refuse(values, values > 1, "gross_margin", "a share of revenue, at most 1")
    return values


def _refuse(values: FloatArray, bad: NDArray[np.bool_], name: str, wanted: str) -> None:
    """Raise for the first offending value, with its place if there are several."""
    where = np.flatnonzero(bad)
    if not where.size:
        return
    value = values.flat[where[0]]
    place = name if values.ndim == 0 else f"{name}[{where[0]}]"
    # A percentage given for a share is the commonest slip.
    slip = f" For {value:g}% write {value / 100:g}." if "share" in wanted and value > 1 else ""
    raise DataError(f"{place}={value:g} cannot be used: give {wanted}.{slip}")
