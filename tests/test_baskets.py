"""Baskets: counts by hand, exact intervals, planted affinities, worlds without any."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

import clvkit as clv
from clvkit.simulate.shop import FOLLOWS, TOGETHER

# Ten baskets: bread in five, butter in four, both in three.
BASKETS = ["bread butter", "bread butter", "bread butter", "bread", "bread jam", "butter", "jam",
           "jam", "jam tea", "tea"]  # fmt: skip


def lines_of(baskets, day="2025-01-01"):
    start = pd.Timestamp(day)
    return pd.DataFrame(
        [
            (f"K{i % 7}", start + pd.Timedelta(days=i), 5.0, f"O{i:06d}", item)
            for i, basket in enumerate(baskets)
            for item in basket.split()
        ],
        columns=["customer_id", "date", "amount", "order_id", "product_id"],
    )


def random_baskets(sizes, popularity, seed):
    """Baskets of given sizes, drawn by popularity without replacement."""
    random = np.random.default_rng(seed)
    keys = np.log(popularity) + random.gumbel(size=(len(sizes), len(popularity)))
    inside = np.argsort(np.argsort(-keys, axis=1), axis=1) < np.asarray(sizes)[:, None]
    order, item = np.nonzero(inside)
    return pd.DataFrame(
        {
            "customer_id": [f"K{i % 500}" for i in order],
            "date": pd.Timestamp("2024-01-01") + pd.to_timedelta(order * 365 // len(sizes), "D"),
            "amount": 5.0,
            "order_id": [f"O{i:06d}" for i in order],
            "product_id": [f"P{i:02d}" for i in item],
        }
    )


def test_by_hand():
    rules = clv.basket_rules(lines_of(BASKETS), holdout=0, fewest=1)
    assert rules.attrs["baskets"] == 10
    assert rules.attrs["pairs"] == 6
    row = rules.iloc[0]
    assert (row["item"], row["other"]) == ("butter", "bread")  # butter is the rarer
    assert row["baskets"] == 3
    assert row["share"] == 0.75
    assert row["lift"] == pytest.approx(3 * 10 / (4 * 5))
    exact = binomtest(3, 4).proportion_ci(1 - 0.10 / 6, "exact")
    assert (row["low"], row["high"]) == pytest.approx((exact.low / 0.5, exact.high / 0.5))
    assert not row["clear"]
    assert rules["later"].sum() == 0
    assert rules["later_lift"].isna().all()


def test_all_always_together_and_never():
    rules = clv.basket_rules(lines_of(["a b"] * 30 + ["c"] * 30), holdout=0, fewest=5)
    assert rules[["item", "other"]].to_numpy().tolist() == [["a", "b"]]
    assert rules["lift"].iloc[0] == 2
    assert rules["high"].iloc[0] == 2  # a share cannot exceed one


@pytest.fixture(scope="module")
def shop():
    return clv.read_transactions("shop")


def test_the_shop_s_affinities_are_found_and_no_others(shop):
    rules = clv.basket_rules(shop)
    clear = rules[rules["clear"]]
    assert set(map(frozenset, clear[["item", "other"]].to_numpy())) == set(map(frozenset, TOGETHER))
    assert (clear["later_lift"] > 1.5).all()  # they hold in the last quarter of the baskets
    assert (clear["later"] > 20).all()
    truth = {("TEA-1", "CUP-3"): 4.3, ("COF-2", "CHO-1"): 2.1, ("GRI-2", "COF-4"): 4.4,
             ("GIF-1", "CHO-5"): 6.1}  # data/shop/README.md  # fmt: skip
    for row in clear.itertuples():
        lift = truth.get((row.item, row.other)) or truth[row.other, row.item]
        assert row.low < lift < row.high


def test_rows_in_any_order_and_lines_twice(shop):
    one = clv.basket_rules(shop)
    rows = shop.table.sample(frac=1, random_state=1)
    two = clv.basket_rules(pd.concat([rows, rows.head(2000)]))
    pd.testing.assert_frame_equal(one, two)


def test_large_baskets_lift_every_pair_and_are_seen_through():
    """Half of the baskets hold one thing, half hold twelve: chance alone lifts every pair."""
    random = np.random.default_rng(8)
    sizes = random.choice([1, 12], 6000)
    rules = clv.basket_rules(random_baskets(sizes, np.ones(40), 9), holdout=0)
    assert rules["lift"].median() > 1.4
    assert (rules["low"] > 1).sum() > 300
    assert rules["by_size"].median() == pytest.approx(1, abs=0.02)
    assert rules["clear"].sum() == 0


def test_beside_a_staple_in_small_baskets_chance_is_never_taken_for_less_than_it_is():
    """Hájek's approximation against draws: good for the staple's pairs, careful for the others."""
    popularity = np.r_[12.0, np.ones(14)]
    sizes = np.random.default_rng(3).choice([1, 2, 3], 30_000)
    rules = clv.basket_rules(random_baskets(sizes, popularity, 4), holdout=0)
    staple = (rules[["item", "other"]] == "P00").any(axis=1)
    assert rules.loc[staple, "by_size"].between(0.94, 1.05).all()
    assert rules.loc[~staple, "by_size"].between(0.7, 1.1).all()


def test_without_order_ids_a_day_is_a_basket_and_empty_cells_are_counted():
    lines = lines_of(BASKETS)
    day = clv.basket_rules(lines.drop(columns="order_id"), holdout=0, fewest=1)
    pd.testing.assert_frame_equal(day, clv.basket_rules(lines, holdout=0, fewest=1))
    some = lines.assign(order_id=lines["order_id"].where(lines["order_id"] > "O000004"))
    pd.testing.assert_frame_equal(day, clv.basket_rules(some, holdout=0, fewest=1))
    holes = lines.assign(product_id=lines["product_id"].mask(lines["product_id"] == "tea"))
    rules = clv.basket_rules(holes, holdout=0, fewest=1)
    assert rules.attrs["lines_without_item"] == 2
    assert rules.attrs["baskets"] == 9  # the one with tea alone is none any more


def test_what_cannot_be_is_refused():
    lines = lines_of(BASKETS)
    with pytest.raises(clv.DataError, match="Without 'product_id' nobody can see"):
        clv.basket_rules(lines.drop(columns="product_id"))
    with pytest.raises(clv.DataError, match="0 of 4 items are in 20 baskets"):
        clv.basket_rules(lines)
    with pytest.raises(clv.DataError, match="holdout=1"):
        clv.basket_rules(lines, holdout=1)
    with pytest.raises(clv.DataError, match="'product_id' is empty"):
        clv.next_best_offer(lines.assign(product_id=None))


def test_offers_by_hand():
    """Of five who had a, three bought b later, one before, one has never."""
    rows = [("1", 1, "a"), ("1", 9, "b"), ("2", 1, "a"), ("2", 9, "b"), ("3", 1, "a"),
            ("3", 9, "b"), ("4", 5, "b"), ("4", 6, "a"), ("5", 2, "a")]  # fmt: skip
    table = pd.DataFrame(rows, columns=["customer_id", "day", "product_id"])
    table["date"] = pd.Timestamp("2025-01-01") + pd.to_timedelta(table.pop("day"), "D")
    offers = clv.next_best_offer(table.assign(amount=1.0), fewest=1)
    assert offers.index.tolist() == ["1", "2", "3", "4", "5"]
    assert offers["offer"].notna().tolist() == [False, False, False, False, True]
    five = offers.loc["5"]
    # Customer 4 had b first and could not be won.
    assert (five["offer"], five["because"], five["chance"]) == ("b", "a", 0.75)
    assert five["low"] < 0.75 < five["high"]


def test_what_a_customer_has_is_never_offered(shop):
    offers = clv.next_best_offer(shop)
    assert offers.index.tolist() == list(pd.unique(shop.table["customer_id"]))
    has = pd.MultiIndex.from_frame(shop.table[["customer_id", "product_id"]])
    assert not pd.MultiIndex.from_arrays([offers.index, offers["offer"]]).isin(has).any()
    shuffled = clv.next_best_offer(shop.table.sample(frac=1, random_state=3))
    pd.testing.assert_frame_equal(offers, shuffled.loc[offers.index])


def test_the_shop_s_sequences_speak_for_themselves(shop):
    from clvkit.baskets import _follows

    owned = shop.table.groupby(["customer_id", "product_id"])["date"].min().reset_index()
    rules = _follows(owned.set_axis(["customer", "item", "day"], axis=1), 20)
    rules = rules.assign(tells=rules["low"] - rules["usual"]).set_index(["item", "offer"])["tells"]
    assert rules.idxmax() == ("MAC-1", "COF-5")
    assert all(rules[pair] > 0 for pair in FOLLOWS)


def sequence_shop(follows, seed=5, customers=1500):
    """Six orders each of twelve things; who has had P00 takes P01 with chance ``follows``."""
    random = np.random.default_rng(seed)
    popularity = np.r_[0.06, 0.02, 0.3, 0.2, np.full(8, 0.0525)]
    item = random.choice(12, (customers, 6), p=popularity)
    had = np.minimum.accumulate(np.where(item == 0, np.arange(6), 9), axis=1) < np.arange(6)
    item = np.where(had & (random.uniform(size=item.shape) < follows), 1, item)
    who, place = np.indices(item.shape)
    day = place * 30 + random.integers(0, 25, item.shape)
    return pd.DataFrame(
        {
            "customer_id": [f"K{i}" for i in who.ravel()],
            "date": pd.Timestamp("2024-01-01") + pd.to_timedelta(day.ravel(), "D"),
            "amount": 1.0,
            "product_id": [f"P{i:02d}" for i in item.ravel()],
        }
    )


def test_the_holdout_sees_a_sequence_and_sees_that_there_is_none():
    planted = clv.next_best_offer(sequence_shop(0.6), holdout=0.4).attrs["test"]
    assert planted["low"] > 0
    assert planted["gain"] == pytest.approx(planted["hits"] - planted["popular"])
    null = clv.next_best_offer(sequence_shop(0.0), holdout=0.4).attrs["test"]
    assert null["low"] < 0 < null["high"]


def test_one_day_leaves_nothing_to_test():
    offers = clv.next_best_offer(lines_of(BASKETS).assign(date="2025-01-01"), fewest=1)
    assert offers.attrs["test"] is None
    assert offers["offer"].isna().all()


@pytest.mark.slow
def test_false_pairs_are_rarer_than_one_world_in_ten():
    """Two hundred shops without a single affinity: 780 pairs each, clear ones in a few worlds."""
    popularity = np.random.default_rng(1).gamma(1.0, 1.0, 40) + 0.05
    wrong = 0
    for seed in range(200):
        sizes = 1 + np.random.default_rng(seed).poisson(1.0, 1500)
        rules = clv.basket_rules(random_baskets(sizes, popularity, seed), holdout=0)
        wrong += bool(rules["clear"].any())
    assert wrong <= 20
