"""Cohort tables: counted again in plain Python, and honest at the right edge."""

import numpy as np
import pandas as pd
import pytest

import clvkit as clv

SHOP = pd.DataFrame(
    [
        ("a", "2025-01-01", 10.0), ("a", "2025-01-20", 20.0), ("a", "2025-02-03", 5.0),
        ("b", "2025-01-31", 7.0), ("b", "2025-03-31", 9.0), ("b", "2025-03-31", 1.0),
        ("c", "2025-02-28", 4.0), ("c", "2025-04-02", 6.0),
        ("d", "2025-04-10", 8.0),
    ],
    columns=["customer_id", "date", "amount"],
)  # fmt: skip
GONE = np.nan


def cells(table):
    return [[None if pd.isna(v) else v for v in row] for row in table.to_numpy()]


def test_by_hand():
    """The last purchase is of 10 April, so April is unfinished and missing: not 0, not churn."""
    table = clv.cohort_table(SHOP)
    assert table.index.astype(str).tolist() == ["2025-01", "2025-02", "2025-04"]
    assert table.columns.tolist() == [0, 1, 2, 3]
    assert cells(table) == [[2, 1, 1, None], [1, 0, None, None], [None] * 4]
    assert table.attrs["size"] == {"2025-01": 2, "2025-02": 1, "2025-04": 1}
    assert table.attrs["unfinished"] == {"period": "2025-04", "customers": 2.0}
    assert cells(clv.cohort_table(SHOP, value="orders"))[0] == [3, 1, 1, None]
    assert cells(clv.cohort_table(SHOP, value="revenue"))[0] == [37, 5, 10, None]


def test_a_finished_period_is_shown():
    """Observed to the last day of April: the silent ones are 0 now."""
    table = clv.cohort_table(SHOP, observation_end="2025-04-30")
    assert cells(table)[0] == [2, 1, 1, 0]
    assert cells(table)[2] == [1, None, None, None]
    assert table.attrs["unfinished"] is None
    assert clv.cohort_table(SHOP, observation_end="2025-04-29").attrs["unfinished"]


def test_later_purchases_are_not_looked_at():
    table = clv.cohort_table(SHOP, observation_end="2025-02-28")
    assert table.index.astype(str).tolist() == ["2025-01", "2025-02"]
    assert cells(table) == [[2, 1], [1, None]]


@pytest.mark.parametrize("period", ["W", "M", "Q", "Y"])
@pytest.mark.parametrize("value", ["customers", "orders", "revenue"])
def test_nothing_is_lost(period, value, sample):
    """Cells and the unfinished period add up to the clean table."""
    table = clv.cohort_table(sample, period, value)
    purchases = sample.table.assign(when=sample.table["date"].dt.to_period(period))
    whole = {
        "customers": purchases.drop_duplicates(["customer_id", "when"]).shape[0],
        "orders": purchases.drop_duplicates(["customer_id", "date"]).shape[0],
        "revenue": float(sample.receipt.money_used),
    }[value]
    beyond = table.attrs["unfinished"][value] if table.attrs["unfinished"] else 0.0
    assert table.sum().sum() + beyond == pytest.approx(whole, rel=1e-12)
    assert sum(table.attrs["size"].values()) == 2357


def test_counted_again(sample):
    table = clv.cohort_table(sample, "M", "customers")
    purchases = sample.table.assign(month=sample.table["date"].dt.to_period("M"))
    joined = purchases.groupby("customer_id")["month"].min()
    for cohort in table.index:
        members = joined.index[joined == cohort]
        for age in table.columns:
            bought = purchases[purchases["month"] == cohort + age]["customer_id"]
            if pd.notna(table.loc[cohort, age]):
                assert table.loc[cohort, age] == bought[bought.isin(members)].nunique()
    # 30 June 1998 is the last day of a month: everything up to it is finished.
    assert table.notna().sum(axis=1).tolist() == [18, 17, 16]
    assert table[0].tolist() == list(table.attrs["size"].values())


def test_permuted_rows_answer_the_same(sample):
    mixed = sample.table.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        clv.cohort_table(mixed, value="revenue"), clv.cohort_table(sample, value="revenue")
    )


def test_historical_value_by_hand():
    table = clv.cohort_value(SHOP, age=1, gross_margin=0.5)
    assert table.index.astype(str).tolist() == ["2025-01", "2025-02"]
    spent = np.array([35.0, 7.0]) * 0.5
    assert table["customers"].tolist() == [2, 1]
    assert table["mean"].tolist() == [spent.mean(), 2.0]
    error = spent.std(ddof=1) / np.sqrt(2)
    assert table.iloc[0]["standard_error"] == pytest.approx(error)
    assert table.iloc[0]["low"] == pytest.approx(spent.mean() - 1.6448536 * error)
    assert pd.isna(table.iloc[1]["high"]), "one customer has no sampling error"
    assert table.attrs["age"] == 1


def test_historical_value_is_the_running_sum(sample):
    revenue = clv.cohort_table(sample, "M", "revenue")
    value = clv.cohort_value(sample)
    assert value.attrs["age"] == 15, "the age that the youngest cohort has lived through"
    size = list(revenue.attrs["size"].values())
    expected = revenue.loc[:, :15].sum(axis=1).to_numpy() / size
    assert value["mean"].to_numpy() == pytest.approx(expected)
    assert value["customers"].tolist() == size


def test_where_few_cohorts_are_old_the_month_of_joining_is_compared():
    value = clv.cohort_value(SHOP)
    assert value.attrs["age"] == 0
    assert value.index.astype(str).tolist() == ["2025-01", "2025-02"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: clv.cohort_table(SHOP, "D"), "give 'W', 'M', 'Q' or 'Y'"),
        (lambda: clv.cohort_table(SHOP, value="money"), "give 'customers', 'orders' or 'revenue'"),
        (lambda: clv.cohort_table(SHOP, observation_end="soon"), "write it as YYYY-MM-DD"),
        (lambda: clv.cohort_table(SHOP, observation_end="2020-01-01"), "before the first purchase"),
        (lambda: clv.cohort_value(SHOP, age=9), "No cohort has lived through 10 whole periods"),
        (lambda: clv.cohort_value(SHOP.tail(1)), "No cohort has lived through|one customer"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(clv.DataError, match=message):
        call()
