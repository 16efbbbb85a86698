"""RFM by hand, Lorenz curves against known distributions, tiers and moves that add up."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clvkit as clv
from clvkit.segments import SEGMENTS, equal_parts

END = pd.Timestamp("2024-12-31")


def bought(rows):
    """Purchases from (customer, days before the end, amount)."""
    table = pd.DataFrame(rows, columns=["customer_id", "ago", "amount"])
    table["date"] = END - pd.to_timedelta(table.pop("ago"), unit="D")
    return table


def five_by_five():
    """25 customers. Customer k00 to k24: silent for 10 · (k // 5 + 1) days, so five share each
    recency; k % 5 + 1 purchases of 10 each, two days apart, before that; k24 pays 100 each."""
    rows = []
    for k in range(25):
        for n in range(k % 5 + 1):
            rows.append((f"k{k:02d}", 10 * (k // 5 + 1) + 2 * n, 100.0 if k == 24 else 10.0))
    return bought(rows)


def test_rfm_by_hand_with_ties():
    """Ties of five fill each fifth of recency and frequency exactly; codes written out by hand."""
    table = clv.rfm(five_by_five(), observation_end="2024-12-31").sort_index()
    assert table["recency"].tolist() == [10] * 5 + [20] * 5 + [30] * 5 + [40] * 5 + [50] * 5
    assert table["frequency"].tolist() == [1, 2, 3, 4, 5] * 5
    assert table["R"].tolist() == [5] * 5 + [4] * 5 + [3] * 5 + [2] * 5 + [1] * 5
    assert table["F"].tolist() == [1, 2, 3, 4, 5] * 5
    # Money is 10 times frequency but for k24: ranks 1-5 share a fifth, 6-10 the next; the four
    # with 50 hold ranks 21-24, k24 is the 25th: the last fifth too.
    assert table["M"].tolist() == [1, 2, 3, 4, 5] * 5
    assert table.loc["k00", "code"] == "511"
    assert table.loc["k24", "code"] == "155"
    sizes = clv.segment_sizes(table)["customers"].to_dict()
    assert sizes == {"Keep close": 4, "Grow": 4, "Welcome": 2, "Remind": 5, "Win back": 4,
                     "Let rest": 6}  # fmt: skip


def test_nested_by_hand():
    """Within each fifth of recency the five customers differ in frequency: 1 is the best."""
    table = clv.rfm(five_by_five(), "nested", "2024-12-31").sort_index()
    assert table["R"].tolist() == [1] * 5 + [2] * 5 + [3] * 5 + [4] * 5 + [5] * 5
    assert table["F"].tolist() == [5, 4, 3, 2, 1] * 5
    # Alone in its cell, a customer is in the middle of it.
    assert table["M"].tolist() == [3] * 25
    assert table.loc["k04", "code"] == "113"
    assert clv.segment_sizes(table)["customers"].sum() == 25


def test_ties_across_a_border_stay_together():
    """Ten customers, eight alike: the middle of ranks 1 to 8 (4.5) lies in the third fifth."""
    parts = equal_parts(pd.Series([1] * 8 + [2, 3]), 5)
    assert parts.tolist() == [3] * 8 + [5, 5]
    everyone = clv.rfm(bought([(f"k{i}", 5, 10.0) for i in range(25)]))
    assert everyone["code"].unique().tolist() == ["333"]


purchase = st.tuples(
    st.sampled_from([f"c{i}" for i in range(8)]), st.integers(0, 40), st.integers(1, 4)
)


@settings(max_examples=40, deadline=None)
@given(st.lists(purchase, min_size=2, max_size=50), st.randoms(use_true_random=False),
       st.sampled_from(["independent", "nested"]))  # fmt: skip
def test_order_and_currency_of_the_rows_do_not_matter(rows, random, convention):
    rows = [("c0", 3, 1), ("c1", 5, 2), *rows]
    table = bought([(who, ago, float(money)) for who, ago, money in rows])
    order = random.sample(range(len(table)), len(table))
    other = table.iloc[order].assign(amount=table["amount"] * 1.1)
    one, two = (clv.rfm(frame, convention, END) for frame in (table, other))
    for column in ("R", "F", "M", "code", "segment"):
        assert one[column].to_dict() == two[column].to_dict()
    # Who is equal in a measure is equal in its fifth.
    if convention == "independent":
        for measure, code in (("recency", "R"), ("frequency", "F"), ("monetary", "M")):
            assert (one.groupby(measure)[code].nunique() == 1).all()


def test_segment_shares_add_up_and_nothing_is_refused_quietly():
    scored = clv.rfm(clv.read_transactions("shop"))
    sizes = clv.segment_sizes(scored)
    assert list(sizes.index) == list(SEGMENTS)
    assert sizes["share_of_customers"].sum() == pytest.approx(1)
    assert sizes["share_of_revenue"].sum() == pytest.approx(1)
    assert sizes["customers"].sum() == len(scored)
    free = clv.segment_sizes(clv.rfm(bought([("a", 1, 0.0), ("b", 2, 0.0)])))
    assert free["share_of_revenue"].isna().all()
    with pytest.raises(clv.DataError, match="convention='best'"):
        clv.rfm(bought([("a", 1, 5.0), ("b", 2, 5.0)]), "best")


@pytest.mark.parametrize(
    ("draw", "gini", "lorenz"),
    [
        # Uniform on (0, 1): L(p) = p²; exponential: p + (1-p) ln(1-p); Pareto a = 3.
        (lambda u: u, 1 / 3, lambda p: p**2),
        (lambda u: -np.log1p(-u), 1 / 2, lambda p: p + (1 - p) * np.log1p(-p)),
        (lambda u: (1 - u) ** (-1 / 3), 1 / 5, lambda p: 1 - (1 - p) ** (2 / 3)),
    ],
    ids=["uniform", "exponential", "pareto"],
)
def test_lorenz_and_gini_of_known_distributions(draw, gini, lorenz):
    """Quantiles of the distribution at 200,000 evenly spaced ranks."""
    u = (np.arange(200_000) + 0.5) / 200_000
    curve = clv.concentration(pd.Series(draw(u)).sample(frac=1, random_state=1))
    assert curve.attrs["gini"] == pytest.approx(gini, abs=1e-3)
    assert curve.attrs["top_tenth"] == pytest.approx(1 - lorenz(0.9), abs=1e-3)
    assert curve.attrs["top_fifth"] == pytest.approx(1 - lorenz(0.8), abs=1e-3)
    assert 1 - lorenz(1 - curve.attrs["for_80_percent"]) == pytest.approx(0.8, abs=1e-3)
    p = np.array([0.1, 0.5, 0.9])
    assert np.interp(p, curve["customers"], curve["value"]) == pytest.approx(lorenz(p), abs=1e-3)


def test_where_the_80_20_rule_holds():
    facts = clv.concentration(pd.Series([40.0] * 2 + [2.5] * 8)).attrs
    assert facts["top_fifth"] == pytest.approx(0.8)
    assert facts["for_80_percent"] == pytest.approx(0.2)
    alike = clv.concentration(pd.Series([7.0] * 10)).attrs
    assert alike["for_80_percent"] == pytest.approx(0.8)
    # A customer on the border counts in part: the best tenth of five is half of the best one.
    assert clv.concentration(pd.Series([1.0, 1, 1, 1, 6])).attrs["top_tenth"] == pytest.approx(0.3)


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40).filter(lambda x: max(x) > 1e-3))
def test_gini_is_the_mean_difference_of_pairs(values):
    x = np.array(values)
    pairs = np.abs(x[:, None] - x).mean() / (2 * x.mean())
    curve = clv.concentration(pd.Series(x))
    assert curve.attrs["gini"] == pytest.approx(pairs, abs=1e-9)
    assert curve["value"].iloc[[0, -1]].tolist() == pytest.approx([0, 1])
    assert (curve["value"].diff().dropna() >= -1e-12).all()


def test_zero_negative_and_no_value():
    facts = clv.concentration(pd.Series([0.0, 0.0, 0.0, 8.0])).attrs
    assert facts["gini"] == pytest.approx(0.75)
    assert facts["negative_customers"] == 0
    facts = clv.concentration(pd.Series([-5.0, -2.5, 0.0, 8.0])).attrs
    assert facts["gini"] == pytest.approx(0.75)
    assert (facts["negative_customers"], facts["negative_value"]) == (2, -7.5)
    assert clv.concentration(pd.Series([3.0])).attrs["gini"] == 0
    assert np.isfinite(clv.concentration(pd.Series([1e308, 1e308])).attrs["gini"])
    for nothing in ([0.0, 0.0], [-1.0, -2.0]):
        with pytest.raises(clv.UndefinedError, match="No customer is worth more than 0"):
            clv.concentration(pd.Series(nothing))
    for bad in ([1.0, np.nan], [np.inf], []):
        with pytest.raises(clv.DataError, match="one finite number"):
            clv.concentration(pd.Series(bad, dtype=float))


def test_tiers_of_twenty():
    value = pd.Series(np.arange(20.0)).sample(frac=1, random_state=3)
    tiers = clv.value_tiers(value)
    assert tiers.value_counts().to_dict() == {"high": 2, "middle": 8, "low": 10}
    assert tiers.attrs["least"] == {"high": 18.0, "middle": 10.0, "low": 0.0}
    assert list(tiers.cat.categories) == ["high", "middle", "low"]
    assert (clv.value_tiers(pd.Series([5.0] * 7)) == "low").all()
    with pytest.raises(clv.DataError, match="shares="):
        clv.value_tiers(value, (0.5, 0.5))
    with pytest.raises(clv.DataError, match="one number for each"):
        clv.value_tiers(pd.Series([1.0, np.nan]))


def movement_rows():
    """Ten customers of the first half of 2024 pay 10 to 100; then some move."""
    rows = [(f"a{i}", 200, 10.0 * (i + 1)) for i in range(10)]
    rows += [("a0", 20, 95.0), ("a9", 20, 5.0), ("a5", 20, 60.0), ("b1", 10, 150.0), ("b2", 9, 1.0)]
    return bought([*rows, ("old", 400, 30.0), ("old2", 500, 30.0), ("old2", 5, 55.0)])


def test_movements_by_hand():
    """Of ten buyers one is high (100 and more), four are middle (60 and more)."""
    moves = clv.tier_movements(movement_rows(), "2024-07-04")
    assert moves.attrs["first"] == ("2024-01-12", "2024-07-04")
    assert moves.attrs["second"] == ("2024-07-05", "2024-12-26")
    count = moves["customers"].unstack()
    assert moves.attrs["least"] == {"high": 100.0, "middle": 60.0, "low": 10.0}
    assert count.loc["low", ["high", "middle", "low", "silent"]].tolist() == [0, 1, 0, 4]
    assert count.loc["middle", ["high", "middle", "low", "silent"]].tolist() == [0, 1, 0, 3]
    assert count.loc["high", ["high", "middle", "low", "silent"]].tolist() == [0, 0, 1, 0]
    assert count.loc["silent", ["high", "middle", "low", "silent"]].tolist() == [0, 0, 1, 1]
    assert count.loc["not yet", ["high", "middle", "low"]].tolist() == [1, 0, 1]


@settings(max_examples=40, deadline=None)
@given(st.lists(purchase, min_size=3, max_size=60), st.integers(5, 35))
def test_movements_add_up_to_the_base_in_both_periods(rows, cut):
    rows = [("c0", 40, 5), ("c1", cut, 3), ("c2", 0, 2), *rows]
    table = bought([(who, ago, float(money)) for who, ago, money in rows])
    day = END - pd.Timedelta(days=cut)
    moves = clv.tier_movements(table, day)
    before = table[table["date"] <= day]
    assert moves.attrs["base_before"] == before["customer_id"].nunique()
    assert moves.attrs["base_after"] == table["customer_id"].nunique()
    known = moves.drop("not yet", level="before")["customers"].sum()
    assert known == moves.attrs["base_before"]
    assert moves["customers"].sum() == moves.attrs["base_after"]
    first = before[before["date"] > day - pd.Timedelta(days=cut)]
    assert moves["revenue_before"].sum() == pytest.approx(first["amount"].sum())
    after = table[table["date"] > day]
    assert moves["revenue_after"].sum() == pytest.approx(after["amount"].sum())
    buyers = moves.drop("silent", level="after")["customers"].sum()
    assert buyers == after["customer_id"].nunique()
    assert moves.loc[["silent", "not yet"], "revenue_before"].sum() == 0


def test_movements_that_cannot_be():
    with pytest.raises(clv.DataError, match="no second period"):
        clv.tier_movements(movement_rows(), "2024-12-26")
    gap = bought([("a", 700, 5.0), ("b", 690, 5.0), ("a", 10, 5.0)])
    with pytest.raises(clv.DataError, match="Nobody bought in the"):
        clv.tier_movements(gap, "2024-06-01")


def test_trend_is_the_product_of_its_parts():
    orders = clv.read_transactions("shop")
    table = clv.trend(orders)
    product = table["customers"] * table["orders_per_customer"] * table["revenue_per_order"]
    assert product.to_numpy() == pytest.approx(table["revenue"].to_numpy())
    assert table["revenue"].sum() == pytest.approx(orders.table["amount"].sum())
    assert table["new_customers"].sum() == orders.table["customer_id"].nunique()
    assert table["change_on_year"].notna().sum() == 12
    years = clv.trend(orders, "Y")
    change = years["revenue"].iloc[1] / years["revenue"].iloc[0] - 1
    assert years["change_on_year"].iloc[1] == pytest.approx(change)


def test_trend_with_an_empty_month_and_an_unfinished_one():
    table = bought([("a", 335, 10.0), ("a", 335, 5.0), ("b", 336, 5.0), ("b", 270, 7.0)])
    answer = clv.trend(table)
    assert [str(month) for month in answer.index] == ["2024-01", "2024-02", "2024-03", "2024-04"]
    assert answer["orders"].tolist()[:3] == [2.0, 0.0, 0.0]
    assert answer.loc["2024-02", ["orders_per_customer", "revenue_per_order"]].isna().all()
    assert answer.iloc[-1].isna().all()
    assert answer.attrs["unfinished"] == "2024-04"
    with pytest.raises(clv.DataError, match="period='X'"):
        clv.trend(table, "X")


def test_early_value_counts_the_first_days_of_those_who_lived_them():
    table = bought([("a", 100, 10.0), ("a", 91, 5.0), ("a", 90, 7.0), ("b", 8, 4.0), ("c", 9, 1.0)])
    table = pd.concat([table, bought([("c", 0, 3.0)])])
    value = clv.early_value(table, 10)
    assert value.to_dict() == {"a": 15.0, "c": 4.0}
    with pytest.raises(clv.DataError, match="observed for 102 days; the oldest for 101"):
        clv.early_value(table, 102)
