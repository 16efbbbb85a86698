"""The playbook file: which tables a firm has, how to read them, and the firm's own figures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from clvkit import datasets, engines
from clvkit.contracts import CONTRACTS
from clvkit.errors import DataError
from clvkit.files import PARQUET, TEXT
from clvkit.othertables import read_customers, read_experiment, read_spend, read_subscriptions
from clvkit.scan import scan_transactions
from clvkit.tables import read_transactions

READING = ("date_format", "decimal", "timezone")
"""How cells are read: for all tables, or for one of them as ``transactions_date_format``."""
_ONLY_TRANSACTIONS = ("refunds", "observation_end")
_OF_A_TABLE = ("columns", "query", *READING)
BUNDLED = {table: tuple(known) for table, known in datasets.BUNDLED.items()}
"""Parameters that name a table and need no file: the tables that come with the book."""


_LARGE = 2**30
_READERS: dict[str, Any] = {
    "transactions": read_transactions,
    "subscriptions": read_subscriptions,
    "spend": read_spend,
    "customers": read_customers,
    "experiment": read_experiment,
}
TABLES = (*CONTRACTS, "survivors")
"""Parameters that name a table."""


@dataclass(frozen=True)
class Playbook:
    """The settings of a report: own tables with how to read them, and chapters' parameters."""

    tables: dict[str, Path | str] = field(default_factory=dict)
    """Files, or connection strings, by the name of their contract."""
    reading: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Options of the reader of each table."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """Everything else: values by the names that chapters declare."""


def load(file: Path) -> dict[str, Any]:
    """The lines of a playbook file; paths in it are relative to its folder.

    Raises ``DataError`` where it cannot be read or a line is more than ``name: value``.
    """
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8-sig")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"The parameter file {file} cannot be read: {error}") from error
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise DataError(f"{file}: every line must be `name: value`, such as `currency: EUR`.")
    for name, value in values.items():
        if isinstance(value, list) or (isinstance(value, dict) and not name.endswith("_columns")):
            raise DataError(
                f"{file}: every line must be `name: value`, such as `currency: EUR`; {name} is not."
            )
    for name in TABLES:
        if isinstance(values.get(name), str) and values[name] not in BUNDLED.get(name, ()):
            values[name] = located(values[name], file.resolve().parent)
    return values


def located(source: str, folder: Path) -> str:
    """A path as seen from ``folder``; a connection string as it is, with the path of a file."""
    if source.startswith("duckdb:"):
        return f"duckdb:{(folder / source.removeprefix('duckdb:').removeprefix('//')).absolute()}"
    return source if source.startswith(engines.SCHEMES) else str((folder / source).resolve())


def playbook(values: Mapping[str, Any]) -> Playbook:
    """Sort values by what they are for.

    Raises ``DataError`` for an option of a table that is not given, and where it is none.
    """
    tables: dict[str, Path | str] = {}
    parameters = {name: value for name, value in values.items() if value is not None}
    for name in CONTRACTS:
        source = parameters.get(name)
        if source is not None and source not in BUNDLED.get(name, ()):
            tables[name] = _source(name, str(parameters.pop(name)))
    shared = {name: parameters.pop(name) for name in READING if name in parameters}
    reading = {name: dict(shared) for name in tables}
    for option in _ONLY_TRANSACTIONS:
        if option in parameters:
            _for_table("transactions", tables, option)
            reading["transactions"][option] = parameters.pop(option)
    for name in CONTRACTS:
        for option in _OF_A_TABLE:
            if (key := f"{name}_{option}") in parameters:
                _for_table(name, tables, key)
                reading[name][option] = parameters.pop(key)
    if shared and not tables:
        _for_table("transactions", tables, next(iter(shared)))
    for options in reading.values():
        _check_options(options)
    return Playbook(tables, reading, parameters)


def _source(name: str, source: str) -> Path | str:
    if source.startswith(engines.SCHEMES):
        return source
    path = Path(source).absolute()
    if not path.exists():
        known = f" (bundled: {', '.join(BUNDLED[name])})" if name in BUNDLED else ""
        raise DataError(f"{name}: there is no file {path}{known}.")
    return path


def _for_table(name: str, tables: Mapping[str, Path | str], option: str) -> None:
    if name not in tables:
        raise DataError(
            f"{option} says how to read a table of your own, but there is no `{name}: FILE`."
        )


def _check_options(options: dict[str, Any]) -> None:
    if isinstance(text := options.get("columns"), str):
        try:
            options["columns"] = yaml.safe_load(text)
        except yaml.YAMLError:
            options["columns"] = None
    columns = options.get("columns", {})
    if not isinstance(columns, dict):
        raise DataError(
            "columns: write {customer_id: CustomerNo, date: Day}: the book's name, your name."
        )
    options["columns"] = {str(key): str(value) for key, value in columns.items()}
    if isinstance(day := options.get("observation_end"), dt.date):
        options["observation_end"] = day.isoformat()


def read(book: Playbook, *, scan: bool = False) -> dict[str, Any]:
    """Read every table with its options: the answers of ``clv.read_...`` by contract name.

    Transactions in an engine, in a folder, or in a file of more than a gigabyte are scanned,
    where the caller can do with that; otherwise all but a folder are read.
    """
    answer = {}
    for name, source in book.tables.items():
        reader = _READERS[name]
        if name == "transactions" and _outside(source):
            if scan:
                reader = scan_transactions
            elif isinstance(source, Path) and source.is_dir():
                raise DataError(
                    f"transactions: the folder {source.name} can be checked and scored where it "
                    "is; a report needs the rows in memory. Join its files into one."
                )
        answer[name] = reader(source, **book.reading[name])
    return answer


def _outside(source: Path | str) -> bool:
    """Whether purchases are better left where they are."""
    if isinstance(source, str) or source.is_dir():
        return True
    return source.suffix.lower() in (*TEXT, *PARQUET) and source.stat().st_size > _LARGE


def receipts(tables: Mapping[str, Any], fingerprints: Mapping[str, str]) -> dict[str, Any]:
    """The receipts of ``tables`` as plain values, money as exact decimal text."""
    answer = {}
    for name, table in tables.items():
        receipt = table.receipt
        answer[name] = {
            "source": Path(receipt.source).name,
            "rows_in": receipt.rows_in,
            "rows_used": receipt.rows_used,
            "money_in": _text(receipt.money_in),
            "money_used": _text(receipt.money_used),
            "set_aside": {
                str(reason): {
                    "rows": int(row["rows"]), "money": _text(row["money"]),
                    "remedy": row["remedy"],
                }
                for reason, row in receipt.set_aside.iterrows()
            },
            "refunds_netted": getattr(receipt, "refunds_netted", 0),
            "purchases_cancelled": getattr(receipt, "purchases_cancelled", 0),
            "notes": list(receipt.notes),
            "fingerprint": fingerprints[name],
        }  # fmt: skip
    return {"tables": answer}


def _text(money: Any) -> str | None:
    return None if money is None else format(money, "f")
