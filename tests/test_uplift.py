"""Uplift and its curve: by hand, by brute force, on known effects, on nothing."""

import numpy as np
import pandas as pd
import pytest

import clvkit as clv
from clvkit.simulate import emails


def by_hand():
    """Eight people, the score from 8 down to 1."""
    arm = ["t", "c", "t", "c", "t", "c", "t", "c"]
    outcome = [1, 0, 1, 1, 0, 0, 0, 1]
    ids = [f"{i}" for i in range(8)]
    rows = pd.DataFrame({"customer_id": ids, "arm": arm, "outcome": outcome})
    return rows, pd.Series(range(8, 0, -1), ids)


def brute_qini(rows, score, share):
    """Radcliffe's formula among the first people, per treated person of the whole trial."""
    table = rows.assign(score=rows["customer_id"].map(score)).sort_values("score", ascending=False)
    best = table.head(round(share * len(table)))
    treated = best["arm"] == "t"
    bought = best["outcome"].groupby(treated).sum()
    sizes = treated.value_counts()
    gain = bought[True] - bought[False] * sizes[True] / sizes[False]
    return gain / (rows["arm"] == "t").sum()


def test_the_curve_by_hand():
    rows, score = by_hand()
    found = clv.uplift_curve(rows, score, "t", control="c")
    # 2 people: 1 - 0; 4: 2 - 1; 6: 2 - 1; 8: 2 - 2, each over four treated.
    for share, gain in ((0.25, 0.25), (0.5, 0.25), (0.75, 0.25), (1.0, 0.0)):
        assert found.loc[share, "gain"] == pytest.approx(gain)
        assert found.loc[share, "gain"] == pytest.approx(brute_qini(rows, score, share))
    assert (found["at_random"] == 0).all()
    assert "per treated person" in found.attrs["normalisation"]


def test_the_end_of_the_curve_is_the_effect_of_treating_all():
    trial = clv.read_experiment("emails")
    random = pd.Series(range(64_000), trial.table["customer_id"])
    found = clv.uplift_curve(trial, random, "mens", resample=5)
    assert found["gain"].iloc[-1] == pytest.approx(clv.ab_test(trial).loc["mens", "effect"])


def test_equal_scores_are_one_step():
    rows, _ = by_hand()
    constant = clv.uplift_curve(rows, pd.Series(1.0, rows["customer_id"]), "t", control="c")
    np.testing.assert_allclose(constant["gain"], constant["at_random"], atol=1e-12)
    assert constant.attrs["qini"] == pytest.approx(0, abs=1e-12)


@pytest.fixture(scope="module")
def world():
    trial, people = emails(0.3, published=False, seed=11)
    truth = (people["true_mens"] - people["true_control"]).set_axis(people["customer_id"])
    seen = people.drop(columns=[name for name in people if name.startswith("true_")])
    return trial, clv.read_customers(seen), truth


def test_scores_may_be_scaled_and_rows_shuffled(world):
    trial, _, truth = world
    plain = clv.uplift_curve(trial, truth, "mens", resample=20)
    mixed = trial.sample(frac=1, random_state=4)
    other = clv.uplift_curve(
        mixed, 3 * truth.sample(frac=1, random_state=5) + 1, "mens", resample=20
    )
    pd.testing.assert_frame_equal(plain, other)
    against = clv.uplift_curve(trial, -truth, "mens", resample=20)
    assert against.attrs["qini"] < 0 < plain.attrs["qini_low"]


def test_a_missing_score_is_refused(world):
    trial, _, truth = world
    with pytest.raises(clv.DataError, match="have no score"):
        clv.uplift_curve(trial, truth.iloc[9:], "mens")


def test_learners_find_the_persuadables_and_the_sleeping_dogs(world):
    trial, people, truth = world
    found = clv.predict_uplift(trial, people, "mens")
    assert found["uplift"].corr(truth.reindex(found.index)) > 0.6
    assert (found["uplift"] == found["if_treated"] - found["if_untreated"]).all()
    assert list(found.index) == list(
        trial.loc[trial["arm"].isin(["control", "mens"]), "customer_id"]
    )
    curve = clv.uplift_curve(trial, found["uplift"], "mens")
    assert curve.attrs["qini_low"] > 0
    shuffled = clv.predict_uplift(trial.sample(frac=1, random_state=1), people, "mens")
    pd.testing.assert_frame_equal(shuffled.loc[found.index], found)


def test_nobody_is_predicted_by_a_learner_that_saw_them(world):
    """With outcomes of pure noise the held-out curve must be flat; a leak would lift it."""
    trial, people, _ = world
    noise = np.random.default_rng(8).permutation(trial["outcome"])
    rows = trial.assign(outcome=noise)
    found = clv.predict_uplift(rows, people, "mens")
    curve = clv.uplift_curve(rows, found["uplift"], "mens")
    assert curve.attrs["qini_low"] < 0.0005
    assert curve.attrs["qini"] < 0.001


def test_the_class_transformation_on_effects_that_are_large():
    random = np.random.default_rng(3)
    size = 6_000
    kind = random.choice([*"ab"], size)
    treated = random.uniform(size=size) < 0.3
    chance = np.where(kind == "a", np.where(treated, 0.7, 0.4), np.where(treated, 0.3, 0.5))
    rows = pd.DataFrame({"customer_id": [f"{i:05d}" for i in range(size)], "outcome": 0})
    rows["arm"] = np.where(treated, "mail", "control")
    rows["outcome"] = (random.uniform(size=size) < chance).astype(int)
    people = pd.DataFrame({"customer_id": rows["customer_id"], "kind": kind})
    for method in ("two_learners", "class_transformation"):
        found = clv.predict_uplift(rows, people, "mail", method=method)["uplift"]
        means = found.groupby(pd.Series(kind, rows["customer_id"])).mean()
        assert means["a"] == pytest.approx(0.3, abs=0.06), method
        assert means["b"] == pytest.approx(-0.2, abs=0.06), method


def test_what_cannot_be_learned_is_refused(world):
    trial, people, _ = world
    money = trial.assign(outcome=trial["value"])
    with pytest.raises(clv.DataError, match="two_learners"):
        clv.predict_uplift(money, people, "mens", method="class_transformation")
    assert np.isfinite(clv.predict_uplift(money, people, "mens", folds=2)["uplift"]).all()
    nothing = people.table[["customer_id"]].assign(same=1, name=people.table["customer_id"])
    alone = trial.drop(columns="pre_value")
    same = clv.predict_uplift(alone, nothing, "mens")
    assert same.nunique().tolist() == [1, 1, 1]
    assert same["uplift"].iloc[0] == pytest.approx(clv.ab_test(alone).loc["mens", "effect"])
    assert "no attribute" in same.attrs["reason"]
    pd.testing.assert_frame_equal(clv.predict_uplift(alone, None, "mens"), same)
    few = clv.predict_uplift(trial.groupby("arm").head(40), people, "mens")
    assert "40 people in an arm are too few" in few.attrs["reason"]


def test_empty_cells_dates_and_silent_arms_are_learned_from(world):
    trial, people, _ = world
    table = people.table.copy()
    table["recency"] = table["recency"].where(np.arange(len(table)) % 3 > 0)
    table["channel"] = table["channel"].where(np.arange(len(table)) % 4 > 0)
    table["since"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(table["recency"], unit="D")
    silent = trial.assign(outcome=trial["outcome"].where(trial["arm"] == "mens", 0))
    found = clv.predict_uplift(silent, table, "mens", folds=2)
    assert np.isfinite(found).all(axis=None)
    assert (found["if_untreated"] == 0).all()


@pytest.mark.slow
def test_a_random_score_straddles_zero():
    trial = emails(0.1, published=False, seed=5)[0]
    inside = 0
    for seed in range(100):
        ids = trial["customer_id"]
        score = pd.Series(np.random.default_rng([seed, 9]).uniform(size=len(ids)), ids)
        found = clv.uplift_curve(trial, score, "mens", resample=100, seed=seed).attrs
        inside += found["qini_low"] < 0 < found["qini_high"]
    assert 82 <= inside <= 97, inside
