"""What the customers of each channel are worth, and whether they are worth what they cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvkit.acquisition import Joined, first_rows, in_contract
from clvkit.arguments import whole_number
from clvkit.errors import DataError
from clvkit.formulas import period_rate
from clvkit.models.base import Z90, Array
from clvkit.othertables import Customers, Subscriptions


def channel_value(
    joined: Joined,
    customers: Customers | pd.DataFrame | None = None,
    *,
    horizon_months: int = 24,
    gross_margin: float = 1.0,
    annual_discount_rate: float = 0.0,
    observation_start: str | pd.Timestamp | None = None,
    observation_end: str | pd.Timestamp | None = None,
) -> pd.DataFrame:
    """CLV of the first ``horizon_months`` months by channel, small channels shrunk to the mean.

    For each month of age the margin of that month, divided by those who have been watched
    through it; summed over the ages, each discounted to the day of joining. Nothing is forecast.
    A channel's mean is then shrunk to that of all channels by empirical Bayes (Efron and
    Morris 1975): the fewer its customers, the more.

    Parameters
    ----------
    joined, customers
        Subscriptions or transactions, and where the channels are, as :func:`new_customers`.
    observation_start, observation_end
        The first and the last day watched. Default: those that the table carries, else its own.
        Who came before the first is left out: of them only those who stayed were ever seen.

    Returns
    -------
    One row a channel, by ``clv``: ``customers``, ``observed`` (mean as counted),
    ``standard_error``, ``clv`` (shrunk), its 90% interval ``low`` to ``high``, ``weight`` (of
    what was counted) and ``reason`` where nobody has been watched for so long.
    ``attrs["mean"]`` is the mean of the channels.
    """
    horizon = whole_number(horizon_months, "horizon_months")
    when, margins, lived = _margins(joined, customers, horizon, observation_start, observation_end)
    rate = float(period_rate(annual_discount_rate, 12))
    factor = gross_margin / (1 + rate) ** np.arange(horizon)
    channel, names = pd.factorize(when["channel"])
    watched = lived.to_numpy()[:, None] > np.arange(horizon)
    counts = np.zeros((len(names), horizon))
    sums = np.zeros((len(names), horizon))
    np.add.at(counts, channel, watched)
    np.add.at(sums, channel, margins * watched)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = sums / counts
        # What each customer moves the sum of means by; their squares add up to its variance.
        moved = ((margins - mean[channel]) * watched / counts[channel] * factor).sum(axis=1)
    observed = (mean * factor).sum(axis=1)
    variance = np.bincount(channel, moved**2, len(names))
    size = np.bincount(channel, minlength=len(names))
    frame = pd.DataFrame(
        {"customers": size, "observed": observed}, index=pd.Index(names, name="channel")
    )
    # A handful of customers alike would seem certain: ten of the usual spread stand by.
    spread = (variance * size)[~np.isnan(observed)].sum() / max(len(observed), 1)
    frame["standard_error"] = np.sqrt((variance * size**2 + 10 * spread) / (size + 10) / size)
    frame["reason"] = np.where(
        np.isnan(observed), f"nobody has been watched for {horizon} months", ""
    )
    return _shrunk(frame)


def channel_ratio(value: pd.DataFrame, cost: pd.DataFrame, *, draws: int = 4000) -> pd.DataFrame:
    """CLV:CAC by channel on one basis, that of ``value``, with the uncertainty of both sides.

    Parameters
    ----------
    value
        The answer of :func:`channel_value`.
    cost
        The answer of :func:`acquisition_cost` by channel.

    Returns
    -------
    One row a channel of either, the best first: ``clv``, ``cac``, ``ratio``, its 90% interval
    ``low`` to ``high`` and ``reason`` where there is no ratio.
    """
    frame = value[["clv", "low", "high"]].join(
        cost[["spend", "new_customers", "cac", "reason"]], how="outer"
    )
    random = np.random.default_rng(1)
    error = ((frame["high"] - frame["low"]) / (2 * Z90)).to_numpy()
    clv = frame["clv"].to_numpy()[:, None] + error[:, None] * random.standard_normal(
        (len(frame), draws)
    )
    came = random.gamma(frame["new_customers"].fillna(0).to_numpy()[:, None] + 0.5, size=clv.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = clv * came / frame["spend"].replace(0, np.nan).to_numpy()[:, None]
    ratio = frame["clv"] / frame["cac"]
    answer = frame[["clv", "cac"]].assign(ratio=ratio)
    answer["low"], answer["high"] = np.quantile(drawn, [0.05, 0.95], axis=1)
    answer[["low", "high"]] = answer[["low", "high"]].where(ratio.notna(), np.nan)
    reason = frame["reason"].fillna("no spend and no customers in these months")
    reason = reason.mask((reason == "") & frame["clv"].isna(), "no value of its customers")
    answer["reason"] = reason
    return answer.sort_values("ratio", ascending=False, kind="stable")


def _margins(
    joined: Joined,
    customers: Customers | pd.DataFrame | None,
    horizon: int,
    observation_start: str | pd.Timestamp | None,
    observation_end: str | pd.Timestamp | None,
) -> tuple[pd.DataFrame, Array, pd.Series]:
    """First rows; revenue by customer and month of age; and whole months of age watched."""
    source = in_contract(joined)
    if isinstance(source, Customers):
        raise DataError("Customers without subscriptions or purchases have no value to count.")
    first = first_rows(source, customers)
    table = source.table
    subscribed = isinstance(source, Subscriptions)
    if observation_end is None:
        days = table["start"] if subscribed else table["date"]
        if subscribed:
            ends = table["end"][table["end"] <= pd.Timestamp.now()]
            days = pd.concat([days, ends])
        observation_end = table.attrs.get("observation_end", days.max())
    end = pd.Timestamp(observation_end)
    begin = observation_start or table.attrs.get("observation_start", first["date"].min())
    first = first[(first["date"] >= pd.Timestamp(begin)) & (first["date"] <= end)]
    if first.empty:
        raise DataError(
            f"Nobody came between {pd.Timestamp(begin).date()} and {end.date()}: give other days."
        )
    who = first.index.get_indexer(pd.Index(table["customer_id"]))
    table, who = table[who >= 0], who[who >= 0]
    joined_on = first["date"].to_numpy()[who]
    margins = np.zeros((len(first), horizon))
    if subscribed:
        # A payment falls due on the day of joining and on its day of every later month.
        lived = _months(first["date"], end) + 1
        begun = _months(joined_on, table["start"], up=True)
        over = _months(joined_on, table["end"].fillna(pd.Timestamp("2200-01-01")), up=True)
        ages = np.arange(horizon)
        runs = (ages >= begun[:, None]) & (ages < over[:, None])
        np.add.at(margins, who, runs * table["mrr"].to_numpy()[:, None])
    else:
        lived = _months(first["date"], end + pd.Timedelta(days=1))
        age = _months(joined_on, table["date"])
        near = (age < horizon) & (table["date"] <= end).to_numpy()
        np.add.at(margins, (who[near], age[near]), table["amount"].to_numpy()[near])
    return first, margins, pd.Series(lived, first.index)


def _months(since: Any, until: Any, *, up: bool = False) -> NDArray[np.int64]:
    """Whole months from one day to another, or the next whole one; short months end early."""
    a = pd.DatetimeIndex(since)
    b = pd.DatetimeIndex([until] * len(a) if isinstance(until, pd.Timestamp) else until)
    due = np.minimum(a.day, b.days_in_month)
    months = 12 * (b.year - a.year) + b.month - a.month
    return np.asarray(months + (b.day > due) if up else months - (b.day < due), dtype="int64")


def _shrunk(frame: pd.DataFrame) -> pd.DataFrame:
    """Normal means with known errors, pulled to their mean; averaged over how far they differ.

    Before the data all standard deviations between channels are as likely (Gelman 2006): a
    single estimate of it is too often 0, and the intervals then too narrow.
    """
    known = (frame["observed"].notna() & frame["standard_error"].gt(0)).to_numpy()
    y = frame["observed"].to_numpy().copy()
    clv, kept, variance = y.copy(), np.ones(len(y)), frame["standard_error"].to_numpy() ** 2
    y, v = y[known], variance[known]
    frame.attrs["mean"] = float(frame["observed"].mean())
    if len(y) > 1:
        between = np.linspace(0, 3 * y.std() + v.min() ** 0.5, 200)[:, None] ** 2
        w = 1 / (v + between)
        total = w.sum(axis=1, keepdims=True)
        mean = (w * y).sum(axis=1, keepdims=True) / total
        fit = np.log(w).sum(axis=1) - np.log(total[:, 0]) - (w * (y - mean) ** 2).sum(axis=1)
        chance = np.exp((fit - fit.max()) / 2)[:, None]
        chance /= chance.sum()
        share = between * w
        each = share * y + (1 - share) * mean
        clv[known] = (chance * each).sum(axis=0)
        spread = share * v + (1 - share) ** 2 / total + (each - clv[known]) ** 2
        variance[known] = (chance * spread).sum(axis=0)
        kept[known] = (chance * share).sum(axis=0)
        frame.attrs["mean"] = float((chance * mean).sum())
    half = Z90 * np.sqrt(variance)
    answer = frame.assign(clv=clv, low=clv - half, high=clv + half, weight=kept)
    columns = ["customers", "observed", "standard_error", "clv", "low", "high", "weight", "reason"]
    return answer[columns].sort_values("clv", ascending=False, kind="stable")
