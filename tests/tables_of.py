"""The same table as a file of every kind and as every kind of frame."""

import sqlite3
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa

KINDS = (
    "csv", "tsv", "semicolons", "utf-16", "excel", "parquet", "duckdb", "sqlite", "pandas",
    "polars", "polars lazy", "pyarrow", "duckdb relation",
)  # fmt: skip
_MARKS = {"csv": ",", "tsv": "\t", "semicolons": ";", "utf-16": "|"}


def table_of(kind: str, frame: pd.DataFrame, folder: Path):
    """``frame`` (ids as text, dates as ISO text) as ``kind``: a path in ``folder``, or a frame."""
    if kind in _MARKS:
        encoding = "utf-16" if kind == "utf-16" else "utf-8"
        path = folder / f"{kind}.csv"
        frame.to_csv(path, index=False, sep=_MARKS[kind], encoding=encoding)
        return path
    if kind == "excel":
        path = folder / "orders.xlsx"
        frame.to_excel(path, index=False)
        return path
    if kind == "parquet":
        path = folder / "orders.parquet"
        frame.to_parquet(path, index=False)
        return path
    if kind == "duckdb":
        path = folder / "shop.duckdb"
        with duckdb.connect(str(path)) as database:
            database.execute("CREATE TABLE orders AS SELECT * FROM frame")
        return path
    if kind == "sqlite":
        path = folder / "shop.sqlite"
        database = sqlite3.connect(path)
        frame.to_sql("orders", database, index=False)
        database.close()
        return path
    if kind == "polars":
        return pl.from_pandas(frame)
    if kind == "polars lazy":
        return pl.from_pandas(frame).lazy()
    if kind == "pyarrow":
        return pa.Table.from_pandas(frame, preserve_index=False)
    if kind == "duckdb relation":
        return duckdb.from_df(frame)
    return frame
