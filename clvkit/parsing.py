"""Text cells to dates and amounts: what can be read one way only is read, the rest is refused."""

import re

import numpy as np
import pandas as pd

from clvkit.errors import DataError

_ISO = r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?\s*(?:Z|[+-]\d{2}:?\d{2})?"
_BASIC = r"\d{8}"
_TWO_WAYS = re.compile(r"\s*(\d{1,2})[/.-](\d{1,2})[/.-](\d{2,4})\b.*")
_SIGNS = "$€£¥₹₩₺₽₫₪฿₴"
_NUMBER = re.compile(r"[+-]?(?:\d[\d.,]*|[.,]\d+)(?:[eE][+-]?\d+)?")


def days(values: pd.Series, column: str, date_format: str | None, timezone: str) -> pd.Series:
    """Calendar days of a column of dates, in ``timezone`` where the values carry an offset.

    Returns datetime64 without a zone, at midnight; missing where a cell cannot be read.

    Raises
    ------
    DataError
        Where dates such as ``03/04/2025`` come without ``date_format``: both readings are shown.
    """
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return _midnight(values.dt.tz_convert(timezone).dt.tz_localize(None))
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return _midnight(values)
    text = values.astype("string").str.strip()
    if date_format is not None:
        return _read_format(text, column, date_format, timezone)
    _refuse_two_readings(text, column)
    read = pd.Series(pd.NaT, index=values.index, dtype="datetime64[us]")
    basic = text.str.fullmatch(_BASIC).fillna(False).astype(bool)
    iso = text.str.fullmatch(_ISO).fillna(False).astype(bool)
    zoned = iso & text.str.contains(r"(?:Z|[+-]\d{2}:?\d{2})$", regex=True).fillna(False)
    zoned &= text.str.len() > len("2025-01-31")
    if basic.any():
        read[basic] = pd.to_datetime(text[basic], format="%Y%m%d", errors="coerce")
    if (iso & ~zoned).any():
        read[iso & ~zoned] = pd.to_datetime(
            text[iso & ~zoned], format="ISO8601", errors="coerce"
        ).astype("datetime64[us]")
    if zoned.any():
        moments = pd.to_datetime(text[zoned], format="ISO8601", errors="coerce", utc=True)
        read[zoned] = moments.dt.tz_convert(timezone).dt.tz_localize(None).astype("datetime64[us]")
    return _midnight(read)


def _midnight(values: pd.Series) -> pd.Series:
    return values.astype("datetime64[us]").dt.normalize().astype("datetime64[s]")


def _read_format(text: pd.Series, column: str, date_format: str, timezone: str) -> pd.Series:
    try:
        zoned = "%z" in date_format
        read = pd.to_datetime(text, format=date_format, errors="coerce", utc=zoned)
    except ValueError as error:
        raise DataError(f"date_format={date_format!r} is not a strptime format: {error}") from error
    if zoned:
        read = read.dt.tz_convert(timezone).dt.tz_localize(None)
    if read.isna().all():
        raise DataError(
            f"No cell of column {column!r} fits date_format={date_format!r}; the first is "
            f"{next(iter(text.dropna()), '')!r}. Give the format of your dates, such as %d/%m/%Y."
        )
    return _midnight(read)


def _refuse_two_readings(text: pd.Series, column: str) -> None:
    looks = text.str.fullmatch(_TWO_WAYS).fillna(False).astype(bool)
    if not looks.any():
        return
    first = text[looks].iloc[0]
    one, two, year = _TWO_WAYS.fullmatch(first).groups()  # type: ignore[union-attr]
    full_year = year if len(year) == 4 else f"20{year[-2:]}"
    readings = [
        f"{full_year}-{int(month):02d}-{int(day):02d} with date_format={fmt!r}"
        for day, month, fmt in ((one, two, "%d/%m/%Y"), (two, one, "%m/%d/%Y"))
        if 1 <= int(month) <= 12 and 1 <= int(day) <= 31
    ]
    raise DataError(
        f"Column {column!r} holds dates such as {first!r} ({int(looks.sum()):,} of "
        f"{len(text):,} cells), which are not ISO dates: {' or '.join(readings)}. "
        "Say which one with date_format."
    )


def amounts(values: pd.Series, column: str, decimal: str | None) -> pd.Series:
    """Numbers of a column of amounts: ``1.234,56 €``, ``$1,234.56``, ``(12.50)``, ``12.50-``.

    ``decimal`` is the decimal mark; ``None`` finds it where the column allows one reading only.
    Missing where a cell is not a finite number.

    Raises
    ------
    DataError
        Where the column can be read in two ways (``1,234``), or carries two currencies.
    """
    if pd.api.types.is_bool_dtype(values.dtype):
        raise DataError(f"Column {column!r} holds true/false where amounts are expected.")
    if pd.api.types.is_numeric_dtype(values.dtype):
        return _finite(values.astype("float64"))
    plain = pd.to_numeric(values, errors="coerce")
    text = values.astype("string").fillna("").str.strip()
    three = text.str.fullmatch(r"[+-]?[1-9]\d{0,2}\.\d{3}")
    if decimal != "," and plain.notna().all() and (decimal == "." or not three.all()):
        return _finite(plain.astype("float64"))
    _refuse_two_currencies(text, column)
    body = text.str.replace(r"^\((.*)\)$", r"-\1", regex=True)
    body = body.str.replace(
        rf"[\s'’\u00a0\u202f{_SIGNS}]|[A-Za-z]{{3}}$|^[A-Za-z]{{3}}", "", regex=True
    )
    body = body.str.replace("\u2212", "-").str.replace(r"^(.*)-$", r"-\1", regex=True)
    number = body.str.fullmatch(_NUMBER)
    mark = decimal or _decimal_mark(body[number], text, column)
    other = "," if mark == "." else "."
    grouped = rf"[+-]?\d{{1,3}}(?:{re.escape(other)}\d{{2,3}})*(?:{re.escape(mark)}\d*)?"
    ungrouped = rf"[+-]?\d*(?:{re.escape(mark)}\d*)?(?:[eE][+-]?\d+)?"
    good = number & (body.str.fullmatch(grouped) | body.str.fullmatch(ungrouped))
    clean = body.where(good).str.replace(other, "", regex=False).str.replace(mark, ".", regex=False)
    return _finite(pd.to_numeric(clean, errors="coerce").astype("float64"))


def _finite(values: pd.Series) -> pd.Series:
    return values.where(np.isfinite(values))


def _refuse_two_currencies(text: pd.Series, column: str) -> None:
    found = text.str.extract(rf"([{_SIGNS}]|\b[A-Z]{{3}}\b)")[0].dropna()
    kinds = found.unique()
    if len(kinds) > 1:
        rows = ", ".join(repr(text[found.index[found == kind][0]]) for kind in kinds[:3])
        raise DataError(
            f"Column {column!r} mixes currencies ({rows}): convert the amounts to one currency."
        )


def _decimal_mark(body: pd.Series, text: pd.Series, column: str) -> str:
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
    rows = body.index[(decisive if evidence else marks == 1).fillna(False)]
    shown = ", ".join(repr(text[row]) for row in dict.fromkeys([*rows[:2], *rows[-1:]]))
    raise DataError(
        f"Column {column!r} can be read with a decimal point or a decimal comma ({shown}): "
        "say which with decimal='.' or decimal=','."
    )
