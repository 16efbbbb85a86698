"""Anything that holds a table to a frame, with the place of every row in its source."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvkit import csvfiles, databases, datasets, engines, workbooks
from clvkit.errors import DataError

TEXT = (".csv", ".tsv", ".tab", ".txt", ".psv", "")
PARQUET = (".parquet", ".pq")
_EXCEL = (".xlsx", ".xlsm", ".xls")
_DATABASE = (".duckdb", ".ddb", ".sqlite", ".sqlite3", ".db3", ".db")
_WANTED = "a CSV, Parquet, Excel, DuckDB or SQLite file"

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Source:
    """A table as it was found.

    ``place`` says what ``numbers`` counts: the ``"line"`` of a file that a row begins on, or the
    ``"row"`` of a frame, from 0. ``notes`` are for the receipt.
    """

    frame: pd.DataFrame
    name: str
    place: str = "row"
    numbers: Callable[[Rows], list[int]] = np.ndarray.tolist
    notes: tuple[str, ...] = ()


def load(source: Any, query: str | None = None, contract: str = "") -> Source:
    """The rows of a file or of a frame.

    Parameters
    ----------
    source
        A path, a connection string, the name of a bundled table of this ``contract``, or a pandas,
        polars or pyarrow frame.
    query
        Which part of it: a table's name or a SELECT in a database, a sheet in a workbook.

    Raises
    ------
    DataError
        Where there is no such file, or it is no table.
    """
    if query is not None and not isinstance(query, str):
        raise DataError(f"query={query!r}: give the name of a table or sheet, or a SELECT.")
    if query is None and isinstance(source, str):
        known = datasets.BUNDLED.get(contract, {})
        if source in known:
            return Source(known[source](), source)
    if not isinstance(source, (str, Path)):
        if query is not None:
            raise DataError(f"query={query!r}: a frame is taken whole; leave query out.")
        return Source(_frame(source), "the frame")
    if isinstance(source, str) and source.startswith(engines.SCHEMES):
        return Source(_flat(_from_arrow(engines.rows_of(source, query))), "the table")
    path = Path(source)
    refuse_no_file(path)
    suffix = path.suffix.lower()
    try:
        return _open(path, suffix, query)
    except OSError as error:
        raise DataError(f"{path.name} cannot be opened: {error.strerror or error}.") from error


def _open(path: Path, suffix: str, query: str | None) -> Source:
    if not path.stat().st_size:
        raise DataError(f"{path.name} is empty (0 bytes): export the table anew.")
    if suffix in _DATABASE:
        with path.open("rb") as file:
            sqlite = file.read(15) == b"SQLite format 3"
        if sqlite or "sql" in suffix:
            frame, name = databases.read_sqlite(path, query)
            return Source(frame, name)
        table, name = databases.read_duckdb(path, query)
        return Source(_from_arrow(table), name)
    if suffix in _EXCEL:
        frame, name, first = workbooks.read(path, query)
        return Source(frame, name, "line", lambda rows: (rows + first).tolist())
    if query is not None:
        raise DataError(
            f"query={query!r}: {path.name} holds one table; leave query out. It chooses a table in "
            "a database or a sheet in a workbook."
        )
    if suffix in PARQUET:
        return Source(_read_parquet(path), path.name)
    if suffix in TEXT:
        frame, layout, notes = csvfiles.read(path)
        return Source(frame, path.name, "line", lambda rows: _lines(layout, rows), notes)
    raise DataError(
        f"{path.name}: files that end in {path.suffix} are not known. Give {_WANTED}; a file with "
        "separators between the cells should end in .csv."
    )


def _lines(layout: csvfiles.Layout, rows: Rows) -> list[int]:
    if not len(rows):
        return []
    begin = list(layout.rows())
    return [begin[row][0] for row in rows]


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow.parquet as pq

    try:
        # One file, and nothing around it: folder names are no columns.
        table = pq.ParquetFile(path).read()
        return _flat(_from_arrow(table))
    except Exception as error:  # A broken file makes the Parquet library raise anything.
        said = str(error).strip().split("\n", 1)[0]
        raise DataError(
            f"{path.name} is not a Parquet file that can be read ({said}): export it anew."
        ) from error


def _frame(source: Any) -> pd.DataFrame:
    if isinstance(source, pd.DataFrame):
        return _flat(source)
    import narwhals as nw

    try:
        found = nw.from_native(source)
    except TypeError as error:
        raise DataError(
            f"A table cannot be read from a {type(source).__name__}: give {_WANTED}, or a pandas, "
            "polars or pyarrow frame."
        ) from error
    try:
        eager = found.collect("pyarrow") if isinstance(found, nw.LazyFrame) else found
        return _flat(_from_arrow(eager.to_arrow()))
    except Exception as error:  # What a postponed query raises, only its engine knows.
        raise DataError(f"The frame cannot be read: {error}") from error


def _from_arrow(table: Any) -> pd.DataFrame:
    """A pandas frame in which whole numbers stay whole where cells are missing."""
    import pyarrow as pa

    whole = {
        pa.int8(): pd.Int8Dtype(),
        pa.int16(): pd.Int16Dtype(),
        pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.uint8(): pd.UInt8Dtype(),
        pa.uint16(): pd.UInt16Dtype(),
        pa.uint32(): pd.UInt32Dtype(),
        pa.uint64(): pd.UInt64Dtype(),
    }
    frame: pd.DataFrame = table.to_pandas(types_mapper=whole.get, date_as_object=False)
    written = (table.schema.metadata or {}).get(b"PANDAS_ATTRS")
    if written:
        import json

        frame.attrs = json.loads(written)
    return frame


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Without its index, unless that holds the customers."""
    keep = list(frame.index.names) == ["customer_id"] and "customer_id" not in frame
    return frame.reset_index(drop=not keep)


def refuse_no_file(path: Path) -> None:
    """Refuse a path at which there is no file."""
    try:
        if path.is_file():
            return
        what = "is a folder, not a file" if path.is_dir() else "does not exist"
    except (OSError, ValueError) as error:
        what = f"is not the name of a file ({getattr(error, 'strerror', None) or error})"
    shown = str(path) if len(str(path)) < 200 else f"{str(path)[:200]}..."
    raise DataError(f"{shown} {what}: give the path of {_WANTED}.")
