"""Files to frames: every cell of a CSV file as text, every row with the line it began on."""

import csv
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from clvkit import datasets
from clvkit.errors import DataError

_SEPARATORS = ",;\t|"


def load(source: str | Path | pd.DataFrame) -> tuple[pd.DataFrame, str, Path | None]:
    """The rows of ``source``, its name for messages, and its path if rows have line numbers.

    Raises
    ------
    DataError
        Where there is no such file, or it is no table.
    """
    if isinstance(source, pd.DataFrame):
        return _flat(source), "the frame", None
    if not isinstance(source, (str, Path)):
        raise DataError(
            f"Transactions cannot be read from a {type(source).__name__}: give a CSV or Parquet "
            "file, a pandas frame or the name of a bundled table."
        )
    table = datasets.bundled(str(source))
    if table is not None:
        return table, str(source), None
    path = Path(source)
    _refuse_no_file(path)
    if path.suffix.lower() not in (".parquet", ".pq"):
        return _read_csv(path), path.name, path
    try:
        return _flat(pd.read_parquet(path)), path.name, None
    except Exception as error:  # A broken file makes the Parquet library raise anything.
        raise DataError(f"{path.name} is not a Parquet file that can be read: {error}") from error


def lines(path: Path, rows: np.ndarray) -> list[int]:
    """The file's line on which each row begins: a quoted cell may span several lines."""
    if not len(rows):
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=_separator(path))
        starts = [reader.line_num + 1 for _ in reader]
    return [starts[row] for row in rows]


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Without its index, unless that holds the customers."""
    keep = list(frame.index.names) == ["customer_id"] and "customer_id" not in frame
    return frame.reset_index(drop=not keep)


def _refuse_no_file(path: Path) -> None:
    try:
        if path.is_file():
            return
        what = "is a folder, not a file" if path.is_dir() else "does not exist"
    except OSError as error:
        what = f"is not the name of a file ({error.strerror})"
    shown = str(path) if len(str(path)) < 200 else f"{str(path)[:200]}..."
    raise DataError(f"{shown} {what}: give the path of a CSV or Parquet file.")


def _read_csv(path: Path) -> pd.DataFrame:
    _refuse_no_text(path)
    try:
        separator = _separator(path)
        names = _header(path, separator)
        with warnings.catch_warnings():
            # Only a warning in pandas: it would cut off what a row has too much.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            rows = pd.read_csv(
                path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig",
                skip_blank_lines=False, index_col=False,
            )  # fmt: skip
    except (ValueError, pd.errors.ParserWarning, csv.Error) as error:
        raise DataError(f"{path.name} is not a regular table: {_fault(path, error)}") from error
    if len(names) == rows.shape[1]:
        # pandas would number columns of the same name, so that nobody could see them.
        rows.columns = pd.Index(names)
    return rows


def _refuse_no_text(path: Path) -> None:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        start = error.object[:4]
        if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            what = "UTF-16 text"
        elif start == b"PK\x03\x04":
            what = "an Excel workbook or a zip archive"
        else:
            line = error.object[: error.start].count(b"\n") + 1
            what = f"not UTF-8 text (line {line:,} has the byte 0x{error.object[error.start]:02x})"
        raise DataError(f"{path.name} is {what}: save it as CSV in UTF-8.") from error
    except OSError as error:
        raise DataError(f"{path.name} cannot be opened: {error.strerror}.") from error
    if not text.split("\n", 1)[0].strip():
        raise DataError(f"{path.name} is empty: the first line must name the columns.")


def _header(path: Path, separator: str) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file, delimiter=separator))


def _separator(path: Path) -> str:
    return max(_SEPARATORS, key=lambda mark: len(_header(path, mark)))


def _fault(path: Path, error: Exception) -> str:
    """Which line breaks the table; what the parser says, where that cannot be told."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=_separator(path))
            names = next(reader)
            begin = reader.line_num + 1
            for cells in reader:
                if len(cells) > len(names):
                    return (
                        f"line {begin:,} has {len(cells)} cells, and the first line names "
                        f"{len(names)} columns. A cell that holds a separator must stand in quotes."
                    )
                begin = reader.line_num + 1
    except csv.Error as second:
        error = second
    if "EOF inside string" in str(error) or "field larger" in str(error):
        return "a quotation mark is opened and not closed."
    return str(error)
