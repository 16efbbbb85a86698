"""Who carries the business: concentration, RFM, value tiers and the moves between them, trends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from clvkit.arguments import floats, whole_number
from clvkit.compressed import observed_until
from clvkit.errors import DataError, UndefinedError
from clvkit.tables import Transactions, purchases

TIERS = ("high", "middle", "low")
SILENT, NOT_YET = "silent", "not yet"

SEGMENTS = {
    "Keep close": "ask before they leave: early access, a named contact, no discount",
    "Grow": "offer the next category; free shipping from a little above their usual order",
    "Welcome": "make the second order easy within the month: a guide, a reminder, a sample",
    "Remind": "write once about what they bought before, while they still remember",
    "Win back": "one personal offer, worth a share of what they used to leave; then stop",
    "Let rest": "no paid contact; keep them on the free list",
}
"""Segments of :func:`rfm`: each name says what to do, the text says how."""


def rfm(
    orders: Transactions | pd.DataFrame,
    convention: Literal["independent", "nested"] = "independent",
    observation_end: str | pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Recency, frequency and monetary value of each customer, in fifths, and what to do.

    Parameters
    ----------
    convention
        ``"independent"``: each measure is cut into fifths of all customers, 5 is best.
        ``"nested"``: recency into fifths, within each of them frequency, within each of these
        monetary value, and 1 is best, as in direct mail (Hughes, Strategic Database Marketing).
    observation_end
        The last day observed, from which recency counts; see :func:`clvkit.summarize`.

    Returns
    -------
    One row a customer, in the order of first appearance: ``recency`` (days *since* the last
    purchase), ``frequency`` (days with a purchase, the first included; the models count repeats
    only), ``monetary`` (money in all), the fifths ``R``, ``F``, ``M``, the ``code`` (``"545"``)
    and the ``segment``, one of :data:`SEGMENTS`. Customers who are equal in a measure share the
    fifth in which the middle of their ranks lies, so ties are never split and the order of the
    rows does not matter; a fifth can stay empty.
    """
    if convention not in ("independent", "nested"):
        raise DataError(f"convention={convention!r}: give 'independent' or 'nested'.")
    table = purchases(orders)
    end = _until(table, observation_end, "observation_end")
    by = table[table["date"] <= end].groupby("customer_id", sort=False)
    frame = pd.DataFrame(
        {
            "recency": (end - by["date"].max()).dt.days,
            "frequency": by["date"].nunique(),
            "monetary": by["amount"].sum(),
        }
    )
    # What adds up to the same cent is the same money.
    measures = {"R": -frame["recency"], "F": frame["frequency"], "M": frame["monetary"].round(2)}
    nested = convention == "nested"
    groups: list[pd.Series] = []
    for name, measure in measures.items():
        best_first = -measure if nested else measure
        frame[name] = equal_parts(best_first, 5, groups if nested else [])
        groups.append(frame[name])
    frame["code"] = frame["R"].astype(str) + frame["F"].astype(str) + frame["M"].astype(str)
    R, F, M = ((6 - frame[name]) if nested else frame[name] for name in measures)
    once = frame["frequency"] == 1
    frame["segment"] = np.select(
        [(R >= 4) & once, (R >= 4) & (F >= 4), R >= 4, R == 3, ~once & ((F >= 4) | (M >= 4))],
        ["Welcome", "Keep close", "Grow", "Remind", "Win back"],
        "Let rest",
    )
    frame.attrs = {"convention": convention, "observation_end": end.date().isoformat()}
    return frame


def segment_sizes(scored: pd.DataFrame) -> pd.DataFrame:
    """Count the segments of :func:`rfm`, and say what to do with each.

    Returns
    -------
    One row a segment of :data:`SEGMENTS`, also where nobody is in it: ``customers``,
    ``share_of_customers``, ``revenue``, ``share_of_revenue`` (missing where there is no revenue at
    all) and ``action``.
    """
    by = scored.groupby("segment")["monetary"].agg(["size", "sum"])
    by = by.reindex(pd.Index(SEGMENTS, name="segment")).fillna(0)
    total = by["sum"].sum()
    return pd.DataFrame(
        {
            "customers": by["size"].astype("int64"),
            "share_of_customers": by["size"] / len(scored),
            "revenue": by["sum"],
            "share_of_revenue": by["sum"] / total if total else np.nan,
            "action": pd.Series(SEGMENTS),
        }
    )


def concentration(value: pd.Series) -> pd.DataFrame:
    """How unevenly value is spread over customers: Lorenz curve, Gini, shares of the best.

    Parameters
    ----------
    value
        One number a customer: spend, margin, CLV. A customer worth 0 counts as a customer. A
        value below 0 has no place on a Lorenz curve: it counts as 0, and ``attrs`` say how many
        there were and how much money they stand for.

    Returns
    -------
    The Lorenz curve, the least valuable customer first, from (0, 0) to (1, 1): ``customers`` and
    ``value``, shares so far. ``attrs``: ``gini`` (0: all alike, near 1: one has all; of these
    customers, without a correction for sampling), ``top_tenth`` and ``top_fifth`` (share of value
    of the best 10% and 20%; a customer on the border counts in part), ``for_80_percent`` (share of
    the best customers that brings 80% of the value: 0.2 where the 80/20 rule holds),
    ``negative_customers``, ``negative_value``.

    Raises
    ------
    UndefinedError
        Where nobody is worth anything: there are no shares of nothing.
    """
    every = floats(value, "value")
    if not (every.size and np.isfinite(every).all()):
        raise DataError("value: give one finite number for each customer, and at least one.")
    ordered = np.sort(np.maximum(every, 0.0))
    if not ordered[-1] > 0:
        raise UndefinedError(
            "No customer is worth more than 0, so nobody has a share of the value. Is the column "
            "of amounts the right one?"
        )
    # In units of the best customer, the sum of any finite numbers is finite.
    ordered /= ordered[-1]
    size = len(ordered)
    customers = np.arange(size + 1) / size
    share = np.concatenate([[0.0], np.cumsum(ordered) / ordered.sum()])
    curve = pd.DataFrame({"customers": customers, "value": share})
    curve.attrs = {
        "gini": float(1 - (share[1:] + share[:-1]).sum() / size),
        "top_tenth": float(1 - np.interp(0.9, customers, share)),
        "top_fifth": float(1 - np.interp(0.8, customers, share)),
        "for_80_percent": float(1 - np.interp(0.2, share, customers)),
        "negative_customers": int((every < 0).sum()),
        "negative_value": float(every[every < 0].sum()),
    }
    return curve


def value_tiers(value: pd.Series, shares: tuple[float, float] = (0.1, 0.4)) -> pd.Series:
    """Tier of each customer: ``high`` (the best 10%), ``middle`` (the next 40%), ``low``.

    Parameters
    ----------
    value
        One number a customer: past revenue, expected CLV.
    shares
        Of all customers, in the first and in the second tier.

    Returns
    -------
    An ordered categorical, in the order of ``value``. Equal values share a tier: the one in which
    the middle of their ranks lies. ``attrs["least"]`` has the least value of each tier that
    somebody is in.
    """
    high, middle = floats(shares, "shares")
    if not (0 < high < 1 and 0 < middle < 1 and high + middle < 1):
        raise DataError(f"shares={shares!r}: give two shares above 0 that leave some for the rest.")
    if value.isna().any() or not len(value):
        raise DataError("value: give one number for each customer, and at least one.")
    place = (value.rank(method="average", ascending=False) - 0.5) / len(value)
    tier = pd.cut(place, [0, high, high + middle, 1], labels=list(TIERS), right=False)
    tier.attrs = {"least": value.groupby(tier, observed=True).min().to_dict()}
    return tier


def tier_movements(
    orders: Transactions | pd.DataFrame,
    first_end: str | pd.Timestamp | None = None,
    shares: tuple[float, float] = (0.1, 0.4),
) -> pd.DataFrame:
    """Who moved between tiers of revenue from one period to the next, and what it did to revenue.

    Parameters
    ----------
    first_end
        Last day of the first period; the second lasts from the day after to the last day
        observed, and the first is as long. Default: the middle of the observed time.
    shares
        As in :func:`value_tiers`, of the buyers of the first period. Their limits in money hold
        in the second period too, so that a better base shows.

    Returns
    -------
    One row a pair of ``before`` and ``after``: a tier, ``silent`` (a customer who bought nothing
    in the period) or, before only, ``not yet`` (a customer). Columns ``customers``,
    ``revenue_before``, ``revenue_after``. The rows other than ``not yet`` add up to the base at
    the end of the first period, all rows to that at the end of the second; ``attrs`` have both
    (``base_before``, ``base_after``), the periods (``first``, ``second``) and ``least``, the
    limits in money.
    """
    table = purchases(orders)
    end = _until(table, None, "observation_end")
    start = table["date"].min()
    # Rounded down, so that the first day observed belongs to the first period.
    cut = start + pd.Timedelta(days=max(0, ((end - start).days - 1) // 2))
    if first_end is not None:
        cut = _until(table, first_end, "first_end")
    if not cut < end:
        raise DataError(f"first_end={cut.date()} leaves no second period before {end.date()}.")
    date, known = table["date"], table["date"] <= end
    first = (date > cut - (end - cut)) & (date <= cut)
    second = (date > cut) & known
    spent = [table[rows].groupby("customer_id")["amount"].sum() for rows in (first, second)]
    if spent[0].empty:
        raise DataError(f"Nobody bought in the {(end - cut).days} days to {cut.date()}.")
    tier = value_tiers(spent[0], shares)
    limits = tier.attrs["least"]
    bases = [pd.Index(table.loc[date <= day, "customer_id"].unique()) for day in (cut, end)]
    after = pd.Series(TIERS[2], spent[1].index, dtype=object)
    for name in ("middle", "high"):
        if name in limits:
            after[spent[1] >= limits[name]] = name
    moves = pd.DataFrame(
        {
            "before": tier.astype(object).reindex(bases[1]),
            "after": after.reindex(bases[1]).fillna(SILENT),
            "revenue_before": spent[0].reindex(bases[1]).fillna(0.0),
            "revenue_after": spent[1].reindex(bases[1]).fillna(0.0),
        }
    )
    away = np.where(moves.index.isin(bases[0]), SILENT, NOT_YET)
    moves["before"] = moves["before"].fillna(pd.Series(away, moves.index))
    by = moves.groupby(["before", "after"])
    answer = by[["revenue_before", "revenue_after"]].sum()
    answer.insert(0, "customers", by.size())
    pairs = [(b, a) for b in (*TIERS, SILENT, NOT_YET) for a in (*TIERS, SILENT)][:-1]
    answer = answer.reindex(pd.MultiIndex.from_tuples(pairs, names=["before", "after"])).fillna(0)
    answer["customers"] = answer["customers"].astype("int64")
    days = [
        max(start, cut - (end - cut) + pd.Timedelta(days=1)),
        cut,
        cut + pd.Timedelta(days=1),
        end,
    ]
    text = [day.date().isoformat() for day in days]
    answer.attrs = {
        "base_before": len(bases[0]),
        "base_after": len(bases[1]),
        "first": tuple(text[:2]),
        "second": tuple(text[2:]),
        "least": limits,
    }
    return answer


def trend(
    orders: Transactions | pd.DataFrame, period: Literal["W", "M", "Q", "Y"] = "M"
) -> pd.DataFrame:
    """Who bought and how much, by calendar period: what revenue is made of, and how it changes.

    Returns
    -------
    One row a period: ``customers`` who bought, ``new_customers`` among them, ``orders`` (days with
    a purchase, over customers), ``revenue``, ``orders_per_customer``, ``revenue_per_order``
    (revenue is the product of customers and these two; missing where nobody bought) and
    ``change_on_year`` (revenue against the same period of the year before, minus 1; missing
    without one). A last period that is not over is missing; ``attrs["unfinished"]`` names it.
    """
    if period not in ("W", "M", "Q", "Y"):
        raise DataError(f"period={period!r}: give 'W', 'M', 'Q' or 'Y'.")
    table = purchases(orders)
    end = _until(table, None, "observation_end")
    daily = table.groupby(["customer_id", "date"], sort=False)["amount"].sum().reset_index()
    when = pd.PeriodIndex(daily["date"].dt.to_period(period), name="period")
    by = daily.groupby(when)
    joined = daily.groupby("customer_id")["date"].min().dt.to_period(period)
    last = pd.Period(end, period)
    every = pd.period_range(when.min(), last, name="period")
    frame = pd.DataFrame(
        {
            "customers": by["customer_id"].nunique(),
            "new_customers": joined.value_counts(),
            "orders": by.size(),
            "revenue": by["amount"].sum(),
        }
    ).reindex(every)
    frame = frame.fillna(0.0)
    bought = frame["orders"] > 0
    frame["orders_per_customer"] = frame["orders"].where(bought) / frame["customers"].where(bought)
    frame["revenue_per_order"] = frame["revenue"] / frame["orders"].where(bought)
    back = {"W": 52, "M": 12, "Q": 4, "Y": 1}[period]
    ago = frame["revenue"].shift(back)
    frame["change_on_year"] = frame["revenue"] / ago.where(ago > 0) - 1
    unfinished = last.end_time.normalize() > end
    if unfinished:
        frame.loc[last] = np.nan
    frame.attrs = {"period": period, "unfinished": str(last) if unfinished else None}
    return frame


def early_value(orders: Transactions | pd.DataFrame, days: int = 365) -> pd.Series:
    """Spend of each customer in the first ``days`` days, for those observed that long.

    The day of the first purchase is the first of them. Values at equal age can be compared;
    spend to date cannot, because older customers have had more time.
    """
    days = whole_number(days, "days")
    table = purchases(orders)
    end = _until(table, None, "observation_end")
    first = table.groupby("customer_id", sort=False)["date"].min()
    age = (table["date"] - table["customer_id"].map(first)).dt.days
    early = table["amount"].where(age < days, 0.0).groupby(table["customer_id"], sort=False).sum()
    answer = pd.Series(early[(end - first).dt.days >= days - 1])
    if answer.empty:
        raise DataError(
            f"No customer has been observed for {days:,} days; the oldest for "
            f"{int((end - first).dt.days.max()) + 1:,}. Take fewer days."
        )
    answer.attrs = {"days": days}
    answer.name = "early_value"
    return answer


def equal_parts(values: pd.Series, count: int, groups: Sequence[pd.Series] = ()) -> pd.Series:
    """Equal parts of the customers, or of each group of them, 1 the least; ties stay together."""
    one = [pd.Series(0, values.index)]
    by = values.groupby(list(groups) or one)
    # Twice the rank is a whole number: no border is crossed by rounding.
    twice = (2 * by.rank(method="average")).to_numpy().astype("int64")
    size = by.transform("size").to_numpy("int64")
    return pd.Series((twice - 1) * count // (2 * size) + 1, values.index)


def _until(table: pd.DataFrame, day: str | pd.Timestamp | None, name: str) -> pd.Timestamp:
    """The last day that counts: ``day``, or the table's own, or the last purchase."""
    kept = table.attrs.get("observation_end")
    last = table["date"].max() if kept is None else pd.Timestamp(kept)
    return observed_until(table["date"].min(), last, day, name)
