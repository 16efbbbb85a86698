"""Files of purchases, one or a folder of them, read a piece at a time into a database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from clvkit import csvfiles, files, lazy, parsing, reading
from clvkit.contracts import CONTRACTS
from clvkit.errors import DataError
from clvkit.expressions import titles
from clvkit.receipts import total
from clvkit.tables import set_aside_unwanted
from clvkit.workspace import Workspace

PIECE = 200_000
PLACES = ("file", "row")
LISTED = 100_000
"""How many rows set aside are listed; all are counted."""


@dataclass
class Found:
    """Rows set aside while text was read: how many, their money, and which."""

    rows: dict[str, int] = field(default_factory=dict)
    money: dict[str, Decimal] = field(default_factory=dict)
    remedies: dict[str, str] = field(default_factory=dict)
    listed: list[pd.DataFrame] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    layouts: dict[str, csvfiles.Layout] = field(default_factory=dict)
    emptied: dict[str, tuple[int, str]] = field(default_factory=dict)
    one_file: bool = True

    def located(self, rows: pd.DataFrame) -> pd.DataFrame:
        """``rows`` with the lines of their text files in place of the numbers of their rows."""
        if not self.layouts:
            return rows
        line = pd.Series(0, index=rows.index)
        for file, some in rows.groupby("file"):
            wanted = set(some["row"])
            begin = {
                at: begin
                for at, (begin, _) in enumerate(self.layouts[str(file)].rows())
                if at in wanted
            }
            line[some.index] = some["row"].map(begin)
        return rows.drop(columns="row").assign(line=line)

    def empty(self, name: str, count: int, file: str, where: str) -> None:
        """Count cells of an optional column that were left empty; the first place stays."""
        before, first = self.emptied.get(name, (0, where if self.one_file else f"{file} {where}"))
        self.emptied[name] = before + count, first

    def notes(self) -> list[str]:
        """What the receipt says of such cells."""
        columns = CONTRACTS["transactions"].columns
        return [
            reading.note_emptied(column, *self.emptied[column.name])
            for column in columns
            if column.name in self.emptied
        ]

    def add(self, reason: str, rows: int, money: Decimal) -> None:
        """Count rows of one reason."""
        self.rows[reason] = self.rows.get(reason, 0) + rows
        self.money[reason] = self.money.get(reason, Decimal(0)) + money


def paths_of(source: Any) -> dict[str, Path]:
    """The files of a source by the names they have in it, all of one kind and in order."""
    if not isinstance(source, (str, Path)):
        raise DataError(
            f"A {type(source).__name__} cannot be scanned: give a CSV or Parquet file, a folder of "
            "them, a DuckDB relation or a Spark table. Frames in memory: clv.read_transactions."
        )
    path = Path(source)
    if not path.is_dir():
        files.refuse_no_file(path)
        return {path.name: path}
    inside = sorted(one for one in path.rglob("*") if one.is_file() and one.name[0] not in "._")
    kinds = {_kind(one) for one in inside}
    if len(kinds) != 1 or "" in kinds:
        odd = next((one.name for one in inside if not _kind(one)), "CSV beside Parquet")
        raise DataError(
            f"{path.name} is a folder of {len(inside)} files"
            + (f" ({odd})" if inside else "")
            + ": give one with CSV files only, or with Parquet files only."
        )
    return {one.relative_to(path).as_posix(): one for one in inside}


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    return "parquet" if suffix in files.PARQUET else "csv" if suffix in files.TEXT else ""


def open_files(
    paths: dict[str, Path], columns: Mapping[str, str] | None, options: reading.Options,
    workspace: Workspace, found: Found, end: pd.Timestamp | None, refunds: str,
) -> tuple[Any, dict[str, str], list[str]]:  # fmt: skip
    """The rows of files: typed Parquet where it lies, text through the readers of cells."""
    first = next(iter(paths.values()))
    found.one_file = len(paths) == 1
    kind = _kind(first)
    if not kind:
        raise DataError(
            f"files that end in {first.suffix} cannot be scanned: give CSV or Parquet, or "
            "clv.read_transactions the file."
        )
    if kind == "parquet":
        relation = _parquet(paths, workspace)
        frame = nw.from_native(relation)
        names = titles(frame, "transactions", columns)
        schema = frame.collect_schema()
        kinds = {column.name: column.kind for column in CONTRACTS["transactions"].columns}
        read = [title for name, title in names.items() if kinds[name] in ("date", *lazy.NUMBERS)]
        if all(schema[title] != nw.String for title in read):
            return frame, names, list(PLACES)
        pieces = _parquet_pieces(relation)
    else:
        pieces = _csv_pieces(paths, found)
    columns_of = list[str]()
    # A connection that is being read cannot write.
    writer = workspace.database.cursor()
    for source, file, row in pieces:
        draft = reading.draft("transactions", source, columns, options)
        set_aside_unwanted(draft, end, refunds)
        _refuse_mixed_currencies(draft, found)
        _note_aside(draft, file, found)
        for name, (count, where) in draft.emptied.items():
            found.empty(name, count, file, where)
        used = draft.reason.isna().to_numpy()
        good = draft.clean[used].assign(file=file, row=row[used])
        if not columns_of:
            found.titles = draft.titles
            columns_of = list(map(str, good.columns))
            types = ", ".join(f'"{name}" {_sql_type(good[name])}' for name in columns_of)
            writer.execute(f"CREATE TABLE purchases ({types})")
        elif set(good) != set(columns_of):
            raise DataError(
                f"{file} has the columns {', '.join(map(str, good.columns))}, the files before it "
                f"{', '.join(columns_of)}: all must have the same."
            )
        writer.register("piece", good[columns_of])
        writer.execute("INSERT INTO purchases SELECT * FROM piece")
        writer.unregister("piece")
    if not columns_of:
        raise DataError("there are column names but no rows. Was the export too narrow?")
    relation = workspace.database.table("purchases")
    names = {name: name for name in columns_of if name not in PLACES}
    return nw.from_native(relation), names, list(PLACES)


def _sql_type(values: pd.Series) -> str:
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return "DATE"
    return "DOUBLE" if pd.api.types.is_numeric_dtype(values.dtype) else "VARCHAR"


def _parquet(paths: dict[str, Path], workspace: Workspace) -> Any:
    import duckdb

    name, path = next(iter(paths.items()))
    cut = len(path.as_posix()) - len(name) + 1
    try:
        return workspace.database.sql(
            "SELECT * EXCLUDE (filename, file_row_number), "
            "filename[?:] AS file, file_row_number AS row "
            "FROM read_parquet(?, filename=true, file_row_number=true, union_by_name=true, "
            "hive_partitioning=false)",
            params=[cut, [str(path) for path in paths.values()]],
        )
    except duckdb.Error as error:
        said = str(error).strip().split("\n", 1)[0]
        raise DataError(f"no Parquet files that can be read together ({said}).") from error


def _parquet_pieces(relation: Any) -> Iterator[tuple[files.Source, str, Any]]:
    for batch in relation.order("file, row").to_arrow_reader(PIECE):
        whole = batch.to_pandas(date_as_object=False)
        for file, piece in whole.groupby("file", sort=False):
            rows = piece["row"].to_numpy()
            cells = piece.drop(columns=["file", "row"]).reset_index(drop=True)
            yield files.Source(cells, str(file), "row", _picker(rows)), str(file), rows


def _picker(rows: Any) -> Callable[[files.Rows], list[int]]:
    return lambda at: list(map(int, rows[at]))


def _csv_pieces(paths: dict[str, Path], found: Found) -> Iterator[tuple[files.Source, str, Any]]:
    for name, path in paths.items():
        if not path.stat().st_size:
            raise DataError(f"{name} is empty (0 bytes): export the table anew.")
        layout, pieces = csvfiles.pieces(path, PIECE)
        found.layouts[name] = layout
        lines = _Lines(layout)
        begin = 0
        for cells in pieces:
            where = lines.of(begin, len(cells))
            yield files.Source(cells, name, "line", where), name, np.arange(len(cells)) + begin
            begin += len(cells)


class _Lines:
    """The lines on which the rows of a large file begin, read forward and only when asked for."""

    def __init__(self, layout: csvfiles.Layout) -> None:
        self.rows, self.next, self.held = layout.rows(), 0, (0, list[int]())

    def of(self, begin: int, rows: int) -> Callable[[files.Rows], list[int]]:
        """What gives the lines of the piece that begins with row ``begin``."""

        def numbers(at: files.Rows) -> list[int]:
            if not len(at):
                return []
            if self.held[0] != begin or not self.held[1]:
                for _ in range(begin - self.next):
                    next(self.rows)
                self.held = (begin, [next(self.rows)[0] for _ in range(rows)])
                self.next = begin + rows
            return [self.held[1][place] for place in at]

        return numbers


def _refuse_mixed_currencies(draft: reading.Draft, found: Found) -> None:
    if pd.api.types.is_numeric_dtype(draft.cells["amount"].dtype):
        return
    cells = parsing.text(draft.cells["amount"]).fillna("")
    odd = cells[pd.to_numeric(cells, errors="coerce").isna()]
    found.kinds |= {kind: str(cells[at]) for kind, at in parsing.currencies(odd).items()}
    if len(found.kinds) > 1:
        shown = ", ".join(map(repr, list(found.kinds.values())[:3]))
        raise DataError(
            f"{draft.source.name}: column 'amount' mixes currencies ({shown}): convert the amounts "
            "to one currency."
        )


def _note_aside(draft: reading.Draft, file: str, found: Found) -> None:
    if draft.reason.isna().all():
        return
    aside = draft.rows_set_aside(draft.clean["amount"])
    for reason, rows in aside.groupby("reason", sort=False):
        found.add(str(reason), len(rows), total(rows["money"]))
    found.remedies |= draft.remedies
    aside.insert(0, "file", file)
    if sum(map(len, found.listed)) < LISTED:
        found.listed.append(aside)
