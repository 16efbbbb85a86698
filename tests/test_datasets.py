"""The bundled tables are what their read-me says, to the byte."""

import csv
import hashlib
import re
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

import clvkit as clv
from clvkit import datasets

FOLDER = Path(__file__).parents[1] / "data" / "cdnow"


@pytest.mark.parametrize("name", ["transactions.csv", "sample.csv"])
def test_checksums(name):
    digest = hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()
    line = re.search(rf"\| `{name}` \| ([\d,]+) \| `(\w+)` \|", (FOLDER / "README.md").read_text())
    assert digest == line[2]
    rows = (FOLDER / name).read_text().count("\n") - 1
    assert f"{rows:,}" == line[1]


def test_counted_without_pandas():
    with (FOLDER / "transactions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 69_659
    assert len({row["customer_id"] for row in rows}) == 23_570
    assert all(len(row["customer_id"]) == 5 for row in rows)
    assert sum(Decimal(row["amount"]) for row in rows) == Decimal("2500315.63")
    assert min(row["date"] for row in rows) == "1997-01-01"
    assert max(row["date"] for row in rows) == "1998-06-30"
    with (FOLDER / "sample.csv").open() as file:
        sample = {row["customer_id"]: row["sample_id"] for row in csv.DictReader(file)}
    assert len(sample) == len(set(sample.values())) == 2357
    own = [row for row in rows if row["customer_id"] in sample]
    assert len(own) == 6919
    assert sum(Decimal(row["amount"]) for row in own) == Decimal("244091.94")


def test_read_as_described():
    table = clv.datasets.cdnow()
    assert list(table.columns) == ["customer_id", "date", "quantity", "amount"]
    assert table.shape == (69_659, 4)
    assert table["customer_id"].iloc[0] == "00001", "leading zeros are kept"
    assert table["date"].dtype == "datetime64[s]"
    assert table["quantity"].sum() == 167_881
    assert (table["amount"] == 0).sum() == 80
    assert table.duplicated().sum() == 255
    sample = clv.datasets.cdnow(sample=True)
    assert sample["customer_id"].nunique() == 2357
    assert len(sample) == 6919
    inside = table["customer_id"].isin(set(sample["customer_id"]))
    pd.testing.assert_frame_equal(sample, table[inside].reset_index(drop=True))


def test_the_receipt_of_the_bundled_table(cdnow, sample):
    assert cdnow.receipt.rows_in == cdnow.receipt.rows_used == 69_659
    assert cdnow.receipt.money_in == cdnow.receipt.money_used == Decimal("2500315.63")
    assert cdnow.receipt.set_aside.empty
    assert cdnow.receipt.source == "cdnow"
    assert sample.receipt.money_used == Decimal("244091.94")
    assert "Purchases with an amount of 0, kept as purchases: 80." in cdnow.receipt.notes
    merged = cdnow.table.drop_duplicates(["customer_id", "date"])
    assert len(merged) == 67_591
    assert (merged.groupby("customer_id").size() == 1).sum() == 12_054


def test_names():
    assert len(datasets.BUNDLED["transactions"]["cdnow-sample"]()) == 6919


def test_a_missing_table_says_where_it_should_be(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets, "_DATA", tmp_path)
    with pytest.raises(clv.DataError, match="pip install -e"):
        clv.datasets.cdnow()
