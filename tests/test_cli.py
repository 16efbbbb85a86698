"""The command line: what it says, and with which exit code."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clvkit.book import build as building
from clvkit.book import own as owning
from clvkit.book.build import Report
from clvkit.book.execute import Failure
from clvkit.book.own import OwnData
from clvkit.book.settings import BookSettings
from clvkit.cli import app
from clvkit.playbook import Playbook

run = CliRunner().invoke


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[BookSettings]:
    """Settings of the builds that were asked for, instead of builds."""
    asked: list[BookSettings] = []

    def build(settings: BookSettings, own: OwnData | None) -> Report:
        asked.append(settings)
        return Report(settings.pages, 8, ["chapters/a"])

    def read(book: Playbook, cache: Path, **_: bool) -> OwnData:
        files = {name: str(path) for name, path in book.tables.items()}
        return OwnData({}, {**book.parameters, **files}, {})

    monkeypatch.setattr(building, "build", build)
    monkeypatch.setattr(owning, "own_data", read)
    monkeypatch.setattr(owning, "write_private", lambda *_: None)
    (tmp_path / "_config.yml").touch()
    (tmp_path / "_toc.yml").touch()
    monkeypatch.chdir(tmp_path)
    return asked


def test_help_has_an_example_and_every_option() -> None:
    result = run(app, ["build", "--help"])
    assert result.exit_code == 0
    text = " ".join(result.output.split())
    assert "Example: clvkit build --transactions orders.csv -p currency EUR --out report" in text
    for option in ("--transactions", "-p", "-f", "--out", "--jobs", "--only", "--verbose"):
        assert option in text


def test_version() -> None:
    result = run(app, ["--version"])
    assert result.exit_code == 0
    assert result.output.startswith("clvkit 0.")


@pytest.mark.parametrize(
    "arguments",
    [
        ["biuld"],
        ["build", "--transaction", "x"],
        ["build", "-p", "currency"],
        ["build", "-p", "not a name", "1"],
        ["build", "--jobs", "0"],
        ["build", "orders.csv"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], built: list[BookSettings]) -> None:
    result = run(app, arguments)
    assert result.exit_code == 2
    assert built == []


def test_places_without_and_with_out(built: list[BookSettings], tmp_path: Path) -> None:
    assert run(app, ["build"]).exit_code == 0
    assert run(app, ["build", "--out", "report"]).exit_code == 0
    usual, elsewhere = built
    assert usual.pages == tmp_path / "_build/html"
    assert usual.notebooks == tmp_path / "_build/notebooks"
    assert elsewhere.pages == tmp_path / "report/book"
    assert elsewhere.notebooks == tmp_path / "report/notebooks"
    assert usual.source == elsewhere.source == tmp_path


def test_the_last_line_says_where_the_book_is(built: list[BookSettings], tmp_path: Path) -> None:
    output = run(app, ["build"]).output
    assert output.startswith("8 pages in ")
    assert output.endswith(f"{tmp_path / '_build/html/index.html'}\n")


def test_parameters_come_from_file_then_p_then_table(
    built: list[BookSettings], tmp_path: Path
) -> None:
    folder = tmp_path / "sub"
    folder.mkdir()
    (folder / "a.csv").touch()
    (tmp_path / "b.csv").touch()
    (folder / "book.yml").write_text("transactions: a.csv\ncurrency: EUR\ngross_margin: 0.4\n")
    arguments = ["build", "-f", "sub/book.yml", "-p", "currency", "JPY", "-p", "n", "-1"]
    assert run(app, arguments).exit_code == 0
    assert run(app, [*arguments, "--transactions", "b.csv"]).exit_code == 0
    assert run(app, ["build", "--transactions", "cdnow-sample"]).exit_code == 0
    first, second, third = (settings.parameters for settings in built)
    assert first == {
        "transactions": str(folder / "a.csv"),
        "currency": "JPY",
        "gross_margin": 0.4,
        "n": "-1",
    }
    assert second["transactions"] == str(tmp_path / "b.csv")
    assert third == {"transactions": "cdnow-sample"}


@pytest.mark.parametrize("text", ["- a\n", "a: {b: 1}\n", "a: [\n", "word\n", "1: 2\n"])
def test_a_parameter_file_that_is_none_is_refused(
    built: list[BookSettings], tmp_path: Path, text: str
) -> None:
    (tmp_path / "book.yml").write_text(text)
    result = run(app, ["build", "-f", "book.yml"])
    assert result.exit_code == 1
    assert "book.yml" in result.output
    assert "Traceback" not in result.output
    assert built == []


def test_a_missing_parameter_file_is_exit_code_1(built: list[BookSettings]) -> None:
    result = run(app, ["build", "-f", "absent.yml"])
    assert result.exit_code == 1
    assert "absent.yml cannot be read" in result.output


def test_failures_are_told_in_one_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    failure = Failure("chapters/a.md", 3, 42, "fit(x)", "DataError", "no rows", "Traceback ...")
    pages = tmp_path / "html"
    pages.mkdir()
    monkeypatch.setattr(building, "build", lambda *_: Report(pages, 8, [], failures=[failure]))
    result = run(app, ["build"])
    assert result.exit_code == 1
    assert result.output == (
        "1 chapter did not run. The last good book stays in place.\n"
        "chapters/a.md, line 42, code cell 3 ('fit(x)')\n    DataError: no rows\n"
    )
    assert "Traceback ..." in run(app, ["build", "--verbose"]).output


def test_a_table_that_is_not_there_stops_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(building, "execute", lambda *_: pytest.fail("a chapter was run"))
    monkeypatch.chdir(Path(__file__).resolve().parents[1])
    result = run(app, ["build", "--transactions", "absent.csv"])
    assert result.exit_code == 1
    assert "absent.csv" in result.output
    assert "bundled: cdnow, cdnow-sample" in result.output


def test_outside_a_book_the_own_one_is_built(
    built: list[BookSettings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert run(app, ["build"]).exit_code == 0
    assert built[0].source == Path(__file__).resolve().parents[1]


def test_the_console_script_is_installed() -> None:
    command = Path(sys.executable).with_name("clvkit")
    done = subprocess.run([command, "build", "--help"], capture_output=True, text=True, check=True)
    assert "Example" in done.stdout
