"""What a summary costs at least, a counting sort of bare arrays; and three libraries' own way."""

import sys
import time
from pathlib import Path

import clock
import duckdb
import numpy as np
import polars as pl
import pyarrow.parquet as pq
from scipy.sparse import csr_matrix

FILE = Path(sys.argv[1]) / "purchases.parquet"
frame = pq.read_table(FILE).to_pandas(date_as_object=False)
lazy = pl.from_pandas(frame).lazy()
who = frame["customer_id"].to_numpy()
day = frame["date"].to_numpy().astype("datetime64[D]").astype("int64")
amount = frame["amount"].to_numpy()


def floor():
    """Customers by day in compressed rows: no ids, no checks, no frame."""
    rows = csr_matrix((amount, (who, day - day.min())))
    rows.sum_duplicates()
    begin, size = rows.indptr[:-1], np.diff(rows.indptr)
    there = size > 0
    first, last = rows.indices[begin[there]], rows.indices[rows.indptr[1:][there] - 1]
    rows.data[begin[there]] = 0
    return size, first, last, np.add.reduceat(rows.data, begin[there])


def with_pandas():
    """Two groupings."""
    daily = frame.groupby(["customer_id", "date"], sort=False)["amount"].sum().reset_index()
    groups = daily.groupby("customer_id", sort=False)
    dates = groups["date"].agg(["min", "max", "size"])
    first = daily["date"].to_numpy() == dates["min"].reindex(daily["customer_id"]).to_numpy()
    later = daily["amount"].mask(first, 0.0).groupby(daily["customer_id"], sort=False).sum()
    return dates, later


def with_polars():
    """Two groupings, lazily."""
    daily = lazy.group_by("customer_id", "date").agg(pl.col("amount").sum())
    return (
        daily.group_by("customer_id")
        .agg(
            pl.len(), first=pl.col("date").min(), last=pl.col("date").max(),
            later=pl.col("amount").sum() - pl.col("amount").sort_by("date").first(),
        )
        .collect()
    )  # fmt: skip


def with_duckdb(source):
    """Two groupings in SQL, the answer kept as a table."""
    return duckdb.execute(f"""
        CREATE OR REPLACE TEMP TABLE answer AS WITH daily AS (
            SELECT customer_id, date, sum(amount) AS amount FROM {source} GROUP BY ALL
        )
        SELECT customer_id, count(*) - 1 AS frequency, max(date) - min(date) AS recency,
            min(date) AS first,
            (sum(amount) - arg_min(amount, date)) / nullif(count(*) - 1, 0) AS monetary_value
        FROM daily GROUP BY customer_id""")


clock.report(
    {
        "counting sort (floor)": floor,
        "DuckDB, Parquet": lambda: with_duckdb(f"'{FILE}'"),
        "DuckDB, pandas frame": lambda: with_duckdb("frame"),
        "polars": with_polars,
        "pandas": with_pandas,
    },
    clock=time.process_time,
)
