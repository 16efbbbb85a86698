"""Run the chapters, several at a time, and keep what they produced."""

import contextlib
import json
import logging
import os
import re
import warnings
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nbformat
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from clvkit.book import cache
from clvkit.book.chapters import Chapter, prepare
from clvkit.book.settings import BookSettings

_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
)
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
"""The colours of a terminal, which a message has no use for."""
# A styled pandas table is given a new random name in every run.
_RANDOM_NAME = re.compile(r"\bT_[0-9a-f]{5}(?=[\"_ ])")
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
REFUSALS = ("DataError", "UndefinedError")
"""Errors by which a chapter says why it cannot be about the data."""
_NOT_PUBLISHED = ("papermill", "execution", "widgets")


@dataclass(frozen=True)
class Failure:
    """A chapter that did not run to its end."""

    file: str
    cell: int
    """Number among the code cells, from 1; 0 when no cell is to blame."""
    line: int
    """Line of the file on which the cell's code starts; 0 when it cannot be told."""
    first_line: str
    error: str
    text: str
    traceback: str

    def __str__(self) -> str:
        where = self.file
        if self.cell:
            place = f", line {self.line}" if self.line else ""
            where += f"{place}, code cell {self.cell} ({self.first_line!r})"
        return f"{where}\n    {self.error}: {self.text}"


@dataclass(frozen=True)
class Task:
    """One chapter to run, with its values."""

    chapter: Chapter
    values: dict[str, Any]
    source: Path
    key: str
    result: Path
    with_exercises: bool


@dataclass(frozen=True)
class Execution:
    """What came of running the chapters."""

    notebooks: dict[str, Path]
    """Executed notebooks by chapter name, of this run or of an earlier one."""
    ran: list[str]
    """The chapters that were run now."""
    failures: list[Failure]


def execute(
    chapters: list[Chapter],
    values: dict[str, dict[str, Any]],
    settings: BookSettings,
    *,
    with_exercises: bool = False,
) -> Execution:
    """Run the chapters with code that have changed; all of them run even if one fails."""
    cache.forget()
    results: dict[str, Path] = {}
    tasks, failures = [], []
    for chapter in (c for c in chapters if c.has_code):
        own = values.get(chapter.name, {})
        key = cache.key(chapter, own, settings.source, with_exercises)
        result = settings.cache / "notebooks" / f"{chapter.name}.{key[:16]}.ipynb"
        refusal = _refusal(result)
        if result.exists():
            result.touch()
            results[chapter.name] = result
        elif refusal.exists():
            failures.append(Failure(**json.loads(refusal.read_text("utf-8"))))
        else:
            tasks.append(Task(chapter, own, settings.source, key, result, with_exercises))
    # Once for all threads: papermill would change the folder of the whole process in each.
    with contextlib.chdir(settings.source):
        for task, failure in _run_all(tasks, settings.jobs):
            if failure is None:
                _forget_older(task.result, task.chapter)
                results[task.chapter.name] = task.result
            else:
                failures.append(failure)
                if failure.error in REFUSALS:
                    _refusal(task.result).parent.mkdir(parents=True, exist_ok=True)
                    _refusal(task.result).write_text(json.dumps(asdict(failure)), "utf-8")
    ran = sorted(task.chapter.name for task in tasks)
    return Execution(results, ran, sorted(failures, key=lambda failure: failure.file))


def _run_all(tasks: list[Task], jobs: int) -> Iterator[tuple[Task, Failure | None]]:
    if not tasks:
        return
    # Sets and dicts of text must come out in the same order in every build.
    os.environ["PYTHONHASHSEED"] = "0"
    # The chapters share the cores already; threads of their own would wait for each other.
    os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1"))
    # Threads suffice: each chapter computes in a process of its own, the kernel.
    pool = ThreadPoolExecutor(min(jobs, len(tasks)))
    with (
        warnings.catch_warnings(),
        Progress(*_COLUMNS, console=Console(stderr=True), transient=True) as progress,
    ):
        # papermill and its parts warn about their own future.
        warnings.simplefilter("ignore")
        bar = progress.add_task("Running the chapters", total=len(tasks))
        try:
            waiting: dict[Future[Failure | None], Task] = {
                pool.submit(run_chapter, task): task for task in tasks
            }
            for future in as_completed(waiting):
                task = waiting[future]
                progress.update(bar, advance=1, description=f"Ran {task.chapter.path.name}")
                yield task, future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def run_chapter(task: Task) -> Failure | None:
    """Run one chapter and write the executed notebook; the failure, if it raised."""
    import papermill
    from jupyter_core.utils import ensure_event_loop

    from clvkit.book.pictures import add_pictures

    logging.getLogger("papermill").setLevel(logging.ERROR)
    notebook = prepare(task.chapter, task.values, with_exercises=task.with_exercises)
    try:
        # Without an output file: papermill would write it anew after every cell.
        executed = papermill.execute_notebook(
            notebook,
            None,
            progress_bar=False,
            extra_arguments=["--IPKernelApp.log_level=50"],
        )
    except papermill.PapermillExecutionError as error:
        return _failure(task, notebook, error)
    finally:
        # nbclient opens one in every thread and leaves it to whoever called.
        ensure_event_loop().close()
    _strip(executed)
    add_pictures(executed, task.result.parents[task.chapter.name.count("/")] / "pictures")
    task.result.parent.mkdir(parents=True, exist_ok=True)
    part = task.result.with_suffix(f".{os.getpid()}.part")
    nbformat.write(executed, part)  # type: ignore[no-untyped-call]
    part.replace(task.result)
    return None


def _strip(notebook: nbformat.NotebookNode) -> None:
    """Remove times, paths, addresses and random names of this run: pages would publish them."""
    for part in [notebook, *notebook.cells]:
        for name in _NOT_PUBLISHED:
            part.metadata.pop(name, None)
        if not part.metadata.get("tags", True):
            del part.metadata["tags"]
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/html" in data:
                data["text/html"] = _RANDOM_NAME.sub(f"T_{cell['id']}", data["text/html"])
            if "text/plain" in data:
                data["text/plain"] = _ADDRESS.sub("", data["text/plain"])


def _failure(task: Task, notebook: nbformat.NotebookNode, error: Any) -> Failure:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    before = notebook.cells[: error.cell_index]
    number = sum(cell.cell_type == "code" for cell in before) + 1
    source = code[number - 1].source if number <= len(code) else error.source
    lines = [line for line in source.splitlines() if line.strip()]
    text = task.chapter.path.read_text(encoding="utf-8")
    line = text[: text.index(source)].count("\n") + 1 if source and source in text else 0
    return Failure(
        file=f"{task.chapter.name}.md",
        cell=number,
        line=line,
        first_line=lines[0].strip() if lines else "",
        error=error.ename,
        text=error.evalue,
        traceback=ESCAPES.sub("", "\n".join(error.traceback)),
    )


def _refusal(result: Path) -> Path:
    """Where it is kept that a chapter cannot be about these data: it would say so again."""
    return result.with_suffix(".refused.json")


def _forget_older(result: Path, chapter: Chapter) -> None:
    """Delete executions of the same chapter that have not been used for a long time."""
    stem = chapter.name.rsplit("/", 1)[-1]
    found = sorted(result.parent.glob(f"{stem}.*.ipynb"), key=lambda p: p.stat().st_mtime)
    for path in found[:-4]:
        path.unlink(missing_ok=True)
