"""The service table of the made shop: the same to the byte, and the club changes nothing."""

import hashlib
import re
import runpy
from pathlib import Path

import pandas as pd
import pytest

import clvkit as clv
from clvkit import simulate

FOLDER = Path(__file__).parents[1] / "data" / "shop-service"


def test_made_again_to_the_byte(tmp_path):
    runpy.run_path(str(FOLDER / "make.py"))["main"](tmp_path)
    made = (tmp_path / "customers.csv").read_bytes()
    assert made == (FOLDER / "customers.csv").read_bytes()
    line = re.search(
        r"\| `customers.csv` \| ([\d,]+) \| `(\w+)` \|", (FOLDER / "README.md").read_text()
    )
    rows = len(made.splitlines()) - 1
    assert line.groups() == (f"{rows:,}", hashlib.sha256(made).hexdigest())


def test_it_fits_the_shop():
    people = clv.read_customers("shop-service")
    assert people.receipt.set_aside.empty
    table, raw = people.table, clv.datasets.shop()
    assert table["customer_id"].tolist() == clv.datasets.shop_customers()["customer_id"].tolist()
    assert table["returns"].sum() == (raw["amount"] < 0).sum()
    days = raw[raw["amount"] > 0][["customer_id", "date"]].drop_duplicates()
    members = table.dropna(subset="member_since")
    joined = pd.DataFrame(
        {"customer_id": members["customer_id"], "date": pd.to_datetime(members["member_since"])}
    )
    assert len(joined.merge(days)) == len(joined)  # everybody joined with an order
    assert joined["date"].min() >= pd.Timestamp("2023-07-01")


def test_the_keen_join_and_callers_call():
    made = simulate.shop(seed=3)
    table = simulate.shop_service(made, seed=4).set_index("customer_id")
    rate = made.truth["true_rate"]
    member = table["member_since"].notna()
    assert rate[member].mean() > 1.5 * rate[~member].mean()
    assert table["support_contacts"].sum() == pytest.approx(2300, rel=0.3)
