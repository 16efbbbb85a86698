"""The five contracts: what they promise, and that every reader keeps its receipt straight."""

import datetime as dt
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables_of import table_of
from test_corpus import READERS, all_add_up

import clvkit as clv
from clvkit.contracts import CONTRACTS
from clvkit.tables import cross_checks

REQUIRED = {
    "transactions": ("customer_id", "date", "amount"),
    "subscriptions": ("customer_id", "start", "end", "mrr"),
    "spend": ("date", "channel", "spend"),
    "customers": ("customer_id",),
    "experiment": ("customer_id", "arm", "outcome"),
}
OPTIONAL = {
    "transactions": ("order_id", "product_id", "category", "channel", "margin", "quantity"),
    "subscriptions": ("subscription_id", "plan", "billing_months", "end_reason", "channel"),
    "spend": ("month", "new_customers"),
    "customers": ("channel", "segment", "acquired_on"),
    "experiment": ("value", "pre_value", "cost", "assigned_at"),
}


def test_the_columns_that_scripts_rely_on():
    assert {name: contract.required for name, contract in CONTRACTS.items()} == REQUIRED
    for name, contract in CONTRACTS.items():
        assert contract.name == name
        assert contract.names == REQUIRED[name] + OPTIONAL[name]
        for column in contract.columns:
            assert column.kind in ("id", "text", "date", "money", "number")
            assert column.meaning[0].isupper()
            assert not column.meaning.endswith(".")


@pytest.mark.parametrize("name", CONTRACTS)
def test_the_examples_can_be_read(name):
    """The row of examples in the data dictionary, given to four customers, is a good table."""
    columns = [c for c in CONTRACTS[name].columns if c.name != "month"]
    rows = pd.DataFrame([{c.name: c.example for c in columns}] * 4)
    if name != "spend":
        rows["customer_id"] = ["00417", "00418", "00419", "00420"]
    if name == "experiment":
        rows["arm"] = ["control", "control", "test", "test"]
    read = READERS[name](rows)
    all_add_up(read)
    assert len(read.table) == 4
    assert read.table.notna().all(axis=None)
    assert list(read.table.columns) == [c.name for c in columns]
    assert READERS[name](read) is read
    pd.testing.assert_frame_equal(READERS[name](read.table).table, read.table)


def test_every_verb_names_the_columns_of_its_contract():
    for name, contract in CONTRACTS.items():
        written = re.findall(r"``(\w+)``", READERS[name].__doc__)
        assert set(contract.names) <= set(written), name


# What the clean tables look like

SUBSCRIPTIONS = pd.DataFrame(
    {
        "customer_id": ["01", "02", "01", "03"],
        "start": ["2024-01-01", "2024-02-01", "2024-03-01", "2024-03-01"],
        "end": [None, "2024-08-01", None, None],
        "mrr": ["10", "20.5", "30", "x"],
        "plan": ["S", "M", "", None],
    }
)


@pytest.mark.parametrize(
    "kind", ["csv", "utf-16", "excel", "parquet", "duckdb", "sqlite", "polars", "pyarrow"]
)
def test_subscriptions_from_everywhere(kind, tmp_path):
    read = clv.read_subscriptions(table_of(kind, SUBSCRIPTIONS, tmp_path))
    table = read.table
    assert table["customer_id"].tolist() == ["01", "02", "01"]
    assert table["start"].dtype == table["end"].dtype == "datetime64[s]"
    assert table["end"].isna().tolist() == [True, False, True]
    assert table["mrr"].tolist() == [10, 20.5, 30]
    assert table["plan"].isna().tolist() == [False, False, True]
    pd.testing.assert_frame_equal(table, clv.read_subscriptions(SUBSCRIPTIONS).table)
    assert read.receipt.money_column == "mrr"


def test_months_of_spend():
    rows = pd.DataFrame({"m": ["2025-01", "2025-02-14"], "channel": ["a", "b"], "spend": [1, 2]})
    read = clv.read_spend(rows, {"month": "m"})
    table = read.table
    assert list(table.columns) == ["date", "channel", "spend"]
    assert table["date"].dt.strftime("%Y-%m-%d").tolist() == ["2025-01-01", "2025-02-01"]
    assert table.attrs == {"period": "M"}
    assert clv.read_spend(table).table.attrs == {"period": "M"}
    periods = rows.assign(m=pd.PeriodIndex(["2025-01", "2025-02"], freq="M"))
    pd.testing.assert_frame_equal(clv.read_spend(periods, {"month": "m"}).table, table)
    german = rows.assign(m=["01/2025", "02/2025"])
    pd.testing.assert_frame_equal(
        clv.read_spend(german, {"month": "m"}, date_format="%m/%Y").table, table
    )
    both = rows.assign(date="2025-03-05")
    assert clv.read_spend(both).table["date"].dt.month.tolist() == [3, 3]
    assert clv.read_spend(both, {"month": "m"}).table["date"].dt.month.tolist() == [1, 2]


def test_customers_keep_their_attributes():
    rows = pl.DataFrame({"id": [7, 8], "age": [30, None], "name": ["=1+1", "<b>"], " city ": "x"})
    table = clv.read_customers(rows, {"customer_id": "id"}).table
    assert list(table.columns) == ["customer_id", "age", "name", "city"]
    assert table["customer_id"].tolist() == ["7", "8"]
    assert table["age"].tolist() == [30, pd.NA]
    with pytest.raises(clv.DataError, match="'customer_id' is there twice"):
        clv.read_customers(rows.with_columns(customer_id=1), {"customer_id": "id"})


def test_attributes_that_are_lists_are_compared_too():
    rows = pd.DataFrame({"customer_id": ["a", "a", "b", "b"], "tags": [[1], [1], [1], [2]]})
    with pytest.raises(clv.DataError, match="of one customer, 'a'"):
        clv.read_customers(rows)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([True, False, True, None], [1, 0, 1]),
        (["yes", "No", "TRUE", "f"], [1, 0, 1]),
        (["1", "0", "2,5", ""], [1, 0, 2.5]),
        ([1, 0, 2, 3], [1, 0, 2, 3]),
        (pd.array([True, None, False, True], dtype="boolean"), [1, 0, 1]),
    ],
)
def test_outcomes(cells, expected):
    rows = pd.DataFrame({"customer_id": list("abcd"), "arm": list("xxyy"), "outcome": cells})
    more = pd.DataFrame({"customer_id": list("ef"), "arm": list("xy"), "outcome": cells[0]})
    read = clv.read_experiment(pd.concat([rows, more]))
    assert read.table["outcome"].tolist()[: len(expected)] == expected
    all_add_up(read)


def test_what_does_not_fit_together():
    orders = clv.read_transactions(
        pd.DataFrame({"customer_id": ["1", "02", "3"], "date": "2025-01-01", "amount": 1.0})
    )
    people = clv.read_customers(
        pd.DataFrame({"customer_id": ["01", "02", "3"], "channel": ["mail", "mail", None]})
    )
    spend = clv.read_spend(
        pd.DataFrame({"date": "2025-01-01", "channel": ["mail", "Search", "Search", "gift"],
                      "spend": [5, 1000.5, 1000, 0]})
    )  # fmt: skip
    assert cross_checks({"transactions": orders, "spend": spend}) == []
    ids, channel = cross_checks({"transactions": orders, "spend": spend, "customers": people})
    assert ids.startswith("1 of 3 customers in transactions are not in customers.")
    assert channel.startswith("Spend in the channel 'Search' (2,000.50) has won none")
    alike = clv.read_customers(people.table.assign(customer_id=["1", "02", "3"]))
    assert cross_checks({"transactions": orders, "customers": alike}) == []


# Properties on dirty tables of all five kinds

ids = st.sampled_from(["1", "01", "b", "c", "d", "e", "", None, "nan", "=1", "<b>"])
days = st.sampled_from(
    ["2024-01-01", "2024-02-01", "2024-02-30", "2024-03-01", "", None, "2999-01-01", "0001-01-01",
     "2024-04-01T10:00Z", "soon"]
)  # fmt: skip
cents = st.integers(-3000, 3000).map(lambda c: c / 100)
money = st.one_of(cents, cents, st.sampled_from([np.nan, np.inf, 0.0, 1e13, 0.001, None]))
words = st.sampled_from(["a", "b", " a ", "", None, "<script>", "é"])
KINDS = {"id": ids, "text": words, "date": days, "money": money, "number": money}


@st.composite
def dirty(draw, name):
    contract = CONTRACTS[name]
    columns = [c for c in contract.columns if c.required or draw(st.booleans())]
    row = st.tuples(*(KINDS[c.kind] for c in columns))
    rows = draw(st.lists(row, min_size=1, max_size=25))
    frame = pd.DataFrame(rows, columns=[c.name for c in columns])
    return frame.astype({c.name: "float64" for c in columns if c.kind in ("money", "number")})


@pytest.mark.parametrize("name", CONTRACTS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_row_and_every_cent_is_accounted_for(name, data):
    rows = data.draw(dirty(name))
    try:
        read = READERS[name](rows)
    except clv.DataError:
        return
    all_add_up(read)
    assert read.receipt.rows_in == len(rows)
    column = read.receipt.money_column
    if column:
        exact = [Fraction(Decimal(repr(m))) for m in rows[column] if np.isfinite(m)]
        if name == "experiment":
            exact = [m for m in exact if column == "outcome" or abs(m) < 10**13]
        assert Fraction(read.receipt.money_in) == sum(exact, Fraction(0))
    left = rows.index.difference(read.receipt.rows_set_aside["row"])
    assert len(left) == read.receipt.rows_used


@pytest.mark.parametrize("name", ["subscriptions", "spend", "customers", "experiment"])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_permuting_the_rows_permutes_the_table(name, data):
    rows = data.draw(dirty(name))
    mixed = rows.iloc[data.draw(st.permutations(range(len(rows))))]
    answers = []
    for source in (rows, mixed):
        try:
            read = READERS[name](source)
        except clv.DataError:
            answers.append(None)
            continue
        by = list(read.table.columns)
        receipt = read.receipt.summary().sort_index()
        answers.append((read.table.sort_values(by).reset_index(drop=True), receipt))
    if None in answers:
        assert answers == [None, None]
        return
    for one, other in zip(*answers, strict=True):
        pd.testing.assert_frame_equal(one, other)


anything = st.one_of(
    st.none(), st.text(max_size=8), st.integers(), st.floats(), st.booleans(),
    st.binary(max_size=3), st.dates(dt.date(1960, 1, 1), dt.date(2035, 1, 1)),
    st.decimals(), st.lists(st.integers(), max_size=2), st.timedeltas(), st.complex_numbers(),
    st.datetimes(timezones=st.timezones() | st.none()),
    st.sampled_from(["03/04/2025", "1.234", "1,234.50", "€5", "20250101", "2025-01", "yes"]),
)  # fmt: skip


@pytest.mark.parametrize("name", CONTRACTS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_garbage_gives_a_table_or_a_data_error(name, data):
    columns = list(CONTRACTS[name].names)
    row = st.tuples(*(anything for _ in columns))
    rows = pd.DataFrame(data.draw(st.lists(row, max_size=5)), columns=columns)
    try:
        read = READERS[name](rows)
    except clv.DataError:
        return
    all_add_up(read)
