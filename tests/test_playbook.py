"""The playbook file, and the commands that write it, check it and score with it."""

from pathlib import Path

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

import clvkit as clv
from clvkit.book.checkup import setting
from clvkit.cli import app
from clvkit.errors import DataError
from clvkit.playbook import load, playbook

run = CliRunner().invoke


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with an export of 200 customers as a German shop writes it."""
    monkeypatch.chdir(tmp_path)
    table = clv.datasets.cdnow(sample=True)
    table = table[table["customer_id"].isin(table["customer_id"].unique()[:200])]
    pd.DataFrame(
        {
            "Kundennummer": table["customer_id"],
            "Bestelldatum": table["date"].dt.strftime("%d.%m.%Y"),
            "Betrag": table["amount"].map(lambda m: f"{m:,.2f} €".translate({44: ".", 46: ","})),
            "Name": "=cmd()",
        }
    ).to_csv("orders.csv", index=False, sep=";")
    return tmp_path


def test_init_writes_a_playbook_that_can_be_used(folder):
    result = run(app, ["init", "orders.csv"])
    assert result.exit_code == 0, result.output
    text = Path("playbook.yml").read_text("utf-8")
    values = yaml.safe_load(text)
    assert values["transactions"] == "orders.csv"
    assert values["transactions_columns"] == {
        "customer_id": "Kundennummer", "date": "Bestelldatum", "amount": "Betrag",
    }  # fmt: skip
    assert values["transactions_date_format"] == "%d.%m.%Y"
    assert values["currency"] == "EUR"
    guessed = [line for line in text.splitlines() if "GUESS" in line]
    assert len(guessed) == 5, "every guess is marked, and the heading says so"
    assert run(app, ["check", "-f", "playbook.yml"]).exit_code == 0


def test_init_does_not_overwrite(folder):
    Path("playbook.yml").write_text("currency: EUR\n")
    result = run(app, ["init", "orders.csv"])
    assert result.exit_code == 1
    assert "exists already" in result.output
    assert Path("playbook.yml").read_text() == "currency: EUR\n"


def test_init_leaves_open_what_it_cannot_tell(folder):
    Path("odd.csv").write_text("who,day,total\n1,03/04/2025,5\n2,05/06/2025,7\n")
    assert run(app, ["init", "odd.csv"]).exit_code == 0
    text = Path("playbook.yml").read_text("utf-8")
    assert "# MISSING: no column looks like customer_id" in text
    assert "# OPEN: transactions_date_format" in text
    assert "%d/%m/%Y or %m/%d/%Y" in text
    assert "date_format" not in yaml.safe_load(text)


def test_init_tells_tables_apart(folder):
    Path("subs.csv").write_text("customer,start,end,mrr\n1,2025-01-01,,9\n2,2025-01-01,,9\n")
    Path("ads.csv").write_text("date,channel,cost\n2025-01-01,search,9\n")
    assert run(app, ["init", "orders.csv", "subs.csv", "ads.csv"]).exit_code == 0
    values = yaml.safe_load(Path("playbook.yml").read_text("utf-8"))
    assert values["subscriptions"] == "subs.csv"
    assert values["spend"] == "ads.csv"
    assert values["spend_columns"] == {"spend": "cost"}
    twice = run(app, ["init", "orders.csv", "orders.csv", "--out", "other.yml"])
    assert twice.exit_code == 1
    assert "one file a table" in twice.output
    assert not Path("other.yml").exists()


@pytest.mark.parametrize("name", ["absent.csv", "."])
def test_init_on_no_table_is_one_message(folder, name):
    result = run(app, ["init", name])
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert not Path("playbook.yml").exists()


def test_check_prints_a_receipt_that_adds_up_and_the_chapters(folder):
    rows = Path("orders.csv").read_text("utf-8")
    Path("orders.csv").write_text(rows + "00001;yesterday;5,00 €;x\n", "utf-8")
    run(app, ["init", "orders.csv"])
    Path("playbook.yml").write_text(
        "transactions: orders.csv\ntransactions_date_format: '%d.%m.%Y'\n"
        "transactions_columns: {customer_id: Kundennummer, date: Bestelldatum, amount: Betrag}\n"
    )
    result = run(app, ["check", "-f", "playbook.yml"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert "set aside: date not readable" in result.output
    assert "without a contract" in result.output
    line = next(row for row in result.output.splitlines() if "Predicting contracts" in row)
    assert "no: it needs survivors" in line


def test_check_without_a_table_says_what_to_give():
    result = run(app, ["check"])
    assert result.exit_code == 1
    assert "--transactions FILE" in result.output


def test_score_writes_csv_and_parquet_with_the_same_rows(folder):
    run(app, ["init", "orders.csv"])
    for name in ("scores.csv", "scores.parquet"):
        result = run(app, ["score", "-f", "playbook.yml", "--out", name])
        assert result.exit_code == 0, result.output
        assert "200 customers (BG/NBD and Gamma-Gamma)" in result.output
    text = pd.read_csv("scores.csv", dtype={"customer_id": str})
    table = pd.read_parquet("scores.parquet")
    assert list(text.columns) == list(table.columns)
    assert text["customer_id"].tolist() == table["customer_id"].tolist()
    assert text["clv"].to_numpy() == pytest.approx(table["clv"].to_numpy(), rel=1e-9)
    assert table["customer_id"].iloc[0] == "00004"
    assert sorted(path.name for path in folder.iterdir()) == [
        "orders.csv",
        "playbook.yml",
        "scores.csv",
        "scores.parquet",
    ]


def test_score_uses_the_firms_own_figures(folder):
    run(app, ["init", "orders.csv"])
    run(app, ["score", "-f", "playbook.yml", "--out", "a.csv"])
    run(app, ["score", "-f", "playbook.yml", "-p", "gross_margin", "0.6", "--out", "b.csv"])
    one, two = (pd.read_csv(name)["clv"] for name in ("a.csv", "b.csv"))
    assert two.to_numpy() == pytest.approx(2 * one.to_numpy(), rel=1e-6)
    wrong = run(app, ["score", "-f", "playbook.yml", "-p", "gross_margin", "60", "--out", "c.csv"])
    assert wrong.exit_code == 1
    assert "between 0 and 1" in wrong.output
    assert not Path("c.csv").exists()


def test_a_formula_in_an_id_is_neutralised(folder):
    text = Path("orders.csv").read_text("utf-8").replace("\n00004;", "\n=1+2;")
    Path("orders.csv").write_text(text, "utf-8")
    run(app, ["init", "orders.csv"])
    assert run(app, ["score", "-f", "playbook.yml"]).exit_code == 0
    assert Path("scores.csv").read_text("utf-8").splitlines()[1].startswith('"\'=1+2"')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("date_format: '%d'\n", "date_format says how to read a table"),
        ("transactions: cdnow\ntransactions_columns: {a: b}\n", "no `transactions: FILE`"),
        ("refunds: net\n", "no `transactions: FILE`"),
        ("transactions: absent.csv\n", "there is no file"),
        ("- a\n", "name: value"),
        ("currency: [EUR]\n", "currency is not"),
        ("margins: {a: 1}\n", "margins is not"),
    ],
)
def test_a_playbook_that_contradicts_itself_is_refused(tmp_path, text, said):
    file = tmp_path / "playbook.yml"
    file.write_text(text)
    with pytest.raises(DataError, match=said):
        playbook(load(file))


def test_options_of_one_table_win_over_those_of_all(tmp_path):
    for name in ("orders.csv", "subs.csv"):
        (tmp_path / name).touch()
    file = tmp_path / "playbook.yml"
    file.write_text(
        "transactions: orders.csv\nsubscriptions: subs.csv\ndate_format: '%d.%m.%Y'\n"
        "subscriptions_date_format: '%Y-%m-%d'\nobservation_end: 2025-12-31\ncurrency: EUR\n"
    )
    book = playbook(load(file))
    assert book.tables["transactions"] == tmp_path / "orders.csv"
    assert book.reading["transactions"] == {
        "date_format": "%d.%m.%Y", "observation_end": "2025-12-31", "columns": {},
    }  # fmt: skip
    assert book.reading["subscriptions"] == {"date_format": "%Y-%m-%d", "columns": {}}
    assert book.parameters == {"currency": "EUR"}


def test_payments_of_a_contract_are_recognised():
    months = pd.date_range("2024-01-01", periods=12, freq="MS").astype("datetime64[s]")
    rows = pd.DataFrame({"customer_id": ["a"] * 12 + ["b"] * 12, "date": [*months, *months]})
    orders = clv.read_transactions(rows.assign(amount=9.0))
    assert "as regular as payments" in setting({"transactions": orders})
    shop = clv.read_transactions("cdnow-sample")
    assert "without a contract" in setting({"transactions": shop})
