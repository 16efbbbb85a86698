"""The ten figures of a report on subscriptions: those of the verbs, or a reason."""

import numpy as np
import pandas as pd
import pytest

import clvkit as clv
from clvkit.subscriptionreport import subscription_figures

NAMES = [
    "Paying customers",
    "Recurring revenue a month",
    "Customers who leave in a month",
    "Revenue kept of a year ago (GRR)",
    "The same with expansion (NRR)",
    "Revenue gained over revenue lost",
    "Time until half have left",
    "Revenue likely to be lost in three months",
    "Value of today's base",
    "One point less churn a month",
]


@pytest.fixture(scope="module")
def subs():
    return clv.read_subscriptions("saas")


@pytest.fixture(scope="module")
def figures(subs):
    table = subscription_figures(subs, gross_margin=0.8, currency="EUR")
    return table.set_index("name")


def rows(*contracts):
    return pd.DataFrame(contracts, columns=["customer_id", "start", "end", "mrr"])


def test_ten_figures_in_words(figures):
    assert list(figures.index) == NAMES
    assert figures["value"].notna().all()
    assert figures[["text", "caveat"]].map(lambda text: text.endswith(".")).all(axis=None)
    assert "€" in figures.loc["Recurring revenue a month", "text"]


def test_the_figures_are_counted_from_the_table(figures, subs):
    table = subs.table
    last = pd.Timestamp("2024-12-31")
    runs = table[(table["start"] <= last) & ~(table["end"] <= last) & (table["mrr"] > 0)]
    assert figures.loc["Paying customers", "value"] == runs["customer_id"].nunique()
    assert figures.loc["Recurring revenue a month", "value"] == pytest.approx(runs["mrr"].sum())
    before = pd.Timestamp("2023-12-31")
    then = table[(table["start"] <= before) & ~(table["end"] <= before)]
    paid = then.groupby("customer_id")["mrr"].sum()
    now = runs.groupby("customer_id")["mrr"].sum().reindex(paid.index).fillna(0)
    net = now.sum() / paid.sum()
    assert figures.loc["The same with expansion (NRR)", "value"] == pytest.approx(net)
    gross = np.minimum(now, paid).sum() / paid.sum()
    assert figures.loc["Revenue kept of a year ago (GRR)", "value"] == pytest.approx(gross)


def test_an_interval_holds_its_figure(figures):
    known = figures.dropna(subset=["low"])
    assert len(known) == 5
    assert (known["low"] < known["value"]).all()
    assert (known["value"] < known["high"]).all()


def test_twice_the_money_is_twice_the_figures(figures, subs):
    table = subs.table.assign(mrr=subs.table["mrr"] * 2)
    table.attrs = subs.table.attrs
    twice = subscription_figures(table, gross_margin=0.8).set_index("name")["value"]
    money = [NAMES[i] for i in (1, 7, 8, 9)]
    assert (twice[money] / figures["value"][money]).tolist() == pytest.approx([2] * 4, rel=1e-6)
    others = [name for name in NAMES if name not in money]
    assert twice[others].tolist() == pytest.approx(figures["value"][others].tolist())


def test_two_customers_and_a_month_leave_most_figures_out_with_a_reason():
    table = rows(("1", "2025-01-01", None, 10.0), ("2", "2025-01-05", "2025-02-01", 20.0))
    figures = subscription_figures(table).set_index("name")
    assert figures.loc["Paying customers", "value"] == 1
    assert figures["value"].isna().sum() >= 4
    reasons = figures.loc[figures["value"].isna(), "text"]
    assert reasons.str.startswith("Not computed").all()
    assert not figures["text"].str.contains("nan|None|inf").any()


def test_nobody_left_at_all():
    table = rows(*((f"{n}", f"2024-0{1 + n % 9}-01", None, 10.0) for n in range(40)))
    figures = subscription_figures(table).set_index("name")
    assert figures.loc["Customers who leave in a month", "value"] == 0
    assert "nothing to divide by" in figures.loc["Revenue gained over revenue lost", "text"]
    assert np.isnan(figures.loc["Time until half have left", "value"])
