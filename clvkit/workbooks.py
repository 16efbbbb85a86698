"""Excel workbooks: one sheet as a frame, every row with its row on the sheet."""

import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from clvkit.errors import DataError


def read(path: Path, sheet: str | None) -> tuple[pd.DataFrame, str, int]:
    """The rows of a sheet, the name of what was read, and the sheet's row of the first of them.

    Without ``sheet`` it is the only one that holds anything. The first row that is not empty
    names the columns; empty rows at the end are no rows.

    Raises
    ------
    DataError
        Where openpyxl is missing, the file is no workbook, or the sheet must be named.
    """
    try:
        import openpyxl
    except ImportError as error:
        raise DataError(
            f"{path.name}: Excel files need the package openpyxl. Install it (pip install "
            "openpyxl), or save the sheet as CSV in UTF-8."
        ) from error
    _refuse_old_format(path)
    try:
        with warnings.catch_warnings():
            # About styles and menus that this reader does not know, and that hold no data.
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            try:
                pages = {page.title: page for page in book.worksheets}
                wanted = [sheet] if sheet in pages else pages
                filled = {name: _rows(pages[name]) for name in wanted}
            finally:
                book.close()
    except Exception as error:  # A broken file makes openpyxl raise anything.
        raise DataError(
            f"{path.name} is not an Excel workbook that can be read ({error}): save it as .xlsx "
            "or as CSV in UTF-8."
        ) from error
    name = _choose(path, sheet, filled)
    first, rows = filled[name]
    shown = path.name if len(pages) == 1 else f"{path.name}: {name}"
    if not rows:
        raise DataError(f"{shown} is empty: the first row must name the columns.")
    return _frame(rows), shown, first + 1


def _rows(page: Any) -> tuple[int, list[tuple[Any, ...]]]:
    """Rows from the first to the last that hold anything, and where on the sheet they begin."""
    # Some programs write a wrong size into the file.
    page.reset_dimensions()
    rows = [tuple(row) for row in page.iter_rows(values_only=True)]
    there = [number for number, row in enumerate(rows) if any(cell is not None for cell in row)]
    return (there[0] + 1, rows[there[0] : there[-1] + 1]) if there else (1, [])


def _choose(path: Path, sheet: str | None, filled: dict[Any, Any]) -> str:
    if sheet is None:
        names = [str(name) for name, (_, rows) in filled.items() if rows]
        names = names or [str(name) for name in filled][:1]
        if len(names) == 1:
            return names[0]
        raise DataError(
            f"{path.name} has {len(names)} sheets with rows: name one with query='...'. "
            f"Sheets: {', '.join(filled)}."
        )
    if sheet not in filled:
        raise DataError(f"{path.name} has no sheet {sheet!r}. Sheets: {', '.join(filled)}.")
    return sheet


def _frame(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    width = max(map(len, rows))
    header, *body = [row + (None,) * (width - len(row)) for row in rows]
    names = ["" if cell is None else str(cell) for cell in header]
    frame = pd.DataFrame(body, columns=pd.Index(names), dtype="object")
    used = [bool(name) or frame.iloc[:, at].notna().any() for at, name in enumerate(names)]
    return frame.loc[:, used].infer_objects()


def _refuse_old_format(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(4)
    if start == b"\xd0\xcf\x11\xe0":
        raise DataError(
            f"{path.name} is an old Excel workbook, or one with a password: save it as .xlsx "
            "without a password, or as CSV in UTF-8."
        )
