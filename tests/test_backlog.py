"""rank_plays by hand."""

import numpy as np
import pandas as pd
import pytest

import clvkit as clv

LEVERS = pd.DataFrame(
    {
        "now": [50.0, 0.2, 30.0], "then": [55.0, 0.18, 27.0],
        "base": [1000.0, 400.0, 0.0], "base_low": [900.0, 300.0, 0.0],
        "base_high": [1100.0, 500.0, 0.0], "next_year": [500.0, 100.0, 240.0],
        "next_year_low": [450.0, 80.0, 240.0], "next_year_high": [550.0, 120.0, 240.0],
    },
    index=["order value", "retention", "acquisition cost"],
)  # fmt: skip
PLAYS = pd.DataFrame(
    [
        ("club", "retention", -0.05, 0.05, 0.10, 0.5, 20.0, 10.0),
        ("bundle", "order value", 0.01, 0.02, 0.04, 1.0, 50.0, 5.0),
        ("referral", "acquisition cost", 0.1, 0.1, 0.1, 1.0, 0.0, 4.0),
    ],
    columns=["play", "lever", "change_low", "change", "change_high", "reach", "cost", "days"],
)


def test_by_hand():
    table = clv.rank_plays(LEVERS, PLAYS).set_index("play")
    assert table.index.tolist() == ["referral", "bundle", "club"]
    assert table.loc["bundle", ["value", "value_low", "value_high"]].tolist() == pytest.approx(
        [200 - 50, 90 - 50, 440 - 50]
    )
    # A change that may go wrong: the worst end takes the larger value of the lever.
    assert table.loc["club", ["value", "value_low", "value_high"]].tolist() == pytest.approx(
        [100 - 20, -125 - 20, 250 - 20]
    )
    assert table.loc["referral", "value"] == pytest.approx(240)
    assert table["per_day"].tolist() == pytest.approx([60, 30, 8])
    assert table[["best_rank", "worst_rank"]].to_numpy().tolist() == [[1, 2], [1, 3], [2, 3]]


def test_without_intervals_the_guesses_remain():
    bare = LEVERS.assign(base_low=np.nan, base_high=np.nan)
    table = clv.rank_plays(bare, PLAYS).set_index("play")
    assert table.loc["bundle", "value"] == pytest.approx(150)
    assert np.isnan(table.loc["bundle", "value_low"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lever": "luck"}, "'luck' is not among the levers"),
        ({"change_low": 0.5}, "change_low <= change"),
        ({"days": 0.0}, "days above 0"),
        ({"reach": 2.0}, "reach between 0 and 1"),
        ({"cost": "free"}, "not a number"),
    ],
)
def test_what_cannot_be_is_refused(change, message):
    with pytest.raises(clv.DataError, match=message):
        clv.rank_plays(LEVERS, PLAYS.assign(**change))
    with pytest.raises(clv.DataError, match="'days'"):
        clv.rank_plays(LEVERS, PLAYS.drop(columns="days"))
    with pytest.raises(clv.DataError, match="no row"):
        clv.rank_plays(LEVERS, PLAYS.iloc[:0])
    with pytest.raises(clv.DataError, match="not moved"):
        clv.rank_plays(LEVERS.assign(then=LEVERS["now"]), PLAYS)
