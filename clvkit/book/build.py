"""Build the book: run what has changed, make the pages, check them, put them in place."""

import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from clvkit.book import pages
from clvkit.book.chapters import (
    Chapter,
    Parameter,
    chapters_of,
    check_parameters,
    choose,
    declared,
    page_title,
    prune,
    table_of_contents,
)
from clvkit.book.check import check_book
from clvkit.book.execute import Execution, Failure, execute
from clvkit.book.own import (
    OWN_PAGES,
    OwnData,
    absent_tables,
    contents,
    leave_out,
    page_values,
    refused,
)
from clvkit.book.settings import BookSettings
from clvkit.contracts import CONTRACTS
from clvkit.errors import DataError
from clvkit.playbook import BUNDLED


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


def build(settings: BookSettings, own: OwnData | None = None) -> Report:
    """Build the book, about the bundled tables or about ``own``.

    Unless everything goes well, the last good book stays as it was. On own data a chapter that
    says why it cannot be about them is left out and listed on the first page.

    Raises ``DataError`` before anything runs if the settings cannot be used.
    """
    pages.check_version()
    for folder in (settings.pages, settings.notebooks):
        pages.restore(folder)
    toc = table_of_contents(settings.source)
    chapters = chapters_of(settings.source, toc)
    values = _values(chapters, settings)
    exercises = own is not None and own.with_exercises
    if own is not None:
        toc = contents(toc)
        by_chapter = _declared(chapters)
        chapters = leave_out(chapters, by_chapter, own)
        absent_tables(values, by_chapter, own)
    if settings.only:
        chapters = choose(chapters, settings.only, root=own is None)
    execution = execute(chapters, values, settings, with_exercises=exercises)
    if own is not None:
        execution, chapters = _with_own_pages(execution, chapters, settings, own)
    report = Report(settings.pages, len(chapters), execution.ran, failures=execution.failures)
    if execution.failures:
        return report
    toc = prune(toc, {chapter.name for chapter in chapters})
    with Console(stderr=True).status("Building the pages"):
        problems, log = _publish(chapters, execution.notebooks, toc, settings, own)
    return replace(report, problems=problems, log=log)


def _with_own_pages(
    execution: Execution, chapters: list[Chapter], settings: BookSettings, own: OwnData
) -> tuple[Execution, list[Chapter]]:
    """Run the report's own pages, which say what was left out; the chapters that are in it."""
    by_name = {f"{chapter.name}.md": chapter for chapter in chapters}
    failures = [f for f in execution.failures if not refused(f, by_name[f.file], own)]
    if failures:
        return replace(execution, failures=failures), chapters
    titles = {name: page_title(settings.source, name) for name in own.left_out}
    given = page_values(own, titles, settings.cache / "tables")
    known = _declared(OWN_PAGES)
    values = {
        name: {key: value for key, value in given.items() if key in own_parameters}
        for name, own_parameters in known.items()
    }
    values = {name: check_parameters(v, {name: known[name]})[name] for name, v in values.items()}
    absent_tables(values, known, own)
    more = execute(OWN_PAGES, values, settings)
    kept = [*OWN_PAGES, *(chapter for chapter in chapters if chapter.name not in own.left_out)]
    return Execution(
        execution.notebooks | more.notebooks, sorted(execution.ran + more.ran), more.failures
    ), kept


def _values(chapters: list[Chapter], settings: BookSettings) -> dict[str, dict[str, Any]]:
    """The values of every chapter, checked; a table that is not there is an error."""
    for name, known in BUNDLED.items():
        table = settings.parameters.get(name)
        if table is not None and table not in known and not Path(str(table)).exists():
            raise DataError(
                f"{name}: there is no file {table}, and no bundled table of that name "
                f"(bundled: {', '.join(known)})."
            )
    by_chapter = _declared(chapters)
    declared_names = {name for parameters in by_chapter.values() for name in parameters}
    # A table of one's own may be there for its receipt alone.
    given = {
        n: v for n, v in settings.parameters.items() if n in declared_names or n not in CONTRACTS
    }
    return check_parameters(given, by_chapter)


def _declared(chapters: list[Chapter]) -> dict[str, dict[str, Parameter]]:
    return {
        chapter.name: declared(chapter.notebook(), chapter.path.name)
        for chapter in chapters
        if chapter.has_code
    }


def _publish(
    chapters: list[Chapter],
    executed: dict[str, Path],
    toc: dict[str, Any],
    settings: BookSettings,
    own: OwnData | None,
) -> tuple[list[str], str]:
    """Make the pages and put them in place; returns what is wrong, and what jupyter-book said."""
    work = pages.workspace(settings)
    # A page to host says nothing of the machine on which it was made.
    hidden = {} if own is None else {f"{settings.cache / 'tables'}{os.sep}": ""}
    try:
        pages.stage(work, chapters, executed, toc, settings, hidden)
        whole = not settings.only and (own is None or not own.left_out)
        new = pages.run_jupyter_book(work, settings, strict=whole)
        problems = check_book(new, [chapter.name for chapter in chapters])
        if not problems:
            pages.replace(new, settings.pages)
            pages.replace(work / "notebooks", settings.notebooks)
        return problems, ""
    except pages.BuildError as error:
        return [str(error)], error.log
    finally:
        shutil.rmtree(work, ignore_errors=True)
