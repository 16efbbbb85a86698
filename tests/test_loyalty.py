"""loyalty_effect: by brute force, in worlds where joining does nothing and where it does."""

import numpy as np
import pandas as pd
import pytest

import clvkit as clv


def club(effect, seed=1, customers=3000, months=18):
    """Everybody is asked in one random month; of those who buy in it, the keen join more often."""
    random = np.random.default_rng(seed)
    rate = random.gamma(1.5, 1 / 1.5, customers)
    counts = random.poisson(np.repeat(rate[:, None], months, axis=1))
    counts[:, 0] += 1  # everybody begins in the first month
    asked = random.integers(2, months, customers)
    joins = random.uniform(size=customers) < np.minimum(0.4 * rate, 1)
    joins &= counts[np.arange(customers), asked] > 0
    at = np.where(joins, asked, months)
    extra = random.uniform(size=counts.shape) < effect
    spend = 20.0 * counts * np.where((np.arange(months) > at[:, None]) & extra, 2.0, 1.0)
    who, month = np.nonzero(counts)
    start = pd.period_range("2023-01", periods=months, freq="M")
    days = start.to_timestamp()[month] + pd.to_timedelta(random.integers(0, 27, len(who)), "D")
    table = pd.DataFrame(
        {"customer_id": [f"{i:05d}" for i in who], "date": days, "amount": spend[who, month]}
    )
    table.attrs["observation_end"] = start[-1].end_time.date().isoformat()
    names = [f"{i:05d}" for i in range(customers)]
    first = start.to_timestamp()[np.minimum(at, months - 1)] + pd.Timedelta(days=14)
    joined = pd.Series(first, names).where(at < months)
    return clv.read_transactions(table, observation_end=table.attrs["observation_end"]), joined


def brute(table, joined, months):
    """The same by loops over members and others, month by month."""
    period = table["date"].dt.to_period("M")
    spent = table.groupby(["customer_id", period])["amount"].sum()
    begun = period.groupby(table["customer_id"]).min()
    first, last = period.min(), period.max()
    sums = {name: [] for name in ("own", "like", "all")}
    for anchor in pd.period_range(first + months + 1, last - months, freq="M"):
        there = [c for c in begun.index if begun[c] < anchor - months]
        when = {c: joined.get(c) for c in there}
        when = {c: None if pd.isna(d) else pd.Period(d, "M") for c, d in when.items()}

        def window(c, at=anchor):
            before = sum(spent.get((c, at - k), 0.0) for k in range(1, months + 1))
            return before, sum(spent.get((c, at + k), 0.0) for k in range(1, months + 1))

        groups = {
            "own": [c for c in there if when[c] == anchor],
            "all": [c for c in there if when[c] is None or when[c] > anchor],
        }
        groups["like"] = [c for c in groups["all"] if (c, anchor) in spent.index]
        if not groups["own"] or not groups["like"]:
            continue
        for name, who in groups.items():
            sums[name].append((len(groups["own"]), *np.mean([window(c) for c in who], axis=0)))
    mean = {}
    for name, rows in sums.items():
        weight, before, after = np.array(rows).T
        mean[name] = (weight @ before / weight.sum(), weight @ after / weight.sum())
    without = mean["own"][0] * mean["like"][1] / mean["like"][0]
    return (mean["own"][1] - mean["all"][1], mean["own"][0] - mean["all"][0],
            without - mean["all"][1], mean["own"][1] - without)  # fmt: skip


def test_against_loops():
    orders, joined = club(0.3, seed=2, customers=300, months=10)
    table = orders.table  # every second customer begins in the third month or later
    late = table["customer_id"].astype(int) % 2 == 1
    table = table[~late | (table["date"] >= "2023-03-01")].reset_index(drop=True)
    table.attrs = dict(orders.table.attrs)
    joined = joined[joined.index.isin(table["customer_id"])]
    answer = clv.loyalty_effect(table, joined, months=2, replicates=5)
    assert answer["estimate"].tolist() == pytest.approx(brute(table, joined, 2))
    seen, _, expected, effect = answer["estimate"]
    assert seen == pytest.approx(expected + effect)
    counted = answer.attrs["members"] + answer.attrs["members_without_history"]
    assert counted == joined.notna().sum()


def test_where_joining_does_nothing_the_slide_still_shows_a_gain():
    orders, joined = club(0.0, seed=2)
    answer = clv.loyalty_effect(orders, joined)
    assert answer.loc["seen", "low"] > 20
    assert answer.loc["before", "low"] > 20
    assert answer.loc["effect", "low"] < 0 < answer.loc["effect", "high"]


def test_what_joining_does_is_found():
    """Members spend 1.4 times as much: 40% of what they would have left in six months."""
    orders, joined = club(0.4)
    answer = clv.loyalty_effect(orders, joined)
    members = answer.attrs["by_month"].loc[1:, "members"].sum()
    truth = members * 0.4 / 1.4
    assert answer.loc["effect", "low"] < truth < answer.loc["effect", "high"]
    assert answer.loc["effect", "low"] > 0


def test_rows_and_members_in_any_order_and_money_scales():
    orders, joined = club(0.2, customers=800)
    one = clv.loyalty_effect(orders, joined, months=3, replicates=10)
    table = orders.table.sample(frac=1, random_state=1)
    table["amount"] *= 100
    two = clv.loyalty_effect(table, joined.sample(frac=1, random_state=2), months=3, replicates=10)
    assert two["estimate"].tolist() == pytest.approx((100 * one["estimate"]).tolist())


def test_the_club_of_the_made_shop_changes_nothing():
    since = clv.read_customers("shop-service").table.set_index("customer_id")["member_since"]
    answer = clv.loyalty_effect(clv.read_transactions("shop"), since, months=3)
    assert answer.loc["before", "low"] > 0
    assert answer.loc["effect", "low"] < 0 < answer.loc["effect", "high"]
    assert answer.loc["seen", "estimate"] > 4 * answer.loc["effect", "estimate"]


def test_what_cannot_be_is_refused():
    orders, joined = club(0.0, customers=300)
    refused = [
        (joined.iloc[:0], "0 members"),
        (joined.astype("object").where(joined.isna(), "soon"), "'soon' of customer"),
        (pd.concat([joined, joined]), "there twice"),
        (joined.to_frame(), "give a Series"),
    ]
    for wrong, message in refused:
        with pytest.raises(clv.DataError, match=message):
            clv.loyalty_effect(orders, wrong)
    with pytest.raises(clv.DataError, match="0 members"):
        clv.loyalty_effect(orders, joined, months=12)
    with pytest.raises(clv.DataError, match="no such column"):
        clv.loyalty_effect(orders, joined, value="margin")
    with pytest.raises(clv.DataError, match="whole number"):
        clv.loyalty_effect(orders, joined, months=0)


@pytest.mark.slow
def test_intervals_hold_the_truth():
    """Of 100 clubs without effect, about 90 intervals hold 0."""
    held = 0
    for seed in range(100):
        orders, joined = club(0.0, seed=1000 + seed, customers=1200)
        effect = clv.loyalty_effect(orders, joined, months=4, replicates=100).loc["effect"]
        held += effect["low"] < 0 < effect["high"]
    assert 82 <= held <= 97
