"""An accident in the middle of a build: the last report stays as it was."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import digests
from typer.testing import CliRunner

from clvkit.cli import app

pytestmark = pytest.mark.slow

# From the start of Python to after the end of the build of a small book.
LONGEST = 9.0


def test_an_interruption_at_any_moment_leaves_the_last_report(
    mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten builds with another margin each, each interrupted at a random moment."""
    rows = [f"{n % 90},2025-{1 + n % 9:02d}-{1 + n % 27:02d},{n}.50" for n in range(700)]
    (tmp_path / "orders.csv").write_text("\n".join(["customer_id,date,amount", *rows]))
    report = tmp_path / "report"
    arguments = ["build", "--transactions", str(tmp_path / "orders.csv"), "--out", str(report)]
    monkeypatch.chdir(mini)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    command = [sys.executable, "-c", "from clvkit.cli import main; main()", *arguments]
    moments, interrupted = random.Random(11), 0
    before = visible(report)
    for number in range(10):
        process = subprocess.Popen(
            [*command, "-p", "gross_margin", f"0.{51 + number}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )  # fmt: skip
        time.sleep(moments.uniform(0.2, LONGEST))
        if process.poll() is None:
            interrupted += 1
            os.killpg(process.pid, moments.choice([signal.SIGINT, signal.SIGKILL, signal.SIGTERM]))
        process.wait()
        after = visible(report)
        if after["book/index.html"] == before["book/index.html"]:
            assert after == before
        else:  # It was quicker than the accident: then the new book is whole.
            assert after.keys() == before.keys()
        before = after
    assert interrupted >= 3
    for _ in range(2):
        again = CliRunner().invoke(app, arguments)
        assert again.exit_code == 0, again.output
    assert "(0 chapters run anew)" in again.output, "a second run goes on from the cache"
    assert not list(report.glob("*.part")) + list(report.glob(".work*"))


def visible(report: Path) -> dict[str, str]:
    """Digests of what a reader sees; hidden folders hold the cache and unfinished work."""
    return {name: digest for name, digest in digests(report).items() if not name.startswith(".")}
