"""Does the model fit? Tracking, conditional expectations, comparison, independence, segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr

from clvkit.errors import DataError, UndefinedError
from clvkit.models import GammaGamma, PurchaseModel
from clvkit.models.base import Z90, Array, Model
from clvkit.summary import refuse_short_history, summarize
from clvkit.tables import Transactions
from clvkit.tables import purchases as purchases_of
from clvkit.units import days_per

Fitted = TypeVar("Fitted", bound=Model)


def require_history(orders: Transactions | pd.DataFrame) -> None:
    """Refuse to forecast from purchases that cannot show how customers come back and leave.

    Raises
    ------
    DataError
        Where nobody, or fewer than ten customers, bought on a second day; where the purchases
        cover less than 60 days, or fall on fewer than ten. The message says which and what to do.
    """
    table, summary = purchases_of(orders), summarize(orders)
    days = (pd.Timestamp(summary.attrs["observation_end"]) - table["date"].min()).days + 1
    returned = int((summary["frequency"] > 0).sum())
    refuse_short_history(returned, len(summary), days, table["date"].nunique())


def age_within_reach(orders: Transactions | pd.DataFrame, months: int) -> int:
    """The age, in months, at which customers can be compared.

    ``months`` where a tenth of the customers have reached it; else the highest age that half of
    them have.

    Raises
    ------
    DataError
        Where half of the customers have not even been seen for a month.
    """
    table = purchases_of(orders)
    joined, end = table.groupby("customer_id")["date"].min(), table["date"].max()

    def reached(age: int) -> float:
        return float((joined + pd.DateOffset(months=age) <= end).mean())

    if reached(months) >= 0.1:
        return months
    possible = [age for age in range(1, max(months, 2)) if reached(age) >= 0.5]
    if not possible:
        raise DataError(
            "Most customers have been seen for less than a month: nothing can be said about an "
            "age that nobody has reached. Export a longer time."
        )
    return possible[-1]


def require_mean_spend(money: GammaGamma) -> None:
    """Refuse a model of spend that has no mean, so that no one-time buyer can be valued.

    Raises
    ------
    UndefinedError
        Where q is not above 1.
    """
    if np.isnan(money.mean_spend):
        raise UndefinedError(
            "What a one-time buyer will spend has no mean in the Gamma-Gamma model of these "
            "purchases (q is not above 1): a few very large amounts decide. Look at the largest "
            "customers, and value them one by one."
        )


def tracking(
    model: PurchaseModel, orders: Transactions | pd.DataFrame, calibration_end: str | pd.Timestamp
) -> pd.DataFrame:
    """Repeat purchases of the calibration period's customers, period by period, and the model's.

    Both columns count the same: days with a purchase after a customer's first, of the customers
    who came by ``calibration_end``. A period is the model's time unit, counted from the first
    day of the data; the last one is whole. Periods after ``calibration_end`` are forecasts.

    Returns ``actual``, ``expected``, ``cumulative_actual``, ``cumulative_expected`` and
    ``forecast`` by period, from 1 on.
    """
    unit = days_per(_time_unit(model))
    table = purchases_of(orders)
    days = table[["customer_id", "date"]].drop_duplicates()
    start = days["date"].min()
    end = pd.Timestamp(calibration_end)
    born = days.groupby("customer_id", sort=False)["date"].min()
    born = (born[born <= end] - start).dt.days
    if born.empty:
        raise DataError(f"Nobody bought by {end.date()}: there is no cohort to track.")
    age = (days["date"] - start).dt.days
    first = days["customer_id"].map(born)
    repeats = age[first.notna() & (age > first)].to_numpy()
    periods = int(((days["date"].max() - start).days + 1) // unit)
    edges = np.arange(periods + 1) * unit
    # The last day of period k is day k * unit - 1; a purchase is dated by its day.
    actual = np.histogram(repeats, edges - 0.5)[0]
    by_day, size = np.unique(born.to_numpy("float64"), return_counts=True)
    ages = np.maximum(edges[:, None] - 1 - by_day, 0) / unit
    distinct, where = np.unique(ages, return_inverse=True)
    curve = np.asarray(model.expected_purchases_new(distinct))[where].reshape(ages.shape) @ size
    frame = pd.DataFrame(
        {"actual": actual, "expected": np.diff(curve)},
        index=pd.RangeIndex(1, periods + 1, name="period"),
    )
    frame["cumulative_actual"] = frame["actual"].cumsum()
    frame["cumulative_expected"] = frame["expected"].cumsum()
    frame["forecast"] = edges[1:] > (end - start).days + 1
    frame.attrs = {"time_unit": _time_unit(model), "customers": len(born)}
    return frame


def conditional_expectations(
    model: PurchaseModel, fit_on: pd.DataFrame, holdout: pd.DataFrame, most: int = 7
) -> pd.DataFrame:
    """Purchases in the holdout by purchases before it, what happened beside the model.

    ``fit_on`` and ``holdout`` are those of :func:`clvkit.split`. One row for 0, 1, ... repeat
    purchases in the calibration period, ``most`` and above in one: ``customers``, ``actual`` and
    ``expected`` purchases a customer.
    """
    if not fit_on.index.equals(holdout.index):
        raise DataError("fit_on and holdout must have the same customers in the same order.")
    periods = float(holdout["duration"].iloc[0])
    group = fit_on["frequency"].clip(upper=most).astype("int64")
    frame = pd.DataFrame(
        {"actual": holdout["purchases"], "expected": model.expected_purchases(fit_on, periods)}
    )
    table = frame.groupby(group).agg(
        customers=("actual", "size"), actual=("actual", "mean"), expected=("expected", "mean")
    )
    table.index = pd.Index(
        [f"{most}+" if count == most else str(count) for count in table.index], name="frequency"
    )
    return table


def compare(models: Sequence[Model]) -> pd.DataFrame:
    """Fitted models side by side, best first: log-likelihood, AIC and BIC.

    Models of the same data only. ``aic_weight`` is the support each gets among those listed.
    """
    if len({round(model._fitted().customers, 6) for model in models}) > 1:
        raise DataError("The models were fitted to different numbers of customers: not comparable.")
    size = np.array([len(model.names) for model in models])
    fit = np.array([model.log_likelihood for model in models])
    aic = 2 * size - 2 * fit
    weight = np.exp(-(aic - aic.min()) / 2)
    table = pd.DataFrame(
        {
            "log_likelihood": fit,
            "parameters": size,
            "aic": aic,
            "bic": size * np.log([model._fitted().customers for model in models]) - 2 * fit,
            "aic_weight": weight / weight.sum(),
        },
        index=pd.Index([type(model).__name__ for model in models], name="model"),
    )
    return table.sort_values("aic")


@dataclass(frozen=True)
class Independence:
    """``table``: spend by frequency; ``correlation``: Pearson's, with its 90% interval.

    ``rank_correlation`` is Spearman's, which a few large customers cannot carry. ``value_error``
    is by how much a valuation that assumes independence is off, as a share of the right total:
    0.05 means 5% too high.
    """

    table: pd.DataFrame
    correlation: float
    low: float
    high: float
    rank_correlation: float
    value_error: float


def independence(money: GammaGamma, summary: pd.DataFrame, purchases: pd.Series) -> Independence:
    """Do those who buy often spend differently a purchase, and what would that do to CLV?

    The Gamma-Gamma model assumes that they do not: it draws every customer's own average towards
    one mean for all, and gives that mean to one-time buyers. Here each is drawn, by as much,
    towards the mean of customers who buy as often (one-time buyers: of the least frequent
    repeaters). ``value_error`` compares the two, weighted with the predicted ``purchases`` of
    each customer, for example the ``expected_purchases`` of :func:`clvkit.lifetime_value`.
    Frequencies are taken together so that a group has 30 customers.
    """
    x, mean = money._columns(summary)
    seen = (x > 0) & (mean > 0)
    if int(seen.sum()) < 10:
        raise DataError("Fewer than ten customers have repeat purchases: nothing can be checked.")
    group = np.zeros(len(x), dtype=np.intp)
    group[seen] = _groups(x[seen], 30)
    level = np.bincount(group[seen], mean[seen]) / np.bincount(group[seen])
    p, q, _ = money.params
    # Where one mean for all does not exist there is nothing to compare with.
    own = np.where(seen, p * x / (p * x + q - 1), 0.0) if q > 1 else np.full(len(x), np.nan)
    right = own * np.where(seen, mean, 0.0) + (1 - own) * level[group]
    weight = purchases.reindex(summary.index).to_numpy("float64")
    table = pd.DataFrame({"frequency": x, "spend": mean, "purchases": weight})[seen]
    table = table.groupby(group[seen]).agg(
        least=("frequency", "min"),
        most=("frequency", "max"),
        customers=("spend", "size"),
        spend=("spend", "mean"),
        purchases=("purchases", "sum"),
    )
    together = float(np.corrcoef(x[seen], mean[seen])[0, 1]) if _varies(x, mean, seen) else np.nan
    ranks = float(spearmanr(x[seen], mean[seen]).statistic) if _varies(x, mean, seen) else np.nan
    half = Z90 / np.sqrt(int(seen.sum()) - 3)
    middle = np.arctanh(np.clip(together, -0.999999, 0.999999))
    low, high = np.tanh([middle - half, middle + half])
    off = float(weight @ money.expected_spend(summary).to_numpy() / (weight @ right) - 1)
    return Independence(table, together, float(low), float(high), ranks, off)


def _varies(x: Array, mean: Array, seen: NDArray[np.bool_]) -> bool:
    return bool(np.ptp(x[seen]) > 0 and np.ptp(mean[seen]) > 0)


def fit_segments(
    model: Fitted, summary: pd.DataFrame, segment: pd.Series, smallest: int = 200
) -> tuple[dict[str, Fitted], pd.DataFrame]:
    """The model fitted to each segment; where a segment is too small, to everybody.

    ``model`` is fitted to all of ``summary`` and stands in for segments of fewer than
    ``smallest`` customers, and for those in which nothing can be estimated. The table says for
    each segment how many ``customers`` it has, whether it was ``fitted`` or why not (``reason``).
    """
    labels = segment.reindex(summary.index)
    if labels.isna().any():
        raise DataError(f"{int(labels.isna().sum()):,} customers of the summary have no segment.")
    models: dict[str, Fitted] = {}
    lines = []
    for name, rows in summary.groupby(labels.astype(str), sort=True):
        reason = ""
        models[str(name)] = model
        if len(rows) < smallest:
            reason = f"fewer than {smallest} customers"
        else:
            rows.attrs = dict(summary.attrs)
            try:
                models[str(name)] = type(model)(time_unit=model.time_unit).fit(rows)
            except DataError as error:
                reason = str(error)
        lines.append((str(name), len(rows), not reason, reason))
    table = pd.DataFrame(lines, columns=["segment", "customers", "fitted", "reason"])
    return models, table.set_index("segment")


def _time_unit(model: PurchaseModel) -> str:
    if model.time_unit is None:
        raise DataError("The model does not know its time unit: give time_unit='W', for example.")
    return model.time_unit


def _groups(x: Array, least: int) -> NDArray[np.intp]:
    """Neighbouring frequencies taken together until a group has ``least`` customers."""
    values, counts = np.unique(x, return_counts=True)
    group, label, size = np.zeros(len(values), dtype=np.intp), 0, 0
    left = len(x)
    for place, count in enumerate(counts):
        group[place] = label
        size, left = size + count, left - count
        if size >= least and left >= least:
            label, size = label + 1, 0
    return group[np.searchsorted(values, x)]
