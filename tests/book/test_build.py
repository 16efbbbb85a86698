"""From chapters to pages: what is built, when it is built again, and what stops it."""

import html
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jupytext
import nbformat
import pytest
from conftest import FRONT, digests, write_mini
from typer.testing import Result

from clvkit.book import build as building
from clvkit.book import cache, pages
from clvkit.book.build import build
from clvkit.book.chapters import (
    Chapter,
    Parameter,
    chapters_of,
    check_parameters,
    declared,
    missing_tables,
    prepare,
)
from clvkit.book.check import check_book
from clvkit.book.execute import execute
from clvkit.book.own import OwnData, absent_tables
from clvkit.book.settings import BookSettings
from clvkit.errors import DataError

Run = Callable[..., Result]
slow = pytest.mark.slow
NAMES = ["index", "chapters/alpha", "chapters/beta"]


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def forbid_running(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object) -> None:
        raise AssertionError("a chapter was run")

    monkeypatch.setattr(building, "execute", run)


@slow
def test_a_book_has_its_pages_charts_and_notebooks(built_mini: Path) -> None:
    book = built_mini / "_build/html"
    assert check_book(book, NAMES) == []
    alpha = (book / "chapters/alpha.html").read_text("utf-8")
    assert alpha.count('class="vega-chart"') == 1
    assert "vega-bundle.js" in alpha
    assert 'alt="Two bars."' in alpha
    assert "vega-bundle.js" not in (book / "chapters/beta.html").read_text("utf-8")
    notebook = nbformat.read(built_mini / "_build/notebooks/chapters/alpha.ipynb", 4)
    assert "papermill" not in notebook.metadata
    assert not any("papermill" in cell.metadata for cell in notebook.cells)
    assert "/tmp" not in str(notebook)
    assert [path.name for path in (built_mini / "_build").glob(".work*")] == []


@slow
def test_two_clean_builds_give_the_same_bytes(built_mini: Path, tmp_path: Path) -> None:
    again = write_mini(tmp_path / "elsewhere" / "book")
    assert build(BookSettings.in_folder(again)).ok
    for part in ("html", "notebooks"):
        assert digests(again / "_build" / part) == digests(built_mini / "_build" / part)


@slow
def test_only_what_changed_runs_again(mini: Path) -> None:
    settings = BookSettings.in_folder(mini)

    def ran() -> list[str]:
        chapters = chapters_of(mini, building.table_of_contents(mini))
        return execute(chapters, {}, settings).ran

    assert ran() == []
    change(mini / "chapters/beta.md", '{"b", "a"}', '{"b", "c"}')
    assert ran() == ["chapters/beta"]
    assert ran() == []


def test_the_key_knows_values_data_package_and_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_mini(tmp_path / "book")
    chapter = Chapter("chapters/beta", source / "chapters/beta.md", True)
    table = tmp_path / "orders.csv"
    table.write_text("a\n1\n")
    package = shutil.copytree(Path(cache.clvkit.__file__).parent, tmp_path / "package")
    monkeypatch.setattr(cache.clvkit, "__file__", str(package / "__init__.py"))

    def key(**values: object) -> str:
        cache.forget()
        return cache.key(chapter, values, source)

    keys = [key(), key(currency="EUR"), key(transactions=str(table))]
    assert key() == keys[0]
    table.write_text("a\n2\n")
    keys.append(key(transactions=str(table)))
    (source / "data/table.csv").write_text("a,b\n1,3\n")
    keys.append(key())
    (package / "summary.py").write_text("changed = True\n")
    keys.append(key())
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: [])
    keys.append(key())
    cache.forget()
    assert len(set(keys)) == len(keys)


@slow
def test_a_failing_chapter_is_named_and_the_last_book_stays(mini: Path, clvkit: Run) -> None:
    before = digests(mini / "_build/html") | digests(mini / "_build/notebooks")
    change(mini / "chapters/beta.md", 'sorted({"b", "a"})', 'total = 1\nraise KeyError("Eva")')
    change(mini / "chapters/alpha.md", "orders = 100", "orders = 101")
    result = clvkit(mini, "build")
    assert result.exit_code == 1
    assert "chapters/beta.md, line 14, code cell 2 ('total = 1')" in result.output
    assert "KeyError: 'Eva'" in result.output
    assert "Traceback" not in result.output
    assert "alpha.md" not in result.output
    assert digests(mini / "_build/html") | digests(mini / "_build/notebooks") == before
    verbose = clvkit(mini, "build", "--verbose")
    assert verbose.exit_code == 1
    assert "Traceback" in verbose.output


@slow
def test_a_chart_without_description_stops_the_build(mini: Path, clvkit: Run) -> None:
    change(mini / "chapters/alpha.md", 'description="Two bars."', 'title="Two bars."')
    result = clvkit(mini, "build")
    assert result.exit_code == 1
    assert "DataError: This chart has no description" in result.output


@slow
def test_a_broken_page_leaves_the_last_book(
    mini: Path, clvkit: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Colours in what Sphinx says must not get into the way of naming the file.
    monkeypatch.setenv("FORCE_COLOR", "1")
    before = digests(mini / "_build/html")
    change(mini / "index.md", "chapters/alpha", "chapters/alhpa")
    with (mini / "chapters/beta.md").open("a", encoding="utf-8") as chapter:
        chapter.write("\nSee {doc}`nowhere`.\n")
    result = clvkit(mini, "build")
    assert "chapters/beta.md:" in result.output
    assert "nowhere" in result.output
    assert result.exit_code == 1
    assert "index.md:3" in result.output
    assert "chapters/alhpa" in result.output
    assert "The last good book stays in place" in result.output
    assert digests(mini / "_build/html") == before
    assert list((mini / "_build").glob(".work*")) == []


@slow
def test_an_address_outside_the_book_stops_the_build(mini: Path, clvkit: Run) -> None:
    before = digests(mini / "_build/html")
    with (mini / "index.md").open("a", encoding="utf-8") as file:
        file.write('\n<img src="https://example.org/logo.png" alt="A logo">\n')
    result = clvkit(mini, "build")
    assert result.exit_code == 1
    assert "it refers to https://example.org/logo.png, which is outside" in result.output
    assert digests(mini / "_build/html") == before


def test_a_build_killed_between_two_moves_is_repaired(tmp_path: Path) -> None:
    old, new = tmp_path / "html", tmp_path / "new"
    old.mkdir()
    (old / "index.html").write_text("good")
    with pytest.raises(OSError, match="new"):
        pages.replace(new, old)
    assert (old / "index.html").read_text() == "good"
    old.rename(tmp_path / ".last-html")
    pages.restore(old)
    assert (old / "index.html").read_text() == "good"


def test_another_jupyter_book_is_noticed_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clvkit: Run
) -> None:
    source = write_mini(tmp_path / "book")
    forbid_running(monkeypatch)
    version = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata,
        "version",
        lambda name: "2.0.1" if name == "jupyter-book" else version(name),
    )
    result = clvkit(source, "build")
    assert result.exit_code == 1
    assert "jupyter-book is 2.0.1, but the book needs 1.0.4.post1" in result.output


def test_the_pinned_jupyter_book_is_the_one_checked() -> None:
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    assert f'"jupyter-book=={pages.JUPYTER_BOOK}"' in project.read_text()


def test_a_misspelt_parameter_suggests_the_right_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clvkit: Run
) -> None:
    source = write_mini(tmp_path / "book")
    forbid_running(monkeypatch)
    result = clvkit(source, "build", "-p", "gross_margn", "0.4")
    assert result.exit_code == 1
    assert "No chapter has a parameter 'gross_margn'. Did you mean 'gross_margin'?" in result.output


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"gross_margin": "0.4"}, {"gross_margin": 0.4}),
        ({"gross_margin": 1}, {"gross_margin": 1.0}),
        ({"transactions": "2024"}, {"transactions": "2024"}),
        ({"horizon_months": "12"}, {"horizon_months": 12}),
    ],
)
def test_values_are_read_by_the_declared_type(
    tmp_path: Path, given: dict[str, object], kept: dict[str, object]
) -> None:
    source = write_mini(tmp_path / "book")
    chapter = Chapter("a", source / "chapters/alpha.md", True)
    own = {"a": declared(chapter.notebook(), "a")}
    assert check_parameters(given, own) == {"a": kept}


@pytest.mark.parametrize(
    "given",
    [{"gross_margin": "thirty"}, {"horizon_months": 1.5}, {"horizon_months": True}],
)
def test_a_value_of_the_wrong_type_is_refused(tmp_path: Path, given: dict[str, object]) -> None:
    source = write_mini(tmp_path / "book")
    chapter = Chapter("a", source / "chapters/alpha.md", True)
    with pytest.raises(DataError, match=f"The parameter {next(iter(given))} must be"):
        check_parameters(given, {"a": declared(chapter.notebook(), "a")})


def test_own_data_drops_what_is_only_true_of_the_bundled(tmp_path: Path) -> None:
    source = write_mini(tmp_path / "book")
    chapter = Chapter("a", source / "chapters/alpha.md", True)

    def words(**values: object) -> str:
        return "\n".join(cell.source for cell in prepare(chapter, values).cells)

    assert "Only true of CDNOW" in words(gross_margin=0.5, transactions="cdnow")
    own = words(transactions="orders.csv")
    assert "Only true of CDNOW" not in own
    assert "Only for learners" not in own
    assert "The end." in own


def parameters_of(*lines: str) -> dict[str, Parameter]:
    cell = nbformat.v4.new_code_cell("\n".join(lines), metadata={"tags": ["parameters"]})
    return declared(nbformat.v4.new_notebook(cells=[cell]), "it")


SPEND, BOUGHT = 'spend: str = "saas"', 'transactions: str | None = "cdnow"'
SIGNED = 'subscriptions: str | None = "saas"'


@pytest.mark.parametrize(
    ("lines", "given", "lacks"),
    [
        (["currency: str = 'EUR'"], ["spend"], ""),
        ([SPEND], [], "spend"),
        ([SPEND, 'experiment: str = "emails"'], ["customers"], "spend and experiment"),
        ([SPEND, BOUGHT], ["transactions"], "spend"),
        ([SPEND, BOUGHT], ["spend"], ""),
        ([BOUGHT, SIGNED], ["spend"], "transactions or subscriptions"),
        ([BOUGHT, SIGNED], ["subscriptions"], ""),
    ],
)
def test_a_chapter_says_which_tables_it_lacks(
    lines: list[str], given: list[str], lacks: str
) -> None:
    assert missing_tables(parameters_of(*lines), given) == lacks


def test_an_optional_table_that_was_not_given_is_none(tmp_path: Path) -> None:
    chapter = Chapter("c", tmp_path / "c.md", has_code=True)
    chapter.path.write_text(
        FRONT + f"```{{code-cell}} python\n:tags: [parameters]\n{BOUGHT}\n{SIGNED}\n```\n"
    )
    own = OwnData({}, {"subscriptions": "subs.parquet"}, {})
    values = {"c": {"subscriptions": "subs.parquet"}}
    by_chapter = {"c": declared(chapter.notebook(), "c")}
    absent_tables(values, by_chapter, own)
    source = prepare(chapter, values["c"]).cells[0].source
    assert "transactions: str | None = None" in source
    assert 'subscriptions: str | None = "subs.parquet"' in source


@slow
def test_the_page_shows_the_values_used(mini: Path, clvkit: Run, tmp_path: Path) -> None:
    table = tmp_path / "orders.csv"
    rows = [f"{n % 30},2025-{1 + n % 9:02d}-{1 + n % 27:02d},{n}.50" for n in range(200)]
    table.write_text("\n".join(["customer_id,date,amount", *rows]))
    (tmp_path / "book.yml").write_text("transactions: orders.csv\ngross_margin: 0.9\n")
    before = digests(mini / "_build/html")
    result = clvkit(
        mini, "build", "-f", "../book.yml", "-p", "gross_margin", "0.45", "--out", "../report"
    )
    assert result.exit_code == 0, result.output
    page = (tmp_path / "report/book/chapters/alpha.html").read_text("utf-8")
    text = html.unescape(re.sub("<[^>]+>", "", page))
    assert "gross_margin: float = 0.45" in text
    assert re.search(r'transactions: str = "transactions-[0-9a-f]{16}\.parquet"', text)
    assert str(tmp_path) not in page
    assert "0.3 " not in text
    assert "# Parameters" not in text
    assert "45.0" in text
    assert "Only true of CDNOW" not in text
    assert (tmp_path / "report/notebooks/chapters/alpha.ipynb").exists()
    assert digests(mini / "_build/html") == before


@slow
def test_only_builds_the_chapters_asked_for(mini: Path, clvkit: Run, tmp_path: Path) -> None:
    wrong = clvkit(mini, "build", "--only", "betta")
    assert wrong.exit_code == 1
    assert "There is no chapter 'betta'. Did you mean 'beta'?" in wrong.output
    result = clvkit(mini, "build", "--only", "alpha", "--out", str(tmp_path / "some"))
    assert result.exit_code == 0, result.output
    book = tmp_path / "some/book"
    assert (book / "chapters/alpha.html").exists()
    assert (book / "index.html").exists()
    assert not (book / "chapters/beta.html").exists()


@slow
def test_papermill_runs_a_converted_chapter_alone(mini: Path, tmp_path: Path) -> None:
    source, result = tmp_path / "alpha.ipynb", tmp_path / "out.ipynb"
    jupytext.write(jupytext.read(mini / "chapters/alpha.md"), source)
    subprocess.run(
        [sys.executable, "-m", "papermill", source, result, "-p", "gross_margin", "0.5"],
        check=True,
        capture_output=True,
        cwd=mini,
    )
    outputs = [
        output["data"]["text/plain"]
        for cell in nbformat.read(result, 4).cells
        for output in cell.get("outputs", [])
    ]
    assert outputs == ["50.0", "Two bars."]


@slow
def test_jupyter_book_builds_it_for_an_author_of_words(mini: Path, tmp_path: Path) -> None:
    shutil.rmtree(mini / "_build")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(
        ["jupyter-book", "build", ".", "-W", "-n", "--keep-going"],
        check=True,
        capture_output=True,
        cwd=mini,
        env=environment,
    )
    book = mini / "_build/html"
    assert check_book(book, NAMES) == []
    assert 'class="vega-chart"' in (book / "chapters/alpha.html").read_text("utf-8")
