"""Gamma-Gamma against printed numbers, an independent integral, and its own gradient."""

import mpmath
import numpy as np
import pandas as pd
import pytest

import clvkit as clv
from clvkit.models.gammagamma import GammaGamma


def frame(rows):
    return pd.DataFrame(rows, columns=["frequency", "monetary_value"])


def test_published_estimates(gammagamma, calibration):
    """Fader and Hardie (2013), note 025: 946 repeaters."""
    assert [f"{v:.2f}" for v in gammagamma.params] == ["6.25", "3.74", "15.44"]
    repeaters = calibration[calibration["frequency"] > 0]
    assert len(repeaters) == 946
    assert gammagamma.left_out == 2357 - 946
    assert f"{repeaters['monetary_value'].mean():.2f}" == "35.08"
    assert f"{repeaters['frequency'].corr(repeaters['monetary_value']):.2f}" == "0.11"


def test_published_expected_spend(gammagamma, five):
    assert list(five.index) == ["00004", "00021", "00050", "00071", "00086"]
    spend = gammagamma.expected_spend(five)
    # 24.6495 is printed as 24.65, so compare within half a cent and a little.
    assert spend.to_numpy() == pytest.approx([24.65, 18.91, 35.17, 35.17, 35.17], abs=0.0055)
    assert f"{gammagamma.mean_spend:.2f}" == "35.17"


@pytest.mark.parametrize("point", [(6.25, 3.74, 15.44), (1.2, 0.7, 80.0), (40.0, 12.0, 3.0)])
@pytest.mark.parametrize("row", [(1, 12.5), (3, 35.0), (30, 7.25)])
def test_likelihood_is_the_mixture_it_claims_to_be(point, row):
    """The mean of x gamma purchases is Gamma(p x, nu x); nu is integrated out numerically."""
    p, q, gamma = point
    x, mean = row

    def density(nu):
        return mpmath.exp(
            p * x * mpmath.log(nu * x) + (p * x - 1) * mpmath.log(mean) - nu * x * mean
            - mpmath.loggamma(p * x)
            + q * mpmath.log(gamma) + (q - 1) * mpmath.log(nu) - gamma * nu - mpmath.loggamma(q)
        )  # fmt: skip

    with mpmath.workdps(30):
        peak = (p * x + q) / (x * mean + gamma)
        wide = [0, peak / 4, peak / 2, peak, 2 * peak, 4 * peak, 16 * peak, mpmath.inf]
        truth = float(mpmath.log(mpmath.quad(density, wide)))
    model = GammaGamma(p=p, q=q, gamma=gamma)
    assert model.log_likelihoods(frame([row]))[0] == pytest.approx(truth, abs=1e-8)


def test_simulated_spend_is_expected():
    """Among customers with about the same average, the next purchases average what is expected."""
    random = np.random.default_rng(5)
    p, q, gamma, x = 2.0, 3.0, 20.0, 4
    rate = random.gamma(q, 1 / gamma, 300_000)
    seen = random.gamma(p * x, 1 / rate) / x
    following = random.gamma(p * 4, 1 / rate) / 4
    expected = GammaGamma(p=p, q=q, gamma=gamma).expected_spend(
        frame(np.column_stack([np.full(len(seen), x), seen]))
    )
    for low, high in ((5, 10), (15, 20), (40, 60)):
        some = (seen > low) & (seen < high)
        error = following[some].std() / np.sqrt(some.sum())
        assert expected[some].mean() == pytest.approx(following[some].mean(), abs=4 * error)


@pytest.mark.parametrize("factor", [1e-6, 1e5])
def test_money_scales_gamma_only(factor):
    """Amounts in millionths, cents or yen: peers with a prior fit something else in silence."""
    random = np.random.default_rng(2)
    x = random.integers(1, 6, 400)
    mean = random.gamma(5 * x, 1 / random.gamma(3.5, 1 / 20.0, 400)) / x
    one = GammaGamma().fit(frame(np.column_stack([x, mean])))
    other = GammaGamma().fit(frame(np.column_stack([x, mean * factor])))
    assert other.params["p"] == pytest.approx(one.params["p"], rel=1e-4)
    assert other.params["q"] == pytest.approx(one.params["q"], rel=1e-4)
    assert other.params["gamma"] == pytest.approx(factor * one.params["gamma"], rel=1e-4)


def test_spend_lies_between_own_and_everybodys(gammagamma, calibration):
    own = calibration["monetary_value"]
    spend = gammagamma.expected_spend(calibration)
    low, high = np.minimum(own, gammagamma.mean_spend), np.maximum(own, gammagamma.mean_spend)
    known = calibration["frequency"] > 0
    assert spend[known].between(low[known], high[known]).all()
    assert spend.index.equals(calibration.index)
    often, seldom = gammagamma.expected_spend(frame([(50, 100.0), (1, 100.0)]))
    assert seldom < often < 100


def test_no_population_mean_is_missing_not_negative():
    """q < 1: peers answer a negative spend."""
    model = GammaGamma(p=2.0, q=0.8, gamma=10.0)
    spend = model.expected_spend(frame([(0, np.nan), (1, 10.0)]))
    assert np.isnan(spend[0])
    assert spend[1] > 0
    assert np.isnan(model.mean_spend)


def test_a_spend_without_a_mean_is_flagged():
    random = np.random.default_rng(8)
    mean = random.gamma(3.0, 1 / random.gamma(0.6, 1 / 5.0, 3000))
    model = GammaGamma().fit(frame(np.column_stack([np.ones(3000), mean])))
    assert any("q = " in warning for warning in model.summary().attrs["warnings"])


def test_zero_and_missing_spend_is_left_out_and_counted(calibration):
    some = calibration[calibration["frequency"] > 0].head(200)[["frequency", "monetary_value"]]
    more = pd.concat([some, frame([(0, np.nan), (3, 0.0), (2, np.nan)])])
    one, other = GammaGamma().fit(some), GammaGamma().fit(more)
    assert other.params.to_numpy() == pytest.approx(one.params.to_numpy())
    assert other.left_out - one.left_out == 3


def test_refusals(calibration):
    with pytest.raises(clv.DataError, match="No customer has repeat purchases"):
        GammaGamma().fit(calibration[calibration["frequency"] == 0])
    with pytest.raises(clv.DataError, match=r"All customers spend 9\.99 a purchase"):
        GammaGamma().fit(frame([(1, 9.99), (2, 9.99), (5, 9.99)]))
    with pytest.raises(clv.DataError, match="'monetary_value'"):
        GammaGamma().fit(calibration.drop(columns="monetary_value"))
