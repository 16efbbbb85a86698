"""Measure how summaries and scores grow with the table: ``python benchmarks/scaling.py``.

Ten million made purchases, on one machine and one after the other: this package, a counting
sort of bare arrays, pandas, polars, DuckDB, and the other packages in environments of their own.
Then the whole way from Parquet to scores, up to ``--large`` rows. The answer is
``data/benchmarks/scaling.json``, which the page about scaling shows.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import purchases
import run

HERE = Path(__file__).resolve().parent
ROWS = 10_000_000


def main() -> None:
    """Measure, and write the answer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, help="folder for environments and tables, kept")
    parser.add_argument("--large", type=int, default=100_000_000, help="rows; 0 for none")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scaling-") as made:
        work = given.work or Path(made)
        work.mkdir(parents=True, exist_ok=True)
        home = HERE.parent / "data/benchmarks/scaling.json"
        old = json.loads(home.read_text("utf-8")) if home.exists() else {}
        report = {
            "measured_on": datetime.now(UTC).date().isoformat(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "rows": ROWS,
            "seconds": contest(work),
            "growth": [far(work, rows) for rows in (ROWS // 10, ROWS, given.large) if rows],
        }
        if not given.large:
            report["growth"] += [line for line in old.get("growth", []) if line["rows"] > ROWS]
        home.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        print(json.dumps(report, indent=2))


def contest(work: Path) -> dict[str, Any]:
    """Seconds of everybody on the same ten million rows."""
    table = work / "purchases.parquet"
    purchases.write(ROWS, str(table))
    # Arrays: the only thing that can be read in every environment.
    frame = pd.read_parquet(table).astype({"date": "datetime64[ns]"})
    np.savez(work / "purchases.npz", **{name: frame[name].to_numpy() for name in frame})
    found: dict[str, Any] = {
        "this package": run.timed(sys.executable, "summary_ours.py", work, 900),
        "floor and engines": run.timed(sys.executable, "summary_floor.py", work, 900),
        "peers": {},
    }
    for name, (_, package) in run.PEERS.items():
        python, problem = run.environment(work / "environments" / package, package)
        found["peers"][name] = (
            {"not measured": problem}
            if problem
            else run.timed(python, "peer_summary.py", work, 900)
        )
    return found


def far(work: Path, rows: int) -> dict[str, float]:
    """From Parquet to scores in a process of its own, whose temporary files have their place."""
    table, out, place = work / "large.parquet", work / "scores.parquet", work / "temporary"
    place.mkdir(exist_ok=True)
    purchases.write(rows, str(table))
    done = subprocess.run(
        [sys.executable, str(HERE / "large.py"), str(table), str(out)],
        check=True, capture_output=True, text=True, env=os.environ | {"TMPDIR": str(place)},
    )  # fmt: skip
    left = list(place.iterdir())
    table.unlink()
    out.unlink()
    if left:
        raise SystemExit(f"The run left {left} behind.")
    print(done.stdout, flush=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main()
