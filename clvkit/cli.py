"""The command line: ``clvkit build``."""

import importlib.metadata
import time
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from typer.core import TyperCommand

from clvkit.errors import DataError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


class _Papermill(TyperCommand):
    """A command with papermill's ``-p NAME VALUE``: two words, which Typer cannot repeat."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join the two words before the options are read."""
        rest, joined = list(args), []
        while rest:
            joined.append(rest.pop(0))
            if joined[-1] == "-p" and len(rest) > 1:
                joined.append(f"{rest.pop(0)}={rest.pop(0)}")
        return super().parse_args(ctx, joined)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"clvkit {importlib.metadata.version('clv-playbook')}")
        raise typer.Exit


@app.callback()
def clvkit(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """The CLV Playbook on your own customers."""


@app.command(
    cls=_Papermill,
    epilog="Example: clvkit build --transactions orders.csv -p currency EUR --out report",
)
def build(
    transactions: Annotated[
        str | None,
        typer.Option(metavar="TABLE", help="Your purchases: a file, or a bundled table (cdnow)."),
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("-p", metavar="NAME VALUE", help="Set a parameter; can be repeated."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("-f", metavar="FILE", help="Parameters from a YAML file; -p wins over it."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where to put the book and the notebooks."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="CHAPTER", help="A book of this chapter only; can be repeated."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Chapters run at the same time; usually 2.")
    ] = None,
    verbose: Annotated[bool, typer.Option(help="Show tracebacks and the whole log.")] = False,
) -> None:
    """Run every chapter and build the book.

    Without options it is the book about the bundled data, in _build/html. With --transactions it
    is the same book about your customers. A chapter runs again only if something it reads has
    changed; unless everything goes well, the last good book stays where it is.
    """
    from clvkit.book.build import build as build_book
    from clvkit.book.settings import BookSettings, default_jobs, find_source

    started = time.monotonic()
    try:
        settings = BookSettings.in_folder(
            find_source(),
            out.absolute() if out else None,
            parameters=_parameters(transactions, parameters or [], file),
            only=tuple(only or ()),
            jobs=jobs or default_jobs(),
            verbose=verbose,
        )
        report = build_book(settings)
    except DataError as error:
        if verbose:
            raise
        _stop(str(error))
    if report.ok:
        seconds = time.monotonic() - started
        typer.echo(
            f"{report.count} pages in {seconds:.0f} s ({len(report.ran)} chapters run anew): "
            f"{report.pages / 'index.html'}"
        )
        return
    lines = [str(failure) for failure in report.failures] + report.problems
    if verbose:
        lines += [failure.traceback for failure in report.failures] + [report.log]
    kept = " The last good book stays in place." if report.pages.exists() else ""
    count = len(report.failures)
    what = "1 chapter" if count == 1 else f"{count} chapters"
    what = f"{what} did not run." if count else "The pages are not right."
    _stop(f"{what}{kept}\n" + "\n".join(lines))


def _parameters(transactions: str | None, pairs: list[str], file: Path | None) -> dict[str, Any]:
    """All parameters by name: from the file, then ``-p``, then ``--transactions``."""
    from clvkit.book.settings import BUNDLED_TABLES

    values = _parameters_in(file) if file else {}
    given: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise typer.BadParameter(f"-p needs a name and a value, not {pair!r}.")
        given[name] = value
    if transactions is not None:
        given["transactions"] = transactions
    for name, bundled in BUNDLED_TABLES.items():
        # Chapters run in the book's folder, where a relative path would mean something else.
        for some, folder in ((values, file.parent if file else Path()), (given, Path())):
            if name in some and some[name] not in bundled:
                some[name] = str((folder / str(some[name])).absolute())
    return {**values, **given}


def _parameters_in(file: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"The parameter file {file} cannot be read: {error}") from error
    if not isinstance(values, dict) or any(isinstance(v, dict | list) for v in values.values()):
        raise DataError(f"{file}: every line must be `name: value`, such as `currency: EUR`.")
    return values


def _stop(message: str) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(1)


def main() -> None:
    """Entry point of the console script."""
    app()
