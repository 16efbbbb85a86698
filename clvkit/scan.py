"""Purchases that stay where they are: files larger than memory, and tables of an engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import narwhals as nw
import numpy as np
import pandas as pd

from clvkit import engines, lazy, parsing, reading
from clvkit.batches import in_batches, keeper, net
from clvkit.contracts import CONTRACTS
from clvkit.errors import DataError
from clvkit.expressions import fetch, titles
from clvkit.pieces import LISTED, Found, open_files, paths_of
from clvkit.receipts import Receipt, total
from clvkit.tables import (
    UNMATCHED,
    WITH_AMOUNT,
    Transactions,
    note_in_part,
    notes,
    observation_end_of,
    refuse_unknown,
)
from clvkit.workspace import Workspace

_COLUMNS = ["customer_id", "date", "amount"]


@dataclass(frozen=True, kw_only=True)
class Scanned(Transactions):
    """Clean purchases in an engine, and the receipt of how they came about.

    ``table``: the engine's own table, one row a customer and day with a purchase: ``customer_id``
    as the source holds it, ``date``, ``money`` (in cents where all amounts are whole cents) and
    ``rows``. ``receipt.rows_set_aside`` lists the first 100,000 rows; the counts are of all.
    """

    days: lazy.Daily
    workspace: Workspace | None

    def __enter__(self) -> Scanned:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def keep(self, frame: Any, name: str) -> Any:
        """Work ``frame`` out once and keep it under ``name`` in the engine."""
        return keeper(self.workspace)(frame, name)

    def in_batches(self, frame: Any, answer: Callable[[pd.DataFrame], pd.DataFrame]) -> Any:
        """What ``answer`` makes of ``frame``, some thousands of rows at a time, in the engine."""
        return in_batches(frame, answer, self.workspace)

    def close(self) -> None:
        """Remove the temporary folder; it is removed at the end of the program in any case."""
        if self.workspace is not None:
            self.workspace.close()


def scan_transactions(
    source: Any,
    columns: Mapping[str, str] | None = None,
    *,
    query: str | None = None,
    refunds: Literal["net", "set_aside"] = "net",
    observation_end: str | pd.Timestamp | None = None,
    date_format: str | None = None,
    decimal: Literal[".", ","] | None = None,
    timezone: str = "UTC",
    memory_limit: str = "2GB",
) -> Scanned:
    """Read purchases that are too many for memory, and account for every row.

    The rules and the receipt are those of :func:`clvkit.read_transactions`; what that can only
    decide by looking at a whole column has to be said here. CSV is UTF-8, and amounts that could
    have a decimal comma need ``decimal``. Text columns of a table in an engine are cast there.

    Parameters
    ----------
    source
        A CSV or Parquet file, a folder of them, a DuckDB relation or a Spark table; or a
        connection string, ``duckdb:PATH`` or ``spark:MASTER``, with ``query``.
    query
        Behind a connection string the name of a table, or a SELECT.
    columns, refunds, observation_end, date_format, decimal, timezone
        As in :func:`clvkit.read_transactions`. Other columns than the required ones only serve to
        tell whether a row repeats another.
    memory_limit
        What DuckDB may use; beyond that it works on disk, where temporary files lie. This process
        needs about 1.5 GB besides.

    Returns
    -------
    An object with ``table`` and ``receipt``, for :func:`clvkit.summarize`,
    :func:`clvkit.cohort_table` and :func:`clvkit.score`. Used with ``with`` it is cleared at once.

    Raises
    ------
    DataError
        Where the table cannot be used; the message names the file, the column and the row.
    """
    refuse_unknown(refunds)
    parsing.zone_of(timezone)
    end = observation_end_of(observation_end, {})
    options = reading.Options(date_format, decimal, timezone, complete=False)
    if isinstance(source, str) and source.startswith(engines.SCHEMES):
        source = engines.connect(source, query, timezone)
    elif query is not None:
        raise DataError(f"query={query!r} belongs to a connection string; leave it out.")
    frame, workspace, name = engines.lazy(source), None, "the table"
    found, places = Found(), list[str]()
    try:
        if frame is None:
            paths = paths_of(source)
            name = Path(source).name
            workspace = Workspace(memory_limit, timezone)
            frame, names, places = open_files(
                paths, columns, options, workspace, found, end, refunds
            )
        else:
            names = titles(frame, "transactions", columns)
            if not engines.is_spark(frame):
                workspace = Workspace(memory_limit, timezone)
                frame = workspace.copy(frame.select(list(names.values())).to_native())
        rows = lazy.checked(frame, names, end, refunds, timezone, places)
        return _account(rows, name, workspace, found, names, places, end)
    except Exception as error:
        if workspace is not None:
            workspace.close()
        if isinstance(error, DataError) and not str(error).startswith(name):
            raise DataError(f"{name}: {error}") from error
        raise


def _account(
    rows: Any, name: str, workspace: Workspace | None, found: Found, names: Mapping[str, str],
    places: list[str], end: pd.Timestamp | None,
) -> Scanned:  # fmt: skip
    """Check and fold rows into days in one pass, net the refunds, and write the receipt."""
    _note_lost(rows, names, places, found)
    folded, scale = _folded(rows, workspace)
    marked = lazy.marked(folded)
    days = lazy.plain(folded) if len(marked) else folded
    totals = _totals(days)
    used = rows.filter(nw.col("reason").is_null()) if len(marked) else rows
    used = used.select(*names, *places)
    back = marked.reindex([lazy.BACK]).fillna(0.0).iloc[0]
    rows_used, money = totals["rows"] + int(back["rows"]), totals["money"] + float(back["money"])
    aside = marked["rows"].drop(lazy.BACK, errors="ignore")
    _set_aside(rows, aside, [*names, *places], found)
    if scale == 1 and rows_used:
        money_used = lazy.tally(rows).money[None]
    else:
        money_used = Decimal(int(money)) / 100
    fates: dict[str, int] = {}
    if rows_used > totals["rows"]:
        used, days, fates, alone = net(used, days, scale, workspace)
        totals = _totals(days)
        if len(alone):
            lost = total(alone["amount"])
            found.add(UNMATCHED[0], len(alone), lost)
            found.remedies[UNMATCHED[0]] = UNMATCHED[1]
            alone = alone.assign(reason=UNMATCHED[0], money=alone["amount"])
            found.listed.append(found.located(alone).rename(columns=found.titles))
            rows_used, money_used = rows_used - len(alone), money_used - lost
    _refuse_none(rows_used, fates, found)
    if totals["customers"] == 1:
        raise DataError(
            "all purchases are of one customer; nothing can be said about customers from one. Is "
            "customer_id the right column?"
        )
    same_day = totals["rows"] - totals["days"]
    zeros, repeated = _same_day(used, days, list(names)) if same_day else (0, 0)
    said = notes(
        fates.get("netted", 0), fates.get("cancelled", 0), zeros + totals["zeros"], repeated,
        same_day,
    )  # fmt: skip
    in_part = fates.get("reduced", 0) if WITH_AMOUNT.intersection(names) else 0
    listed = _listed(found, places)
    receipt = Receipt(
        source=name,
        rows_in=rows_used + sum(found.rows.values()),
        rows_used=rows_used,
        money_in=money_used + sum(found.money.values(), Decimal(0)),
        money_used=money_used,
        set_aside=_by_reason(found, listed),
        rows_set_aside=listed,
        refunds_netted=fates.get("netted", 0),
        purchases_cancelled=fates.get("cancelled", 0),
        notes=(*found.notes(), *note_in_part(in_part), *said),
        money_column="amount",
    )
    last = pd.Timestamp(totals["last"]) if end is None else end
    daily = lazy.Daily(days, scale, pd.Timestamp(totals["first"]), last, totals["money"] / scale)
    return Scanned(days.to_native(), receipt, days=daily, workspace=workspace)


def _folded(rows: Any, workspace: Workspace | None) -> tuple[Any, float]:
    """The rows folded into days, kept in the engine, and the scale of their money."""
    keep, scale = keeper(workspace), lazy.scale_of(rows)
    folded = keep(lazy.fold(rows, scale), "folded")
    if lazy.FINE in lazy.marked(folded).index:
        scale = 1.0
        folded = keep(lazy.fold(rows, scale), "folded_finely")
    return folded, scale


def _note_lost(rows: Any, names: Mapping[str, str], places: list[str], found: Found) -> None:
    """Count cells of optional columns that were left empty, and find the first."""
    kinds = {column.name: column for column in CONTRACTS["transactions"].columns}
    read = [n for n in names if kinds[n].kind in lazy.NUMBERS and not kinds[n].required]
    for name, count in (lazy.lost_cells(rows, read) if read else {}).items():
        if count and places:
            lost = rows.filter(nw.col("reason").is_null(), nw.col(f"lost {name}") == 1)
            first = fetch(lost.select(*places).sort(*places).head(1)).iloc[0]
            found.empty(name, count, str(first["file"]), f"row {first['row']}")
        elif count:
            found.empty(name, count, "", "")


def _set_aside(rows: Any, counts: pd.Series, columns: list[str], found: Found) -> None:
    """Count the rows set aside in an engine and list them, with their ``columns``."""
    if counts.empty:
        return
    bad = rows.filter(~nw.col("reason").is_null())
    listed = fetch(bad.select(*columns, "reason").head(LISTED))
    listed["money"] = listed["amount"].where(np.isfinite(listed["amount"]))
    found.listed.append(listed)
    if counts.sum() <= LISTED:
        money = listed.groupby("reason")["money"].agg(total)
    else:
        money = pd.Series(lazy.tally(bad).money)
    for reason, count in zip(map(str, counts.index), map(int, counts), strict=True):
        found.add(reason, count, money[reason])
        found.remedies[reason] = lazy.remedies()[reason]


def _refuse_none(rows_used: int, fates: Mapping[str, int], found: Found) -> None:
    if rows_used and fates.get("netted", 0) + fates.get("cancelled", 0) == rows_used:
        raise DataError(
            f"refunds cancel every one of the {fates.get('cancelled', 0):,} purchases. Are the "
            "signs of the amounts right? refunds='set_aside' leaves refunds out."
        )
    if not rows_used:
        aside = sum(found.rows.values())
        if not aside:
            raise DataError("there are column names but no rows. Was the export too narrow?")
        why = max(found.rows, key=lambda reason: found.rows[reason])
        raise DataError(
            f"none of the {aside:,} rows can be used (most: {why}). "
            f"{found.remedies[why][0].upper()}{found.remedies[why][1:]}."
        )


def _totals(days: Any) -> dict[str, Any]:
    nothing = ((nw.col("rows") == 1) & (nw.col("money") == 0)).cast(nw.Int64)
    found = fetch(
        days.with_columns(nothing=nothing).select(
            nw.col("money", "rows", "nothing").sum(), nw.len().alias("days"),
            nw.col("date").min().alias("first"), nw.col("date").max().alias("last"),
            nw.col("customer_id").min().alias("one"), nw.col("customer_id").max().alias("other"),
        )
    ).iloc[0]  # fmt: skip
    return {
        "money": float(found["money"] or 0), "rows": int(found["rows"] or 0),
        "days": int(found["days"]), "zeros": int(found["nothing"] or 0),
        "first": found["first"], "last": found["last"],
        "customers": 1 if found["one"] == found["other"] else 2,
    }  # fmt: skip


def _same_day(used: Any, days: Any, columns: list[str]) -> tuple[int, int]:
    """Of purchases that share a day: how many are for nothing, and how many repeat another."""
    several = days.filter(nw.col("rows") > 1).select("customer_id", "date")
    again = used.join(several, on=["customer_id", "date"], how="semi").group_by(*columns)
    count = nw.col("count")
    found = again.agg(nw.len().alias("count")).select(
        nothing=nw.when(nw.col("amount") == 0).then(count).otherwise(nw.lit(0)), extra=count - 1
    )
    sums = fetch(found.select(nw.all().sum())).iloc[0]
    return int(sums["nothing"] or 0), int(sums["extra"] or 0)


def _listed(found: Found, places: list[str]) -> pd.DataFrame:
    """The rows set aside, in the order of the source where it has one."""
    if not found.listed:
        return pd.DataFrame(columns=[*places, *_COLUMNS, "reason", "remedy", "money"])
    aside = pd.concat(found.listed, ignore_index=True)
    aside["remedy"] = aside["reason"].map(found.remedies)
    where = [name for name in ("file", "line", "row") if name in aside]
    rest = [name for name in aside if name not in (*where, "reason", "remedy", "money")]
    aside = aside[[*where, *rest, "reason", "remedy", "money"]]
    return aside.sort_values(where, kind="stable", ignore_index=True) if where else aside


def _by_reason(found: Found, aside: pd.DataFrame) -> pd.DataFrame:
    order = dict.fromkeys([*aside["reason"], *found.rows])
    table = {
        reason: {
            "rows": found.rows[reason], "money": found.money[reason],
            "remedy": found.remedies[reason],
        }
        for reason in order
    }  # fmt: skip
    return pd.DataFrame.from_dict(table, orient="index", columns=["rows", "money", "remedy"])


def days_in_engine(orders: Any) -> lazy.Daily | None:
    """The days with a purchase of a table in an engine; None for one in memory."""
    if isinstance(orders, Scanned):
        return orders.days
    table = engines.lazy(orders)
    return None if table is None else lazy.purchases(table)
