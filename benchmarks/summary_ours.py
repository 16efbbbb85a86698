"""The package of this repository: summaries and cohorts in memory, and from a file."""

import sys
import time
from pathlib import Path

import clock
import polars as pl
import pyarrow.parquet as pq

import clvkit as clv

FILE = Path(sys.argv[1]) / "purchases.parquet"
table = pq.read_table(FILE)
frames = {
    "pandas frame": table.to_pandas(date_as_object=False),
    "polars frame": pl.from_arrow(table),
    "pyarrow table": table,
}


def from_file():
    """The receipt and the summary; worked out, not only planned."""
    with clv.scan_transactions(FILE) as orders:
        clv.summarize(orders).materialize()


tasks = {name: lambda f=frame: clv.summarize(f) for name, frame in frames.items()}
tasks["Parquet, with receipt"] = from_file
frame = frames["pandas frame"]
text = frame.assign(customer_id=frame["customer_id"].astype("str"))
tasks["cohorts, pandas frame"] = lambda: clv.cohort_table(frame)
tasks["text ids, pandas frame"] = lambda: clv.summarize(text)
clock.report(tasks, clock=time.process_time)
