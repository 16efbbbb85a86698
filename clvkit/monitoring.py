"""The monthly review: what is out of line, and whether the predictions still hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from clvkit.arguments import share, whole_number
from clvkit.errors import DataError, UndefinedError
from clvkit.models import BetaGeoNBD
from clvkit.models.base import Z90, Array
from clvkit.revenue import mrr_movements
from clvkit.summary import summarize
from clvkit.tables import Transactions, read_transactions

FEWEST = 8
"""Months of the past without which nothing can be expected of the next."""
LEVEL = 0.9973
"""Of months like the past ones this share falls within the limits: three standard deviations."""
_DUMMIES, _HARMONICS = 24, 18  # months from which the season is known by month, by its shape


def monthly_metrics(
    orders: Transactions | pd.DataFrame | None = None, subscriptions: Any = None
) -> pd.DataFrame:
    """The series of a monthly review, from purchases, from subscriptions or from both.

    Only whole months. From purchases: ``customers`` (who bought), ``new customers``, ``orders``
    (days on which a customer bought), ``revenue``, ``revenue per customer``; from subscriptions, by
    :func:`clvkit.mrr_movements`: ``subscribers`` (at the end of the month), ``MRR``, ``subscriber
    churn`` (lost of those there at the start). Money is revenue.

    Returns
    -------
    One row a month (periods), one column a series; a month that one table does not cover is empty.
    ``attrs["unfinished"]``: months left out because the table stops before their end.
    """
    found, unfinished = [], set()
    if orders is not None:
        table = read_transactions(orders).table
        month = table["date"].dt.to_period("M")
        first = table.groupby("customer_id")["date"].transform("min").dt.to_period("M")
        groups = table.groupby(month)
        series = pd.DataFrame({"customers": groups["customer_id"].nunique()})
        series["new customers"] = table[month == first].groupby(month)["customer_id"].nunique()
        days = table.drop_duplicates(["customer_id", "date"])
        series["orders"] = days.groupby(month).size()
        series["revenue"] = groups["amount"].sum()
        series = series.reindex(pd.period_range(month.min(), month.max(), freq="M")).fillna(0)
        series["revenue per customer"] = series["revenue"] / series["customers"].replace(0, np.nan)
        end = pd.Timestamp(table.attrs.get("observation_end") or table["date"].max())
        if end.normalize() < series.index[-1].end_time.normalize():
            unfinished.add(str(series.index[-1]))
            series = series.iloc[:-1]
        found.append(series)
    if subscriptions is not None:
        moves = mrr_movements(subscriptions)
        start = moves["customers_start"].replace(0, np.nan)
        lost = moves["customers_lost"] / start
        columns = {"subscribers": moves["customers_end"], "MRR": moves["end"]}
        found.append(pd.DataFrame({**columns, "subscriber churn": lost}))
    if not found or not len(found[0]):
        raise DataError("A monthly review needs purchases or subscriptions of whole months.")
    table = pd.concat(found, axis=1).sort_index().rename_axis("month").astype("float64")
    table.attrs["unfinished"] = sorted(unfinished)
    return table


def control_chart(series: pd.Series, watch: int = 6, *, level: float = LEVEL) -> pd.DataFrame:
    """Hold the latest months against what the months before them let expect.

    On the months before the last ``watch`` a straight trend, the season and the pull of the month
    before are fitted by least squares: on logarithms where all values are above 0, because growth
    and season multiply. The season is a level for each calendar month from 24 months on, two yearly
    waves from 18 on, and is not taken out before. Taking out what the month before explains makes
    the rest independent, which limits take for granted (Alwan and Roberts 1988); in return a step
    gives one alarm, when it happens. The limits are the prediction interval for one further month,
    so they know how few months they rest on; with many they are the three standard deviations of
    Shewhart (1931).

    Returns
    -------
    One row a month: ``value``, ``expected``, ``low``, ``high``, ``watched`` and ``signal``
    ("high", "low" or ""; of the watched months only). ``attrs``: ``level``, ``scale`` ("ratio" or
    "plain"), ``season`` ("months", "waves" or "none"), ``baseline`` (months it rests on) and
    ``memory``, the share of the month before that carries over.

    Raises
    ------
    UndefinedError
        With fewer than eight months of the past, or where the past does not vary.
    """
    from scipy.stats import t as student

    watch, level = whole_number(watch, "watch"), share(level, "level")
    known = series.dropna().sort_index()
    if not isinstance(known.index, pd.PeriodIndex) or known.index.freqstr != "M":
        raise DataError("A control chart takes a series indexed by months (pandas periods).")
    if (count := len(known) - watch) < FEWEST:
        raise UndefinedError(
            f"{series.name}: {max(count, 0)} months lie before the {watch} watched ones, and fewer "
            f"than {FEWEST} tell nothing about the next. Wait, or watch fewer months."
        )
    ratio = bool((known > 0).all())
    value = known.to_numpy("float64")
    y = np.log(value) if ratio else value
    design, season = _design(known.index, y, count)
    # The first month has none before it.
    past, target = design[1:count], y[1:count]
    freedom = len(past) - int(np.linalg.matrix_rank(past))
    fit = np.linalg.lstsq(past, target, rcond=None)[0]
    spread = np.linalg.norm(target - past @ fit) / np.sqrt(max(freedom, 1))
    if not spread > 1e-9 * max(1.0, np.abs(y).max()):
        raise UndefinedError(f"{series.name}: the past follows its trend exactly; no limits exist.")
    leverage = np.einsum("ij,jk,ik->i", design, np.linalg.pinv(past.T @ past), design)
    half = student.ppf((1 + level) / 2, freedom) * spread * np.sqrt(1 + leverage)
    lines = np.stack([design @ fit, design @ fit - half, design @ fit + half])
    lines = np.exp(lines) if ratio else np.maximum(lines, 0.0) if value.min() >= 0 else lines
    lines[:, 0] = np.nan
    expected, low, high = lines
    watched = np.arange(len(known)) >= count
    signal = np.select([watched & (value > high), watched & (value < low)], ["high", "low"], "")
    columns = {"value": value, "expected": expected, "low": low, "high": high}
    table = pd.DataFrame({**columns, "watched": watched, "signal": signal}, known.index)
    table.attrs = {"level": level, "scale": "ratio" if ratio else "plain", "season": season}
    table.attrs |= {"baseline": count, "memory": float(fit[-1]), "name": series.name}
    return table


def scorecard(metrics: pd.DataFrame, watch: int = 6) -> pd.DataFrame:
    """The monthly review as one table: a line a series, the latest month against its limits.

    Returns
    -------
    Indexed by ``metric``: ``latest``, ``before`` (the month before), ``year_ago``, ``expected``
    with its limits ``low`` and ``high`` (see :func:`control_chart`), ``alarms`` (months out of
    limits among those watched) and ``state``: "as expected", "high", "low", or why nothing can be
    expected. ``attrs["month"]``: the latest.
    """
    if metrics.empty:
        raise DataError("There is no month to review.")
    month, lines = metrics.index[-1], {}
    for name, series in metrics.items():
        line: dict[str, Any] = {"latest": series.iloc[-1]}
        line["before"], line["year_ago"] = series.get(month - 1), series.get(month - 12)
        try:
            chart = control_chart(series, watch)
        except UndefinedError as reason:
            lines[name] = line | {"alarms": 0, "state": str(reason).split(": ", 1)[1]}
            continue
        last = chart.iloc[-1]
        if chart.index[-1] == month:
            line |= {side: last[side] for side in ("expected", "low", "high")}
            state = last["signal"] or "as expected"
        else:
            state = "no figure for this month"
        lines[name] = line | {"alarms": int((chart["signal"] != "").sum()), "state": state}
    columns = ["latest", "before", "year_ago", "expected", "low", "high", "alarms", "state"]
    table = pd.DataFrame.from_dict(lines, orient="index").reindex(columns=columns)
    numbers = table.columns.drop("state")
    table[numbers] = table[numbers].astype("float64")
    table.attrs = {"month": str(month), "watch": watch, "level": LEVEL}
    return table.rename_axis("metric")


def prediction_drift(
    orders: Transactions | pd.DataFrame, fitted_at: Any, *, tolerance: float = 0.1
) -> pd.DataFrame:
    """Hold what a model promised on a past day against what its customers have done since.

    A BG/NBD is fitted to the purchases up to ``fitted_at`` and predicts those customers' purchases
    in each whole month since; nobody who came later is counted. The interval of ``ratio`` comes
    from how much customers differ from their own predictions.

    Parameters
    ----------
    tolerance
        How far actual over expected may be from 1 before it matters to a decision.

    Returns
    -------
    One row a month: ``expected`` and ``actual`` purchases (days with one), cumulative since the
    fit ``ratio`` (actual over expected) with its 90% interval ``low`` to ``high``, ``new_share``
    (buyers of the month whom the model does not know) and ``state``: "refit" where the interval
    lies outside 1 ± tolerance, "keep" where it lies inside, else "watch". ``attrs``: ``refit_at``,
    the first month to refit in, or None.
    """
    table = read_transactions(orders).table
    day = pd.Timestamp(fitted_at).normalize()
    fitted = summarize(table[table["date"] <= day], "D", day)
    model = BetaGeoNBD().fit(fitted)
    last = pd.Timestamp(table.attrs.get("observation_end") or table["date"].max())
    months = pd.period_range((day + pd.Timedelta(days=1)).to_period("M"), last.to_period("M"))
    ends = [m.end_time.normalize() for m in months if m.end_time.normalize() <= last]
    if not ends:
        raise DataError(
            f"fitted_at={day:%Y-%m-%d}: no whole month follows up to {last:%Y-%m-%d}. Fit earlier."
        )
    later = table[table["date"] > day].drop_duplicates(["customer_id", "date"])
    known = later[later["customer_id"].isin(fitted.index)]
    lines, before = [], (0.0, 0.0)
    for end in ends:
        promised = model.expected_purchases(fitted, (end - day).days).to_numpy()
        came = known[known["date"] <= end].groupby("customer_id").size()
        actual = came.reindex(fitted.index, fill_value=0).to_numpy("float64")
        total = float(promised.sum()), float(actual.sum())
        ratio = total[1] / total[0]
        half = Z90 * (actual - ratio * promised).std() * np.sqrt(len(actual)) / total[0]
        now = later[
            (later["date"] <= end) & (later["date"].dt.to_period("M") == end.to_period("M"))
        ]
        buyers = now["customer_id"].drop_duplicates()
        fresh = float((~buyers.isin(fitted.index)).mean()) if len(buyers) else np.nan
        lines.append(
            [total[0] - before[0], total[1] - before[1], ratio, ratio - half, ratio + half, fresh]
        )
        before = total
    columns = ["expected", "actual", "ratio", "low", "high", "new_share"]
    answer = pd.DataFrame(lines, pd.PeriodIndex(ends, freq="M", name="month"), columns)
    outside = (answer["low"] > 1 + tolerance) | (answer["high"] < 1 - tolerance)
    inside = (answer["low"] > 1 - tolerance) & (answer["high"] < 1 + tolerance)
    answer["state"] = np.select([outside, inside], ["refit", "keep"], "watch")
    refit = answer.index[outside]
    answer.attrs = {
        "fitted_at": f"{day:%Y-%m-%d}",
        "customers": len(fitted),
        "tolerance": tolerance,
    }
    answer.attrs["refit_at"] = str(refit[0]) if len(refit) else None
    return answer


def _design(months: pd.PeriodIndex, y: Array, count: int) -> tuple[Array, str]:
    """Columns of trend, season and the month before, and how the season is known."""
    at = (months.year * 12 + months.month).to_numpy("float64")
    columns, season = [np.ones(len(at)), (at - at[0]) / len(at)], "none"
    if count >= _DUMMIES:
        season = "months"
        columns += [(months.month == month).astype("float64") for month in range(2, 13)]
    elif count >= _HARMONICS:
        season = "waves"
        angle = 2 * np.pi * at / 12
        columns += [wave(k * angle) for k in (1, 2) for wave in (np.sin, np.cos)]
    return np.stack([*columns, np.r_[0.0, y[:-1]]], axis=1), season
