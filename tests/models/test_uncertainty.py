"""Intervals: from draws and from a bootstrap, and whether they cover what they promise."""

import numpy as np
import pandas as pd
import pytest

import clvkit as clv
from clvkit import simulate

TRUTH = clv.BetaGeoNBD(r=0.8, alpha=6.0, a=0.9, b=2.5, time_unit="W")
WORLDS = 200


@pytest.fixture(scope="module")
def rows():
    return simulate.purchases(TRUTH, 3000, 60, seed=21)


@pytest.fixture(scope="module")
def model(rows):
    return clv.BetaGeoNBD().fit(rows)


def test_draws_and_bootstrap_agree_with_the_standard_errors(model, rows):
    report = model.summary()
    relative = report["standard_error"] / report["estimate"]
    for lines in (model.draws(400, seed=1), model.bootstrap(rows, 400, seed=1)):
        assert list(lines.columns) == list(model.names)
        assert np.log(lines).std().to_numpy() == pytest.approx(relative.to_numpy(), rel=0.25)
        ratio = np.log(lines).mean().to_numpy() - np.log(model.params.to_numpy())
        assert np.abs(ratio).max() < 0.5 * relative.max()
    pd.testing.assert_frame_equal(model.draws(20, seed=3), model.draws(20, seed=3))
    pd.testing.assert_frame_equal(
        model.bootstrap(rows, 5, seed=3), model.bootstrap(rows, 5, seed=3)
    )


def test_interval_of_any_question(model, rows):
    draws = model.draws(100)
    total = model.interval(lambda m: m.expected_purchases(rows, 52).sum(), draws)
    assert total.shape == (1, 3)
    assert total["low"][0] < total["estimate"][0] < total["high"][0]
    each = model.interval(lambda m: m.probability_alive(rows.iloc[:7]), draws)
    assert each.index.equals(rows.index[:7])
    assert (each["low"] <= each["estimate"]).all()
    assert (each["estimate"] <= each["high"]).all()


def test_a_bootstrap_counts_customers_not_rows(rows):
    """The same customers as rows, and as distinct rows with weights: the same spread."""
    coarse = rows.assign(recency=np.round(rows["recency"]), T=np.ceil(rows["T"]))
    grouped = coarse.groupby(["frequency", "recency", "T"]).size().rename("weights").reset_index()
    model = clv.BetaGeoNBD().fit(coarse)
    spreads = [np.log(model.bootstrap(each, 300)).std() for each in (coarse, grouped)]
    assert spreads[0].to_numpy() == pytest.approx(spreads[1].to_numpy(), rel=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("interval", ["delta", "draws"])
def test_ninety_per_cent_intervals_cover(interval):
    """Of 200 simulated worlds between 85% and 95%: parameters, and purchases to come in all."""
    inside = []
    for world in range(WORLDS):
        rows = simulate.purchases(TRUTH, 1500, 60, seed=1000 + world)
        model = clv.BetaGeoNBD().fit(rows)
        if interval == "delta":
            report = model.summary()
            covered = (report["low"] < TRUTH.params) & (TRUTH.params < report["high"])
        else:
            found = model.interval(
                lambda m: pd.Series([m.expected_purchases_new(52.0)]), model.draws(200)
            )
            truth = TRUTH.expected_purchases_new(52.0)
            covered = (found["low"] < truth) & (truth < found["high"])
        inside.append(covered.to_numpy())
    share = np.mean(inside, axis=0)
    print(f"\ncoverage by {interval}: {share}")
    # The mean over parameters; each has the sampling error of 200 worlds, two points.
    assert 0.85 <= share.mean() <= 0.95
    assert (share > 0.80).all()
