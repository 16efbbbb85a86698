"""Tables in a DuckDB or an SQLite file, which is opened to read only."""

import re
import sqlite3
from pathlib import Path
from typing import Any

import pandas as pd

from clvkit.errors import DataError


def read_duckdb(path: Path, query: str | None) -> tuple[Any, str]:
    """An Arrow table, and the name of what was read."""
    import duckdb

    try:
        # A query out of a settings file shall read this file and nothing else.
        options: dict[str, Any] = {"enable_external_access": False}
        with duckdb.connect(str(path), read_only=True, config=options) as database:
            found = database.execute(
                "SELECT table_schema, table_name FROM information_schema.tables ORDER BY ALL"
            ).fetchall()
            tables = {
                name if schema == "main" else f"{schema}.{name}": f'"{schema}"."{_escaped(name)}"'
                for schema, name in found
            }
            statement, name = _choose(path, query, tables)
            parsed = database.extract_statements(statement)
            if len(parsed) != 1 or parsed[0].type != duckdb.StatementType.SELECT:
                raise _no_select(path, statement)
            return database.sql(statement).to_arrow_table(), name
    except duckdb.Error as error:
        raise _unreadable(path, "DuckDB", error, query) from error


def read_sqlite(path: Path, query: str | None) -> tuple[pd.DataFrame, str]:
    """A frame of Python objects, and the name of what was read."""
    # "immutable" keeps SQLite from leaving files beside one that was written with a log.
    settled = not Path(f"{path}-wal").exists() and not Path(f"{path}-journal").exists()
    address = f"{path.resolve().as_uri()}?{'immutable=1' if settled else 'mode=ro'}"
    database = None
    try:
        database = sqlite3.connect(address, uri=True)
        database.execute("PRAGMA query_only = ON")
        # A cell that is no UTF-8 is shown with its bytes written out.
        database.text_factory = lambda raw: raw.decode("utf-8", "backslashreplace")
        found = database.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
            "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
        ).fetchall()
        tables = {name: f'"{_escaped(name)}"' for (name,) in found}
        statement, name = _choose(path, query, tables)
        answer = database.execute(statement)
        if answer.description is None:
            raise _no_select(path, statement)
        names = [column[0] for column in answer.description]
        rows = pd.DataFrame(answer.fetchall(), columns=pd.Index(names), dtype="object")
        return rows.infer_objects(), name
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise _unreadable(path, "SQLite", error, query) from error
    finally:
        if database is not None:
            database.close()


def _choose(path: Path, query: str | None, tables: dict[str, str]) -> tuple[str, str]:
    """The statement to run, and a name for its rows; ``tables``: names to names in quotes."""
    listed = f"Tables: {', '.join(tables)}." if tables else "It holds no table."
    if query is None:
        if len(tables) != 1:
            raise DataError(
                f"{path.name} holds {len(tables)} tables: name one with query='...'. {listed}"
            )
        name, quoted = next(iter(tables.items()))
        return f"SELECT * FROM {quoted}", f"{path.name}: {name}"
    wanted = query.strip().rstrip(";").strip()
    for name, quoted in tables.items():
        if name.casefold() == wanted.casefold():
            return f"SELECT * FROM {quoted}", f"{path.name}: {name}"
    if re.match(r"(select|with|from)\b", wanted, re.IGNORECASE):
        return wanted, f"{path.name}: a query"
    raise DataError(
        f"{path.name} has no table {wanted!r}. Give the name of a table or a SELECT. {listed}"
    )


def _escaped(name: str) -> str:
    return name.replace('"', '""')


def _no_select(path: Path, statement: str) -> DataError:
    return DataError(f"{path.name}: the query {statement!r} is not one SELECT; give one.")


def _unreadable(path: Path, kind: str, error: Exception, query: str | None) -> DataError:
    said = str(error).strip().split("\n", 1)[0]
    if "lock" in said.lower():
        return DataError(f"{path.name} is open in another program: close it there. ({said})")
    if query is not None and "not a database" not in said and "not a valid" not in said:
        return DataError(f"{path.name}: the query {query!r} cannot be answered: {said}")
    return DataError(
        f"{path.name} is not a {kind} file that can be read ({said}): export the table anew, for "
        "example as CSV."
    )
