"""Model checks beyond the published tables."""

import numpy as np
import pandas as pd
import pytest

import clvkit as clv
from clvkit import checks, simulate

TRUTH = clv.BetaGeoNBD(r=0.8, alpha=6.0, a=0.9, b=2.5, time_unit="W")


@pytest.fixture(scope="module")
def rows():
    return simulate.purchases(TRUTH, 6000, 60, seed=2)


def test_compare_prefers_the_truth(rows):
    table = checks.compare([kind().fit(rows) for kind in (clv.ParetoNBD, clv.BetaGeoNBD)])
    assert table.index[0] == "BetaGeoNBD"
    best = table.iloc[0]
    assert best["aic"] == pytest.approx(2 * 4 - 2 * best["log_likelihood"])
    assert best["bic"] == pytest.approx(4 * np.log(6000) - 2 * best["log_likelihood"])
    assert table["aic_weight"].sum() == pytest.approx(1)
    with pytest.raises(clv.DataError, match="different numbers"):
        checks.compare([clv.BetaGeoNBD().fit(rows), clv.ParetoNBD().fit(rows.iloc[:500])])


def test_independent_spend_costs_nothing_and_dependent_spend_something(rows):
    spent = simulate.spending(clv.GammaGamma(p=6, q=4, gamma=15), rows, seed=3)
    purchases = TRUTH.expected_purchases(rows, 52)
    money = clv.GammaGamma().fit(spent)
    fine = checks.independence(money, spent, purchases)
    assert abs(fine.value_error) < 0.02
    assert fine.low < fine.correlation < fine.high
    assert fine.table["customers"].min() >= 30
    assert fine.table["customers"].sum() == (rows["frequency"] > 0).sum()
    # Those who buy more spend more: the population's mean is too high for the one-time buyers.
    richer = spent["monetary_value"] * (1 + 0.2 * np.minimum(spent["frequency"], 10))
    tied = spent.assign(monetary_value=richer)
    found = checks.independence(clv.GammaGamma().fit(tied), tied, purchases)
    assert found.low > 0
    assert abs(found.value_error) > 0.02


def test_independence_needs_repeaters(rows):
    few = rows.iloc[:5].assign(monetary_value=10.0)
    with pytest.raises(clv.DataError, match="Fewer than ten"):
        checks.independence(clv.GammaGamma(p=6, q=4, gamma=15), few, few["frequency"])


def test_segments_fall_back(rows):
    rows = rows.copy()
    segment = pd.Series("big", index=rows.index)
    segment.iloc[:50] = "small"
    quiet = rows.index[rows["frequency"] == 0][60:400]
    segment.loc[quiet] = "quiet"
    everyone = clv.BetaGeoNBD().fit(rows)
    models, table = checks.fit_segments(everyone, rows, segment)
    assert table["customers"].sum() == len(rows)
    assert table["fitted"].to_dict() == {"big": True, "quiet": False, "small": False}
    assert models["small"] is everyone
    assert "Nobody bought" in table.loc["quiet", "reason"]
    alone = clv.BetaGeoNBD().fit(rows[segment == "big"])
    assert models["big"].params.to_numpy() == pytest.approx(alone.params.to_numpy())
    with pytest.raises(clv.DataError, match="no segment"):
        checks.fit_segments(everyone, rows, segment.iloc[:10])


def test_tracking_needs_a_unit_and_a_cohort():
    orders = clv.datasets.cdnow(sample=True)
    with pytest.raises(clv.DataError, match="time unit"):
        checks.tracking(clv.BetaGeoNBD(r=1, alpha=1, a=1, b=1), orders, "1997-09-30")
    with pytest.raises(clv.DataError, match="Nobody bought"):
        checks.tracking(TRUTH, orders, "1996-01-01")
