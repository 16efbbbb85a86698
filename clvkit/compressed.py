"""Purchases in memory as compressed rows: customer by day, made by a counting sort."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvkit import parsing, reading
from clvkit.contracts import CONTRACTS
from clvkit.errors import DataError
from clvkit.tables import Transactions, observation_end_of, purchases

Codes = NDArray[np.integer[Any]]

# A table of all whole numbers between the smallest and the largest id may have as many places.
_PLACES = 4


@dataclass(frozen=True)
class Days:
    """Days with a purchase, customer by customer, each customer's in order.

    ``ids``: the customers as text, in order of first appearance. Customer i has the places
    ``start[i]`` to ``start[i + 1]`` of ``day`` (since 1970) and ``amount`` (money of the day, in
    ``1 / scale`` of the currency: whole cents add up exactly in any order). ``end`` is the last
    day observed.
    """

    ids: pd.Index
    start: Codes
    day: Codes
    amount: NDArray[np.float64]
    scale: float
    end: pd.Timestamp

    @property
    def sizes(self) -> Codes:
        """How many days with a purchase each customer has."""
        return np.diff(self.start)


class _Rows(NamedTuple):
    """Clean purchases as arrays; ``kept`` is the last day observed that came with them."""

    code: Codes
    ids: pd.Index
    day: Codes
    amount: NDArray[np.float64]
    kept: pd.Timestamp | None


def compress(orders: Any, observation_end: str | pd.Timestamp | None = None) -> Days:
    """The purchases of ``orders``, clean or refused, up to the last day observed."""
    from scipy.sparse import csr_matrix

    rows = None if isinstance(orders, Transactions) else _typed(orders)
    code, ids, day, amount, kept = rows or _of_table(purchases(orders))
    low, high = int(day.min()), int(day.max())
    last = _day(high) if kept is None else kept
    end = observed_until(_day(low), last, observation_end, "observation_end")
    cut = (end - _day(0)).days
    if cut < high:
        seen = day <= cut
        code, present = _first_seen(code[seen])
        ids, day, amount = ids[present], day[seen], amount[seen]
    cents = np.rint(amount * 100)
    scale = 100.0 if np.array_equal(cents / 100, amount) else 1.0
    shape = (len(ids), int(day.max()) - low + 1)
    place = (code.astype(np.int32, copy=False), (day - low).astype(np.int32, copy=False))
    cells = csr_matrix((cents if scale == 100 else amount, place), shape)
    cells.sum_duplicates()
    return Days(ids, cells.indptr, cells.indices + low, cells.data, scale, end)


def observed_until(
    first: pd.Timestamp, last: pd.Timestamp, day: str | pd.Timestamp | None, name: str
) -> pd.Timestamp:
    """The last day that counts: ``day``, or else ``last``; ``first`` is the first purchase.

    Raises
    ------
    DataError
        Where ``day`` is no day, is yet to come, or lies before the first purchase.
    """
    if day is None:
        return last
    end = parsing.day(day, name)
    if end < first:
        raise DataError(f"{name}={end.date()} lies before the first purchase, {first.date()}.")
    parsing.refuse_future(end, name)
    return end


def _day(number: int) -> pd.Timestamp:
    return pd.Timestamp(0) + pd.Timedelta(days=number)


def _since_1970(dates: NDArray[Any]) -> Codes:
    return dates.astype("datetime64[D]").astype(np.int64)


def _of_table(table: pd.DataFrame) -> _Rows:
    code, ids = pd.factorize(table["customer_id"])
    kept = table.attrs.get("observation_end")
    return _Rows(
        code, pd.Index(ids), _since_1970(table["date"].to_numpy()), table["amount"].to_numpy(),
        None if kept is None else pd.Timestamp(kept),
    )  # fmt: skip


def _typed(source: Any) -> _Rows | None:
    """The columns of a frame of ids, dates and numbers that is clean; None if a reader must look.

    The same rules as :func:`clvkit.read_transactions`, without writing ten million ids as text.
    """
    import narwhals as nw

    if isinstance(source, pd.DataFrame) and not source.columns.is_unique:
        return None
    frame = nw.from_native(source, eager_only=True, pass_through=True)
    metadata = getattr(getattr(source, "schema", None), "metadata", None) or {}
    required = CONTRACTS["transactions"].required
    if not isinstance(frame, nw.DataFrame) or b"PANDAS_ATTRS" in metadata:
        return None
    if not set(required) <= set(frame.columns):
        return None
    who, when, money = (frame[name] for name in required)
    typed = who.dtype.is_integer() or who.dtype in (nw.String, nw.Categorical, nw.Enum)
    dated = when.dtype == nw.Date or (when.dtype == nw.Datetime and _no_zone(when.dtype))
    counted = money.dtype.is_integer() or money.dtype == nw.Float64
    if not (len(frame) and typed and dated and counted) or who.null_count():
        return None
    day, amount = _since_1970(when.to_numpy()), money.to_numpy().astype(np.float64, copy=False)
    kept = observation_end_of(None, getattr(source, "attrs", {}))
    last = reading.last_day() if kept is None else min(kept, reading.last_day())
    if _day(int(max(day.min(), 0))) < reading.FIRST_DAY or day.min() < 0:
        return None
    if day.max() > (last - _day(0)).days:
        return None
    # No number fails both comparisons.
    if not (amount.min() >= 0 and amount.max() < reading.TOO_LARGE):
        return None
    code, ids = _coded(who)
    if ids is None or len(ids) < 2:
        return None
    return _Rows(code, ids, day, amount, kept)


def _no_zone(kind: Any) -> bool:
    return kind.time_zone is None


def _coded(who: Any) -> tuple[Codes, pd.Index | None]:
    """A code for each id in order of first appearance, and the ids as text; None if one is none."""
    if who.dtype.is_integer():
        code, seen = _first_seen(who.to_numpy())
        return code, pd.Index(pd.Series(seen).astype("str"))
    coded = who.to_arrow().dictionary_encode()
    if hasattr(coded, "combine_chunks"):
        coded = coded.combine_chunks()
    # A categorical column has its own order, and values that nobody has.
    code, seen = _first_seen(coded.indices.to_numpy())
    ids = reading.ids(coded.dictionary.take(seen).to_pandas(), "customer_id")
    # Ids that differ in the blanks around them are one customer.
    again, distinct = pd.factorize(ids)
    if (again < 0).any():
        return code, None
    return (code if len(distinct) == len(ids) else again[code]), pd.Index(distinct)


def _first_seen(values: Codes) -> tuple[Codes, Codes]:
    """Codes of whole numbers in order of first appearance, and the numbers: by counting."""
    low, high = int(values.min()), int(values.max())
    if high - low > _PLACES * len(values) + 65_536:
        code, seen = pd.factorize(values)
        return code, np.asarray(seen)
    rows = len(values)
    kind = np.int32 if max(rows, high - low) < 2**31 - 1 else np.int64
    place = values - low if low else values
    first: Codes = np.full(high - low + 1, rows, dtype=kind)
    # Written from the last row to the first: what stays is the first.
    first[place[::-1]] = np.arange(rows - 1, -1, -1, dtype=kind)
    present = np.flatnonzero(first < rows)
    seen = present[np.argsort(first[present])]
    code = np.empty(len(first), dtype=kind)
    code[seen] = np.arange(len(seen), dtype=kind)
    return code[place], seen + low
