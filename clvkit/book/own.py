"""A book about somebody's own tables: clean copies without names, its own pages, private files."""

import contextlib
import csv
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd

from clvkit import engines, playbook
from clvkit.arguments import floats
from clvkit.book.chapters import Chapter, Parameter, missing_tables
from clvkit.book.execute import REFUSALS
from clvkit.contracts import CONTRACTS
from clvkit.errors import DataError, UndefinedError
from clvkit.expressions import fetch
from clvkit.leaving import customers_at_risk
from clvkit.privacy import (
    pseudonyms,
    secret_key,
    shared_labels,
    spreadsheet_safe,
    tells_apart,
)
from clvkit.receipts import fingerprint
from clvkit.scoring import score
from clvkit.tables import read_transactions

_PAGES = Path(__file__).with_name("own")
# The pages of the report itself; the first stands where the landing page of the book would.
OWN_PAGES = [
    Chapter("index", _PAGES / "summary.md", has_code=True),
    Chapter("print", _PAGES / "print.md", has_code=True),
    Chapter("receipt", _PAGES / "receipt.md", has_code=True),
]
# Names that tables share, or that stand for a version, must stay whatever their number of
# customers; products may be many.
_LABELS: dict[str, dict[str, int]] = {
    "arm": {"fewest": 1},
    "channel": {"fewest": 1},
    "product_id": {"fewest": 1, "most": 1_000_000},
}


@dataclass(frozen=True)
class OwnData:
    """Own tables, read and copied for the chapters."""

    tables: dict[str, Any]
    """Answers of the readers by contract name, with the real ids."""
    parameters: dict[str, Any]
    """The chapters' parameters: the copies' paths, and everything else that was given."""
    receipts: dict[str, Any]
    with_exercises: bool = False
    left_out: dict[str, str] = field(default_factory=dict)
    """Why chapters are not in the book, by name; filled while it is built."""


def own_data(
    book: playbook.Playbook, cache: Path, *, show_ids: bool = False, with_exercises: bool = False
) -> OwnData:
    """Read the tables of ``book`` and copy into ``cache`` what chapters need of them.

    The copies carry pseudonyms unless ``show_ids``. Raises ``DataError`` where a table cannot be
    used.
    """
    tables = playbook.read(book)
    key = None if show_ids else secret_key(cache / "pseudonyms.key")
    parameters = dict(book.parameters)
    fingerprints = {}
    for name, table in tables.items():
        fingerprints[name] = fingerprint(table.table)
        copy = shareable(table.table, name, key)
        parameters[name] = str(_keep(copy, name, cache / "tables"))
    return OwnData(tables, parameters, playbook.receipts(tables, fingerprints), with_exercises)


def shareable(table: pd.DataFrame, name: str, key: bytes | None) -> pd.DataFrame:
    """What chapters may see of the table ``name``: the less is copied, the less can leak.

    Customers and orders carry pseudonyms, unless there is no ``key``. Numbers and days stay;
    text stays where it is a label that customers share. Of the attributes of customers, a number
    that tells them apart goes too.
    """
    kinds = {column.name: column.kind for column in CONTRACTS[name].columns}
    who = table["customer_id"] if "customer_id" in table else table.index.to_series()
    copy: dict[str, pd.Series] = {}
    for column, cells in zip(map(str, table.columns), (table[c] for c in table), strict=True):
        kind = kinds.get(column)
        number = pd.api.types.is_numeric_dtype(cells.dtype)
        if column in ("customer_id", "order_id"):
            copy[column] = cells if key is None else pseudonyms(cells, key)
        elif (
            kind in ("money", "number", "date")
            or (number and not tells_apart(cells))
            or (kind is None and _all_days(cells))
        ):
            copy[column] = cells
        elif column in _LABELS or (kind != "id" and not number):
            labels = shared_labels(cells, who, **_LABELS.get(column, {}))
            copy |= {} if labels is None else {column: labels}
    shown = pd.DataFrame(copy, index=table.index)
    shown.attrs = dict(table.attrs)
    return shown


def _all_days(cells: pd.Series) -> bool:
    """Whether an attribute holds days and nothing else."""
    if pd.api.types.is_datetime64_any_dtype(cells.dtype):
        return True
    text = cells.dropna().astype("str")
    return len(text) > 0 and bool(text.str.fullmatch(r"\d{4}-\d{2}-\d{2}").all())


def _keep(copy: pd.DataFrame, name: str, folder: Path) -> Path:
    data = copy.to_parquet(index=False)
    assert data is not None
    path = folder / f"{name}-{hashlib.sha256(data).hexdigest()[:16]}.parquet"
    _write(path, lambda part: part.write_bytes(data))
    for old in folder.glob(f"{name}-*.parquet"):
        if old != path:
            old.unlink()
    return path


def leave_out(
    chapters: list[Chapter], declared: Mapping[str, Mapping[str, Parameter]], own: OwnData
) -> list[Chapter]:
    """The chapters whose tables are there, without the landing page; the others are noted."""
    kept = []
    for chapter in chapters[1:]:
        lacks = missing_tables(declared.get(chapter.name, {}), own.parameters)
        if lacks:
            lines = ", ".join(f"`{name}: FILE`" for name in re.split(" and | or ", lacks))
            own.left_out[chapter.name] = (
                f"It needs a table of {lacks}: a line {lines} in the playbook."
            )
        else:
            kept.append(chapter)
    return kept


def absent_tables(
    values: dict[str, dict[str, Any]],
    declared: Mapping[str, Mapping[str, Parameter]],
    own: OwnData,
) -> None:
    """Set each optional table that was not given to ``None``, lest it be the bundled one."""
    for chapter in values:
        for name, parameter in declared.get(chapter, {}).items():
            if name in playbook.TABLES and parameter.optional and name not in own.parameters:
                values[chapter][name] = None


def refused(failure: Any, chapter: Chapter, own: OwnData) -> bool:
    """Whether a chapter said why it cannot be about these data; that is noted."""
    if failure.error not in REFUSALS:
        return False
    own.left_out[chapter.name] = str(failure.text)
    return True


def page_values(own: OwnData, titles: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """The parameters of the report's own pages; the receipt is written into ``folder``."""
    path = folder / "receipt.json"
    _write(path, lambda part: part.write_text(_json(own.receipts), encoding="utf-8"))
    left_out = {titles[name]: why for name, why in own.left_out.items()}
    return {
        **own.parameters, "receipt": str(path),
        "left_out": json.dumps(left_out, ensure_ascii=False),
    }  # fmt: skip


def contents(toc: dict[str, Any]) -> dict[str, Any]:
    """A table of contents with the report's own pages first."""
    pages = [{"file": page.name} for page in OWN_PAGES[1:]]
    parts = [{"caption": "Your report", "chapters": pages}, *toc.get("parts", [])]
    return {**toc, "root": OWN_PAGES[0].name, "parts": parts}


def scores_of(book: playbook.Playbook) -> pd.DataFrame:
    """The scores of the transactions of ``book``, own or bundled."""
    if "transactions" in book.tables:
        only = replace(book, tables={"transactions": book.tables["transactions"]})
        orders = playbook.read(only, scan=True)["transactions"]
    elif "transactions" in book.parameters:
        orders = read_transactions(str(book.parameters["transactions"]))
    else:
        raise DataError("Scores need purchases: give --transactions FILE, or a playbook with -f.")
    return score(orders, **_terms(book.parameters))


def _terms(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a valuation, as numbers."""
    terms: dict[str, Any] = {}
    for name in ("gross_margin", "annual_discount_rate", "horizon_months"):
        if name in parameters:
            terms[name] = float(floats(parameters[name], name))
    if "currency" in parameters:
        terms["currency"] = str(parameters["currency"])
    return terms


def write_private(own: OwnData, out: Path) -> None:
    """Write scores, customers at risk, receipt and rows set aside: with real ids, not to host."""
    (out / "scores.csv").unlink(missing_ok=True)
    (out / "at_risk.csv").unlink(missing_ok=True)
    if "subscriptions" in own.tables:
        with contextlib.suppress(UndefinedError):  # The first page says why there is no such list.
            risk = customers_at_risk(own.tables["subscriptions"])
            _write_csv(risk, out / "at_risk.csv", index=True)
    if "transactions" in own.tables:
        scores = score(own.tables["transactions"], **_terms(own.parameters))
        write_scores(scores, out / "scores.csv")
    _write(out / "receipt.json", lambda part: part.write_text(_json(own.receipts), "utf-8"))
    aside = [table.receipt.rows_set_aside.assign(table=name) for name, table in own.tables.items()]
    _write_csv(pd.concat(aside, ignore_index=True), out / "set_aside.csv", index=False)


def write_scores(scores: Any, path: Path) -> tuple[int, str]:
    """Write scores as CSV, or as Parquet where the name ends so; whole or not at all.

    Scores in an engine are written without ever being in memory; Spark writes a folder of Parquet
    files. Answers the number of customers and the model's name.
    """
    parquet = path.suffix.lower() in (".parquet", ".pq")
    if (stored := engines.lazy(scores)) is not None:
        return _write_stored(stored, path, parquet)
    if parquet:
        _write(path, lambda part: scores.reset_index().to_parquet(part, index=False))
    else:
        _write_csv(scores, path, index=True)
    return len(scores), str(scores["model"].iloc[0])


def _write_stored(scores: Any, path: Path, parquet: bool) -> tuple[int, str]:
    native = scores.to_native()
    if engines.is_spark(scores):
        if not parquet:
            raise DataError(f"{path.name}: Spark writes a folder; end its name in .parquet.")
        native.write.mode("overwrite").parquet(str(path))
    elif parquet:
        _write(path, lambda part: native.write_parquet(str(part)))
    else:
        _write(path, lambda part: _csv_in_batches(native, part))
    counted = fetch(scores.group_by("model").agg(nw.len().alias("rows"))).iloc[0]
    return int(counted["rows"]), str(counted["model"])


def _csv_in_batches(scores: Any, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        for place, batch in enumerate(scores.to_arrow_reader(100_000)):
            rows = batch.to_pandas().set_index("customer_id")
            _csv(rows, file, index=True, header=place == 0)


def _write_csv(frame: pd.DataFrame, path: Path, index: bool) -> None:
    _write(path, lambda part: _csv(frame, part, index=index))


def _csv(frame: pd.DataFrame, file: Any, index: bool, header: bool = True) -> None:
    spreadsheet_safe(frame).to_csv(
        file, index=index, header=header, float_format="%.10g", quoting=csv.QUOTE_NONNUMERIC
    )


def _write(path: Path, into: Callable[[Path], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    into(part)
    part.replace(path)


def _json(values: Any) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"
