"""Figures of a prediction against plain implementations of the same."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

import clvkit as clv


def google_gini(truth, prediction):
    """Plain reading of google/lifetime_value, metrics.py: rows sorted by prediction."""

    def raw(order):
        gain = np.cumsum(np.asarray(truth)[order]) / np.sum(truth)
        return 2 * gain.sum() / len(gain) - 1

    return raw(np.argsort(-np.asarray(prediction))) / raw(np.argsort(-np.asarray(truth)))


def figures(predicted, actual, **options):
    return clv.evaluate(pd.Series(predicted), pd.Series(actual), **options).figures["value"]


different = st.lists(st.floats(0, 1e4), min_size=3, max_size=60, unique=True)


@settings(max_examples=50)
@given(different, st.randoms(use_true_random=False))
def test_gini_without_ties(predicted, random):
    actual = [float(random.choice([0, 0, random.randint(1, 50)])) for _ in predicted]
    actual[0] = 5.0
    answer = figures(predicted, actual, resamples=1)["normalised_gini"]
    # Equal truths may be sorted either way: their gains are the same.
    assert answer == pytest.approx(google_gini(actual, predicted), abs=1e-9)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=60))
@pytest.mark.filterwarnings("ignore:An input array is constant")
def test_spearman_and_bias_with_ties(pairs):
    predicted, actual = np.array([*pairs, (1, 2)], dtype=float).T
    answer = figures(predicted, actual, resamples=1)
    assert answer["total_bias"] == pytest.approx(predicted.sum() / actual.sum() - 1)
    assert answer["spearman"] == pytest.approx(spearmanr(predicted, actual)[0], nan_ok=True)


def test_gini_of_equal_predictions_is_the_mean_over_their_orders():
    actual = np.array([3.0, 0.0, 1.0, 7.0])
    orders = np.random.default_rng(0).permuted(np.tile(np.arange(4.0), (4000, 1)), axis=1)
    over_orders = np.mean([google_gini(actual, order) for order in orders])
    assert figures([1.0] * 4, actual)["normalised_gini"] == pytest.approx(over_orders, abs=0.02)


def test_a_perfect_prediction_and_its_reverse():
    actual = np.arange(1.0, 101.0)
    perfect = figures(actual, actual)
    assert perfect["normalised_gini"] == pytest.approx(1)
    assert perfect["spearman"] == pytest.approx(1)
    assert perfect["total_bias"] == 0
    assert perfect["decile_mape"] == 0
    reverse = figures(-actual, actual)
    assert reverse["spearman"] == pytest.approx(-1)
    assert reverse["normalised_gini"] < 0
    assert figures(2 * actual, actual)["total_bias"] == pytest.approx(1)
    assert figures(2 * actual, actual)["decile_mape"] == pytest.approx(1)


def test_deciles_by_hand():
    """25 customers: tenths of 3, 2, 3, 2, ..., the highest predictions first."""
    predicted = pd.Series(np.arange(25.0), index=[f"c{i:02d}" for i in range(25)])
    actual = (predicted * 2 + 1).sample(frac=1, random_state=0)
    deciles = clv.evaluate(predicted, actual).deciles
    assert deciles.index.tolist() == list(range(1, 11))
    assert deciles["customers"].tolist() == [3, 2] * 5
    assert deciles.loc[1].tolist() == [3, 23, 47]
    assert deciles.loc[10].tolist() == [2, 0.5, 2]
    mape = ((deciles["predicted"] - deciles["actual"]).abs() / deciles["actual"]).mean()
    assert clv.evaluate(predicted, actual).figures.loc["decile_mape", "value"] == mape


def test_equal_predictions_share_their_actual_mean():
    predicted = pd.Series([1.0] * 20)
    actual = pd.Series([0.0] * 19 + [20.0])
    assert (clv.evaluate(predicted, actual).deciles["actual"] == 1).all()


def test_a_decile_without_sales_has_no_percentage_error():
    answer = figures(np.arange(10.0), np.arange(10.0))
    assert np.isnan(answer["decile_mape"])


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=40),
       st.randoms(use_true_random=False))  # fmt: skip
def test_permuted_rows_answer_the_same(pairs, random):
    predicted, actual = pd.DataFrame([*pairs, (1, 2)], dtype=float).T.to_numpy()
    predicted, actual = pd.Series(predicted), pd.Series(actual)
    order, other = (random.sample(range(len(actual)), len(actual)) for _ in range(2))
    one = clv.evaluate(predicted, actual, resamples=20)
    two = clv.evaluate(predicted.iloc[order], actual.iloc[other], resamples=20)
    pd.testing.assert_frame_equal(one.figures, two.figures)
    pd.testing.assert_frame_equal(one.deciles, two.deciles)


def test_customers_are_matched_by_id():
    predicted = pd.Series([1.0, 2.0, 3.0], index=["a", "b", "c"])
    actual = pd.Series([3.0, 2.0, 1.0], index=["c", "b", "a"])
    assert clv.evaluate(predicted, actual).figures.loc["spearman", "value"] == pytest.approx(1)


def test_intervals_hold_the_value_and_shrink():
    random = np.random.default_rng(3)
    widths = []
    for size in (200, 5000):
        predicted = random.gamma(1.0, 2.0, size)
        actual = pd.Series(random.poisson(predicted).astype(float))
        table = clv.evaluate(pd.Series(predicted), actual).figures.drop(index="decile_mape")
        assert ((table["low"] < table["value"]) & (table["value"] < table["high"])).all()
        widths.append(table["high"] - table["low"])
    assert (widths[1] < widths[0] / 3).all()


def test_interval_against_a_plain_bootstrap():
    random = np.random.default_rng(4)
    predicted = random.gamma(1.0, 2.0, 300)
    actual = random.poisson(predicted).astype(float)
    table = clv.evaluate(pd.Series(predicted), pd.Series(actual), resamples=1000).figures
    draws = [random.integers(0, 300, 300) for _ in range(1000)]
    plain = {
        "total_bias": [predicted[d].sum() / actual[d].sum() - 1 for d in draws],
        "spearman": [spearmanr(predicted[d], actual[d])[0] for d in draws],
        "normalised_gini": [google_gini(actual[d], predicted[d]) for d in draws],
    }
    for name, values in plain.items():
        ends = np.quantile(values, [0.05, 0.95])
        assert table.loc[name, ["low", "high"]].to_numpy() == pytest.approx(
            ends, abs=0.15 * np.ptp(ends)
        )


def test_few_buyers_warn_nobody():
    """A resample without a buyer has no figures; it is left out, not divided by."""
    table = clv.evaluate(pd.Series([1.0, 2.0, 3.0]), pd.Series([0.0, 0.0, 1.0])).figures
    assert np.isfinite(table.loc["normalised_gini"]).all()


def test_the_models_holdout(bgnbd, calibration, holdout):
    """The figures of the bundled sample: good at ranking, a little too low in total."""
    predicted = bgnbd.expected_purchases(calibration, 39.0)
    table = clv.evaluate(predicted, holdout["purchases"]).figures["value"]
    assert table["total_bias"] == pytest.approx(
        predicted.sum() / holdout["purchases"].sum() - 1, abs=1e-12
    )
    assert -0.15 < table["total_bias"] < 0
    assert 0.6 < table["normalised_gini"] < 1


S = pd.Series


@pytest.mark.parametrize(
    ("predicted", "actual", "message"),
    [
        (S([1.0, 2.0]), S([1.0, 2.0], index=["a", "b"]), "the same customers"),
        (S([1.0, 2.0], index=[0, 0]), S([1.0, 2.0]), "each once"),
        (S([1.0, 2.0]), S([1.0, 2.0, 3.0], index=[0, 1, 1]), "each once"),
        (S([1.0, np.nan]), S([1.0, 2.0]), "1 values of predicted are missing"),
        (S([1.0, 2.0]), S([1.0, np.inf]), "1 values of actual are missing or infinite"),
        (S([1.0, 2.0]), S([0.0, 0.0]), "Nobody bought in the holdout"),
        (S([], dtype=float), S([], dtype=float), "Nobody bought"),
        (S(["a", "b"]), S([1.0, 2.0]), "must be numbers"),
        ([1.0, 2.0], S([1.0, 2.0]), "pandas Series"),
    ],
)
def test_refusals(predicted, actual, message):
    with pytest.raises(clv.DataError, match=message):
        clv.evaluate(predicted, actual)


@pytest.mark.parametrize("resamples", [0, -1, 1.5, "x"])
def test_resamples_that_cannot_be_used(resamples):
    with pytest.raises(clv.DataError, match="resamples="):
        clv.evaluate(S([1.0, 2.0]), S([1.0, 2.0]), resamples=resamples)


def rivals(size=400, seed=6):
    random = np.random.default_rng(seed)
    truth = random.gamma(1.0, 10.0, size) * (random.uniform(size=size) < 0.4)
    noise = random.gamma(2.0, 5.0, (2, size))
    frame = pd.DataFrame(
        {"constant": 4.0, "rough": truth + 2 * noise[0], "probability model": truth + noise[1]},
        index=[f"c{i:03d}" for i in range(size)],
    )
    return frame, pd.Series(truth, frame.index)


def test_compared_methods_have_the_figures_of_evaluate():
    frame, truth = rivals()
    answer = clv.compare_predictions(frame, truth, resamples=50)
    for name in frame:
        alone = clv.evaluate(frame[name], truth, resamples=1)
        values = answer.figures.loc[name, "value"]
        pd.testing.assert_series_equal(values, alone.figures["value"], check_names=False)
        pd.testing.assert_frame_equal(answer.deciles.loc[name], alone.deciles)
    assert answer.figures.loc["probability model", "difference"].isna().all()


def test_a_method_compared_with_itself_differs_by_exactly_nothing():
    frame, truth = rivals()
    frame["twin"] = frame["probability model"]
    figures = clv.compare_predictions(frame, truth).figures.loc["twin"].drop("decile_mape")
    assert (figures[["difference", "difference_low", "difference_high"]] == 0).all(axis=None)


def test_interval_of_a_difference_against_a_plain_bootstrap():
    frame, truth = rivals()
    answer = clv.compare_predictions(frame, truth, resamples=600).figures.loc["rough"]
    random = np.random.default_rng(9)
    draws = []
    for _ in range(600):
        d = random.integers(len(truth), size=len(truth))
        t, f = truth.to_numpy()[d], frame.iloc[d]
        one, two = (google_gini(t, f[name].to_numpy()) for name in ("rough", "probability model"))
        far = (abs(f[name].sum() / t.sum() - 1) for name in ("rough", "probability model"))
        draws.append((one - two, next(far) - next(far)))
    for figure, values in zip(("normalised_gini", "total_bias"), np.transpose(draws), strict=True):
        ends = np.quantile(values, [0.05, 0.95])
        assert answer.loc[figure, ["difference_low", "difference_high"]].to_numpy() == (
            pytest.approx(ends, abs=0.15 * np.ptp(ends))
        )


def test_compared_in_any_order_the_same():
    frame, truth = rivals()
    one = clv.compare_predictions(frame, truth, resamples=20)
    two = clv.compare_predictions(frame[::-1], truth.sample(frac=1, random_state=1), resamples=20)
    pd.testing.assert_frame_equal(one.figures, two.figures)


def test_comparisons_that_cannot_be_made():
    frame, truth = rivals(40)
    with pytest.raises(clv.DataError, match="against='best' is none of the methods"):
        clv.compare_predictions(frame, truth, against="best")
    with pytest.raises(clv.DataError, match="the same customers"):
        clv.compare_predictions(frame, truth[1:])
