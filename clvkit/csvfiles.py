"""CSV files: encoding and separator found, every cell as text, every row with its line."""

import codecs
import contextlib
import csv
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from clvkit.errors import DataError

_SEPARATORS = ",;\t|"
# The longest first: UTF-32 begins like UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_FORMATS = {
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook, or one with a password",
    b"PAR1": "a Parquet file",
    b"SQLite format 3": "an SQLite file",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a gzip archive",
}


@dataclass(frozen=True)
class Layout:
    """How the text of a file is to be read; ``above``: lines before the names of the columns."""

    path: Path
    encoding: str
    separator: str
    above: int

    def names(self) -> list[str]:
        """The cells of the line that names the columns."""
        return _header(self.path, self.encoding, self.separator, self.above)

    def rows(self) -> Iterator[tuple[int, int]]:
        """The line on which each row begins, where a cell may span several, and its cells."""
        with self.path.open(encoding=self.encoding, newline="") as file:
            reader = csv.reader(file, delimiter=self.separator)
            begin = 1
            for place, cells in enumerate(reader):
                if place > self.above:
                    yield begin, len(cells)
                begin = reader.line_num + 1


def read(path: Path) -> tuple[pd.DataFrame, Layout, tuple[str, ...]]:
    """Every cell as text, how the file is laid out, and notes for the receipt.

    Raises
    ------
    DataError
        Where the file is no text, or no regular table.
    """
    encoding, notes = _encoding(path)
    layout = _layout(path, encoding)
    (rows,) = _cells(layout, None)
    return rows, layout, notes


def pieces(path: Path, rows: int) -> tuple[Layout, Iterator[pd.DataFrame]]:
    """The same in pieces of so many ``rows``; a file too large to be looked at first is UTF-8.

    Raises
    ------
    DataError
        As :func:`read`, when the piece is reached; and where the text is not UTF-8.
    """
    with path.open("rb") as file:
        begin = file.read(4)
    _refuse_other_formats(path, begin)
    marks = [encoding for mark, encoding in _MARKS if begin.startswith(mark)]
    layout = _layout(path, marks[0] if marks else "utf-8")
    return layout, _cells(layout, rows)


def _layout(path: Path, encoding: str) -> Layout:
    try:
        above, separator = _first_line(path, encoding)
        return Layout(path, encoding, separator or _separator(path, encoding), above)
    except (ValueError, csv.Error) as error:
        raise _irregular(path, None, error) from error


def _cells(layout: Layout, rows: int | None) -> Iterator[pd.DataFrame]:
    """All cells as text, in pieces of so many ``rows`` or in one."""
    try:
        names = layout.names()
        with warnings.catch_warnings():
            # Only a warning in pandas: it would cut off what a row has too much.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            found: Any = pd.read_csv(
                layout.path, sep=layout.separator, dtype=str, keep_default_na=False,
                encoding=layout.encoding, skip_blank_lines=False, index_col=False,
                skiprows=layout.above, chunksize=rows,
            )  # fmt: skip
            with contextlib.closing(found) if rows else contextlib.nullcontext():
                for piece in found if rows else [found]:
                    if len(names) == piece.shape[1]:
                        # pandas would number columns of one name, so that nobody could see them.
                        piece.columns = pd.Index(names)
                    yield piece.reset_index(drop=True)
    except (ValueError, pd.errors.ParserWarning, csv.Error) as error:
        raise _irregular(layout.path, layout, error) from error


def _irregular(path: Path, layout: Layout | None, error: Exception) -> DataError:
    if isinstance(error, DataError):
        return error
    if isinstance(error, UnicodeDecodeError):
        byte = error.object[error.start]
        return DataError(
            f"{path.name} has a byte 0x{byte:02x} that is not UTF-8: save it as CSV in UTF-8."
        )
    return DataError(f"{path.name} is not a regular table: {_fault(layout, error)}")


def _refuse_other_formats(path: Path, content: bytes) -> None:
    for start, what in _OTHER_FORMATS.items():
        if content.startswith(start):
            raise DataError(f"{path.name} is {what}, not text: save it as CSV in UTF-8.")


def _encoding(path: Path) -> tuple[str, tuple[str, ...]]:
    """The encoding of the whole file, and a note if it had to be assumed."""
    content = path.read_bytes()
    _refuse_other_formats(path, content)
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            try:
                content.decode(encoding)
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path.name} begins as {encoding.upper()} text and has a byte at position "
                    f"{error.start:,} that is none: save it as CSV in UTF-8."
                ) from error
            return encoding, ()
    if b"\x00" in content:
        raise DataError(
            f"{path.name} is a binary file, or UTF-16 text without its mark: save it as CSV in "
            "UTF-8."
        )
    try:
        content.decode("utf-8")
        return "utf-8", ()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        byte = content[error.start]
    if re.search(rb"[\x00-\x08\x0e-\x19\x1b-\x1f]", content):
        raise DataError(
            f"{path.name} is a binary file (line {line:,} has the byte 0x{byte:02x}): save it as "
            "CSV in UTF-8."
        )
    try:
        content.decode("cp1252")
        encoding, name = "cp1252", "Windows-1252"
    except UnicodeDecodeError:
        encoding, name = "latin-1", "Latin-1"
    return encoding, (
        f"{path.name} is not UTF-8 (line {line:,} has the byte 0x{byte:02x}) and was read as "
        f"{name}. If letters look wrong, save it as CSV in UTF-8.",
    )


def _first_line(path: Path, encoding: str) -> tuple[int, str]:
    """How many lines stand above the names, and the separator where the first line says it."""
    with path.open(encoding=encoding) as file:
        first = file.readline().strip()
    if not first:
        raise DataError(f"{path.name}: the first line is empty: it must name the columns.")
    # Excel writes "sep=;" above a table so that it finds the separator again.
    declared = re.fullmatch(r'"?sep=(.|\\t)"?', first, re.IGNORECASE)
    if declared is None:
        return 0, ""
    return 1, declared[1].replace("\\t", "\t")


def _header(path: Path, encoding: str, separator: str, above: int) -> list[str]:
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(file, delimiter=separator)
        for _ in range(above):
            next(reader, None)
        return next(reader, [])


def _separator(path: Path, encoding: str) -> str:
    def cells(mark: str) -> tuple[bool, int]:
        names = _header(path, encoding, mark, 0)
        # The wrong mark cuts quoted names apart and leaves their quotes standing.
        return not any('"' in name for name in names), len(names)

    return max(_SEPARATORS, key=cells)


def _fault(layout: Layout | None, error: Exception) -> str:
    """Which line breaks the table; what the parser says, where that cannot be told."""
    try:
        if layout is not None:
            width = len(layout.names())
            for line, cells in layout.rows():
                if cells > width:
                    return (
                        f"line {line:,} has {cells} cells, and the first line names {width} "
                        "columns. A cell that holds a separator must stand in quotes."
                    )
    except csv.Error as second:
        error = second
    if "EOF inside string" in str(error) or "field larger" in str(error):
        return "a quotation mark is opened and not closed."
    return f"{str(error).rstrip('.')}. Save it as CSV in UTF-8 anew."
