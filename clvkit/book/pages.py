"""From executed notebooks to pages: stage, build, check, and only then replace the last book."""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from clvkit.book.chapters import Chapter
from clvkit.book.execute import ESCAPES
from clvkit.book.settings import BookSettings
from clvkit.errors import DataError

JUPYTER_BOOK = "1.0.4.post1"
# The command line of jupyter-book has no word for the number of processes.
_RUN = """
import functools, sys
import jupyter_book.sphinx as sphinx
from jupyter_book.cli.main import main
sphinx.build_sphinx = functools.partial(sphinx.build_sphinx, jobs=2)
sys.exit(main())
"""
# Any fixed moment will do; the pages show no date.
_EPOCH = "1735689600"
_PLACE = re.compile(r"(\S+)\.ipynb:(\d+): (.*)")


class BuildError(RuntimeError):
    """The pages could not be built; ``log`` is what jupyter-book said."""

    def __init__(self, message: str, log: str) -> None:
        super().__init__(message)
        self.log = log


def check_version() -> None:
    """Refuse any jupyter-book but the one whose behaviour this package was written for."""
    try:
        version = importlib.metadata.version("jupyter-book")
    except importlib.metadata.PackageNotFoundError:
        version = "missing"
    if version != JUPYTER_BOOK:
        raise DataError(
            f"jupyter-book is {version}, but the book needs {JUPYTER_BOOK}: 2.x ignores "
            "_config.yml and writes no pages. Install the locked versions with `make book`, or "
            f"`pip install jupyter-book=={JUPYTER_BOOK}`."
        )


def workspace(settings: BookSettings) -> Path:
    """Make a folder for one build beside the pages, so that they can be moved in one step."""
    out = settings.pages.parent
    out.mkdir(parents=True, exist_ok=True)
    for left in out.glob(".work-*"):
        if not _runs(int(left.name.split("-")[1])):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f".work-{os.getpid()}-", dir=out))


def _runs(process: int) -> bool:
    """Whether a build that began is still under way; a killed one leaves its folder behind."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def stage(
    work: Path,
    chapters: list[Chapter],
    executed: dict[str, Path],
    toc: dict[str, Any],
    settings: BookSettings,
    hidden: Mapping[str, str],
) -> None:
    """Lay out in ``work`` what jupyter-book needs, executed notebooks in place of the chapters.

    The pages show other words for every text of ``hidden``; the notebooks keep it.
    """
    source, target, notebooks = settings.source, work / "source", work / "notebooks"
    notebooks.mkdir()
    for chapter in chapters:
        if chapter.name in executed:
            _copy(executed[chapter.name], notebooks / f"{chapter.name}.ipynb")
            _copy(executed[chapter.name], target / f"{chapter.name}.ipynb", hidden)
        else:
            _copy(chapter.path, target / f"{chapter.name}.md")
    if (source / "assets").exists():
        shutil.copytree(source / "assets", target / "assets")
    for name in _bibliographies(source):
        _copy(source / name, target / name)
    (target / "_toc.yml").write_text(yaml.safe_dump(toc, sort_keys=False), encoding="utf-8")
    config = yaml.safe_load((source / "_config.yml").read_text(encoding="utf-8"))
    config["execute"] = {"execute_notebooks": "off"}
    (target / "_config.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")


def run_jupyter_book(work: Path, settings: BookSettings, strict: bool) -> Path:
    """Build the pages from the staged source; returns their folder.

    Warnings are errors when ``strict``; a book of some chapters has links to absent ones.
    """
    source = work / "source"
    command = [sys.executable, "-c", _RUN, "build", str(source)]
    command += ["--config", str(source / "_config.yml"), "--toc", str(source / "_toc.yml")]
    command += ["--path-output", str(work), "--keep-going"]
    command += ["-W", "-n"] if strict else []
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "0",
        "SOURCE_DATE_EPOCH": _EPOCH,
        "CLVKIT_CACHE": str(settings.cache),
        "NO_COLOR": "1",
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=source)
    log = ESCAPES.sub("", done.stdout + done.stderr).replace(str(source) + os.sep, "")
    pages = work / "_build" / "html"
    if done.returncode or not pages.is_dir():
        marks = ("WARNING", "ERROR", "Error", "Exception")
        said = [line for line in log.splitlines() if any(mark in line for mark in marks)]
        said = [_in_source(line, source, settings.source) for line in said]
        raise BuildError("jupyter-book says:\n  " + "\n  ".join(said or [log]), log)
    return pages


def _in_source(line: str, staged: Path, source: Path) -> str:
    """Name the line of the chapter that a warning about its notebook is about."""
    found = _PLACE.match(line)
    if found is None:
        return line
    name, place, message = found.groups()
    # MyST-NB counts 10,000 lines for each cell, from the first.
    cell, row = divmod(int(place), 10_000)
    cells = json.loads((staged / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    chapter = (source / f"{name}.md").read_text(encoding="utf-8").splitlines()
    lines = "".join(cells[cell - 1]["source"]).splitlines() if 0 < cell <= len(cells) else []
    wanted = lines[row - 1] if 0 < row <= len(lines) else ""
    number = chapter.index(wanted) + 1 if wanted in chapter else 0
    return f"{name}.md:{number or f'cell {cell}'}: {message}"


def replace(new: Path, old: Path) -> None:
    """Put a finished folder in the place of the last one, which stays if anything goes wrong."""
    last = old.with_name(f".last-{old.name}")
    if old.exists():
        shutil.rmtree(last, ignore_errors=True)
        old.rename(last)
    try:
        new.rename(old)
    except OSError:
        if last.exists():
            last.rename(old)
        raise
    shutil.rmtree(last, ignore_errors=True)


def restore(old: Path) -> None:
    """Bring back the last folder if a build was killed between the two moves of ``replace``."""
    last = old.with_name(f".last-{old.name}")
    if last.exists() and not old.exists():
        last.rename(old)


def _copy(source: Path, target: Path, hidden: Mapping[str, str] | None = None) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    if hidden:
        text = source.read_text(encoding="utf-8")
        for secret, shown in hidden.items():
            text = text.replace(json.dumps(secret, ensure_ascii=False)[1:-1], shown)
        target.write_text(text, encoding="utf-8")


def _bibliographies(source: Path) -> list[str]:
    config = yaml.safe_load((source / "_config.yml").read_text(encoding="utf-8"))
    return [name for name in config.get("bibtex_bibfiles", []) if (source / name).exists()]
