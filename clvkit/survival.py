"""How long customers stay, by segment, and what it is worth that fewer of them leave."""

import numpy as np
import pandas as pd

from clvkit.arguments import floats
from clvkit.errors import DataError, UndefinedError
from clvkit.formulas import period_rate
from clvkit.models import ShiftedBetaGeometric
from clvkit.models.base import Array
from clvkit.othertables import Subscriptions
from clvkit.spans import Day, Ledger, customer_months, ledger
from clvkit.units import DAYS

# Months differ in length: a contract of one month may run for 31 days, 1.02 months.
_LATE = 0.05
# Logit of a chance, from where nobody leaves to where everybody does.
_LOGIT = np.linspace(-35, 20, 1200)
_CHANCE = 1 / (1 + np.exp(-_LOGIT))


def survival_curves(
    subs: Subscriptions | pd.DataFrame,
    by: str | pd.Series | None = None,
    *,
    observation_start: Day = None,
    observation_end: Day = None,
    grace_days: int = 0,
) -> pd.DataFrame:
    """How long customers stay, by segment: Kaplan and Meier's estimate, and what is still to come.

    A customer's time runs from the first day to the day of leaving for the first time. Who is there
    on the last observed day counts as long as seen. Who began before the first observed day is
    looked at from then on: those who had left by then are not in the table.

    Parameters
    ----------
    by
        A column of the table (the customer's first value counts), or a Series by customer.

    Returns
    -------
    One row a ``segment`` and month of tenure (``period``, a twelfth of a year): ``estimate``, the
    share still there, with its 90% interval ``low`` to ``high`` (log-log); ``at_risk``, the
    customers seen at that age; ``median_remaining``, the months in which half of those still there
    will leave, missing where the curve does not come down so far; ``stays_12``, how many of the
    next 12 months such a customer stays on average, missing where they were not observed.
    """
    from lifelines import KaplanMeierFitter  # Takes two seconds to load.

    book = ledger(subs, observation_start, observation_end, grace_days)
    life = _first_lives(book)
    life["segment"] = "all customers" if by is None else _segments(book, by).to_numpy()[life.index]
    found = []
    for name, rows in life.dropna(subset="segment").groupby("segment", sort=True, observed=True):
        most = int(rows["months"].max() + _LATE)
        grid = np.arange(most + 1)
        fit = KaplanMeierFitter(alpha=0.1)
        fit.fit(rows["months"], rows["ended"], timeline=grid + _LATE, entry=rows["entry"])
        curve = fit.survival_function_.to_numpy()[:, 0]
        band = fit.confidence_interval_.to_numpy()
        found.append(
            pd.DataFrame(
                {
                    "segment": str(name),
                    "period": grid,
                    "estimate": curve,
                    "low": band[:, 0],
                    "high": band[:, 1],
                    "at_risk": [
                        int(((rows["entry"] <= t) & (rows["months"] > t + _LATE)).sum())
                        for t in grid
                    ],
                    "median_remaining": _median_remaining(curve),
                    "stays_12": _stays(curve, 12),
                }
            )
        )
    if not found:
        raise DataError(
            "No customer of a known segment was seen: nothing can be said of their stay."
        )
    table = pd.concat(found, ignore_index=True)
    table.attrs = book.attrs()
    return table


def value_of_churn(
    subs: Subscriptions | pd.DataFrame,
    annual_discount_rate: float,
    gross_margin: float = 1.0,
    points: float = 0.01,
    *,
    observation_start: Day = None,
    observation_end: Day = None,
) -> pd.DataFrame:
    """What a lower monthly churn is worth: for a new customer, and for today's base.

    Once with one rate for all, the share of customers lost a month over all complete months; once
    with customers who differ (:class:`clvkit.ShiftedBetaGeometric` fitted to how long those who
    joined in the observed time stayed, in months). ``points`` less churn means, in both, that
    everybody's own chance to leave falls by the same share of itself, so much that today's base
    loses ``points`` less a month: 0.01 is one percentage point.

    A new customer pays now and then monthly (first payment now); those in the base pay next in a
    month, if they stay (residual). Both pay today's mean revenue per customer times
    ``gross_margin``, without an end.

    Returns
    -------
    One row a ``customers`` (``"new customer"``, ``"today's base"``) and ``retention``
    (``"one rate"``, ``"customers differ"``): ``value``, ``value_after`` and their difference
    ``gain``, money; the ``low`` and ``high`` of the gain (90%; of the fitted model, missing for one
    rate). ``attrs`` has the ``churn`` of one rate and that of the base today, a month
    (``churn_today``), and ``alpha`` and ``beta``.

    Raises
    ------
    UndefinedError
        Where churn is not above ``points``, or nobody is there today.
    """
    book = ledger(subs, observation_start, observation_end)
    index, complete = book.periods("M")
    if not complete.any():
        raise UndefinedError("No month was observed from end to end: export a longer time.")
    rate = float(customer_months(book, index[complete])["lost"].mean())
    level = book.levels(book.last)
    there = np.flatnonzero(level > 0)
    if not len(there):
        raise UndefinedError("Nobody is a customer on the last observed day: there is no base.")
    margin = level.sum() / book.scale / len(there) * float(floats(gross_margin, "gross_margin"))
    discount = float(period_rate(annual_discount_rate, 12))
    joined, left = book.joined(), book.first_left()
    seen = joined >= book.first
    ended = (left <= book.last)[seen]
    stayed = (left - joined)[seen] / DAYS["M"]
    # A month may have 31 days: two days late is not yet the next renewal.
    tenure = np.where(ended, np.maximum(np.ceil(stayed - _LATE), 1), np.floor(stayed + _LATE))
    model = ShiftedBetaGeometric().fit(
        pd.DataFrame({"tenure": tenure, "ended": ended.astype("float64")})
    )
    now = np.floor((book.last + 1 - joined[there]) / DAYS["M"] + _LATE)
    _refuse_points(points, rate)

    def worth(fitted: ShiftedBetaGeometric) -> pd.Series:
        """Value of a new customer and of the base, before and after, in payments."""
        alpha, beta = fitted.params
        ages, count = np.unique(now, return_counts=True)
        base = (_weights(alpha, beta, ages) @ _CHANCE) @ count / count.sum()
        answer = {}
        for moment, share in (("before", 0.0), ("after", min(points / base, 1.0))):
            answer["new", moment] = 1 + _payments(alpha, beta, np.zeros(1), discount, share)[0]
            answer["base", moment] = _payments(alpha, beta, ages, discount, share) @ count
        answer["base", "churn"] = base
        return pd.Series(answer)

    values = worth(model)
    _refuse_points(points, float(values["base", "churn"]))
    asked = pd.DataFrame([worth(model._with(row)) for row in model.draws(200).to_numpy()])
    lines = []
    for name, size in (("new", 1), ("base", len(there))):
        one = [
            margin * size * ((name == "new") + (1 - churn) / (discount + churn))
            for churn in (rate, rate - points)
        ]
        lines.append((name, "one rate", *one, np.nan, np.nan))
        gains = margin * (asked[name, "after"] - asked[name, "before"])
        low, high = np.quantile(gains, [0.05, 0.95])
        two = [margin * values[name, moment] for moment in ("before", "after")]
        lines.append((name, "customers differ", *two, low, high))
    columns = ["customers", "retention", "value", "value_after", "low", "high"]
    table = pd.DataFrame(lines, columns=columns)
    table["customers"] = table["customers"].map({"new": "new customer", "base": "today's base"})
    table.insert(4, "gain", table["value_after"] - table["value"])
    table = table.set_index(["customers", "retention"])
    alpha, beta = map(float, model.params)
    table.attrs = book.attrs() | {
        "churn": rate, "churn_today": float(values["base", "churn"]), "alpha": alpha, "beta": beta,
        "points": points, "base": len(there), "margin": margin,
    }  # fmt: skip
    return table


def _segments(book: Ledger, by: str | pd.Series) -> pd.Series:
    """The segment of each customer of a ledger, missing where it is not known."""
    if isinstance(by, pd.Series):
        return by.rename_axis("customer_id").reindex(book.ids)
    if by not in book.table:
        raise DataError(f"by={by!r} is no column of the subscriptions: {list(book.table.columns)}.")
    rows = book.table.sort_values("start", kind="stable")
    return rows.groupby("customer_id")[by].first().reindex(book.ids)


def _first_lives(book: Ledger) -> pd.DataFrame:
    """Months from joining to leaving for the first time, by customer; ``entry``: seen from."""
    who = np.unique(book.customer)
    joined, until = book.joined()[who], book.first_left()[who]
    life = pd.DataFrame(
        {
            "months": (until - joined) / DAYS["M"],
            "ended": until <= book.last,
            "entry": np.maximum(book.first - joined, 0) / DAYS["M"],
        },
        index=who,
    )
    # Whoever had left before anybody looked is no evidence of how long customers stay.
    return life[life["months"] > life["entry"]]


def _median_remaining(curve: np.ndarray) -> np.ndarray:
    half = curve[:, None] / 2 >= curve[None, :]
    half &= np.arange(len(curve))[None, :] >= np.arange(len(curve))[:, None]
    wait = half.argmax(1) - np.arange(len(curve))
    return np.where(half.any(1) & (curve > 0), wait, np.nan)


def _stays(curve: np.ndarray, months: int) -> np.ndarray:
    area = np.append(0.0, np.cumsum((curve[1:] + curve[:-1]) / 2))
    answer = np.full(len(curve), np.nan)
    reach = max(len(curve) - months, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        answer[:reach] = (area[months:] - area[:-months])[:reach] / curve[:reach]
    return np.where(curve > 0, answer, np.nan)


def _refuse_points(points: float, churn: float) -> None:
    if not 0 < floats(points, "points") < churn:
        raise UndefinedError(
            f"Churn is {churn:.2%} a month: it cannot fall by {points:.2%}. Give points between 0 "
            "and that, such as 0.001 for a tenth of a percentage point."
        )


def _weights(alpha: float, beta: float, ages: Array) -> Array:
    """How the chance to leave is spread at each age: a line an age, over ``_CHANCE``."""
    log = -alpha * np.logaddexp(0, -_LOGIT) - (beta + ages[:, None]) * np.logaddexp(0, _LOGIT)
    weight = np.exp(log - log.max(axis=1, keepdims=True))
    spread: Array = weight / weight.sum(axis=1, keepdims=True)
    return spread


def _payments(alpha: float, beta: float, ages: Array, discount: float, share: float) -> Array:
    """Discounted payments to come at each age, after today's, if all chances fall by ``share``."""
    leave = _CHANCE * (1 - share)
    payments: Array = _weights(alpha, beta, ages) @ ((1 - leave) / (discount + leave))
    return payments
