"""Charts of the customer base say their numbers in words, and draw odd tables too."""

import altair as alt
import numpy as np
import pandas as pd
import pytest

import clvkit as clv
from clvkit import charts


@pytest.fixture(scope="module")
def orders():
    return clv.read_transactions("shop")


def drawn(chart):
    spec = chart.to_dict()
    assert spec["description"]
    assert "nan" not in spec["description"]
    return spec["description"]


def test_lorenz(orders):
    spent = orders.table.groupby("customer_id")["amount"].sum()
    curve = clv.concentration(spent)
    words = drawn(charts.lorenz(curve))
    assert f"Gini {curve.attrs['gini']:.2f}" in words
    assert len(charts.lorenz(curve).to_json()) < 60_000
    drawn(charts.lorenz(clv.concentration(pd.Series([1.0, 1.0]))))


def test_segments_and_moves(orders):
    sizes = clv.segment_sizes(clv.rfm(orders))
    assert "Keep close: 21% of customers" in drawn(charts.segment_bars(sizes))
    moves = clv.tier_movements(orders)
    assert f"high to high {moves.loc[('high', 'high'), 'customers']:,}" in drawn(
        charts.movement_map(moves)
    )
    free = clv.rfm(pd.DataFrame({"customer_id": ["a", "b"], "date": "2024-01-01", "amount": 0.0}))
    drawn(charts.segment_bars(clv.segment_sizes(free)))


def test_trend_leaves_out_a_month_that_is_not_over():
    table = pd.DataFrame(
        {"customer_id": ["a", "b", "a"], "date": ["2024-01-02", "2024-02-05", "2024-03-05"],
         "amount": [5.0, 7.0, 9.0]}
    )  # fmt: skip
    assert "2024-03" not in drawn(charts.revenue_trend(clv.trend(table), "EUR"))


def test_attributes(orders):
    table = clv.ideal_customer(clv.early_value(orders), clv.read_customers("shop"))
    assert "segment: business" in drawn(charts.attribute_differences(table, "EUR"))
    none = table.assign(clear=False)
    assert "none" in drawn(charts.attribute_differences(none, "EUR"))


def test_rivals_and_importance():
    random = np.random.default_rng(1)
    truth = pd.Series(random.gamma(1, 10, 200))
    frame = pd.DataFrame({"probability model": truth + random.gamma(1, 10, 200), "other": truth})
    figures = clv.compare_predictions(frame, truth, resamples=20).figures
    assert "other +" in drawn(charts.rival_figures(figures))
    table = pd.DataFrame(
        {"loss": [0.2, 0.1], "least": [0.1, 0.0], "most": [0.3, 0.2]},
        index=pd.Index(["how often", "what"], name="features"),
    )
    assert "how often 0.200; what 0.100" in drawn(charts.importance_bars(table))
    assert isinstance(charts.importance_bars(table), alt.LayerChart)
