"""The command line: ``clvkit init``, ``check``, ``build`` and ``score``."""

import importlib.metadata
import time
from pathlib import Path
from typing import Annotated, Any

import typer
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


def _table(help_text: str) -> Any:
    return typer.Option(metavar="FILE", help=help_text, rich_help_panel="Tables")


Transactions = Annotated[
    str | None,
    _table("Your purchases: a file or folder, or a bundled table (cdnow, cdnow-sample, shop)."),
]
Subscriptions = Annotated[str | None, _table("Your subscriptions.")]
Spend = Annotated[str | None, _table("What you spent on marketing.")]
Customers = Annotated[str | None, _table("What is known of your customers.")]
Experiment = Annotated[str | None, _table("An experiment: who was in which arm.")]
Pairs = Annotated[
    list[str] | None,
    typer.Option("-p", metavar="NAME VALUE", help="Set a parameter; can be repeated."),
]
PlaybookFile = Annotated[
    Path | None,
    typer.Option("-f", metavar="FILE", help="Parameters from a YAML file; -p wins over it."),
]
Verbose = Annotated[bool, typer.Option(help="Show tracebacks and the whole log.")]


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


@app.command(epilog="Example: clvkit init orders.csv --out playbook.yml")
def init(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Your tables.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The playbook to write.")] = Path(
        "playbook.yml"
    ),
    verbose: Verbose = False,
) -> None:
    """Look at files and write a commented playbook with guesses to be checked.

    It guesses which table each file is, how its columns are called and how dates are written.
    Nothing else in clvkit guesses; and an existing playbook is not overwritten.
    """
    from clvkit.guess import draft, guess

    def write() -> None:
        if out.exists():
            raise DataError(f"{out} exists already: give another name with --out, or move it away.")
        text = draft([guess(path) for path in files], out.parent)
        out.write_text(text, encoding="utf-8")
        marks = sum(text.count(mark) for mark in ("GUESS", "CHECK:", "MISSING", "OPEN:")) - 1
        typer.echo(f"{out}: {marks} lines to look at. Next: clvkit check -f {out}")

    _guarded(write, verbose)


@app.command(cls=_Papermill, epilog="Example: clvkit check -f playbook.yml")
def check(
    transactions: Transactions = None,
    subscriptions: Subscriptions = None,
    spend: Spend = None,
    customers: Customers = None,
    experiment: Experiment = None,
    parameters: Pairs = None,
    file: PlaybookFile = None,
    verbose: Verbose = False,
) -> None:
    """Read the tables, print their receipts, and say which chapters can be about them."""
    from clvkit.book.checkup import report_of

    given = _given(locals())
    _guarded(lambda: report_of(_playbook(given, parameters, file)), verbose)


@app.command(
    cls=_Papermill,
    epilog="Example: clvkit build --transactions orders.csv -p currency EUR --out report",
)
def build(
    transactions: Transactions = None,
    subscriptions: Subscriptions = None,
    spend: Spend = None,
    customers: Customers = None,
    experiment: Experiment = None,
    parameters: Pairs = None,
    file: PlaybookFile = None,
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
    with_exercises: Annotated[
        bool, typer.Option("--with-exercises", help="Keep the exercises in a book about your data.")
    ] = False,
    show_ids: Annotated[
        bool, typer.Option("--show-ids", help="Show customer ids instead of pseudonyms.")
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Run every chapter and build the book.

    Without options it is the book about the bundled data, in _build/html. With --transactions it
    is the same book about your customers, in the folder report: book/ can be hosted; notebooks/,
    scores.csv, receipt.json and set_aside.csv are private. A chapter runs again only if something
    it reads has changed; unless everything goes well, the last good book stays where it is.
    """
    given = _given(locals())

    def run() -> None:
        _build(given, parameters, file, out, only, jobs, with_exercises, show_ids, verbose)

    _guarded(run, verbose)


def _build(
    given: dict[str, str], pairs: list[str] | None, file: Path | None, out: Path | None,
    only: list[str] | None, jobs: int | None, with_exercises: bool, show_ids: bool, verbose: bool,
) -> None:  # fmt: skip
    from clvkit.book.build import build as build_book
    from clvkit.book.own import own_data, write_private
    from clvkit.book.settings import BookSettings, default_jobs, find_source

    started = time.monotonic()
    book = _playbook(given, pairs, file)
    if book.tables and out is None:
        out = Path("report")
    settings = BookSettings.in_folder(
        find_source(), out.absolute() if out else None, parameters=book.parameters,
        only=tuple(only or ()), jobs=jobs or default_jobs(), verbose=verbose,
    )  # fmt: skip
    own = None
    if book.tables:
        own = own_data(book, settings.cache, show_ids=show_ids, with_exercises=with_exercises)
        settings = settings.model_copy(update={"parameters": own.parameters})
    report = build_book(settings, own)
    if not report.ok:
        _not_built(report, verbose)
    if own is not None:
        write_private(own, settings.pages.parent)
        for name, why in own.left_out.items():
            typer.echo(f"Left out: {name}. {why}", err=True)
    seconds = time.monotonic() - started
    typer.echo(
        f"{report.count} pages in {seconds:.0f} s ({len(report.ran)} chapters run anew): "
        f"{report.pages / 'index.html'}"
    )


@app.command(cls=_Papermill, epilog="Example: clvkit score -f playbook.yml --out scores.csv")
def score(
    transactions: Transactions = None,
    parameters: Pairs = None,
    file: PlaybookFile = None,
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Where to put the scores: .csv or .parquet.")
    ] = Path("scores.csv"),
    verbose: Verbose = False,
) -> None:
    """Write one row a customer: expected purchases, value with interval, segment."""
    from clvkit.book.own import scores_of, write_scores

    given = _given(locals())

    def run() -> None:
        scores = scores_of(_playbook(given, parameters, file))
        customers, model = write_scores(scores, out)
        typer.echo(f"{out}: {customers:,} customers ({model})")

    _guarded(run, verbose)


def _given(options: dict[str, Any]) -> dict[str, str]:
    """The options that name a table, as absolute paths where they are files."""
    from clvkit.playbook import BUNDLED, TABLES, located

    given = {name: options.get(name) for name in TABLES}
    return {
        name: value if value in BUNDLED.get(name, ()) else located(value, Path.cwd())
        for name, value in given.items()
        if value is not None
    }


def _playbook(given: dict[str, str], pairs: list[str] | None, file: Path | None) -> Any:
    """All values: from the file, then ``-p``, then the options that name tables."""
    from clvkit.playbook import load, playbook

    values = load(file) if file else {}
    by_pair: dict[str, Any] = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise typer.BadParameter(f"-p needs a name and a value, not {pair!r}.")
        by_pair[name] = value
    return playbook({**values, **by_pair, **_given(by_pair), **given})


def _not_built(report: Any, verbose: bool) -> None:
    lines = [str(failure) for failure in report.failures] + report.problems
    if verbose:
        lines += [failure.traceback for failure in report.failures] + [report.log]
    kept = " The last good book stays in place." if report.pages.exists() else ""
    count = len(report.failures)
    what = "1 chapter" if count == 1 else f"{count} chapters"
    what = f"{what} did not run." if count else "The pages are not right."
    _stop(f"{what}{kept}\n" + "\n".join(lines))


def _guarded(run: Any, verbose: bool) -> None:
    """Run; a mistake of the user is a message and exit code 1, not a traceback."""
    from clvkit.workspace import close_all

    try:
        run()
    except DataError as error:
        if verbose:
            raise
        _stop(str(error))
    except OSError as error:
        if verbose:
            raise
        _stop(f"{error.filename or 'A file'}: {error.strerror or error}")
    finally:
        close_all()


def _stop(message: str) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(1)


def main() -> None:
    """Entry point of the console script."""
    app()
