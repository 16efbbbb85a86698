"""Attributes that go with value are found, and luck is not."""

import numpy as np
import pandas as pd
import pytest

import clvkit as clv
from clvkit.attributes import UNKNOWN, grouped


def people(size, seed=1):
    random = np.random.default_rng(seed)
    ids = [f"{i:05d}" for i in range(size)]
    table = pd.DataFrame(
        {
            "customer_id": ids,
            "plan": random.choice(["a", "b"], size),
            "city": random.choice(list("uvwxyz"), size),
            "age": random.integers(18, 80, size),
        }
    )
    value = pd.Series(random.lognormal(3, 1.2, size), pd.Index(ids, name="customer_id"))
    return value, table


def test_a_difference_by_hand():
    """Forty customers of 1 or 3, forty of 5 or 7: means 2 and 6, one comparison, Welch's error."""
    value = pd.Series([1.0, 3.0] * 20 + [5.0, 7.0] * 20, [f"c{i}" for i in range(80)])
    table = pd.DataFrame({"customer_id": value.index, "kind": ["x"] * 40 + ["y"] * 40})
    answer = clv.ideal_customer(value, table).set_index("group")
    assert answer.loc["y", ["customers", "mean", "difference"]].tolist() == [40, 6, 4]
    error = np.sqrt(2 * (40 / 39) / 40)
    # One comparison: two halves of eighty differ by luck as a normal variable does.
    assert answer.loc["y", "low"] == pytest.approx(4 - 1.645 * error, abs=0.3 * error)
    assert answer["clear"].all()


def test_the_shop_tells_its_truth():
    """What the read-me of the shop calls true is found; region, device and age are not."""
    value = clv.early_value(clv.read_transactions("shop"))
    table = clv.ideal_customer(value, clv.read_customers("shop"))
    clear = set(table.loc[table["clear"], "attribute"])
    assert {"segment", "channel", "newsletter"} <= clear
    assert clear & {"region", "device", "age"} == set()


def test_order_and_money_change_nothing_else():
    value, table = people(600)
    one = clv.ideal_customer(value, table)
    two = clv.ideal_customer(value.sample(frac=1, random_state=1) * 100, table[::-1])
    keys = ["attribute", "group"]
    one, two = (x.set_index(keys).sort_index() for x in (one, two))
    pd.testing.assert_series_equal(one["low"] * 100, two["low"])
    assert one["customers"].to_dict() == two["customers"].to_dict()


def test_small_groups_unknown_cells_and_columns_that_are_no_attributes():
    value, table = people(300)
    table["rare"] = ["yes"] * 29 + ["no"] * 271
    table["note"] = [f"text {i}" for i in range(300)]
    table["since"] = pd.Timestamp("2024-01-01")
    table.loc[:99, "plan"] = None
    answer = clv.ideal_customer(value, table)
    rare = answer[answer["attribute"] == "rare"]
    assert rare["low"].isna().all()
    assert not rare["clear"].any()
    plan = answer[answer["attribute"] == "plan"].set_index("group")
    assert plan.loc[UNKNOWN, "customers"] == 100
    assert np.isnan(plan.loc[UNKNOWN, "difference"])
    assert answer.attrs["left_out"] == ["note", "since"]
    with pytest.raises(clv.DataError, match="0 of 300 customers are in the table"):
        clv.ideal_customer(value.rename(lambda name: f"x{name}"), table)


def test_groups():
    assert grouped(pd.Series([1, 2, None, 2])).tolist() == ["1", "2", UNKNOWN, "2"]
    thirds = grouped(pd.Series(np.arange(9.0)))
    assert thirds.tolist() == ["0 to 2"] * 3 + ["3 to 5"] * 3 + ["6 to 8"] * 3
    tied = grouped(pd.Series([1.0] * 5 + [2, 3, 4, 5, 6, 7, 8]))
    assert (tied[:5] == tied[0]).all()
    assert grouped(pd.Series([True, False])).tolist() == ["True", "False"]
    assert grouped(pd.Series([""] * 2 + ["a"])).tolist() == [UNKNOWN, UNKNOWN, "a"]


@pytest.mark.slow
def test_luck_is_found_in_at_most_a_tenth_of_the_worlds():
    """300 worlds of skewed money in which nothing goes with anything: 2 + 6 + 3 groups each."""
    lucky = 0
    for world in range(300):
        value, table = people(400, seed=world)
        lucky += bool(clv.ideal_customer(value, table)["clear"].any())
    # Three standard errors of a share of a tenth.
    assert lucky / 300 == pytest.approx(0.1, abs=0.052)
