"""What an engine hands to Python, some thousands of rows at a time, and takes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import narwhals as nw
import pandas as pd

from clvkit import engines, lazy
from clvkit.expressions import fetch
from clvkit.tables import net_refunds
from clvkit.workspace import Workspace

PIECE = 100_000


def keeper(workspace: Workspace | None) -> Callable[[Any, str], Any]:
    """What makes an engine work something out once and keep it."""

    def keep(frame: Any, name: str) -> Any:
        native = frame.to_native()
        if engines.is_spark(frame):
            return nw.from_native(native.persist())
        assert workspace is not None
        # A temporary table needs no compression, and is gone with the connection.
        native.query("kept", f"CREATE TEMP TABLE {name} AS SELECT * FROM kept")
        return nw.from_native(workspace.database.table(name))

    return keep


def net(
    used: Any, days: Any, scale: float, workspace: Workspace | None
) -> tuple[Any, Any, dict[str, int], pd.DataFrame]:  # fmt: skip
    """Take refunds off: rows and days that are left, rows by fate, and refunds left alone.

    Only customers with a refund are looked at row by row, some thousands of customers at a time.
    """
    keep = keeper(workspace)
    who = keep(used.filter(nw.col("amount") < 0).select("customer_id").unique(), "refunded")
    theirs = used.join(who, on="customer_id", how="semi")
    if engines.is_spark(used):
        netted = keep(nw.from_native(_net_spark(theirs.to_native())), "netted")
    else:
        netted = nw.from_native(_net_duckdb(theirs.to_native(), workspace))
    counts = fetch(netted.group_by("fate").agg(nw.len().alias("rows")))
    alone = fetch(netted.filter(nw.col("fate") == "unmatched").drop("fate"))
    left = netted.filter(nw.col("fate").is_in(["used", "reduced"])).drop("fate")
    left = left.select(used.collect_schema().names())
    others = days.join(who, on="customer_id", how="anti")
    days = keep(nw.concat([others, lazy.by_day(left, scale)]), "days")
    rows = nw.concat([used.join(who, on="customer_id", how="anti"), left])
    return rows, days, dict(zip(counts["fate"], counts["rows"], strict=True)), alone


def _net_duckdb(rows: Any, workspace: Workspace | None) -> Any:
    assert workspace is not None
    writer, rest, made = workspace.database.cursor(), None, False
    reader = rows.order("customer_id").to_arrow_reader(PIECE)
    for batch in reader:
        piece = batch.to_pandas(date_as_object=False)
        piece = piece if rest is None else pd.concat([rest, piece], ignore_index=True)
        # The last customer may go on in the next batch.
        going_on = piece["customer_id"] == piece["customer_id"].iloc[-1]
        rest, done = piece[going_on], piece[~going_on]
        made = _write(writer, net_refunds(done), made) if len(done) else made
    assert rest is not None
    _write(writer, net_refunds(rest), made)
    return workspace.database.table("netted")


def _write(writer: Any, rows: pd.DataFrame, made: bool) -> bool:
    writer.register("rows_netted", rows.assign(date=rows["date"].dt.date))
    how = "INSERT INTO netted" if made else "CREATE TABLE netted AS"
    writer.execute(f"{how} SELECT * REPLACE (CAST(date AS DATE) AS date) FROM rows_netted")
    writer.unregister("rows_netted")
    return True


def _net_spark(rows: Any) -> Any:
    def net(table: Any) -> Any:
        import pyarrow as pa

        frame = net_refunds(table.to_pandas(date_as_object=False))
        schema = table.schema.append(pa.field("fate", pa.string()))
        return pa.Table.from_pandas(frame, schema=schema, preserve_index=False)

    from pyspark.sql.types import StringType, StructType

    schema = StructType([*rows.schema.fields]).add("fate", StringType())
    return rows.groupBy("customer_id").applyInArrow(net, schema)


def in_batches(
    frame: Any, answer: Callable[[pd.DataFrame], pd.DataFrame], workspace: Workspace | None
) -> Any:
    """What ``answer`` makes of ``frame``, as a table of the engine."""
    if engines.is_spark(frame):
        return _batches_spark(frame.to_native(), answer)
    assert workspace is not None
    return _batches_duckdb(frame.to_native(), answer, workspace)


def _batches_duckdb(
    rows: Any, answer: Callable[[pd.DataFrame], pd.DataFrame], workspace: Workspace
) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path, writer = workspace.folder / "answer.parquet", None
    # Equal histories side by side: each is worked out in one batch only.
    for batch in rows.order("frequency, T, recency").to_arrow_reader(PIECE):
        table = pa.Table.from_pandas(answer(batch.to_pandas()), preserve_index=False)
        # Not a number is how pandas writes that something is missing.
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table.cast(writer.schema))
    if writer is not None:
        writer.close()
    return workspace.database.read_parquet(str(path))


def _batches_spark(rows: Any, answer: Callable[[pd.DataFrame], pd.DataFrame]) -> Any:
    import pyarrow as pa
    from pyspark.sql.pandas.types import from_arrow_schema

    def each(batches: Any) -> Any:
        for batch in batches:
            if batch.num_rows:
                yield pa.RecordBatch.from_pandas(answer(batch.to_pandas()), preserve_index=False)

    one = answer(rows.limit(1).toArrow().to_pandas())
    schema = from_arrow_schema(pa.Table.from_pandas(one, preserve_index=False).schema)
    return rows.mapInArrow(each, schema).persist()
