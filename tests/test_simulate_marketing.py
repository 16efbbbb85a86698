"""The made spend of two firms: the same to the byte, and as the truth that comes with it says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import clvkit as clv
from clvkit import simulate
from clvkit.simulate.marketing import MARKETS, Channel, Market

SEEDS = {"saas": 24, "shop": 44}


@pytest.mark.parametrize("name", SEEDS)
def test_bundled_spend_is_made_again_to_the_byte(name):
    made = simulate.spend_history(name, seed=SEEDS[name])
    bundled = Path(__file__).parents[1] / "data" / name / "spend.csv"
    assert made.to_csv(index=False, lineterminator="\n").encode() == bundled.read_bytes()
    spend = clv.read_spend(name).table
    assert spend["spend"].sum() == made["spend"].sum()
    assert spend.attrs["period"] == "M"


@pytest.mark.parametrize("name", SEEDS)
def test_one_channel_only_looks_good(name):
    truth = pd.DataFrame(simulate.spend_history(name, seed=SEEDS[name]).attrs["truth"]).T
    assert truth["average_cac"].idxmin() == truth["marginal_cac"].idxmax()
    assert (truth["marginal_cac"] > truth["average_cac"]).all()


def test_marginal_is_the_slope_of_expected():
    channel = Channel(1000, 20, saturation=0.4, anyway=0.3)
    assert channel.expected(1000) == pytest.approx(20)
    assert channel.expected(0) == pytest.approx(6)
    slope = (channel.expected(801) - channel.expected(799)) / 2
    assert channel.marginal_cac(800) == pytest.approx(1 / slope)
    # At the usual spend: average CAC over elasticity, which is (1 - anyway)(1 - saturation).
    assert channel.marginal_cac(1000) == pytest.approx(50 / (0.7 * 0.6))


def test_arrivals_follow_spend_season_and_lag():
    """Many firms: means of what came against a loop over months, written out."""
    channel = Channel(1000, 20, saturation=0.4, anyway=0.3, carry=0.5)
    world = Market("2023-03", 12, 0.3, 12, {"only": channel})
    frames = [simulate.spend_history(world, seed=seed) for seed in range(300)]
    late = pd.DataFrame([f.iloc[-1] for f in frames])
    spend = np.array([f["spend"].to_numpy() for f in frames], dtype=float)
    works = sum(0.5**k * spend[:, -1 - k] for k in range(12)) / sum(0.5**k for k in range(12))
    season = 1 + 0.3 * np.cos(2 * np.pi * (2 - 12) / 12)  # The last month is February.
    expected = channel.expected(works) * season
    assert late["new_customers"].sum() == pytest.approx(expected.sum(), rel=0.03)
    assert np.corrcoef(late["new_customers"].astype(float), expected)[0, 1] > 0.6
    assert late["month"].eq("2024-02").all()


def test_same_seed_same_history_and_channels_do_not_stir_each_other():
    one, two = (simulate.spend_history("shop", seed=8) for _ in range(2))
    pd.testing.assert_frame_equal(one, two)
    assert not one.equals(simulate.spend_history("shop", seed=9))
    quiet = replace(MARKETS["shop"], season=0.0)
    assert len(simulate.spend_history(quiet)) == 24 * 5
