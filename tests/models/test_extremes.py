"""Far corners: heavy buyers, odd little tables, tables that mix the very young and the very old."""

import mpmath as mp
import numpy as np
import pandas as pd
import pytest
from scipy.special import gammaln

import clvkit as clv


def rows(x, t_x, T):
    return pd.DataFrame({"frequency": x, "recency": t_x, "T": T}, dtype="float64")


def pareto_counts(r, alpha, s, beta, x, T, periods, count):
    """P(``count`` purchases | alive) by a dense sum over the logarithm of time."""
    shape, rate, age = r + x, alpha + T, beta + T
    y = np.linspace(np.log(1e-12), np.log(periods), 400_001)
    t = np.exp(y)
    scale = gammaln(shape + count) - gammaln(shape) - gammaln(count + 1)
    bought = np.exp(scale - shape * np.log1p(t / rate) + count * np.log(t / (rate + t)))
    leaves = s / (age + t) * np.exp(-s * np.log1p(t / age)) * t
    step = y[1] - y[0]
    whole = (bought * leaves)[1:-1].sum() + ((bought * leaves)[[0, -1]]).sum() / 2
    return whole * step + bought[-1] * np.exp(-s * np.log1p(periods / age))


@pytest.mark.parametrize(
    ("x", "T", "periods"),
    [
        (0, 39, 52),
        (100, 39, 52),
        (300, 1000, 1e4),
        (500, 39, 1000),
        (5000, 39, 52),
        (5000, 39, 1e4),
    ],
)
def test_counts_of_heavy_buyers(x, T, periods):
    known = {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669}
    model = clv.ParetoNBD(**known)
    table = rows([x], [T if x else 0], [T])
    alive = model.probability_alive(table).iloc[0]
    found = model.purchase_probabilities(table, periods, 12).iloc[0]
    for count in range(1, 12):
        want = alive * pareto_counts(**known, x=x, T=T, periods=periods, count=count)
        assert found.iloc[count] == pytest.approx(want, rel=1e-8)
    assert found.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    "survivors",
    [
        [2, 2, 0, 0], [5, 5, 3, 3, 2, 2, 2, 1], [1e6, 1e6, 500, 3, 0], [226, 218, 171, 154],
        [3, 2, 2], [10, 9, 1, 1, 1, 1], [1000, 999, 950, 700, 300, 50], [40, 39, 38, 1],
    ],
)  # fmt: skip
def test_odd_survivors_are_fitted_and_never_better_than_perfectly(survivors):
    survivors = np.array(survivors, dtype="float64")
    lost = np.append(-np.diff(survivors), survivors[-1])
    saturated = (lost[lost > 0] * np.log(lost[lost > 0] / survivors[0])).sum()
    for kind in (clv.ShiftedBetaGeometric, clv.BetaDiscreteWeibull):
        model = kind().fit(survivors)
        assert np.isfinite(model.params).all()
        assert model.log_likelihood <= saturated + 1e-6 * abs(saturated)
        assert np.isfinite(model.draws(50)).all(axis=None)


@pytest.mark.parametrize("c", [0.3, 1.0, 2.4, 8.0, 17.0])
@pytest.mark.parametrize(("alpha", "beta"), [(0.7, 1.2), (0.7, 0.2), (34.2, 24.9), (200.0, 25.0)])
def test_discrete_weibull_against_many_digits(alpha, beta, c):
    model = clv.BetaDiscreteWeibull(alpha=alpha, beta=beta, c=c)
    with mp.workdps(160):

        def survival(t):
            a, b = mp.mpf(alpha), mp.mpf(beta)
            u = mp.mpf(t) ** mp.mpf(c)
            fall = mp.loggamma(b + u) - mp.loggamma(a + b + u)
            return mp.exp(fall - mp.loggamma(b) + mp.loggamma(a + b))

        for n in (1, 2, 3, 10, 1000, 10_000):
            want = survival(n) / survival(n - 1)
            assert model.retention(n).iloc[0] == pytest.approx(float(want), rel=1e-9)
            later = survival(n + 1) / survival(n)
            assert model.probability_alive(n, 1).iloc[0] == pytest.approx(float(later), rel=1e-9)


AGES = np.geomspace(0.01, 1e4, 700)


@pytest.mark.parametrize(
    "model",
    [
        clv.BetaGeoNBD(r=0.2, alpha=0.01, a=15, b=0.37),
        clv.BetaGeoNBD(r=0.0615, alpha=0.01, a=1, b=3240.7),
        clv.ModifiedBetaGeoNBD(r=2.0, alpha=0.01, a=2.483, b=2.618),
    ],
)
@pytest.mark.parametrize("x", [0, 7, 5000])
def test_a_table_of_all_ages_answers_as_each_row_alone(model, x):
    table = rows(x, AGES if x else 0.0, AGES)
    questions = [
        lambda each: model.probability_alive(each, 52),
        lambda each: model.expected_purchases(each, 52),
        lambda each: model.discounted_purchases(each, 1e-5, 1.0),
        lambda each: model.discounted_purchases(each, 0.002),
    ]
    for question in questions:
        together = question(table)
        assert (together >= 0).all()
        for row in (0, 250, 500, 699):
            alone = question(table.iloc[[row]]).iloc[0]
            assert together.iloc[row] == pytest.approx(alone, rel=1e-8, abs=1e-250)


def test_a_resample_without_repeat_customers_is_named():
    six = rows([3, 2, 0, 0, 0, 0], [9, 4, 0, 0, 0, 0], 10.0)
    six["monetary_value"] = [20.0, 31.0, np.nan, np.nan, np.nan, np.nan]
    with pytest.raises(clv.DataError, match="too few"):
        clv.GammaGamma().fit(six).bootstrap(six, 60)


def test_weights_count_customers_in_the_total():
    model = clv.BetaGeoNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, time_unit="W")
    two = rows([1, 5], [10, 30], [39, 39]).assign(weights=[100.0, 1.0])
    many = two.loc[[0] * 100 + [1]].drop(columns="weights").reset_index(drop=True)
    one, other = (clv.lifetime_value(model, 20.0, each).attrs["total"] for each in (two, many))
    assert one == pytest.approx(other, rel=1e-12)


CONTRACT = clv.ShiftedBetaGeometric(alpha=1.7, beta=1.2)
DONORS = clv.BetaGeoBetaBinomial(alpha=1.2, beta=0.75, gamma=0.66, delta=2.8)
DONOR = rows([2], [3], [6])


@pytest.mark.parametrize(
    "ask",
    [
        lambda: CONTRACT.discounted_lifetime(1e-9),
        lambda: CONTRACT.discounted_lifetime(0.1, 0, -3),
        lambda: CONTRACT.discounted_lifetime("ten"),
        lambda: CONTRACT.expected_lifetime(-5),
        lambda: clv.BetaDiscreteWeibull(alpha=2, beta=1, c=1.5).expected_lifetime(-5),
        lambda: clv.ShiftedBetaGeometric().fit(None),
        lambda: DONORS.discounted_purchases(DONOR, 1e-9),
        lambda: DONORS.discounted_purchases(DONOR, "ten"),
        lambda: DONORS.discounted_purchases(DONOR, 0.1, "ten"),
        lambda: clv.lifetime_value(CONTRACT, 10.0, [1]),
        lambda: clv.lifetime_value(CONTRACT, "ten", pd.DataFrame({"tenure": [1], "ended": [0]})),
    ],
)
def test_what_cannot_be_answered_is_said_in_words(ask):
    with pytest.raises(clv.DataError):
        ask()
