"""Text cells to dates and amounts: what can be read one way only is read, the rest is refused."""

import datetime as dt
import re
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvkit.errors import DataError

_CLOCK = r"[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?"
_ISO = rf"\d{{4}}-\d{{2}}-\d{{2}}(?:{_CLOCK})?"
_OFFSET = r"\s*(?:Z|[+-]\d{2}(?::?\d{2})?)"
_BASIC = r"\d{8}"
_TWO_WAYS = r"(\d{1,2})([/.-])(\d{1,2})([/.-])(\d{4}|\d{2})(\D.*)?"
_HOUR = re.compile(r"(,?[T ])(\d{1,2}:\d{2})(:\d{2})?( [AaPp][Mm])?")
_SIGNS = "$€£¥₹₩₺₽₫₪฿₴"
_FLAGS = {"true": "1", "yes": "1", "y": "1", "false": "0", "no": "0", "n": "0"}
_NUMBER = r"[+-]?(?:\d[\d.,]*|[.,]\d+)(?:[eE][+-]?\d+)?"


class CellError(DataError):
    """A column that can be read in two ways, or in none; ``rows`` show it, by their labels."""

    def __init__(self, message: str, rows: list[int]):
        super().__init__(message)
        self.rows = rows


def day(value: str | dt.date | np.datetime64, name: str) -> pd.Timestamp:
    """One calendar day given as a parameter: ISO text, or a date without a time zone."""
    if isinstance(value, str) and not re.fullmatch(f"{_ISO}|{_BASIC}", value.strip(), re.ASCII):
        raise DataError(f"{name}={value!r} is not a date: write it as YYYY-MM-DD.")
    if isinstance(value, (str, dt.date, np.datetime64)):
        missing = isinstance(value, np.datetime64) and np.isnat(value)
        moment = pd.NaT if missing else pd.to_datetime(value, errors="coerce")
        if isinstance(moment, pd.Timestamp) and moment.tzinfo is None:
            return moment.normalize()
    raise DataError(f"{name}={value!r} is not a calendar day: write it as YYYY-MM-DD.")


def refuse_future(end: pd.Timestamp, name: str) -> None:
    """Refuse a last day observed that is yet to come."""
    if end > pd.Timestamp.now() + pd.Timedelta(days=1):
        raise DataError(f"{name}={end.date()} is yet to come: nobody has been observed until then.")


def text(values: pd.Series) -> pd.Series:
    """Cells as text without blanks around it; a cell that is no text is written out."""
    try:
        written = values.astype("string")
    # Bytes that are no UTF-8, signalling decimals, complex numbers.
    except (ValueError, ArithmeticError, NotImplementedError):
        cells = [_written(cell) for cell in values]
        written = pd.Series(cells, index=values.index, dtype="string")
    return written.str.strip()


def _written(cell: object) -> str | None:
    if (
        cell is None
        or cell is pd.NA
        or cell is pd.NaT
        or (isinstance(cell, float) and cell != cell)
    ):
        return None
    return str(cell).encode("utf-8", "backslashreplace").decode("utf-8")


def whole(values: pd.Series) -> pd.Series:
    """Floats that are whole numbers as integers: one missing cell turns a column to floats."""
    if not pd.api.types.is_float_dtype(values.dtype):
        return values
    there = values.dropna()
    exact = bool(((there == there.round()) & (there.abs() <= 2**53)).all())
    return values.astype("Int64") if exact else values


def days(
    values: pd.Series, column: str, date_format: str | None, timezone: str, complete: bool = True
) -> pd.Series:
    """Calendar days of a column of dates, in ``timezone`` where the values carry an offset.

    ``complete``: these are all cells of the column, so that one at least should fit the format.

    Returns datetime64 without a zone, at midnight; missing where a cell cannot be read.

    Raises
    ------
    DataError
        Where dates such as ``03/04/2025`` come without ``date_format``: both readings are shown.
    """
    zone = zone_of(timezone)
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        # Spelled "[ns, UTC]" by numpy's types and "[ns, tz=UTC]" by Arrow's.
        zoned_type = "," in str(values.dtype)
        return _midnight(_local(values, zone) if zoned_type else values)
    # Each distinct cell is read once: a million purchases fall on a few hundred days.
    codes, distinct = pd.factorize(text(whole(values)))
    cells = pd.Series(distinct, dtype="string")
    if date_format is not None:
        read = _read_format(cells, column, date_format, zone, complete)
    else:
        _refuse_two_readings(cells, codes, column)
        read = _read_iso(cells, zone)
    return read.reindex(codes).set_axis(values.index)


def _read_iso(cells: pd.Series, zone: ZoneInfo) -> pd.Series:
    read = pd.Series(pd.NaT, index=cells.index, dtype="datetime64[us]")
    basic = _fits(cells, _BASIC)
    plain = _fits(cells, _ISO)
    zoned = _fits(cells, rf"\d{{4}}-\d{{2}}-\d{{2}}{_CLOCK}{_OFFSET}")
    if basic.any():
        read[basic] = pd.to_datetime(cells[basic], format="%Y%m%d", errors="coerce")
    if plain.any():
        moments = pd.to_datetime(cells[plain], format="ISO8601", errors="coerce")
        read[plain] = moments.astype("datetime64[us]")
    if zoned.any():
        moments = pd.to_datetime(cells[zoned], format="ISO8601", errors="coerce", utc=True)
        read[zoned] = _local(moments, zone).astype("datetime64[us]")
    return _midnight(read)


def zone_of(timezone: str) -> ZoneInfo:
    """The time zone of that name."""
    try:
        return ZoneInfo(timezone)
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise DataError(
            f"timezone={timezone!r} is not a time zone: give a name such as 'UTC' or "
            "'Europe/Amsterdam'."
        ) from error


def _local(moments: pd.Series, zone: ZoneInfo) -> pd.Series:
    local: pd.Series = moments.dt.tz_convert(zone).dt.tz_localize(None)
    return local


def _fits(cells: pd.Series, pattern: str) -> pd.Series:
    return cells.str.fullmatch(pattern).fillna(False).astype(bool)


def _midnight(values: pd.Series) -> pd.Series:
    return values.astype("datetime64[us]").dt.normalize().astype("datetime64[s]")


def _read_format(
    cells: pd.Series, column: str, date_format: str, zone: ZoneInfo, complete: bool
) -> pd.Series:
    try:
        zoned = "%z" in date_format or "%Z" in date_format
        read = pd.to_datetime(cells, format=date_format, errors="coerce", utc=zoned)
    except (ValueError, TypeError) as error:
        raise DataError(f"date_format={date_format!r} is not a strptime format: {error}") from error
    if complete and read.isna().all() and len(cells):
        raise DataError(
            f"No cell of column {column!r} fits date_format={date_format!r}; the first is "
            f"{next(iter(cells.dropna()), '')!r}. Give the format of your dates, such as %d/%m/%Y."
        )
    return _midnight(_local(read, zone) if zoned else read)


def _refuse_two_readings(cells: pd.Series, codes: NDArray[np.intp], column: str) -> None:
    looks = _fits(cells, _TWO_WAYS)
    if not looks.any():
        return
    first = cells[looks].iloc[0]
    at = np.flatnonzero(looks.reindex(codes).eq(True)).tolist()
    readings = _readings(first)
    if readings:
        advice = f"{' or '.join(readings)}. Say which one with date_format."
    else:
        advice = "neither day and month nor month and day. Write dates as YYYY-MM-DD."
    raise CellError(
        f"Column {column!r} holds dates such as {first!r} ({len(at):,} of {len(codes):,} "
        f"cells), which are not ISO dates: {advice}",
        at,
    )


def _readings(cell: str) -> list[str]:
    """How a date such as ``03/04/25 14:30`` can be read, each with the format that does."""
    match = re.fullmatch(_TWO_WAYS, cell, re.ASCII | re.DOTALL)
    if match is None:
        return []
    _, mark, _, second_mark, year, rest = match.groups()
    clock = ""
    if hour := _HOUR.fullmatch(rest or ""):
        clock = hour[1] + ("%I:%M" if hour[4] else "%H:%M")
        clock += (":%S" if hour[3] else "") + (" %p" if hour[4] else "")
    end = ("%Y" if len(year) == 4 else "%y") + clock
    known = cell if clock or not rest else cell[: -len(rest)]
    found = []
    for one, two in (("%d", "%m"), ("%m", "%d")):
        date_format = f"{one}{mark}{two}{second_mark}{end}"
        try:
            read = dt.datetime.strptime(known, date_format)
        except ValueError:
            continue
        found.append(f"{read.date()} with date_format={date_format!r}")
    return found


def amounts(
    values: pd.Series, column: str, decimal: str | None, complete: bool = True
) -> pd.Series:
    """Numbers of a column of amounts: ``1.234,56 €``, ``$1,234.56``, ``(12.50)``, ``12.50-``.

    ``decimal`` is the decimal mark; ``None`` finds it where the column allows one reading only.
    Missing where a cell is not a finite number. Cells that are not the ``complete`` column
    cannot tell: one that can be read with a decimal comma is then refused without ``decimal``.

    Raises
    ------
    DataError
        Where the column can be read in two ways (``1,234``), or carries two currencies.
    """
    if decimal not in (None, ".", ","):
        raise DataError(f"decimal={decimal!r}: give '.' or ','.")
    kind = values.dtype
    for wrong, name in (
        (pd.api.types.is_bool_dtype, "true/false"),
        (pd.api.types.is_complex_dtype, "complex numbers"),
        (pd.api.types.is_datetime64_any_dtype, "dates"),
        (pd.api.types.is_timedelta64_dtype, "lengths of time"),
    ):
        if wrong(kind):
            raise DataError(f"Column {column!r} holds {name} where amounts are expected.")
    if kind in ("float32", "float16"):
        # The number that was meant: 0.1, not its 0.10000000149 in single precision.
        values = values.astype(str)
    if pd.api.types.is_numeric_dtype(values.dtype):
        return _finite(values.astype("float64"))
    if kind == "object":
        written = values.map(lambda cell: isinstance(cell, str))
        if not written.all():
            # A sheet may hold numbers beside text: a number has one reading already.
            numbers = _finite(values[~written].map(_number).astype("float64"))
            texts = amounts(values[written].astype("str"), column, decimal, complete)
            both: pd.Series = pd.concat([numbers, texts]).reindex(values.index)
            return both
    cells = text(values).fillna("")
    plain = pd.to_numeric(cells.where(_fits(cells, _NUMBER)), errors="coerce")
    three = _fits(cells, r"[+-]?[1-9]\d{0,2}\.\d{3}")
    if decimal != "," and plain.notna().all() and (decimal == "." or not three.any()):
        return _finite(plain.astype("float64"))
    if not complete and decimal is None:
        _refuse_piece(cells, three, column)
    _refuse_two_currencies(cells, column)
    body = cells.str.replace(r"^\((.*)\)$", r"-\1", regex=True)
    body = body.str.replace(
        rf"[\s'’\u00a0\u202f{_SIGNS}]|[A-Za-z]{{3}}$|^[A-Za-z]{{3}}", "", regex=True
    )
    body = body.str.replace("\u2212", "-").str.replace(r"^(.*)-$", r"-\1", regex=True)
    number = body.str.fullmatch(_NUMBER)
    mark = decimal or _decimal_mark(body[number], cells, column)
    other = "," if mark == "." else "."
    groups = rf"(?:(?:{re.escape(other)}\d{{2,3}})*{re.escape(other)}\d{{3}})?"
    grouped = rf"[+-]?\d{{1,3}}{groups}(?:{re.escape(mark)}\d*)?"
    ungrouped = rf"[+-]?\d*(?:{re.escape(mark)}\d*)?(?:[eE][+-]?\d+)?"
    good = number & (body.str.fullmatch(grouped) | body.str.fullmatch(ungrouped))
    clean = body.where(good).str.replace(other, "", regex=False).str.replace(mark, ".", regex=False)
    return _finite(pd.to_numeric(clean, errors="coerce").astype("float64"))


def flags(values: pd.Series) -> pd.Series:
    """Cells in which true, yes and y are 1, and false, no and n are 0; others as they are."""
    if pd.api.types.is_bool_dtype(values.dtype):
        return values.astype("Float64")
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values
    short = text(values).str.lower().map(_FLAGS)
    read: pd.Series = values.astype("object").mask(short.notna(), short)
    return read


def first_days(values: pd.Series) -> pd.Series:
    """Months such as ``2025-04`` as their first days; other cells as they are."""
    cells = text(whole(values))
    month = _fits(cells, r"\d{4}-\d{2}")
    days: pd.Series = cells.mask(month, cells + "-01")
    return days


def _number(cell: object) -> float:
    if isinstance(cell, (bool, np.bool_)):
        return float("nan")
    try:
        return float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def _finite(values: pd.Series) -> pd.Series:
    return values.where(np.isfinite(values))


def _refuse_piece(cells: pd.Series, three: pd.Series, column: str) -> None:
    two_ways = three | cells.str.contains(r"\d,|,\d|\d\.[^.]*\.").fillna(False).astype(bool)
    if two_ways.any():
        first = two_ways.index[two_ways][0]
        raise CellError(
            f"Column {column!r} holds {cells[first]!r}; the table is read in pieces, so no other "
            "cell can tell which mark is the decimal one: say which with decimal='.' or "
            "decimal=','.",
            [first],
        )


def currencies(cells: pd.Series) -> dict[str, int]:
    """The currencies written beside amounts, each with the label of the first cell that has it."""
    priced = cells.where(cells.str.contains(r"[0-9]"))
    found = priced.str.extract(rf"([{_SIGNS}]|\b[A-Za-z]{{3}}\b)")[0].dropna().str.upper()
    return {kind: found.index[found == kind][0] for kind in found.unique()}


def _refuse_two_currencies(cells: pd.Series, column: str) -> None:
    found = currencies(cells)
    if len(found) > 1:
        first = list(found.values())[:3]
        rows = ", ".join(repr(cells[row]) for row in first)
        raise CellError(
            f"Column {column!r} mixes currencies ({rows}): convert the amounts to one currency.",
            first,
        )


def _decimal_mark(body: pd.Series, cells: pd.Series, column: str) -> str:
    """The only decimal mark with which every cell of the column can be read."""
    last = body.str.extract(r"([.,])(?=[^.,]*$)")[0]
    marks = body.str.count(r"[.,]")
    kinds = body.str.contains(",", regex=False) & body.str.contains(".", regex=False)
    digits = body.str.extract(r"[.,](\d*)[^.,]*$")[0].str.len()
    leading_zero = body.str.match(r"[+-]?0?[.,]")
    repeated = (marks > 1) & ~kinds
    decisive = kinds | ((marks == 1) & ((digits != 3) | leading_zero))
    evidence = set(last[decisive.fillna(False)])
    evidence |= {"," if mark == "." else "." for mark in set(last[repeated.fillna(False)])}
    if len(evidence) == 1:
        return str(evidence.pop())
    if not evidence and not (marks == 1).any():
        return "."
    rows = body.index[(decisive | repeated if evidence else marks == 1).fillna(False)]
    shown = ", ".join(repr(cells[row]) for row in dict.fromkeys([*rows[:2], *rows[-1:]]))
    raise CellError(
        f"Column {column!r} can be read with a decimal point or a decimal comma ({shown}): "
        "say which with decimal='.' or decimal=','.",
        list(dict.fromkeys([*rows[:2], *rows[-1:]])),
    )
