"""A report about somebody's own table: what is in it, what is not, and what an accident leaves."""

import html
import json
import re
import time
from decimal import Decimal
from pathlib import Path
from typing import Literal

import nbformat
import numpy as np
import pandas as pd
import pytest
from browser import launched, look
from conftest import digests
from typer.testing import CliRunner, Result

import clvkit as clv
from clvkit.book.own import shareable
from clvkit.cli import app

pytestmark = pytest.mark.slow

SCRIPT = "<script>alert('planted')</script>"
N = 1000


def planted() -> pd.DataFrame:
    """Purchases of 1,000 customers whose ids, names and texts must not be seen anywhere."""
    random_numbers = np.random.default_rng(7)
    rows = []
    for number in range(N):
        gaps = random_numbers.exponential(20 + 40 * random_numbers.random(), 30)
        first = random_numbers.integers(0, 200)
        days = first + np.concatenate([[0], np.cumsum(gaps)])
        stays = min(365, first + random_numbers.exponential(200))
        rows += [(number, int(day)) for day in days if day <= stays]
    table = pd.DataFrame(rows, columns=["number", "day"])
    spend = random_numbers.gamma(4, 10, len(table)).round(2)
    who = table["number"].map(lambda n: f"planted.person{n:04d}@example.com")
    return pd.DataFrame(
        {
            "E-Mail": who,
            "Full name": table["number"].map(lambda n: f"Plantedname{n:04d} {SCRIPT}"),
            "day": pd.Timestamp("2025-01-01") + pd.to_timedelta(table["day"], unit="D"),
            "total": spend,
            "channel": SCRIPT,
            "category": table["number"].map(lambda n: f"=PLANTEDFORMULA{n:04d}()"),
        }
    )


def write_playbook(folder: Path, table: pd.DataFrame) -> Path:
    """The table as a file with some dirt, and the playbook that reads it."""
    dirty = table.astype(str)
    dirty.loc[len(dirty)] = ["planted.person9999@example.com", SCRIPT, "someday", "9.99", "", ""]
    dirty.loc[len(dirty)] = ["", "Plantedname9998", "2025-05-05", "5.01", "", ""]
    dirty.to_csv(folder / "orders <b>.csv", index=False)
    file = folder / "playbook.yml"
    file.write_text(
        "transactions: orders <b>.csv\ncurrency: EUR\ngross_margin: 0.4\n"
        "transactions_columns: {customer_id: E-Mail, date: day, amount: total}\n"
    )
    return file


def build(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["build", *arguments])


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the planted customers; not to be changed."""
    folder = tmp_path_factory.mktemp("own")
    file = write_playbook(folder, planted())
    result = build("-f", str(file), "--out", str(folder / "report"))
    assert result.exit_code == 0, result.output
    return folder / "report"


def test_a_report_has_its_parts_and_nothing_else(report: Path) -> None:
    parts = {path.name for path in report.iterdir()}
    assert parts == {"book", "notebooks", "scores.csv", "receipt.json", "set_aside.csv", ".cache"}
    assert {path.name for path in report.parent.iterdir()} == {
        "report", "playbook.yml", "orders <b>.csv",
    }  # fmt: skip
    for page in ("index", "print", "receipt", "chapters/predicting-purchases"):
        assert (report / f"book/{page}.html").exists()
        assert (report / f"notebooks/{page}.ipynb").exists()


def test_no_planted_word_is_in_what_may_be_shown(report: Path) -> None:
    words = re.compile(rb"planted\.person|Plantedname|PLANTEDFORMULA|alert\('planted'\)", re.I)
    looked = 0
    for path in report.rglob("*"):
        private = path.parent == report and path.suffix in (".csv", ".json")
        if path.is_file() and not private:
            looked += 1
            found = words.search(path.read_bytes())
            assert found is None, (path, found)
    assert looked > 20
    assert str(report.parent).encode() not in b"".join(
        path.read_bytes() for path in (report / "book").rglob("*.html")
    )


def test_the_files_name_is_shown_as_text(report: Path) -> None:
    page = (report / "book/receipt.html").read_text("utf-8")
    assert "orders <b>" not in page
    assert "orders &lt;b&gt;.csv" in page


def test_the_receipt_adds_up_to_the_cent(report: Path) -> None:
    receipt = json.loads((report / "receipt.json").read_text("utf-8"))["tables"]["transactions"]
    aside = receipt["set_aside"].values()
    assert receipt["rows_in"] == receipt["rows_used"] + sum(line["rows"] for line in aside)
    money = Decimal(receipt["money_used"]) + sum(Decimal(line["money"]) for line in aside)
    assert Decimal(receipt["money_in"]) == money
    assert set(receipt["set_aside"]) == {"date not readable", "no customer id"}
    rows = pd.read_csv(report / "set_aside.csv")
    assert sorted(rows["reason"]) == sorted(receipt["set_aside"])
    assert rows["line"].tolist() == [receipt["rows_in"], receipt["rows_in"] + 1]
    assert rows["remedy"].notna().all()


def test_scores_carry_the_real_ids(report: Path) -> None:
    scores = pd.read_csv(report / "scores.csv")
    assert len(scores) == N
    assert scores["customer_id"].str.fullmatch(r"planted\.person\d{4}@example\.com").all()
    assert scores["clv"].notna().all()


def test_what_is_left_out_stands_on_the_first_page(report: Path) -> None:
    assert not (report / "book/chapters/predicting-contracts.html").exists()
    text = words(report / "book/index.html")
    assert "Predicting contracts" in text
    assert "needs a table of survivors" in text


def test_exercises_and_remarks_on_other_data_are_gone(report: Path) -> None:
    for page in (report / "book/chapters").glob("*.html"):
        assert "CDNOW" not in words(page).split("Further reading")[0] or page.stem in (
            "benchmarks", "glossary", "methods", "references",
        ), page  # fmt: skip
    assert "The trap in the week" not in words(report / "book/chapters/predicting-purchases.html")


def test_a_second_build_runs_nothing_and_changes_nothing(report: Path, tmp_path: Path) -> None:
    before = digests(report)
    result = build("-f", str(report.parent / "playbook.yml"), "--out", str(report))
    assert result.exit_code == 0, result.output
    assert "(0 chapters run anew)" in result.output
    assert digests(report) == before


def words(page: Path) -> str:
    main = page.read_text("utf-8").split("<main", 1)[1].split("</main>", 1)[0]
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", main)).split())


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_pages_of_a_report_are_whole_in_a_browser(
    report: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    with launched() as browser:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
        )
        for page in ("index", "print", "receipt", "chapters/predicting-purchases"):
            assert look(context, report / f"book/{page}.html") == [], page


def test_ids_are_shown_when_asked_for(tmp_path: Path) -> None:
    table = planted().head(600)
    file = write_playbook(tmp_path, table)
    only = ("--only", "predicting-purchases", "--show-ids", "--with-exercises")
    result = build("-f", str(file), "--out", str(tmp_path / "out"), *only)
    assert result.exit_code == 0, result.output
    page = words(tmp_path / "out/book/chapters/predicting-purchases.html")
    assert "planted.person" in page
    assert "The trap in the week" in page


def test_an_unusable_table_leaves_the_last_report(report: Path, tmp_path: Path) -> None:
    before = digests(report)
    (tmp_path / "bad.csv").write_text("customer_id,date,amount\n1,2025-01-01,5\n1,2025-01-02,5\n")
    result = build("--transactions", str(tmp_path / "bad.csv"), "--out", str(report))
    assert result.exit_code == 1
    assert "one customer" in result.output
    assert "Traceback" not in result.output
    assert digests(report) == before


def test_nobody_came_back_gives_a_shorter_book_that_says_so(tmp_path: Path) -> None:
    days = pd.date_range("2025-01-01", periods=200).astype(str)
    pd.DataFrame(
        {"customer_id": [f"c{n}" for n in range(200)], "date": days, "amount": 20.0}
    ).to_csv(tmp_path / "once.csv", index=False)
    result = build("--transactions", str(tmp_path / "once.csv"), "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    text = words(tmp_path / "out/book/index.html")
    assert "Nobody bought a second time" in text
    assert not (tmp_path / "out/book/chapters/predicting-purchases.html").exists()
    assert (tmp_path / "out/book/chapters/what-is-clv.html").exists()
    scores = pd.read_csv(tmp_path / "out/scores.csv")
    assert scores["clv"].isna().all()
    assert scores["model"].str.startswith("none: Nobody").all()


def told(notebook: Path) -> dict[str, str]:
    """What a chapter computed for its sentences."""
    found = {}
    for cell in nbformat.read(notebook, 4).cells:
        for output in cell.get("outputs", []):
            name = output.get("metadata", {}).get("scrapbook", {}).get("name")
            if name:
                found[name] = str(sorted(output["data"].items()))
    return found


def test_the_book_of_cdnow_as_somebodys_own_says_the_same(real_book: Path, tmp_path: Path) -> None:
    table = clv.datasets.cdnow()
    renamed = {"customer_id": "CustomerNo", "date": "Order date", "amount": "Total"}
    table.rename(columns=renamed).to_csv(tmp_path / "export.csv", index=False)
    (tmp_path / "playbook.yml").write_text(
        f"transactions: export.csv\ntransactions_columns: {json.dumps(renamed)}\n"
    )
    started = time.monotonic()
    result = build("-f", str(tmp_path / "playbook.yml"), "--out", str(tmp_path / "out"))
    print(f"built in {time.monotonic() - started:.0f} s")
    assert result.exit_code == 0, result.output
    compared = 0
    for name in ("what-is-clv", "historical-clv", "predicting-purchases"):
        published = told(real_book.parent / f"notebooks/chapters/{name}.ipynb")
        own = told(tmp_path / f"out/notebooks/chapters/{name}.ipynb")
        both = published.keys() & own.keys()
        assert {key: own[key] for key in both} == {key: published[key] for key in both}
        compared += len(both)
    assert compared > 100


def test_a_report_without_purchases_says_what_it_cannot_tell(tmp_path: Path) -> None:
    """Spend alone: no chapter on customers, no scores, and each reason on the first page."""
    pd.DataFrame(
        {"month": ["2025-01", "2025-02"], "channel": ["search", SCRIPT], "spend": [1000, 500]}
    ).to_csv(tmp_path / "spend.csv", index=False)
    out = tmp_path / "out"
    out.mkdir()
    (out / "scores.csv").write_text("of an earlier report")
    result = build("--spend", str(tmp_path / "spend.csv"), "--only", "clv-formulas",
                   "--out", str(out))  # fmt: skip
    assert result.exit_code == 0, result.output
    text = words(out / "book/index.html")
    assert "There are none: key figures need purchases or subscriptions" in text
    assert "It needs a table of transactions: a line `transactions: FILE` in the playbook" in text
    assert "2 rows came in, with amounts of 1,500.00 USD in all" in text
    assert not (out / "scores.csv").exists()
    for path in out.rglob("*"):
        if path.is_file() and path.suffix != ".json":
            assert b"alert('planted')" not in path.read_bytes(), path


def test_a_report_on_subscriptions_alone(tmp_path: Path) -> None:
    """The bundled subscriptions as somebody's own: figures, chapters on churn, a list to call."""
    table = clv.datasets.BUNDLED["subscriptions"]["saas"]()
    table = table.assign(customer_id="planted.person" + table["customer_id"] + "@example.com")
    table.to_csv(tmp_path / "subs.csv", index=False)
    out = tmp_path / "out"
    result = build("--subscriptions", str(tmp_path / "subs.csv"), "-p", "currency", "EUR",
                   "--out", str(out))  # fmt: skip
    assert result.exit_code == 0, result.output
    text = words(out / "book/index.html")
    assert "Paying customers" in text
    assert "could be computed" in text
    assert (out / "book/chapters/churn.html").exists()
    assert (out / "book/chapters/recurring-revenue.html").exists()
    assert not (out / "scores.csv").exists()
    risk = pd.read_csv(out / "at_risk.csv")
    assert risk["customer_id"].str.startswith("planted.person").all()
    assert risk["mrr_at_risk"].is_monotonic_decreasing
    for path in (out / "book").rglob("*"):
        assert not path.is_file() or b"planted.person" not in path.read_bytes(), path


def test_what_chapters_may_see_of_customers() -> None:
    people = pd.DataFrame(
        {
            "customer_id": [f"{n:03d}" for n in range(40)],
            "channel": ["search"] * 39 + ["fairs"],
            "segment": ["business"] * 38 + ["of one", "of another"],
            "member_since": ["2024-01-05", None] * 20,
            "calls": [n % 4 for n in range(40)],
            "telephone": [3161234567 + 17 * n for n in range(40)],
            "name": [f"Plantedname{n}" for n in range(40)],
        }
    )
    shown = shareable(clv.read_customers(people).table, "customers", b"key")
    assert list(shown) == ["customer_id", "channel", "segment", "member_since", "calls"]
    assert shown["customer_id"].str.fullmatch("C[A-Z2-7]{12}").all()
    assert set(shown["channel"]) == {"search", "fairs"}
    assert set(shown["segment"]) == {"business", "other"}
    same = shareable(clv.read_customers(people).table, "customers", None)
    assert list(same["customer_id"]) == list(people["customer_id"])
