"""The stopwatch every contestant uses, so that all are timed alike."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd


def best(
    function: Callable[[], object], limit: float = 20.0,
    clock: Callable[[], float] = time.perf_counter,
) -> float:  # fmt: skip
    """Seconds of the fastest of up to seven runs, the first not counted; one run if it is slow."""
    started = clock()
    function()
    first = clock() - started
    if first > limit / 4:
        return first
    runs = []
    for _ in range(max(2, min(7, int(limit / max(first, 1e-6))))):
        started = clock()
        function()
        runs.append(clock() - started)
    return min(runs)


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The CDNOW sample and the million simulated customers, from the folder named on the line."""
    folder = Path(sys.argv[1])
    sample = pd.read_csv(folder / "sample.csv", index_col="customer_id")
    with np.load(folder / "million.npz") as stored:
        million = pd.DataFrame({name: stored[name] for name in stored.files})
    million.index = pd.Index([str(i) for i in range(len(million))], name="customer_id")
    return sample, million


def report(
    tasks: dict[str, Callable[[], object]], clock: Callable[[], float] = time.perf_counter
) -> None:
    """Time every task; one JSON object a line on standard output: seconds, or why
    there are none; the last line has them all. ``clock=time.process_time`` counts the work of
    all threads and leaves out waiting for others.
    """
    times: dict[str, float | str] = {}
    for name, task in tasks.items():
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                times[name] = best(task, clock=clock)
        except Exception as error:  # A peer that cannot do a task is a result, not a failure.
            times[name] = f"{type(error).__name__}: {str(error)[:120]}"
        # After every task: who runs out of time keeps what is done.
        print(json.dumps(times), flush=True)
