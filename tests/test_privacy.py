"""Pseudonyms that lead nowhere, and exports that a spreadsheet shows instead of running."""

import csv
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvkit.privacy import (
    pseudonyms,
    secret_key,
    shared_labels,
    spreadsheet_safe,
    tells_apart,
)

IDS = pd.Series(["00417", "417", "ann@example.com", "00417"])


def test_one_customer_one_pseudonym_and_no_trace_of_the_id():
    names = pseudonyms(IDS, b"key")
    assert names[0] == names[3]
    assert names.nunique() == 3
    assert names.str.fullmatch("C[A-Z2-7]{12}").all()


def test_the_same_key_gives_the_same_names_in_any_order_and_another_key_others():
    names = pseudonyms(IDS, b"key")
    assert pseudonyms(IDS[::-1], b"key")[::-1].tolist() == names.tolist()
    assert not set(pseudonyms(IDS, b"other")) & set(names)


def test_pseudonyms_of_many_customers_differ():
    ids = pd.Series([str(number) for number in range(200_000)])
    assert pseudonyms(ids, b"key").nunique() == len(ids)


def test_the_key_of_a_report_is_made_once_and_kept_from_others(tmp_path):
    path = tmp_path / "cache" / "pseudonyms.key"
    key = secret_key(path)
    assert len(key) == 32
    assert secret_key(path) == key
    assert path.stat().st_mode & 0o077 == 0
    assert secret_key(tmp_path / "another.key") != key


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", '=HYPERLINK("x")']
)
def test_a_formula_becomes_text(cell):
    frame = pd.DataFrame({"a": [cell, "fine", None], cell: [1, 2, 3]}, index=[cell, "x", "y"])
    safe = spreadsheet_safe(frame.rename_axis("customer_id"))
    assert safe["a"].tolist()[:2] == [f"'{cell}", "fine"]
    assert safe.columns[1] == f"'{cell}"
    assert safe.index[0] == f"'{cell}"
    assert frame["a"][cell] == cell


def test_numbers_stay_numbers():
    frame = pd.DataFrame({"amount": [-1.5, 2.0], "count": [-1, 2]})
    pd.testing.assert_frame_equal(spreadsheet_safe(frame), frame)


@given(st.lists(st.text(max_size=8), min_size=1, max_size=5))
def test_no_cell_of_an_export_begins_as_a_formula(cells):
    text = spreadsheet_safe(pd.DataFrame({"a": cells})).to_csv(
        index=False, quoting=csv.QUOTE_NONNUMERIC
    )
    for row in csv.reader(io.StringIO(text, newline="")):
        assert not any(cell.lstrip(" ").startswith(("=", "+", "-", "@")) for cell in row)


def test_a_label_that_few_customers_share_is_shown_as_other():
    cells = pd.Series(["basic"] * 9 + ["Mrs Smith moved"] + [None, "<b>"] * 5)
    customers = pd.Series([f"c{n}" for n in range(20)])
    labels = shared_labels(cells, customers)
    assert labels.tolist()[:10] == ["basic"] * 9 + ["other"]
    assert labels.isna().sum() == 5
    assert set(labels.dropna()) == {"basic", "other"}


def test_one_label_a_customer_is_no_label():
    mails = pd.Series([f"c{n}@example.com" for n in range(100)])
    assert shared_labels(mails, mails) is None
    many = pd.Series([f"label {n % 60}" for n in range(600)])
    assert shared_labels(many, pd.Series(range(600)).astype(str)) is None
    assert shared_labels(many, pd.Series(range(600)).astype(str), most=60) is not None


def test_five_rows_of_one_customer_share_no_label():
    cells = pd.Series(["late"] * 6 + ["basic"] * 10)
    customers = pd.Series(["one"] * 6 + [f"c{n}" for n in range(10)])
    assert set(shared_labels(cells, customers)) == {"other", "basic"}


def test_numbers_that_tell_customers_apart():
    assert tells_apart(pd.Series([3161234567 + 17 * n for n in range(40)]))
    assert not tells_apart(pd.Series([n % 7 for n in range(40)]))
    assert not tells_apart(pd.Series([0.5 + n for n in range(40)]))
    assert not tells_apart(pd.Series([True, False] * 20))
    assert not tells_apart(pd.Series([], dtype="float64"))
