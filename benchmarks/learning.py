"""A million lines of orders: features, fit and peak memory: ``python benchmarks/learning.py``.

The made shop, 24 times as many customers as in the book. The table is made in a process of its own,
so that the memory measured is the learner's. Seconds are of the clock, ``cpu_seconds`` of the
processor, which a busy machine does not lengthen. The answer is ``data/benchmarks/learning.json``.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pandas as pd

import clvkit as clv

TIMES = 24
SECONDS: dict[str, float] = {}
CPU_SECONDS: dict[str, float] = {}
Answer = TypeVar("Answer")


def make(folder: Path) -> None:
    """Write the tables of the large shop as Parquet."""
    spend = clv.datasets.BUNDLED["spend"]["shop"]()
    arrivals = spend.pivot(index="month", columns="channel", values="new_customers") * TIMES
    made = clv.simulate.shop(arrivals, seed=1)
    made.transactions.to_parquet(folder / "transactions.parquet")
    made.customers.to_parquet(folder / "customers.parquet")


def timed(task: str, work: Callable[[], Answer]) -> Answer:
    """Do ``work`` once and write down how long it took."""
    clock, processor = time.perf_counter(), time.process_time()
    answer = work()
    SECONDS[task] = round(time.perf_counter() - clock, 2)
    CPU_SECONDS[task] = round(time.process_time() - processor, 2)
    return answer


def main() -> None:
    """Measure once, from the file to the predictions."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, __file__, str(folder)], check=True)
        read = timed(
            "read, with refunds netted",
            lambda: (
                clv.read_transactions(folder / "transactions.parquet"),
                clv.read_customers(folder / "customers.parquet"),
            ),
        )
    orders, customers = read
    timed("features at one cut-off", lambda: clv.customer_features(orders, customers))
    learned = timed("features at four cut-offs, and fit", lambda: clv.learn_clv(orders, customers))
    report = {
        "measured_on": pd.Timestamp.now(tz="UTC").date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "rows": orders.receipt.rows_in,
        "customers": len(learned.features),
        "rows_learned_from": int(learned.training["customers"].sum()),
        "seconds": SECONDS,
        "cpu_seconds": CPU_SECONDS,
        "peak_memory_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }
    answer = Path(__file__).resolve().parents[1] / "data" / "benchmarks" / "learning.json"
    answer.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        make(Path(sys.argv[1]))
    else:
        main()
