"""Tables that stay in an engine, DuckDB or Spark, and how to reach one by a connection string."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from clvkit.errors import DataError

SCHEMES = ("duckdb:", "spark:")
# A limit that was chosen, not measured: more rows are better left where they are.
_MOST = 20_000_000
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


def in_zone(frame: Any, title: str, timezone: str) -> Any:
    """``frame`` with the moments of a Spark column as the clocks of ``timezone`` show them.

    Spark knows one zone a session and would count days in that one; DuckDB, one a connection.
    """
    zone = getattr(frame.collect_schema()[title], "time_zone", None)
    if zone is None or not is_spark(frame):
        return frame
    import narwhals as nw
    from pyspark.sql import functions as f

    local = f.col(f"`{title}`").cast("timestamp_ntz")
    there = f.convert_timezone(f.lit(zone), f.lit(timezone), local)
    return nw.from_native(frame.to_native().withColumn(title, there))


def connect(address: str, query: str | None, timezone: str = "UTC") -> Any:
    """The table that ``query`` (a name or a SELECT) finds at a connection string.

    ``timezone``: the zone in which DuckDB counts days.

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
        return _duckdb(Path(rest.removeprefix("//")), statement, timezone)
    if scheme == "spark":
        return _spark(rest, statement)
    raise DataError(f"{address} is not a connection that is known: {_HOW}.")


def rows_of(address: str, query: str | None) -> Any:
    """The same as an Arrow table in memory.

    Raises
    ------
    DataError
        As :func:`connect`, and where there are more rows than a report can hold.
    """
    import narwhals as nw

    table = lazy(connect(address, query))
    rows = int(table.select(nw.len()).collect("pyarrow").item())
    if rows > _MOST:
        raise DataError(
            f"{address}: {rows:,} rows are too many for a report, which needs them in memory; they "
            "can be checked and scored where they are. Select some customers, all rows of each."
        )
    return table.collect("pyarrow").to_native()


def _duckdb(path: Path, statement: str, timezone: str) -> Any:
    import duckdb

    if not path.is_file():
        raise DataError(f"duckdb:{path}: there is no such file.")
    try:
        # A query out of a settings file shall read this file and nothing else.
        options: dict[str, Any] = {"enable_external_access": False}
        database = duckdb.connect(str(path), read_only=True, config=options)
        database.execute(f"SET TimeZone = '{timezone}'")
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
