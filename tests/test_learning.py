"""The learner sees nothing after its cut-off, and refuses what it cannot learn from."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

import clvkit as clv
from clvkit.evaluation import normalised_gini
from clvkit.features import model_features, spend_between

CUT = pd.Timestamp("2024-07-04")


@cache
def world(seed, times=0.5, months=24):
    """The made shop with half as many customers as the bundled one."""
    spend = clv.datasets.BUNDLED["spend"]["shop"]()
    arrivals = spend.pivot(index="month", columns="channel", values="new_customers")
    made = clv.simulate.shop((arrivals * times).round()[:months], seed=seed)
    return clv.read_transactions(made.transactions), clv.read_customers(made.customers)


@cache
def raw():
    return clv.datasets.shop()


def features(frame, cutoff=CUT):
    return clv.customer_features(clv.read_transactions(frame), None, cutoff)


def test_features_by_hand():
    table = pd.DataFrame(
        [
            ("a", "2024-01-01", 10.0, "tea", "search"),
            ("a", "2024-01-01", 5.0, "cups", "search"),
            ("a", "2024-03-01", 30.0, "tea", "email"),
            ("b", "2024-03-20", 8.0, "cups", "social"),
            ("b", "2024-03-25", -3.0, "cups", "social"),
            ("a", "2024-05-01", 99.0, "tea", "email"),
        ],
        columns=["customer_id", "date", "amount", "category", "channel"],
    )
    answer = clv.customer_features(table, None, "2024-03-31")
    a, b = answer.loc["a"], answer.loc["b"]
    assert (a["age"], a["silence"], a["gap"], a["purchases"]) == (90, 30, 60, 2)
    assert (a["spend"], a["first_spend"], a["spend_a_purchase"]) == (45, 15, 22.5)
    assert (a["purchases_30"], a["purchases_90"], a["spend_90"]) == (0, 1, 30)
    assert (a["purchases_180"], a["categories"], a["first_channel"]) == (2, 2, "search")
    assert a["share of tea"] == pytest.approx(40 / 45)
    assert (b["age"], b["silence"], b["spend"], b["purchases"]) == (11, 11, 5, 1)
    assert np.isnan(b["gap"])
    assert np.isnan(b["silence_in_gaps"])


@pytest.mark.parametrize("shift", [1, 30, 400])
def test_events_after_the_cut_off_change_no_feature(shift):
    """Purchases and refunds after it are moved, multiplied, or left out."""
    frame = raw()
    later = frame["date"] > CUT
    whole = features(frame)
    moved = frame.copy()
    away = pd.to_timedelta(shift, unit="D")
    moved.loc[later, "date"] = (moved.loc[later, "date"] + away).clip(upper=pd.Timestamp.now())
    moved.attrs = {}
    pd.testing.assert_frame_equal(features(moved), whole)
    other = frame[~later | (frame["amount"] > 0)].copy()
    other.loc[other["date"] > CUT, "amount"] *= 7
    pd.testing.assert_frame_equal(features(other), whole)
    pd.testing.assert_frame_equal(features(frame[~later]), whole)


def test_events_before_the_cut_off_do_change_features():
    frame = raw().copy()
    frame.loc[frame["date"] == CUT, "date"] -= pd.Timedelta(days=1)
    assert not features(frame).equals(features(raw()))
    frame = raw().copy()
    frame.loc[frame["date"] == CUT, "date"] += pd.Timedelta(days=1)
    assert not features(frame).equals(features(raw()))


def test_a_refund_after_the_cut_off_is_not_known_on_the_day():
    table = pd.DataFrame(
        [
            ("a", "2024-01-01", 40.0),
            ("b", "2024-01-02", 10.0),
            ("c", "2024-01-02", 10.0),
            ("a", "2024-02-01", -40.0),
        ],
        columns=["customer_id", "date", "amount"],
    )
    before = clv.customer_features(table, None, "2024-01-31")
    assert before.loc["a", "spend"] == 40
    assert "a" not in clv.customer_features(table, None, "2024-02-01").index
    orders = clv.read_transactions("shop")
    pd.testing.assert_frame_equal(orders.known_at(pd.Timestamp("2024-12-31")), orders.table)


def test_predictions_see_nothing_after_the_cut_off():
    orders, people = world(1)
    frame = orders.gross[orders.gross["date"] <= CUT]
    seen = clv.learn_clv(frame, people, cutoff=CUT).predictions
    whole = clv.learn_clv(orders, people, cutoff=CUT).predictions
    pd.testing.assert_frame_equal(seen, whole)
    assert (whole["expected"] == whole["probability"] * whole["spend_if"]).all()
    assert whole["probability"].between(0, 1).all()


def test_permuted_rows_have_the_same_features():
    # Without refunds: which line of a day a refund is taken off is a matter of their order.
    frame = raw()[raw()["amount"] > 0]
    one = features(frame)
    two = features(frame.sample(frac=1, random_state=2)).loc[one.index]
    numbers = one.select_dtypes("number").columns
    pd.testing.assert_frame_equal(one[numbers], two[numbers])


def test_a_planted_future_column_is_caught():
    orders, people = world(1)
    frame = orders.table
    for name, column in {
        "bought_later": frame[frame["date"] > CUT].groupby("customer_id").size() > 0,
        "orders_to_date": frame[frame["date"] > CUT].groupby("customer_id").size(),
    }.items():
        planted = people.table.assign(**{name: people.table["customer_id"].map(column)})
        with pytest.raises(clv.DataError, match=f"The attribute '{name}' knows the future"):
            clv.learn_clv(orders, planted)
    learned = clv.learn_clv(orders, planted, trusted=["orders_to_date"])
    assert "attribute: orders_to_date" in learned.features


def test_too_few_and_too_short_is_refused_with_a_reason():
    orders, _ = world(2, times=0.1)
    with pytest.raises(clv.DataError, match="Too few customers to learn from: 3"):
        clv.learn_clv(orders)
    short, _ = world(2, months=8)
    with pytest.raises(clv.DataError, match="takes three times as long"):
        clv.learn_clv(short)
    with pytest.raises(clv.DataError, match="lies before the first purchase"):
        clv.customer_features(orders, None, "2020-01-01")
    with pytest.raises(clv.DataError, match="horizon is not over"):
        clv.rival_predictions(orders, cutoff="2024-12-01")


def test_rivals():
    orders, people = world(1)
    rivals = clv.rival_predictions(orders, people)
    assert rivals.attrs["cutoff"] == "2024-07-04"
    mean = (rivals["probability model"] + rivals["learner"]) / 2
    assert rivals["blend"].to_numpy() == pytest.approx(mean.to_numpy())
    known = orders.known_at(CUT)
    spent = known.groupby("customer_id")["amount"].sum()
    age = (CUT - known.groupby("customer_id")["date"].min()).dt.days
    expected = spent / (age + 1).clip(lower=30) * 180
    assert rivals["historical"].to_numpy() == pytest.approx(expected[rivals.index].to_numpy())
    after = orders.known_at(CUT + pd.Timedelta(days=180))
    after = after[after["date"] > CUT].groupby("customer_id")["amount"].sum()
    actual = after.reindex(rivals.index).fillna(0)
    assert rivals["actual"].to_numpy() == pytest.approx(actual.to_numpy())
    before = spend_between(orders, CUT - pd.Timedelta(days=180), CUT, pd.Index(spent.index))
    young = age[age >= 180].index
    assert rivals["constant"].iloc[0] == pytest.approx(before[young].mean())


def test_importance_and_dependence_find_what_matters():
    orders, people = world(1)
    learned = clv.learn_clv(orders, people, cutoff=CUT)
    actual = spend_between(orders, CUT, CUT + pd.Timedelta(days=180), learned.features.index)
    importance = learned.importance(actual, repeats=2)
    assert set(importance.index[:2]) == {"how recently", "the probability model"}
    assert importance["loss"].is_monotonic_decreasing
    assert {"segment", "region", "how often", "what"} <= set(importance.index)
    silence = learned.dependence("silence")["expected"]
    assert silence.iloc[0] > 2 * silence.iloc[-1]
    segment = learned.dependence("attribute: segment")["expected"]
    assert segment["business"] > segment["private"]
    with pytest.raises(clv.DataError, match="There is no feature 'x'"):
        learned.dependence("x")


def test_model_features_fall_back_on_the_mean_spend():
    table = pd.DataFrame(
        [
            (f"c{i}", f"2024-0{1 + (i + j) % 6}-1{j}", 20.0)
            for i in range(60)
            for j in range(i % 4 + 1)
        ],
        columns=["customer_id", "date", "amount"],
    )
    answer = model_features(table, "2024-06-30", 90)
    assert answer["model_spend"].to_numpy() == pytest.approx(20 * answer["model_purchases"])


def test_rolling_cut_offs():
    orders, people = world(1)
    table = clv.rolling_predictions(orders, people, folds=2, horizon_days=120)
    assert table.index.unique("cutoff").tolist() == ["2024-07-24", "2024-09-02"]
    assert table.index.is_unique
    last = clv.rival_predictions(orders, people, horizon_days=120)
    pd.testing.assert_frame_equal(table.loc["2024-09-02"].drop(columns="age"), last)
    age = clv.customer_features(orders, None, "2024-09-02")["age"]
    assert (table.loc["2024-09-02", "age"] == age).all()
    # A cut-off that cannot be learned from is left out; where none can, the reason is given.
    late = clv.rolling_predictions(orders, folds=9, horizon_days=180)
    assert 1 <= late.index.unique("cutoff").size < 9
    with pytest.raises(clv.DataError, match="takes three times as long"):
        clv.rolling_predictions(orders, horizon_days=400)


@pytest.mark.slow
def test_the_blend_is_never_worse_than_its_worst_part():
    """Six worlds of the shop, with and without attributes: ranking and bias."""
    for seed in range(3, 9):
        orders, people = world(seed, times=0.6)
        rivals = clv.rival_predictions(orders, people if seed % 2 else None)
        truth = rivals["actual"]
        gini, bias = {}, {}
        for name in ("probability model", "learner", "blend"):
            gini[name] = normalised_gini(rivals[name], truth)
            bias[name] = abs(rivals[name].sum() / truth.sum() - 1)
        assert gini["blend"] >= min(gini["probability model"], gini["learner"])
        assert bias["blend"] <= max(bias["probability model"], bias["learner"]) + 1e-12
