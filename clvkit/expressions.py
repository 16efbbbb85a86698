"""Columns of a table in an engine, DuckDB or Spark, as the contracts want them (narwhals)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import pandas as pd

from clvkit import reading
from clvkit.contracts import CONTRACTS, Column
from clvkit.errors import DataError


def titles(frame: Any, contract: str, columns: Mapping[str, str] | None = None) -> dict[str, str]:
    """The source's names of the columns of a ``contract``."""
    empty = pd.DataFrame(columns=frame.collect_schema().names())
    return reading.pick(CONTRACTS[contract], empty, columns or {}, {})[0]


def ids(frame: Any, title: str, kind: Any) -> Any:
    """Customers, as text without blanks around it or as whole numbers."""
    column = nw.col(title)
    if kind == nw.String:
        return column.str.strip_chars()
    if not kind.is_float():
        return column if kind.is_integer() else column.cast(nw.String)
    odd = (column != column.round()) | (column.abs() > 2**53)
    found = frame.select(odd=odd.cast(nw.Int64)).select(nw.col("odd").sum()).collect("pyarrow")
    if found["odd"].to_list()[0]:
        raise DataError(
            f"column {title!r} holds numbers with a fraction, or too large to tell one from "
            "another: write the ids as text."
        )
    return nw.when(~column.is_nan()).then(column).cast(nw.Int64)


def labels(title: str, kind: Any, column: Column) -> Any:
    """Optional ids and text; they only serve to tell whether a row repeats another."""
    if kind != nw.String:
        return nw.col(title)
    text = nw.col(title).str.strip_chars()
    return nw.when(~text.is_in(reading.NO_IDS if column.kind == "id" else [""])).then(text)


def dates(title: str, kind: Any, timezone: str) -> Any:
    """Calendar days, in ``timezone`` where the column holds moments."""
    column = nw.col(title)
    if kind == nw.Date:
        return column
    if kind != nw.Datetime:
        raise DataError(
            f"column {title!r} holds {kind}, not dates: cast it to a date in the engine, for "
            "example in the query, so that it is read in the way you mean."
        )
    if kind.time_zone not in (None, timezone, f"Etc/{timezone}"):
        raise DataError(
            f"column {title!r} holds moments, and the connection's zone is {kind.time_zone}: "
            f"SET TimeZone = '{timezone}' there first, or cast the moments to dates."
        )
    return column.cast(nw.Date)


def numbers(title: str, kind: Any) -> Any:
    """Numbers in double precision; what is none may be not finite."""
    column = nw.col(title)
    if not kind.is_numeric():
        raise DataError(
            f"column {title!r} holds {kind}, not numbers: cast it to a number in the engine, for "
            "example in the query."
        )
    if kind == nw.Float32:
        # The number that was meant: 0.1, not its 0.10000000149 in single precision.
        column = column.cast(nw.String)
    return column.cast(nw.Float64)


def first_of(chain: Sequence[tuple[Any, Any]], otherwise: Any) -> Any:
    """The value behind the first condition that holds."""
    found = otherwise if isinstance(otherwise, nw.Expr) else nw.lit(otherwise)
    for condition, value in reversed(chain):
        found = nw.when(condition).then(nw.lit(value)).otherwise(found)
    return found


def day_number(date: Any) -> Any:
    """Days since 1 January 1970."""
    return (date - nw.lit(dt.date(1970, 1, 1))).cast(nw.Int64)


def ordinal(date: Any, period: str) -> Any:
    """The number of the calendar period in which a date lies, as pandas counts periods."""
    year, month = (date.dt.year() - 1970).cast(nw.Int64), date.dt.month().cast(nw.Int64) - 1
    return {
        "W": (day_number(date) + 3) // 7 + 1,
        "M": year * 12 + month,
        "Q": year * 4 + month // 3,
        "Y": year,
    }[period]


def fetch(frame: Any) -> pd.DataFrame:
    """A small answer of an engine as a pandas frame."""
    table: pd.DataFrame = frame.collect("pyarrow").to_native().to_pandas(date_as_object=False)
    return table
