"""The made shop: the same to the byte, and what its read-me calls true is true of it."""

import hashlib
import re
import runpy
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import clvkit as clv
from clvkit import simulate
from clvkit.simulate.shop import CHANNELS, FREE_SHIPPING, PRODUCTS, TOGETHER

FOLDER = Path(__file__).parents[1] / "data" / "shop"
README = (FOLDER / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def many():
    """12,000 customers a channel, all of January 2023, watched for thirteen months."""
    months = pd.period_range("2023-01", periods=13, freq="M")
    arrivals = pd.DataFrame(0, index=months, columns=CHANNELS.index)
    arrivals.iloc[0] = 12_000
    return simulate.shop(arrivals, seed=5)


@pytest.fixture(scope="module")
def first_year(many):
    """Margin of the first 365 days, beside what is known of each customer."""
    people = many.customers.set_index("customer_id")
    rows = many.transactions
    age = (rows["date"] - rows["customer_id"].map(people["acquired_on"])).dt.days
    return people.assign(margin=rows[age < 365].groupby("customer_id")["margin"].sum())


def test_made_again_to_the_byte(tmp_path):
    runpy.run_path(str(FOLDER / "make.py"))["main"](tmp_path)
    for name in ("transactions.csv", "customers.csv"):
        made = (tmp_path / name).read_bytes()
        assert made == (FOLDER / name).read_bytes()
        line = re.search(rf"\| `{name}` \| ([\d,]+) \| `(\w+)` \|", README)
        rows = len(made.splitlines()) - 1
        assert line.groups() == (f"{rows:,}", hashlib.sha256(made).hexdigest())
        assert len(made) < 3e6


def test_the_tables_fit_their_contracts_and_each_other():
    orders, people = clv.read_transactions("shop"), clv.read_customers("shop")
    assert orders.receipt.set_aside.empty
    assert people.receipt.set_aside.empty
    assert set(orders.table["customer_id"]) <= set(people.table["customer_id"])
    assert orders.table["date"].max() == pd.Timestamp(orders.table.attrs["observation_end"])
    raw = clv.datasets.shop()
    first = raw.groupby("customer_id")["date"].min()
    joined = people.table.set_index("customer_id")["acquired_on"]
    pd.testing.assert_series_equal(first, joined[first.index], check_names=False)
    arrivals = people.table.groupby([joined.dt.strftime("%Y-%m").to_numpy(), "channel"]).size()
    spend = clv.datasets.BUNDLED["spend"]["shop"]().set_index(["month", "channel"])
    assert arrivals.to_dict() == spend["new_customers"][spend["new_customers"] > 0].to_dict()


def test_returns_take_back_a_line_of_their_order():
    raw = clv.datasets.shop()
    back, bought = raw[raw["amount"] < 0], raw[raw["amount"] > 0]
    lines = back.merge(bought, on=["order_id", "product_id"], suffixes=("", "_bought"))
    assert len(lines) == len(back)
    assert (lines["amount"] == -lines["amount_bought"]).all()
    assert lines["margin"].to_numpy() == pytest.approx(-lines["margin_bought"].to_numpy() - 3.5)
    assert (lines["customer_id"] == lines["customer_id_bought"]).all()
    assert (lines["date"] - lines["date_bought"]).dt.days.between(2, 14).all()
    assert not bought.duplicated(["order_id", "product_id"]).any()


@pytest.mark.parametrize("attribute", ["channel", "segment", "newsletter", "workshop"])
def test_value_by_attribute_is_what_the_readme_says(first_year, attribute):
    true = README.split("## What is true")[1]
    line = re.search(rf"\| `{attribute}` \|.*\|(.*)\|", true)[1]
    said = {name: float(value) for name, value in re.findall(r"(\w+) (\d+)\b", line)}
    means = first_year.groupby(attribute)["margin"].agg(["mean", "sem"])
    for name, row in means.iterrows():
        assert said[name] == pytest.approx(row["mean"], abs=0.51)
        assert row["sem"] < 3.5


def test_value_by_household_and_by_nothing(first_year):
    means = first_year.groupby("household_size")["margin"].mean()
    assert means[[1, 3, 5]].round().tolist() == [66, 90, 109]
    for nothing in ("region", "device"):
        by = first_year.groupby(nothing)["margin"].agg(["mean", "sem"])
        spread = by["mean"].max() - by["mean"].min()
        assert spread < 3.3 * np.hypot(*by["sem"].nlargest(2))
    assert abs(first_year["margin"].corr(first_year["age"])) < 3.3 / np.sqrt(len(first_year))


def test_lifts_are_what_the_readme_says(many):
    bought = many.transactions[many.transactions["amount"] > 0]
    order, product = bought["order_id"].astype("category"), bought["product_id"]
    basket = np.zeros((len(order.cat.categories), len(PRODUCTS)))
    basket[order.cat.codes, [PRODUCTS.index(one) for one in product]] = 1
    both, share = basket.T @ basket, basket.mean(axis=0)
    lift = both / len(basket) / np.outer(share, share)
    said = re.findall(r"`([A-Z]+-\d)`[^`|]*`([A-Z]+-\d)`[^|]*\| 0\.\d+ \| (\d\.\d)", README)
    assert {pair[:2] for pair in said} >= set(TOGETHER)
    assert len(said) == 6
    for one, two, value in said:
        assert float(value) == round(lift[PRODUCTS.index(one), PRODUCTS.index(two)], 1)
    others = [
        lift[i, j]
        for i, j in combinations(range(len(PRODUCTS)), 2)
        if both[i, j] > 300 and (PRODUCTS[i], PRODUCTS[j]) not in TOGETHER
        and (PRODUCTS[j], PRODUCTS[i]) not in TOGETHER
    ]  # fmt: skip
    assert [round(f(others), 2) for f in (min, np.median, max)] == [0.93, 1.05, 1.17]


def test_orders_heap_above_the_free_shipping_threshold():
    bought = clv.datasets.shop().query("amount > 0")
    value = bought.groupby("order_id")["amount"].sum()
    above = value.between(FREE_SHIPPING, FREE_SHIPPING + 4.99).sum()
    below = value.between(FREE_SHIPPING - 5, FREE_SHIPPING - 0.01).sum()
    assert above > 2 * below


def test_the_same_seed_the_same_shop_and_an_unknown_channel_is_refused():
    months = pd.DataFrame({"search": [30, 10], "email": [5, 0]}, index=["2024-01", "2024-02"])
    one, two = simulate.shop(months, seed=3), simulate.shop(months, seed=3)
    pd.testing.assert_frame_equal(one.transactions, two.transactions)
    assert not one.transactions.equals(simulate.shop(months, seed=4).transactions)
    assert one.customers["channel"].value_counts().to_dict() == {"search": 40, "email": 5}
    assert one.transactions["date"].max() <= pd.Timestamp("2024-02-29")
    assert list(one.truth.index) == one.customers["customer_id"].tolist()
    with pytest.raises(clv.DataError, match="radio"):
        simulate.shop(months.rename(columns={"email": "radio"}))
