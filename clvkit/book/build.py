"""Build the book: run what has changed, make the pages, check them, put them in place."""

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from clvkit.book import pages
from clvkit.book.chapters import (
    Chapter,
    chapters_of,
    check_parameters,
    choose,
    declared,
    prune,
    table_of_contents,
)
from clvkit.book.check import check_book
from clvkit.book.execute import Failure, execute
from clvkit.book.settings import BUNDLED_TABLES, BookSettings
from clvkit.errors import DataError


@dataclass(frozen=True)
class Report:
    """How a build went. ``failures`` and ``problems`` are empty if the book is in place."""

    pages: Path
    count: int
    """Number of pages."""
    ran: list[str]
    """Chapters that were run; the others had not changed."""
    failures: list[Failure] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    log: str = ""

    @property
    def ok(self) -> bool:
        """Whether the new book is in place."""
        return not (self.failures or self.problems)


def build(settings: BookSettings) -> Report:
    """Build the book. Unless everything goes well, the last good book stays as it was.

    Raises ``DataError`` before anything runs if the settings cannot be used.
    """
    pages.check_version()
    for folder in (settings.pages, settings.notebooks):
        pages.restore(folder)
    toc = table_of_contents(settings.source)
    chapters = chapters_of(settings.source, toc)
    values = _values(chapters, settings)
    if settings.only:
        chapters = choose(chapters, settings.only)
        toc = prune(toc, {chapter.name for chapter in chapters})
    execution = execute(chapters, values, settings)
    report = Report(settings.pages, len(chapters), execution.ran, failures=execution.failures)
    if execution.failures:
        return report
    with Console(stderr=True).status("Building the pages"):
        problems, log = _publish(chapters, execution.notebooks, toc, settings)
    return replace(report, problems=problems, log=log)


def _values(chapters: list[Chapter], settings: BookSettings) -> dict[str, dict[str, Any]]:
    """The values of every chapter, checked; a table that is not there is an error."""
    for name, known in BUNDLED_TABLES.items():
        table = settings.parameters.get(name)
        if table is not None and table not in known and not Path(str(table)).exists():
            raise DataError(
                f"{name}: there is no file {table}, and no bundled table of that name "
                f"(bundled: {', '.join(known)})."
            )
    by_chapter = {
        chapter.name: declared(chapter.notebook(), chapter.path.name)
        for chapter in chapters
        if chapter.has_code
    }
    return check_parameters(settings.parameters, by_chapter)


def _publish(
    chapters: list[Chapter],
    executed: dict[str, Path],
    toc: dict[str, Any],
    settings: BookSettings,
) -> tuple[list[str], str]:
    """Make the pages and put them in place; returns what is wrong, and what jupyter-book said."""
    work = pages.workspace(settings)
    try:
        pages.stage(work, chapters, executed, toc, settings)
        new = pages.run_jupyter_book(work, settings, strict=not settings.only)
        problems = check_book(new, [chapter.name for chapter in chapters])
        if not problems:
            pages.replace(new, settings.pages)
            pages.replace(work / "notebooks", settings.notebooks)
        return problems, ""
    except pages.BuildError as error:
        return [str(error)], error.log
    finally:
        shutil.rmtree(work, ignore_errors=True)
