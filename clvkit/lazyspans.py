"""Movements of contracts that stay in their engine: the rules of ``clvkit.spans`` (narwhals)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from clvkit import engines, reading
from clvkit.arguments import whole_number
from clvkit.errors import DataError
from clvkit.expressions import dates, day_number, fetch, first_of, ids, numbers, ordinal, titles
from clvkit.spans import Day, Observed, nothing_ran, observed, today

MOVES = ("new", "reactivation", "expansion", "contraction", "churn")
_NAMES = ("customer_id", "start", "end", "mrr")


@dataclass(frozen=True)
class Contracts(Observed):
    """Contracts in an engine: ``rows`` under the contract's names, all of which can be used."""

    rows: Any
    grace: int

    def flows(self, index: pd.PeriodIndex) -> pd.DataFrame:
        """What moved in each period, by kind, from one query.

        ``period`` is a place in ``index``, -1 for all that came before it, ``kind`` a place in
        ``MOVES``, -1 for none; ``size`` the money that moved, in whole units; ``customers`` how
        many; ``close`` what they paid at the end of it, and ``there`` how many paid anything.
        """
        who, when, change = nw.col("customer_id"), nw.col("period"), nw.col("change")
        freq = index.freqstr.split("-")[0]
        place = ordinal(nw.col("date"), freq) - int(index[0].ordinal)
        before = nw.col("date") < _date(self.first)
        moved = (
            self._changes()
            .with_columns(period=nw.when(before).then(nw.lit(-1, nw.Int64)).otherwise(place))
            .group_by(who, when)
            .agg(change.sum().cast(nw.Int64))
            .with_columns(
                close=change.cum_sum().over("customer_id", order_by="period").cast(nw.Int64),
                begun=when.min().over("customer_id"),
            )
        )
        opened, close = nw.col("close") - change, nw.col("close")
        arrived = (opened == 0) & (close > 0)
        kinds = [
            (arrived & (when == nw.col("begun")), 0),
            (arrived, 1),
            ((opened > 0) & (close > opened), 2),
            ((opened > 0) & (close > 0) & (close < opened), 3),
            ((opened > 0) & (close == 0), 4),
        ]
        found = fetch(
            moved.with_columns(
                kind=first_of(kinds, nw.lit(-1)),
                size=change.abs(),
                there=(close > 0).cast(nw.Int64),
            )
            .group_by("period", "kind")
            .agg(nw.col("size", "close", "there").sum(), nw.len().alias("customers"))
        )
        if found.empty:
            raise nothing_ran(self.last)
        return found.astype("int64")

    def _changes(self) -> Any:
        """What changed for each customer on each ``date``, gaps of ``grace`` days closed."""
        amount = (nw.col("mrr") * self.scale + 0.5).floor().cast(nw.Int64)
        start, end, last = nw.col("start"), nw.col("end"), _date(self.last)
        rows = self.rows.with_columns(amount=amount).filter(
            nw.col("amount") > 0, start <= last, end.is_null() | (start < end)
        )
        begins = rows.select("customer_id", start.alias("date"), nw.col("amount").alias("change"))
        over = rows.filter(end <= last)
        ends = over.select("customer_id", end.alias("date"), (-nw.col("amount")).alias("change"))
        changes = nw.concat([begins, ends])
        if not self.grace:
            return changes
        days = (
            changes.group_by("customer_id", "date")
            .agg(nw.col("change").sum().cast(nw.Int64))
            .filter(nw.col("change") != 0)
            .with_columns(
                after=nw.col("change").cum_sum().over("customer_id", order_by="date"),
                back=nw.col("date").shift(-1).over("customer_id", order_by="date"),
            )
        )
        gap = day_number(nw.col("back")) - day_number(nw.col("date"))
        # Who is back in time has left when they came back, that is not at all.
        bridged = (nw.col("after") == 0) & (gap <= self.grace)
        date = nw.when(bridged).then(nw.col("back")).otherwise(nw.col("date"))
        return days.select("customer_id", date.alias("date"), "change")


def contracts(table: Any, start: Day, end: Day, grace_days: int) -> Contracts:
    """Look at a clean table of contracts in an engine; parameters as in ``clvkit.spans.ledger``.

    Raises
    ------
    DataError
        Where rows need a receipt first, or nothing has been observed.
    """
    names = titles(table, "subscriptions")
    for name in ("start", "end"):
        table = engines.in_zone(table, names[name], "UTC")
    schema = table.collect_schema()
    rows = table.select(
        ids(table, names["customer_id"], schema[names["customer_id"]]).alias("customer_id"),
        *(dates(names[n], schema[names[n]], "UTC").alias(n) for n in ("start", "end")),
        numbers(names["mrr"], schema[names["mrr"]]).alias("mrr"),
    )
    who, begin, stop, mrr = (nw.col(name) for name in _NAMES)
    nobody = who.is_null()
    if schema[names["customer_id"]] == nw.String:
        nobody = nobody | who.is_in(reading.NO_IDS)
    first, last = reading.FIRST_DAY.date(), reading.last_day().date()
    good = ~nobody & (begin >= first) & (begin <= last) & (mrr >= 0) & (mrr < reading.TOO_LARGE)
    good = good & (stop.is_null() | (stop >= begin))
    past = _date(today())
    found = fetch(
        rows.with_columns(
            # What cannot be compared is unknown, and no good.
            good=nw.when(good).then(nw.lit(1)).otherwise(nw.lit(0)),
            begun=nw.when(begin <= past).then(begin),
            ended=nw.when(stop <= past).then(stop),
        ).select(
            nw.len().alias("rows"), nw.col("good", "mrr").sum(), begin.min().alias("earliest"),
            nw.col("begun", "ended").max(), who.min().alias("one"), who.max().alias("other"),
        )
    ).iloc[0]  # fmt: skip
    if not found["rows"]:
        raise DataError("The table has column names but no rows.")
    if lost := int(found["rows"] - found["good"]):
        raise DataError(
            f"{lost:,} of {found['rows']:,} rows of this table cannot be used. Call "
            "clv.read_subscriptions(table) first: its receipt says which and why."
        )
    if found["one"] == found["other"]:
        raise DataError(
            f"All {found['rows']:,} subscriptions are of one customer, {str(found['one'])!r}; "
            "nothing can be said about customers from one. Is customer_id the right column?"
        )
    known = [_number(found[name]) for name in ("begun", "ended") if pd.notna(found[name])]
    latest = max(known, default=None)
    seen = observed(start, end, _number(found["earliest"]), latest, float(found["mrr"]))
    return Contracts(
        **vars(seen), rows=rows, grace=whole_number(grace_days, "grace_days", 0)
    )  # fmt: skip


def _date(day: int) -> Any:
    return pd.Timestamp(day, unit="D").date()


def _number(day: Any) -> int:
    return int(np.datetime64(day, "D").astype("int64"))
