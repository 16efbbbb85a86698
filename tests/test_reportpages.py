"""The tables of a report's own pages: escaped, and adding up before the reader's eyes."""

import json

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from clvkit import reportpages

BAD = "<script>alert('x')</script>"


@pytest.fixture
def entry():
    return {
        "source": f"{BAD}.csv",
        "rows_in": 1003,
        "rows_used": 1000,
        "money_in": "12345.675",
        "money_used": "12340.125",
        "set_aside": {
            BAD: {"rows": 2, "money": "5.55", "remedy": BAD},
            "amount not a number": {"rows": 1, "money": "0", "remedy": "write a number"},
        },
        "notes": [BAD],
    }


def test_the_receipt_shows_its_sum_and_what_came_in(entry):
    text = reportpages.receipt_sections({"transactions": entry}, "EUR").data
    rows = BeautifulSoup(text, "html.parser").find_all("tr")
    cells = [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in rows]
    assert cells[0] == ["Line", "Rows", "Amount (EUR)", "What to do"]
    assert cells[1] == ["Used", "1,000", "12,340.125", ""]
    assert cells[3] == ["Set aside: amount not a number", "1", "0.000", "write a number"]
    assert cells[4] == ["Sum", "1,003", "12,345.675", ""]
    assert cells[5] == ["Came in", "1,003", "12,345.675", "the same as the sum"]


def test_a_receipt_that_does_not_add_up_says_so(entry):
    entry["rows_used"] = 999
    assert "NOT the same" in reportpages.receipt_sections({"transactions": entry}, "EUR").data
    words = reportpages.receipt_sentences({"transactions": entry}, "EUR")
    assert "do not add up" in words


def test_a_table_without_money_has_no_column_of_it(entry):
    lines = {"twice": {"rows": 3, "money": None, "remedy": "keep one"}}
    entry |= {"money_in": None, "money_used": None, "set_aside": lines}
    text = reportpages.receipt_sections({"customers": entry}, "EUR").data
    assert "Amount" not in text
    assert "the same as the sum" in text


def test_three_sentences_tell_the_receipt(entry):
    words = reportpages.receipt_sentences({"transactions": entry}, "EUR")
    assert words.startswith("1,003 rows came in, with amounts of 12,345.675 EUR in all. ")
    assert "1,000 were used (12,340.125 EUR), 3 rows were set aside (5.55 EUR)." in words
    assert words.endswith("add up to what came in, to the last row and the last cent.")
    assert "No receipt" in reportpages.receipt_sentences({}, "EUR")


def test_no_text_from_data_is_live(entry):
    figures = pd.DataFrame([{"name": BAD, "text": BAD, "caveat": BAD}])
    for page in (
        reportpages.receipt_sections({BAD: entry}, "EUR"),
        reportpages.left_out_table(json.dumps({BAD: BAD})),
        reportpages.figures_table(figures),
    ):
        assert "<script" not in page.data
        assert "&lt;script&gt;" in page.data


def test_nothing_left_out_is_no_table():
    assert reportpages.left_out_table("{}").data == ""


def test_receipts_are_read_from_their_file(tmp_path, entry):
    path = tmp_path / "receipt.json"
    path.write_text(json.dumps({"tables": {"transactions": entry}}), encoding="utf-8")
    assert reportpages.read_receipts(str(path)) == {"transactions": entry}
    assert reportpages.read_receipts("") == {}
