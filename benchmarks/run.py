"""Measure this package, its peers and the floor in one run: ``python benchmarks/run.py``.

Every peer gets an environment of its own (uv where there is one, else venv and pip), under
``--work``. One after the other, on one thread, they time the same tasks on the same two tables:
the published CDNOW sample and a million customers simulated from its estimates. What a peer
cannot install or do is written down as such. The answer is ``data/benchmarks/speed.json``,
which the page about benchmarks shows.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import clvkit as clv

HERE = Path(__file__).resolve().parent
# Name, script and what to install; ours and the floor run in this environment.
PEERS = {
    "lifetimes": ("peer_lifetimes.py", "lifetimes"),
    "clvkit of the registry": ("peer_clvkit.py", "clvkit"),
    "pymc-marketing": ("peer_pymc_marketing.py", "pymc-marketing"),
}
CUSTOMERS = 1_000_000


def main() -> int:
    """Run all; 0 when this package was measured, whatever the peers did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, help="folder for environments and tables, kept")
    parser.add_argument("--limit", type=int, default=1800, help="seconds a contestant may take")
    given = parser.parse_args()
    work = given.work or Path(tempfile.mkdtemp(prefix="benchmarks-"))
    work.mkdir(parents=True, exist_ok=True)
    write_tables(work)
    results = {
        "this package": timed(sys.executable, "ours.py", work, given.limit),
        "floor": timed(sys.executable, "floor.py", work, given.limit),
    }
    for name, (script, package) in PEERS.items():
        python, problem = environment(work / "environments" / package, package)
        results[name] = (
            {"not measured": problem} if problem else timed(python, script, work, given.limit)
        )
    report = {
        "measured_on": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "customers": CUSTOMERS,
        "seconds": results,
        "times_faster": ratios(results),
    }
    text = json.dumps(report, indent=2, ensure_ascii=False)
    (HERE.parent / "data/benchmarks/speed.json").write_text(text + "\n", encoding="utf-8")
    print(json.dumps(report["times_faster"], indent=2))
    return 0


def write_tables(work: Path) -> None:
    """The two tables as the peers read them; the million in whole days, as real logs are."""
    sample, _ = clv.split(clv.datasets.cdnow(sample=True), "1997-09-30")
    sample.to_csv(work / "sample.csv")
    truth = clv.BetaGeoNBD().fit(sample)
    rows = clv.simulate.purchases(truth, CUSTOMERS, 39.0, seed=1997)
    rows = clv.simulate.spending(clv.GammaGamma().fit(sample), rows, seed=1997)
    whole = {
        "frequency": rows["frequency"],
        "recency": np.floor(rows["recency"] * 7) / 7,
        "T": np.ceil(rows["T"] * 7) / 7,
        "monetary_value": rows["monetary_value"].round(2).fillna(0.0),
    }
    np.savez(work / "million.npz", **{name: np.asarray(each) for name, each in whole.items()})


def environment(folder: Path, package: str) -> tuple[str, str]:
    """The Python of an environment with ``package``, made if need be; or what went wrong."""
    python = folder / "bin" / "python"
    uv = shutil.which("uv")
    make = [uv, "venv", "-q"] if uv else [sys.executable, "-m", "venv"]
    install = [uv, "pip", "install", "-q", "--python", str(python)] if uv else [
        str(python), "-m", "pip", "install", "-q"
    ]  # fmt: skip
    try:
        if not python.exists():
            subprocess.run([*make, str(folder)], check=True, capture_output=True, text=True)
        subprocess.run([*install, package], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        return "", f"not installed: {(error.stderr or '').strip()[-300:]}"
    return str(python), ""


def timed(python: str, script: str, work: Path, limit: int) -> dict[str, float | str]:
    """The seconds that ``script`` reports, on one thread, away from this repository."""
    print(f"-- {script}", flush=True)
    alone = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    inherited = dict(os.environ)
    if python != sys.executable:
        # A peer must not find this repository's package, whose name one of them shares.
        inherited.pop("PYTHONPATH", None)
    log = work / f"{Path(script).stem}.jsonl"
    problem = ""
    with log.open("w", encoding="utf-8") as output:
        try:
            subprocess.run(
                [python, str(HERE / script), str(work)], check=True, stdout=output,
                timeout=limit, cwd=work, env=inherited | alone,
            )  # fmt: skip
        except subprocess.CalledProcessError as error:
            problem = f"ended with {error.returncode}"
        except subprocess.TimeoutExpired:
            problem = f"more than {limit} seconds in all"
    lines = log.read_text(encoding="utf-8").splitlines()
    found: dict[str, float | str] = json.loads(lines[-1]) if lines else {}
    return found | ({"not measured": f"the rest: {problem}"} if problem else {})


def ratios(results: dict[str, dict[str, float | str]]) -> dict[str, dict[str, float]]:
    """How many times longer each other contestant takes than this package, by task."""
    ours = results["this package"]
    return {
        name: {
            task: round(seconds / ours[task], 2)
            for task, seconds in tasks.items()
            if isinstance(seconds, float) and isinstance(ours.get(task), float)
        }
        for name, tasks in results.items()
        if name != "this package"
    }


if __name__ == "__main__":
    sys.exit(main())
