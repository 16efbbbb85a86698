"""cost_to_serve on five customers by hand, and what is wrong with a table."""

import numpy as np
import pandas as pd
import pytest

import clvkit as clv

ORDERS = pd.DataFrame(
    [
        ("01", "2025-01-03", 60.0, "A1", 20.0), ("01", "2025-01-03", 40.0, "A1", 10.0),
        ("01", "2025-02-03", 50.0, "A2", 20.0), ("2", "2025-01-10", 20.0, "B1", 6.0),
        ("3", "2025-01-11", 80.0, "C1", 30.0), ("4", "2025-03-01", 0.0, "D1", 0.0),
    ],
    columns=["customer_id", "date", "amount", "order_id", "margin"],
)  # fmt: skip
COUNTS = pd.DataFrame({"customer_id": ["3", "01", "9"], "calls": [2.0, np.nan, 5.0]})


def test_by_hand():
    table = clv.cost_to_serve(ORDERS, COUNTS, {"orders": 5.0, "calls": 12.0})
    assert table.index.tolist() == ["01", "2", "3", "4"]
    assert table["orders"].tolist() == [2, 1, 1, 1]
    assert table["margin"].tolist() == [50, 6, 30, 0]
    assert table["contribution"].tolist() == [40, 1, 30 - 5 - 24, -5]
    facts = table.attrs
    assert (facts["unprofitable"], facts["loss"], facts["costs"]) == (0.25, -5, 25 + 24)
    assert facts["margin"] - facts["costs"] == facts["contribution"]
    assert facts["low"] < 0.25 < facts["high"]
    assert facts["not_counted"] == 2  # 2 and 4; customer 9 never bought


def test_without_margins_and_without_costs():
    plain = ORDERS.drop(columns=["margin", "order_id"])
    table = clv.cost_to_serve(plain, gross_margin=0.5)
    assert table["orders"].tolist() == [2, 1, 1, 1]  # days
    assert table["contribution"].tolist() == [75, 10, 40, 0]
    assert table.attrs["unprofitable"] == 0
    assert table.attrs["not_counted"] == 0
    hole = ORDERS.assign(margin=ORDERS["margin"].mask(ORDERS["customer_id"] == "2"))
    assert clv.cost_to_serve(hole, gross_margin=0.5).loc["2", "margin"] == 10


def test_an_empty_column_is_never():
    table = clv.cost_to_serve(ORDERS, COUNTS.assign(calls=["", " ", "2"]), {"calls": 12.0})
    assert table["cost_calls"].tolist() == [0, 0, 0, 0]


def test_rows_in_any_order():
    shuffled = ORDERS.sample(frac=1, random_state=2)
    one = clv.cost_to_serve(ORDERS, COUNTS, {"orders": 5.0, "calls": 12.0})
    two = clv.cost_to_serve(shuffled, COUNTS.iloc[::-1], {"orders": 5.0, "calls": 12.0})
    pd.testing.assert_frame_equal(one, two.loc[one.index])


@pytest.mark.parametrize(
    ("counts", "costs", "message"),
    [
        (COUNTS, {"returns": 3.0}, "no column 'returns'"),
        (COUNTS, {"calls": -3.0}, "0 or more"),
        (None, {"calls": 3.0}, "no column 'calls'"),
        (pd.concat([COUNTS, COUNTS]), {"calls": 3.0}, "'3' is there twice"),
        (COUNTS.assign(calls=-1.0), {"calls": 3.0}, "below 0"),
        (COUNTS.assign(calls="often"), {"calls": 3.0}, "not a number"),
    ],
)
def test_what_cannot_be_is_refused(counts, costs, message):
    with pytest.raises(clv.DataError, match=message):
        clv.cost_to_serve(ORDERS, counts, costs)
