"""What cannot be estimated is said, what can be used never raises."""

import numpy as np
import pandas as pd
import pytest

import clvkit as clv
from clvkit import simulate

COUNTS = [clv.BetaGeoNBD, clv.ModifiedBetaGeoNBD, clv.ParetoNBD]


def history(x, t_x, T):
    return pd.DataFrame({"frequency": x, "recency": t_x, "T": T}, dtype="float64")


@pytest.mark.parametrize("kind", [*COUNTS, clv.BetaGeoBetaBinomial])
def test_nobody_repeats(kind):
    with pytest.raises(clv.DataError, match="Nobody bought a second time"):
        kind().fit(history([0, 0, 0], [0, 0, 0], [10, 20, 30]))


@pytest.mark.parametrize("kind", [*COUNTS, clv.BetaGeoBetaBinomial])
def test_one_customer(kind):
    with pytest.raises(clv.DataError, match="One customer"):
        kind().fit(history([3], [9], [10]))
    with pytest.raises(clv.DataError, match="one history shared by all"):
        kind().fit(history([3, 3], [9, 9], [10, 10]))


def test_one_spender_and_equal_amounts():
    rows = history([3, 0], [9, 0], [10, 10]).assign(monetary_value=[20.0, np.nan])
    with pytest.raises(clv.DataError, match="Only one customer"):
        clv.GammaGamma().fit(rows)
    rows = history([3, 2], [9, 4], [10, 10]).assign(monetary_value=20.0)
    with pytest.raises(clv.DataError, match="All customers spend 20"):
        clv.GammaGamma().fit(rows)


@pytest.mark.parametrize("kind", COUNTS)
@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ((2, 11, 10), "never more than T"), ((0, 5, 10), "0 for a one-time buyer"),
        ((1.5, 5, 10), "whole number"), ((-1, 0, 10), "impossible"), ((1, 1, np.inf), "impossible"),
        ((np.nan, 1, 2), "impossible"),
    ],
)  # fmt: skip
def test_impossible_rows(kind, row, wrong):
    rows = history([1, row[0]], [1, row[1]], [10, row[2]])
    with pytest.raises(clv.DataError, match=wrong):
        kind().fit(rows)


@pytest.mark.parametrize("kind", COUNTS)
def test_lengths_of_time(kind):
    model = kind(**dict.fromkeys(kind.names, 1.0))
    rows = history([1], [1], [10])
    for wrong in (-1, np.nan, np.inf):
        with pytest.raises(clv.DataError, match="length of time"):
            model.expected_purchases(rows, wrong)
    with pytest.raises(clv.DataError, match="continuous rate"):
        model.discounted_purchases(rows, -0.1)
    with pytest.raises(clv.DataError, match="lengths of time"):
        model.expected_purchases_new(-1.0)
    with pytest.raises(clv.DataError, match="most=0: give a whole number"):
        model.purchase_probabilities(rows, 10, 0)


FITTED = clv.BetaGeoNBD(r=0.24, alpha=4.4, a=0.8, b=2.4)
ROWS = history([0, 1, 3], [0, 5, 9], [10, 10, 10])


@pytest.mark.parametrize("ask", [
    lambda: FITTED.expected_purchases(ROWS, "a year"),
    lambda: FITTED.expected_purchases(ROWS, None),
    lambda: FITTED.expected_purchases(ROWS, np.array([1.0, 2.0])),
    lambda: FITTED.expected_purchases_new("a year"),
    lambda: FITTED.purchase_probabilities(ROWS, 10, 1.5),
    lambda: clv.BetaGeoNBD(r="a", alpha=1, a=1, b=1),
    lambda: clv.BetaGeoNBD(r=None, alpha=1, a=1, b=1),
    lambda: clv.BetaGeoNBD().fit([1, 2]),
    lambda: clv.BetaGeoNBD().fit(None),
    lambda: clv.BetaGeoNBD().fit(ROWS.assign(weights="many")),
    lambda: clv.BetaGeoNBD().fit(ROWS.assign(weights=-1.0)),
    lambda: clv.BetaGeoNBD().fit(ROWS.assign(T="ten")),
    lambda: clv.BetaGeoNBD().fit(ROWS.assign(T=np.inf)),
    lambda: clv.GammaGamma().fit(ROWS.assign(monetary_value="ten")),
    lambda: clv.ShiftedBetaGeometric().fit(["many", "few"]),
    lambda: clv.lifetime_value(FITTED, 20.0, ROWS.astype(float), replicates=0),
    lambda: clv.simulate.purchases(FITTED, 1.5, 40),
    lambda: clv.simulate.purchases(FITTED, 10, "a year"),
])  # fmt: skip
def test_what_is_no_number_is_named_without_a_traceback(ask):
    with pytest.raises(clv.DataError, match=r"give|reads|possible|weights|positive"):
        ask()


def test_a_whole_life_without_discount():
    rows = history([1], [1], [10])
    for model in (
        clv.BetaGeoNBD(r=1, alpha=1, a=1, b=1), clv.ParetoNBD(r=1, alpha=1, s=1, beta=1),
        clv.BetaGeoBetaBinomial(alpha=1, beta=1, gamma=1, delta=1),
    ):  # fmt: skip
        with pytest.raises(clv.UndefinedError, match="never leave"):
            model.discounted_purchases(rows, 0.0)
    fine = clv.BetaGeoNBD(r=1, alpha=1, a=2, b=3)
    assert fine.discounted_purchases(rows, 0.0).iloc[0] == pytest.approx(
        fine.expected_purchases(rows, 1e8).iloc[0], rel=1e-6
    )


def test_contracts_that_cannot_be_read():
    model = clv.ShiftedBetaGeometric()
    for survivors, message in [
        ([100], "give its size"), ([100, 120, 90], "grows from 100 to 120"),
        ([100, np.nan, 50], "none missing"), ([100, 100, 100], "Nobody has left"),
        ([100, 60], "Only one renewal"),
    ]:  # fmt: skip
        with pytest.raises(clv.DataError, match=message):
            model.fit(survivors)
    with pytest.raises(clv.DataError, match="impossible"):
        model.fit(pd.DataFrame({"tenure": [0, 3], "ended": [True, False]}))


def test_infinite_lifetimes():
    with pytest.raises(clv.UndefinedError, match="alpha <= 1"):
        clv.ShiftedBetaGeometric(alpha=1.0, beta=2.0).expected_lifetime()
    with pytest.raises(clv.UndefinedError, match="alpha·c"):
        clv.BetaDiscreteWeibull(alpha=2.0, beta=2.0, c=0.5).expected_lifetime()
    with pytest.raises(clv.UndefinedError, match="infinite"):
        clv.ShiftedBetaGeometric(alpha=0.7, beta=2.0).discounted_lifetime(0.0)


def test_runaways_are_flagged_and_usable():
    """Nobody ever leaves: a runs to 0 or b to infinity, and the fit is still a fit."""
    random = np.random.default_rng(3)
    T = random.uniform(20, 40, 400)
    x = random.poisson(random.gamma(0.8, 0.1, 400) * T).astype("float64")
    t_x = np.where(x > 0, T * random.uniform(0.9, 1, 400) ** (1 / np.maximum(x, 1)), 0)
    rows = history(x, t_x, T)
    for kind in COUNTS:
        model = kind().fit(rows)
        report = model.summary()
        assert report.attrs["warnings"], kind
        assert np.isfinite(report["estimate"]).all()
        assert np.isfinite(model.expected_purchases(rows, 10)).all()
        assert np.isfinite(model.draws(50)).all(axis=None)


def test_spend_without_a_mean_is_flagged():
    rows = clv.simulate.spending(
        clv.GammaGamma(p=3, q=0.7, gamma=10), history([2] * 4000, [1] * 4000, [10] * 4000)
    )
    model = clv.GammaGamma().fit(rows)
    assert any("q =" in each for each in model.summary().attrs["warnings"])
    assert np.isnan(model.mean_spend)
    assert np.isnan(model.expected_spend(history([0], [0], [5]).assign(monetary_value=np.nan))[0])


def test_three_parameters_from_few_periods():
    model = clv.BetaDiscreteWeibull().fit([1000, 800, 640])
    assert any("ShiftedBetaGeometric" in each for each in model.summary().attrs["warnings"])


@pytest.mark.parametrize("kind", COUNTS)
def test_extreme_fits_stay_finite(kind):
    """Heavy buyers, T of 10,000 units, last purchase at T: no warning, nothing infinite."""
    last = 60.0 if kind is clv.ParetoNBD else 30.0
    truth = dict(zip(kind.names, (0.8, 40.0, 0.9, last), strict=True))
    rows = simulate.purchases(kind(**truth), 800, 10_000, seed=4)
    rows = pd.concat([rows, history([5000, 1, 3], [10_000, 0, 10_000], [10_000] * 3)])
    model = kind().fit(rows[["frequency", "recency", "T"]])
    for answer in (
        model.probability_alive(rows), model.expected_purchases(rows, 10_000),
        model.discounted_purchases(rows, 1e-4), model.log_likelihoods(rows),
    ):  # fmt: skip
        assert np.isfinite(answer).all()
