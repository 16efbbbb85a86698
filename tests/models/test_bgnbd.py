"""BG/NBD against printed tables, high-precision arithmetic, simulation and its own gradient."""

import mpmath
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clvkit as clv
from clvkit.models.bgnbd import BetaGeoNBD

POINTS = [
    (0.243, 4.414, 0.793, 2.426),
    (1.7, 30.0, 1.0, 3.0),
    (0.6, 8.0, 0.999999, 0.4),
    (0.6, 8.0, 1.000001, 0.4),
    (3.2, 1.5, 2.5, 0.7),
    (0.05, 0.3, 0.02, 9.0),
]
ROWS = [(0, 0.0, 38.86), (1, 1.71, 38.86), (2, 30.43, 38.86), (7, 29.43, 38.86), (4, 27.0, 27.0),
        (60, 37.0, 39.0)]  # fmt: skip


def frame(rows, **more):
    return pd.DataFrame(rows, columns=["frequency", "recency", "T"]).assign(**more)


def model(point):
    return BetaGeoNBD(**dict(zip(("r", "alpha", "a", "b"), point, strict=True)))


# Independent oracles: equations (6), (10) and (9) of the source as printed, in 40 digits.


def exact_likelihood(point, x, t_x, T):
    r, alpha, a, b = (mpmath.mpf(v) for v in point)
    x, t_x, T = mpmath.mpf(x), mpmath.mpf(t_x), mpmath.mpf(T)
    alive = (
        mpmath.beta(a, b + x) / mpmath.beta(a, b)
        * mpmath.gamma(r + x) * alpha**r / (mpmath.gamma(r) * (alpha + T) ** (r + x))
    )  # fmt: skip
    if x == 0:
        return alive, mpmath.mpf(0)
    dead = (
        mpmath.beta(a + 1, b + x - 1) / mpmath.beta(a, b)
        * mpmath.gamma(r + x) * alpha**r / (mpmath.gamma(r) * (alpha + t_x) ** (r + x))
    )  # fmt: skip
    return alive, dead


def exact_expectation(point, x, t_x, T, t):
    """Equation (10), with its pole at a = 1 stepped around by 25 digits."""
    r, alpha, a, b = (mpmath.mpf(v) for v in point)
    if a == 1:
        a += mpmath.mpf(10) ** -25
    x, T, t = mpmath.mpf(x), mpmath.mpf(T), mpmath.mpf(t)
    z = t / (alpha + T + t)
    inside = ((alpha + T) / (alpha + T + t)) ** (r + x) * mpmath.hyp2f1(
        r + x, b + x, a + b + x - 1, z
    )
    alive, dead = exact_likelihood(point, x, t_x, T)
    return (a + b + x - 1) / (a - 1) * (1 - inside) * alive / (alive + dead)


@pytest.mark.parametrize("point", POINTS)
def test_likelihood_and_probability_alive_in_forty_digits(point):
    rows = frame(ROWS)
    likelihood = model(point).log_likelihoods(rows)
    alive = model(point).probability_alive(rows)
    with mpmath.workdps(40):
        for i, row in enumerate(ROWS):
            stays, left = exact_likelihood(point, *row)
            assert likelihood[i] == pytest.approx(float(mpmath.log(stays + left)), abs=1e-10)
            assert alive[i] == pytest.approx(float(stays / (stays + left)), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("periods", [0.01, 39.0, 500.0])
@pytest.mark.parametrize("point", POINTS)
def test_conditional_expectation_in_forty_digits(point, periods):
    """The closed form has a pole at a = 1; the quadrature agrees on both sides of it and on it."""
    answer = model(point).expected_purchases(frame(ROWS), periods)
    with mpmath.workdps(60):
        for i, row in enumerate(ROWS):
            truth = float(exact_expectation(point, *row, periods))
            # With a = .02 the integrand is nearly a step: five digits there, nine elsewhere.
            close = 1e-5 if point[2] < 0.05 else 1e-9
            assert answer[i] == pytest.approx(truth, rel=close, abs=1e-300)


def simulate(point, length, customers, seed):
    """Purchase times as the paper tells the process: one customer a row, NaN after the last."""
    r, alpha, a, b = point
    random = np.random.default_rng(seed)
    rate = random.gamma(r, 1 / alpha, customers)
    leave = random.beta(a, b, customers)
    now, alive, times = np.zeros(customers), np.ones(customers, bool), []
    while True:
        now = now + random.exponential(1 / rate)
        bought = alive & (now <= length)
        if not bought.any():
            return np.array(times).T.reshape(customers, -1)
        times.append(np.where(bought, now, np.nan))
        alive = bought & (random.random(customers) > leave)


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_simulated_customers_buy_as_expected():
    """Both expectations, and P(alive) through what the customers went on to buy."""
    point = (0.8, 6.0, 0.7, 2.5)
    times = simulate(point, 80.0, 200_000, seed=1)
    in_forty = (times <= 40).sum(axis=1)
    later = ((times > 40) & (times <= 80)).sum(axis=1)
    new = model(point).expected_purchases_new(40.0)
    assert in_forty.mean() == pytest.approx(new, abs=4 * in_forty.std() / np.sqrt(len(times)))
    last = np.where(in_forty > 0, np.nanmax(np.where(times <= 40, times, 0.0), axis=1), 0.0)
    rows = frame(np.column_stack([in_forty, last, np.full(len(last), 40.0)]))
    expected = model(point).expected_purchases(rows, 40.0).to_numpy()
    for frequency in range(5):
        some = in_forty == frequency
        error = later[some].std() / np.sqrt(some.sum())
        assert expected[some].mean() == pytest.approx(later[some].mean(), abs=4 * error)


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.slow
def test_known_truth_is_found_again():
    """The 90% intervals of 10 simulated shops hold each true parameter about 9 times of 10."""
    point = np.array([0.8, 6.0, 0.7, 2.5])
    held = np.zeros(4)
    for seed in range(10):
        times = simulate(point, 40.0, 4000, seed=100 + seed)
        count = (~np.isnan(times)).sum(axis=1)
        last = np.where(count > 0, np.nanmax(np.nan_to_num(times), axis=1), 0.0)
        table = (
            BetaGeoNBD().fit(frame(np.column_stack([count, last, np.full(4000, 40.0)]))).summary()
        )
        held += (table["low"] <= point) & (point <= table["high"])
    assert (held >= 7).all()


# Published (REFERENCE 3)


def test_published_estimates(bgnbd):
    """Fader, Hardie and Lee (2005), table 2."""
    assert [f"{v:.3f}" for v in bgnbd.params] == ["0.243", "4.414", "0.793", "2.426"]
    assert f"{bgnbd.log_likelihood:.1f}" == "-9582.4"
    assert bgnbd.summary().attrs["warnings"] == []
    assert bgnbd.summary().attrs["gradient_norm"] < 1e-8


@pytest.mark.parametrize(
    ("x", "t_x", "T", "printed"),
    [(2, 213, 272, -9.4596), (1, 12, 272, -4.4711), (0, 0, 272, -0.5538), (7, 206, 272, -21.8644),
     (4, 186, 189, -14.1284)],
)  # fmt: skip
def test_published_log_likelihoods(bgnbd, x, t_x, T, printed):
    """Fader, Hardie and Lee's note on the spreadsheet; exact days, its t_x are rounded."""
    row = frame([(x, t_x / 7, T / 7)])
    assert bgnbd.log_likelihoods(row)[0] == pytest.approx(printed, abs=5.1e-5)


def test_log_likelihoods_add_up(bgnbd, calibration):
    assert bgnbd.log_likelihoods(calibration).sum() == pytest.approx(bgnbd.log_likelihood)


def test_published_expectations(bgnbd, five):
    assert f"{bgnbd.expected_purchases_new(52):.4f}" == "1.4440"
    assert f"{bgnbd.expected_purchases(five, 39).iloc[0]:.3f}" == "1.226"


def test_frequency_paradox(bgnbd):
    """Equally recent, the more frequent buyer is expected to buy less: the model's arithmetic."""
    rows = frame([(x, 20.0, 39.0) for x in (10, 15, 20, 25)])
    printed = [0.34746, 0.04283, 0.004159, 0.000358]
    assert bgnbd.expected_purchases(rows, 52).to_numpy() == pytest.approx(printed, rel=1.2e-3)


def test_holdout_by_frequency(bgnbd, calibration, holdout):
    """One unit in the last printed digit: 2.1638 is printed for 2.16387."""
    classes = calibration["frequency"].clip(upper=7)
    actual = holdout["purchases"].groupby(classes).mean()
    printed = [0.2367, 0.697, 1.393, 1.56, 2.532, 2.947, 3.862, 6.359]
    assert actual.to_numpy() == pytest.approx(printed, abs=0.00051)
    expected = bgnbd.expected_purchases(calibration, 39).groupby(classes).mean()
    printed = [0.2251, 0.5231, 1.0441, 1.5203, 2.1638, 2.6538, 3.504, 6.157]
    assert expected.to_numpy()[:6] == pytest.approx(printed[:6], abs=0.00011)
    assert expected.to_numpy()[6:] == pytest.approx(printed[6:], abs=0.0006)


def test_weeks_are_not_buckets(sample, bgnbd):
    """Purchases moved to the Monday of their calendar week fit something else: a known trap."""
    table = sample.table
    first = table.groupby("customer_id")["date"].min()
    mondays = table["date"].dt.to_period("W").dt.start_time
    seen = table.assign(week=mondays)[mondays <= "1997-09-29"]
    by_customer = seen.groupby("customer_id")["week"]
    weeks = {
        "frequency": by_customer.nunique() - 1,
        "recency": (by_customer.max() - by_customer.min()).dt.days / 7,
        "T": (pd.Timestamp("1997-09-29") - by_customer.min()).dt.days / 7,
    }
    trap = BetaGeoNBD().fit(pd.DataFrame(weeks)).params
    assert trap.tolist() == pytest.approx([0.291, 6.852, 0.665, 2.320], abs=5e-4)
    exact = clv.summarize(sample, observation_end="1997-09-30")
    assert not np.allclose(exact["T"] % 1, 0)
    assert exact["T"].max() == (pd.Timestamp("1997-09-30") - first.min()).days / 7
    assert BetaGeoNBD().fit(exact).params.tolist() == pytest.approx(
        [0.243, 4.414, 0.793, 2.426], abs=5e-4
    )


# Properties


def test_one_time_buyers_are_alive_for_certain(bgnbd, calibration):
    """A property of the model; the guide says so wherever it shows the number."""
    alive = bgnbd.probability_alive(calibration)
    assert (alive[calibration["frequency"] == 0] == 1).all()
    assert alive[calibration["frequency"] > 0].between(0, 1, inclusive="neither").all()


@given(
    st.tuples(*[st.floats(0.05, 20)] * 4), st.integers(1, 50), st.floats(0.1, 50),
    st.floats(0, 100), st.floats(0.1, 100),
)  # fmt: skip
def test_longer_silence_is_less_alive(point, x, t_x, silence, more):
    alive = model(point).probability_alive(
        frame([(x, t_x, t_x + silence), (x, t_x, t_x + silence + more)])
    )
    assert alive[1] <= alive[0]
    assert alive[1] < alive[0] or alive[0] in (0, 1) or alive[0] < 1e-12


@given(st.tuples(*[st.floats(0.05, 20)] * 4), st.floats(0, 500), st.floats(0, 500))
def test_expectations_grow_with_the_horizon_from_zero(point, one, two):
    rows = frame(ROWS)
    low, high = sorted((one, two))
    assert (model(point).expected_purchases(rows, 0.0) == 0).all()
    less, more = (model(point).expected_purchases(rows, t) for t in (low, high))
    assert (less <= more * (1 + 1e-12)).all()


@settings(max_examples=10)
@given(st.randoms(use_true_random=False))
def test_permuted_rows_permute_the_answers(random):
    point = POINTS[0]
    order = random.sample(range(len(ROWS)), len(ROWS))
    rows = frame(ROWS, customer_id=list("abcdef")).set_index("customer_id")
    mixed = rows.iloc[order]
    for answer in ("probability_alive", "log_likelihoods"):
        whole = getattr(model(point), answer)
        pd.testing.assert_series_equal(whole(mixed), whole(rows).iloc[order])
    pd.testing.assert_series_equal(
        model(point).expected_purchases(mixed, 10.0),
        model(point).expected_purchases(rows, 10.0).iloc[order],
    )


def test_permuted_rows_fit_the_same(bgnbd, calibration):
    mixed = calibration.sample(frac=1, random_state=3)
    again = BetaGeoNBD().fit(mixed)
    assert again.params.to_numpy() == pytest.approx(bgnbd.params.to_numpy(), rel=1e-7)


def test_days_and_weeks_predict_the_same(sample, bgnbd, calibration):
    days = clv.split(sample, "1997-09-30", time_unit="D")[0]
    daily = BetaGeoNBD().fit(days)
    assert daily.params["alpha"] == pytest.approx(7 * bgnbd.params["alpha"], rel=1e-5)
    for name in ("r", "a", "b"):
        assert daily.params[name] == pytest.approx(bgnbd.params[name], rel=1e-5)
    by_day = daily.expected_purchases(days, 273.0)
    by_week = bgnbd.expected_purchases(calibration, 39.0)
    assert by_day.to_numpy() == pytest.approx(by_week.to_numpy(), rel=1e-5)


def test_weights_are_repeated_rows(calibration, bgnbd):
    grouped = calibration.groupby(["frequency", "recency", "T"]).size().rename("weights")
    weighted = BetaGeoNBD().fit(grouped.reset_index())
    assert weighted.params.to_numpy() == pytest.approx(bgnbd.params.to_numpy(), rel=1e-7)
    assert weighted.log_likelihood == pytest.approx(bgnbd.log_likelihood)
    twice = BetaGeoNBD().fit(pd.concat([calibration, calibration]))
    assert twice.params.to_numpy() == pytest.approx(bgnbd.params.to_numpy(), rel=1e-6)
    # Twice the customers, the same spread: errors shrink by the square root of two.
    ratio = bgnbd.summary()["standard_error"] / twice.summary()["standard_error"]
    assert ratio.to_numpy() == pytest.approx(2**0.5, rel=1e-4)


def test_unit_of_a_fit_is_kept(bgnbd, sample):
    assert bgnbd.time_unit == "W"
    with pytest.raises(clv.DataError, match="counts time in 'W', the summary in 'D'"):
        bgnbd.expected_purchases(clv.summarize(sample, time_unit="D"), 10.0)


def test_heavy_buyers_stay_finite():
    """Peers answer NaN from 200 or 500 purchases on."""
    rows = frame([(500, 39.0, 39.0), (5000, 38.0, 39.0), (5000, 1.0, 39.0)])
    for point in POINTS:
        assert np.isfinite(model(point).log_likelihoods(rows)).all()
        assert np.isfinite(model(point).expected_purchases(rows, 52.0)).all()
        assert model(point).probability_alive(rows).between(0, 1).all()


# Refusals


def test_recency_as_days_since_the_last_purchase_is_noticed(calibration):
    """The RFM reading: one-time buyers then have the whole of T."""
    wrong = calibration.assign(recency=calibration["T"] - calibration["recency"])
    with pytest.raises(clv.DataError, match="not the time since it"):
        BetaGeoNBD().fit(wrong)


@pytest.mark.parametrize(
    "row", [(-1, 0.0, 5.0), (1, 6.0, 5.0), (1, -1.0, 5.0), (np.nan, 0.0, 5.0), (1, np.nan, 5.0)]
)
def test_impossible_rows_are_named(row):
    rows = frame([(1, 1.0, 5.0), row], customer_id=["good", "007"]).set_index("customer_id")
    with pytest.raises(clv.DataError, match="1 of 2 rows are impossible; the first is '007'"):
        model(POINTS[0]).probability_alive(rows)


def test_nobody_repeats():
    with pytest.raises(clv.DataError, match="Nobody bought a second time"):
        BetaGeoNBD().fit(frame([(0, 0.0, 5.0)] * 30))


def test_missing_column_and_missing_parameters(calibration):
    with pytest.raises(clv.DataError, match=r"\['T'\] are missing"):
        BetaGeoNBD().fit(calibration.drop(columns="T"))
    with pytest.raises(clv.DataError, match="no parameters yet"):
        BetaGeoNBD().expected_purchases(calibration, 1.0)
    with pytest.raises(clv.DataError, match="Did you mean 'alpha'"):
        BetaGeoNBD(r=1.0, alfa=1.0, a=1.0, b=1.0)
    with pytest.raises(clv.DataError, match="are missing"):
        BetaGeoNBD(r=1.0)
    with pytest.raises(clv.DataError, match="positive and finite"):
        BetaGeoNBD(r=0.0, alpha=1.0, a=1.0, b=1.0)
    with pytest.raises(clv.DataError, match="only a fitted model"):
        _ = model(POINTS[0]).log_likelihood
    with pytest.raises(clv.DataError, match="0 or more"):
        model(POINTS[0]).expected_purchases(frame(ROWS), -1.0)


def test_data_that_pin_nothing_down_are_flagged():
    """Nobody ever leaves: a parameter runs away, and the fit says so instead of raising."""
    rows = frame([(x, 38.9, 39.0) for x in range(1, 40)])
    warnings = BetaGeoNBD().fit(rows).summary().attrs["warnings"]
    assert any("runs away" in warning for warning in warnings)
