"""The simulators tell the models' stories: the fits find the truth again."""

import numpy as np
import pandas as pd
import pytest

import clvkit as clv
from clvkit import simulate

TRUTHS = [
    clv.BetaGeoNBD(r=0.8, alpha=6.0, a=0.9, b=2.5, time_unit="W"),
    clv.ModifiedBetaGeoNBD(r=0.8, alpha=6.0, a=0.9, b=2.5, time_unit="W"),
    clv.ParetoNBD(r=0.8, alpha=8.0, s=0.9, beta=14.0, time_unit="W"),
]


@pytest.mark.parametrize("truth", TRUTHS, ids=lambda model: type(model).__name__)
def test_purchases(truth):
    rows = simulate.purchases(truth, 20_000, 80, later=26, seed=11)
    model = type(truth)().fit(rows)
    assert model.params.to_numpy() == pytest.approx(truth.params.to_numpy(), rel=0.10)
    assert model.time_unit == "W"
    # The sums of what was predicted, within 5% of what came.
    expected = model.expected_purchases(rows, 26)
    assert expected.sum() == pytest.approx(rows["purchases_later"].sum(), rel=0.05)
    assert model.probability_alive(rows).sum() == pytest.approx(rows["alive"].sum(), rel=0.05)
    shares = model.purchase_probabilities(rows, 26, 5).mean()
    counted = np.minimum(rows["purchases_later"], 5).value_counts(normalize=True).sort_index()
    assert shares.to_numpy() == pytest.approx(counted.to_numpy(), abs=0.01)


def test_opportunities():
    truth = clv.BetaGeoBetaBinomial(alpha=1.2, beta=0.75, gamma=0.66, delta=2.8)
    rows = simulate.purchases(truth, 40_000, 8, later=5, seed=3)
    model = clv.BetaGeoBetaBinomial().fit(rows)
    assert model.params.to_numpy() == pytest.approx(truth.params.to_numpy(), rel=0.10)
    came = rows["purchases_later"].sum()
    assert model.expected_purchases(rows, 5).sum() == pytest.approx(came, rel=0.05)
    alive = model.probability_alive(rows)
    lives = rows["alive"].groupby([rows["frequency"], rows["recency"]]).mean()
    predicted = alive.groupby([rows["frequency"], rows["recency"]]).mean()
    assert (predicted - lives).abs().mean() < 0.03


def test_spending():
    truth = clv.GammaGamma(p=6.0, q=4.0, gamma=15.0)
    rows = simulate.spending(truth, simulate.purchases(TRUTHS[0], 20_000, 80, seed=2), seed=4)
    model = clv.GammaGamma().fit(rows)
    assert model.params.to_numpy() == pytest.approx(truth.params.to_numpy(), rel=0.10)
    assert rows["monetary_value"].isna().equals(rows["frequency"] == 0)
    assert model.expected_spend(rows).mean() == pytest.approx(rows["true_spend"].mean(), rel=0.05)


@pytest.mark.parametrize(
    "truth",
    [
        clv.ShiftedBetaGeometric(alpha=0.8, beta=2.5, time_unit="M"),
        clv.BetaDiscreteWeibull(alpha=0.8, beta=2.5, c=1.3, time_unit="M"),
    ],
)
def test_contracts(truth):
    rows = simulate.contracts(truth, 100_000, 12, seed=6)
    model = type(truth)().fit(rows)
    assert model.params.to_numpy() == pytest.approx(truth.params.to_numpy(), rel=0.10)
    assert model.time_unit == "M"
    assert (rows["true_tenure"] > 12).mean() == pytest.approx(truth.survival(12).iloc[0], rel=0.05)
    # Records and survivors per period are the same data.
    survivors = [100_000, *((rows["true_tenure"] > t).sum() for t in range(1, 13))]
    again = type(truth)().fit(survivors)
    assert again.params.to_numpy() == pytest.approx(model.params.to_numpy(), rel=1e-6)
    assert again.log_likelihood == pytest.approx(model.log_likelihood)


def test_same_seed_same_customers():
    one, two = (simulate.purchases(TRUTHS[0], 50, 40, seed=8) for _ in range(2))
    pd.testing.assert_frame_equal(one, two)
    assert not one.equals(simulate.purchases(TRUTHS[0], 50, 40, seed=9))
    with pytest.raises(clv.DataError, match="customers=0: give a whole number"):
        simulate.purchases(TRUTHS[0], 0, 40)
