"""One expression for each question, over tables that stay in their engine (narwhals)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from clvkit import engines, reading
from clvkit.contracts import CONTRACTS
from clvkit.errors import DataError
from clvkit.expressions import (
    dates,
    day_number,
    fetch,
    first_of,
    ids,
    labels,
    numbers,
    ordinal,
    titles,
)
from clvkit.tables import LATE, REFUND

_KEY = ("customer_id", "date")
_COLUMNS = {column.name: column for column in CONTRACTS["transactions"].columns}
NUMBERS = ("money", "number")
FINE, BACK = "not in whole cents", "a refund to be netted"
"""Marks of rows that can be used, but not as they are."""
# A day and the money of a customer on it in one whole number: the least is the first day.
_ROOM = 2**42


@dataclass(frozen=True)
class Daily:
    """One row a customer and day with a purchase: ``customer_id``, ``date``, ``money``, ``rows``.

    ``money`` is in ``1 / scale`` of the currency; ``first`` and ``end`` are the first purchase and
    the last day observed; ``total`` is the sum of all money.
    """

    frame: Any
    scale: float
    first: pd.Timestamp
    end: pd.Timestamp
    total: float

    def until(self, end: pd.Timestamp) -> Any:
        """The days up to ``end``."""
        return self.frame.filter(nw.col("date") <= end.date()) if end < self.end else self.frame


@dataclass(frozen=True)
class Tally:
    """What a pass over checked rows counted, by reason; the rows without one have None."""

    rows: dict[str | None, int]
    money: dict[str | None, Decimal]
    scale: float
    first: pd.Timestamp
    last: pd.Timestamp


def checked(
    frame: Any, names: Mapping[str, str], end: pd.Timestamp | None, refunds: str, timezone: str,
    places: Sequence[str] = (),
) -> Any:  # fmt: skip
    """The rows under the contract's names, each with the ``reason`` why it is set aside, or None.

    The rules are those of :func:`clvkit.read_transactions` for columns that have a type. Text
    where a date or a number is expected is refused: an engine would read it in its own way.
    ``under`` and ``under_finely`` are for :func:`fold`.
    """
    frame = engines.in_zone(frame, names["date"], timezone)
    schema = frame.collect_schema()
    kinds = {name: schema[title] for name, title in names.items()}
    date = dates(names["date"], kinds["date"], timezone)
    columns = [date.alias("date")]
    for name, title in names.items():
        column, kind = _COLUMNS[name], kinds[name]
        if name == "customer_id":
            columns.append(ids(frame, title, kind).alias(name))
        elif column.kind in NUMBERS:
            number = numbers(title, kind)
            if not column.required:
                there, kept = number, number.abs() < reading.TOO_LARGE
                number = nw.when(kept).then(number)
                lost = ~kept & ~there.is_nan()
                columns.append(lost.cast(nw.Int64).alias(f"lost {name}"))
            columns.append(number.alias(name))
        elif name != "date":
            columns.append(labels(title, kind, column).alias(name))
    rows = frame.select(*columns, *(nw.col(place) for place in places))
    return _judged(rows, kinds["customer_id"], end, refunds)


def _judged(rows: Any, kind: Any, end: pd.Timestamp | None, refunds: str) -> Any:
    """``rows`` with the reasons, the first that holds, and what they are folded under."""
    who, when, money = nw.col("customer_id"), nw.col("date"), nw.col("amount")
    nobody = who.is_null()
    if kind == nw.String:
        nobody = nobody | who.is_in(reading.NO_IDS)
    first, last = reading.FIRST_DAY.date(), reading.last_day().date()
    nothing = money.is_null() | money.is_nan()
    masks = {
        "customer_id": [nobody],
        "date": [when.is_null(), when > last, when < first],
        "amount": [nothing | ~money.is_finite(), money.abs() >= reading.TOO_LARGE],
    }
    empty = who.is_null() if kind != nw.String else who.is_null() | (who == "")
    chain = [(empty & when.is_null() & nothing, reading.EMPTY[0])]
    for name, conditions in masks.items():
        chain += zip(conditions, reading.unusable(_COLUMNS[name]), strict=True)
    if end is not None:
        chain.append((when > end.date(), LATE[0]))
        last = min(last, end.date())
    if refunds == "set_aside":
        chain.append((money < 0, REFUND[0]))
    mark = marks()
    marked = [(condition, mark[reason]) for condition, reason in chain]
    # What nearly all rows are is asked first.
    bought = ~nobody & (when >= first) & (when <= last) & (money >= 0) & (money < reading.TOO_LARGE)
    whole = nw.col("cents") / 100 == money
    return rows.with_columns(cents=(money * 100).round()).with_columns(
        reason=first_of(chain, nw.lit(None, nw.String)),
        under=nw.when(bought & whole)
        .then(when)
        .otherwise(first_of([*marked, (~whole, mark[FINE])], mark[BACK])),
        under_finely=nw.when(bought).then(when).otherwise(first_of(marked, mark[BACK])),
    )


def remedies() -> dict[str, str]:
    """What to do about each reason."""
    found = dict([reading.EMPTY, LATE, REFUND])
    for name in CONTRACTS["transactions"].required:
        found |= reading.unusable(_COLUMNS[name])
    return found


def lost_cells(rows: Any, names: Sequence[str]) -> dict[str, int]:
    """How many cells of optional columns with numbers are none, in rows that are used."""
    flags = [f"lost {name}" for name in names]
    kept = rows.filter(nw.col("reason").is_null()).select(nw.col(*flags).sum())
    return {name: int(count or 0) for name, count in zip(names, fetch(kept).iloc[0], strict=True)}


def tally(rows: Any) -> Tally:
    """Count rows and money by reason, in one pass."""
    cents = nw.when(nw.col("cents").is_finite()).then(nw.col("cents"))
    rest = nw.col("amount") - cents / 100
    fine = nw.col("reason").is_null() & (rest != 0)
    found = (
        rows.with_columns(cents=cents, rest=rest, fine=fine.cast(nw.Int64))
        .group_by("reason")
        .agg(
            nw.len().alias("rows"), nw.col("cents", "rest", "fine").sum(),
            nw.col("date").min().alias("first"), nw.col("date").max().alias("last"),
        )
    )  # fmt: skip
    found = fetch(found)
    found["reason"] = found["reason"].astype("object").where(found["reason"].notna(), None)
    found = found.set_index("reason")
    used = found[found.index.isna()]
    money = found["cents"].fillna(0.0).map(lambda c: Decimal(int(c)) / 100)
    money += found["rest"].fillna(0.0).map(lambda rest: Decimal(repr(round(rest, 8))))
    return Tally(
        dict(zip(found.index, map(int, found["rows"]), strict=True)),
        dict(zip(found.index, money, strict=True)),
        1.0 if used["fine"].sum() else 100.0,
        used["first"].min(), used["last"].max(),
    )  # fmt: skip


def by_day(rows: Any, scale: float) -> Any:
    """Checked and used rows, one for each customer and day."""
    return _grouped(rows, nw.col("amount") if scale == 1 else (nw.col("amount") * 100).round())


def _grouped(rows: Any, money: Any) -> Any:
    grouped = rows.with_columns(money=money).group_by(*_KEY)
    return grouped.agg(nw.col("money").sum(), nw.len().alias("rows"))


def marks() -> dict[str, dt.date]:
    """Days before all days, under which rows are folded that are no purchases as they are."""
    what = [FINE, BACK, *remedies()]
    return {one: dt.date(1900, 1, 1 + place) for place, one in enumerate(what)}


def fold(rows: Any, scale: float) -> Any:
    """Check and fold in one pass: :func:`by_day`, and what is no purchase under its mark."""
    under, money = ("under_finely", "amount") if scale == 1 else ("under", "cents")
    return _grouped(rows.with_columns(date=nw.col(under)), nw.col(money))


def scale_of(rows: Any) -> float:
    """100 where the first rows are in whole cents, else 1; others may follow."""
    fine = (nw.col("cents") / 100 != nw.col("amount")).cast(nw.Int64)
    found = fetch(rows.head(10_000).select(fine=fine).select(nw.col("fine").max()))
    return 1.0 if found["fine"].iloc[0] == 1 else 100.0


def plain(folded: Any) -> Any:
    """The days of :func:`fold` without what stands under a mark."""
    return folded.filter(nw.col("date") >= reading.FIRST_DAY.date())


def marked(folded: Any) -> pd.DataFrame:
    """``rows`` and ``money`` of each mark that is there."""
    there = folded.filter(nw.col("date") < reading.FIRST_DAY.date())
    found = fetch(there.group_by("date").agg(nw.col("rows", "money").sum()))
    names = {day: what for what, day in marks().items()}
    found.index = pd.Index([names[day.date()] for day in found.pop("date")])
    return found


def purchases(table: Any) -> Daily:
    """The days of a clean table that somebody hands over.

    Raises
    ------
    DataError
        Where rows cannot be counted as purchases: those need a receipt.
    """
    rows = checked(table, titles(table, "transactions"), None, "set_aside", "UTC")
    count = tally(rows)
    lost = sum(number for reason, number in count.rows.items() if reason is not None)
    if lost or None not in count.rows:
        raise DataError(
            f"{lost:,} of {sum(count.rows.values()):,} rows of this table cannot be counted as "
            "purchases. Call clv.scan_transactions(table) first: its receipt says which and why."
        )
    days = by_day(rows, count.scale)
    return Daily(days, count.scale, count.first, count.last, float(count.money[None]))


def summarize(days: Daily, unit: float, end: pd.Timestamp) -> Any:
    """The columns of :func:`clvkit.summarize`, one row a customer, in the engine."""
    money, day, date = nw.col("money"), nw.col("day"), nw.col("date")
    frame = days.until(end)
    if days.scale == 100 and days.total * 100 < _ROOM / 2:
        key, first = nw.col("key"), nw.col("first")
        customers = (
            frame.with_columns(key=day_number(date) * _ROOM + money.cast(nw.Int64))
            .group_by("customer_id")
            .agg(nw.len().alias("days"), date.max(), key.min(), money.sum())
            .with_columns(first=key // _ROOM, last=day_number(date))
            .with_columns(later=money - (key - first * _ROOM))
        )
    else:
        frame = frame.with_columns(day=day_number(date))
        begun = frame.group_by("customer_id").agg(day.min().alias("first"))
        later = nw.when(day > nw.col("first")).then(money).otherwise(nw.lit(0.0))
        customers = (
            frame.join(begun, on="customer_id")
            .with_columns(later=later)
            .group_by("customer_id", "first")
            .agg(nw.len().alias("days"), day.max().alias("last"), nw.col("later").sum())
        )
    last = (end - pd.Timestamp(0)).days
    frequency = nw.col("days").cast(nw.Int64) - 1
    return customers.select(
        nw.col("customer_id").cast(nw.String),
        frequency.alias("frequency"),
        ((nw.col("last") - nw.col("first")) / unit).alias("recency"),
        ((last - nw.col("first")) / unit).alias("T"),
        nw.when(frequency > 0)
        .then(nw.col("later") / days.scale / frequency)
        .alias("monetary_value"),
    )


def cohorts(days: Daily, period: str, end: pd.Timestamp) -> pd.DataFrame:
    """What each cohort did at each age: ``joined`` and ``age`` (ordinals), and three counts."""
    date, when = nw.col("date"), nw.col("when")
    active = (
        days.until(end)
        .with_columns(when=ordinal(date, period))
        .group_by("customer_id", "when")
        .agg(nw.len().alias("orders"), nw.col("money").sum().alias("revenue"))
    )
    joined = active.group_by("customer_id").agg(when.min().alias("joined"))
    cells = (
        active.join(joined, on="customer_id")
        .group_by("joined", "when")
        .agg(nw.len().alias("customers"), nw.col("orders", "revenue").sum())
    )
    cells = fetch(cells)
    cells["age"] = cells["when"] - cells["joined"]
    cells["revenue"] = cells["revenue"].astype("float64") / days.scale
    counts = ["customers", "orders", "revenue"]
    return cells.astype(dict.fromkeys(counts, "float64")).sort_values(["joined", "age"])


def grouped_counts(table: Any, columns: Sequence[str]) -> pd.DataFrame:
    """The distinct rows of ``columns``, sorted, with how many rows each stands for: ``weights``."""
    found = fetch(table.group_by(*columns).agg(nw.len().alias("weights")))
    numbers = found.astype("float64").sort_values(list(columns), ignore_index=True)
    return numbers.replace([np.inf, -np.inf], np.nan)
