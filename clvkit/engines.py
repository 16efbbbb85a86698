"""Tables that stay in an engine, DuckDB or Spark, and how to reach one by a connection string."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from clvkit.errors import DataError

SCHEMES = ("duckdb:", "spark:")
_HOW = (
    "write duckdb:PATH for a DuckDB file, or spark:MASTER, such as spark:local[2], "
    "spark:spark://host:7077 or spark:sc://host:15002 for Spark Connect"
)


def lazy(table: Any) -> Any:
    """The narwhals view of a table in DuckDB or Spark; None for anything else."""
    if type(table).__module__.split(".")[0] not in ("duckdb", "_duckdb", "pyspark"):
        return None
    import narwhals as nw

    found = nw.from_native(table, pass_through=True)
    return found if isinstance(found, nw.LazyFrame) else None


def is_spark(frame: Any) -> bool:
    """Whether a narwhals view is of a Spark table."""
    return "pyspark" in str(frame.implementation).lower()


def connect(address: str, query: str | None) -> Any:
    """The table that ``query`` (a name or a SELECT) finds at a connection string.

    Raises
    ------
    DataError
        Where there is no query, no such engine, or the engine refuses.
    """
    scheme, _, rest = address.partition(":")
    if query is None:
        raise DataError(f"{address}: say which table with query: its name, or a SELECT.")
    asked = query.strip().rstrip(";")
    statement = asked if " " in asked else f"SELECT * FROM {asked}"
    if scheme == "duckdb":
        return _duckdb(Path(rest.removeprefix("//")), statement)
    if scheme == "spark":
        return _spark(rest, statement)
    raise DataError(f"{address} is not a connection that is known: {_HOW}.")


def _duckdb(path: Path, statement: str) -> Any:
    import duckdb

    if not path.is_file():
        raise DataError(f"duckdb:{path}: there is no such file.")
    try:
        # A query out of a settings file shall read this file and nothing else.
        options: dict[str, Any] = {"enable_external_access": False}
        database = duckdb.connect(str(path), read_only=True, config=options)
        parsed = database.extract_statements(statement)
        if len(parsed) != 1 or parsed[0].type != duckdb.StatementType.SELECT:
            raise DataError(f"{path.name}: the query {statement!r} is not one SELECT; give one.")
        return database.sql(statement)
    except duckdb.Error as error:
        said = str(error).strip().split("\n", 1)[0]
        raise DataError(f"duckdb:{path}: {statement!r} cannot be answered: {said}") from error


def _spark(master: str, statement: str) -> Any:
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise DataError(
            "Spark is not installed: pip install 'clv-playbook[spark]', and a Java runtime."
        ) from error
    builder: Any = SparkSession.builder
    if master.startswith("local"):
        # On this machine the workers are to find what this program found.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    try:
        session = (
            builder.remote(master) if master.startswith("sc://") else builder.master(master)
        ).getOrCreate()
        return session.sql(statement)
    except (PySparkException, OSError, RuntimeError) as error:
        said = str(error).strip().split("\n", 1)[0]
        raise DataError(f"spark:{master}: {statement!r} cannot be answered: {said}") from error
