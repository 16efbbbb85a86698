"""Charts of retention plays: what they say, and that they draw whatever the verbs answer."""

import numpy as np
import pandas as pd
import pytest

from clvkit import charts

LEVERS = pd.DataFrame(
    {"now": [50.0, 0.2, 30.0], "then": [55.0, 0.18, 27.0], "base": [1000.0, 1400.0, 0.0],
     "base_low": [900.0, 1300.0, 0.0], "base_high": [1100.0, 1500.0, 0.0]},
    index=["order value", "retention", "acquisition cost"],
)  # fmt: skip


def test_levers_from_large_to_small_without_what_today_s_base_does_not_feel():
    words = charts.lever_worth(LEVERS, "EUR").to_dict()["description"]
    assert words.index("retention: €1,400 (€1,300 to €1,500)") < words.index("order")
    assert "acquisition" not in words
    bare = LEVERS.assign(base_low=np.nan, base_high=np.nan)
    assert "€1,400;" in charts.lever_worth(bare, "EUR").to_dict()["description"]


def test_backlog_numbers_its_plays():
    ranked = pd.DataFrame(
        {"play": ["club", "shelf"], "per_day": [30.0, -5.0], "per_day_low": [-10.0, -20.0],
         "per_day_high": [80.0, 10.0]}
    )  # fmt: skip
    words = charts.backlog(ranked, "EUR").to_dict()["description"]
    assert "1. club: €30 (-€10 to €80); 2. shelf: -€5" in words


def test_orders_around_a_limit():
    classes = pd.DataFrame(
        {"low": [40.0, 50.0], "high": [50.0, 60.0], "orders": [80, 140], "expected": [100.0, 95.0],
         "near": [True, False]}
    )  # fmt: skip
    chart = charts.order_values(classes, 50.0, 0.45, "EUR").to_dict()
    assert "limit of €50.00" in chart["description"]
    assert "45.0%" in chart["description"]


@pytest.mark.parametrize("months", [1, 3])
def test_around_joining(months):
    index = pd.RangeIndex(-months, months + 1, name="month")
    spend = pd.DataFrame({"members": 40.0, "others": 20.0, "everybody": 8.0}, index=index)
    spend.loc[1:, "members"] = 60.0
    words = charts.around_joining(spend, "EUR").to_dict()["description"]
    assert "Members: €40.00 before, €60.00 after." in words
    assert "Everybody: €8.00 before, €8.00 after." in words
