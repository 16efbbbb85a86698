"""How good a prediction was: ranking, level and calibration on a held-out period."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvkit.errors import DataError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Evaluation:
    """``figures``: value and 90% interval of each figure; ``deciles``: the decile table."""

    figures: pd.DataFrame
    deciles: pd.DataFrame


def evaluate(predicted: pd.Series, actual: pd.Series, *, resamples: int = 200) -> Evaluation:
    """Hold predictions against what happened.

    Parameters
    ----------
    predicted, actual
        One number a customer, in any order; matched by index.
    resamples
        Customer bootstrap behind the 90% intervals, with a fixed seed.

    Returns
    -------
    ``figures``, a frame with ``value``, ``low`` and ``high``:

    - ``normalised_gini``: how well the ranking finds those who buy, 1 for a perfect ranking and
      about 0 for a random one. As in google/lifetime_value (raw = 2 · mean gain - 1, over the
      truth sorted by prediction, divided by the same of a perfect ranking), except that equal
      predictions share their gain, so that the order of the rows does not matter;
    - ``spearman``: rank correlation, ties averaged;
    - ``total_bias``: predicted over actual total, minus 1;
    - ``decile_mape``: mean over deciles of |predicted - actual| / actual mean; missing where a
      decile's actual mean is 0.

    ``deciles``: customers sorted by prediction, the highest tenth first: ``customers``,
    ``predicted`` and ``actual`` means.
    """
    if not (isinstance(predicted, pd.Series) and isinstance(actual, pd.Series)):
        raise DataError("predicted and actual are pandas Series, one number a customer.")
    if not (isinstance(resamples, int) and resamples > 0):
        raise DataError(f"resamples={resamples!r}: give a whole number of 1 or more.")
    unique = predicted.index.is_unique and actual.index.is_unique
    if not unique or set(predicted.index) != set(actual.index):
        raise DataError(
            f"predicted ({len(predicted):,} rows) and actual ({len(actual):,} rows) must have the "
            "same customers in their index, each once."
        )
    try:
        truth = actual.reindex(predicted.index).to_numpy("float64", na_value=np.nan)
        guess = predicted.to_numpy("float64", na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(f"predicted and actual must be numbers: {error}.") from error
    for name, values in (("predicted", guess), ("actual", truth)):
        if not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).sum())
            raise DataError(f"{bad:,} values of {name} are missing or infinite; leave them out.")
    if truth.sum() <= 0:
        raise DataError("Nobody bought in the holdout: there is nothing to evaluate against.")
    order = np.lexsort((truth, -guess))
    guess, truth = guess[order], truth[order]
    ones = np.ones(len(truth))
    value = _figures(guess, truth, ones)
    random = np.random.default_rng(20_050)
    draws = [
        _figures(guess, truth, random.multinomial(len(truth), ones / len(truth)).astype("float64"))
        for _ in range(resamples)
    ]
    low, high = np.transpose([_interval(figure) for figure in np.transpose(draws)])
    table = _deciles(guess, truth)
    figures = pd.DataFrame(
        {"value": value, "low": low, "high": high},
        index=pd.Index(["normalised_gini", "spearman", "total_bias"], name="figure"),
    )
    mape = (table["predicted"] - table["actual"]).abs() / table["actual"].where(table["actual"] > 0)
    figures.loc["decile_mape"] = [mape.mean(skipna=False), np.nan, np.nan]
    return Evaluation(figures, table)


def _figures(guess: Array, truth: Array, weight: Array) -> Array:
    """Gini, Spearman and bias of rows sorted by prediction, each row counted ``weight`` times."""
    if weight @ truth == 0:
        return np.full(3, np.nan)
    by_truth = np.argsort(-truth, kind="stable")
    perfect = _gini(truth[by_truth], truth[by_truth], weight[by_truth])
    place = _ranks(-guess, weight)
    true_place = np.empty_like(place)
    true_place[by_truth] = _ranks(-truth[by_truth], weight[by_truth])
    bias = (weight @ guess) / (weight @ truth) - 1
    return np.array(
        [_gini(guess, truth, weight) / perfect, _correlation(place, true_place, weight), bias]
    )


def _interval(draws: Array) -> Array:
    """The 90% interval of the resamples that have the figure: one without a buyer has none."""
    there = draws[np.isfinite(draws)]
    return np.quantile(there, [0.05, 0.95]) if len(there) else np.full(2, np.nan)


def _groups(values: Array) -> NDArray[np.int64]:
    """Which run of equal values each entry of a sorted array belongs to."""
    return np.concatenate([[0], np.cumsum(np.diff(values) != 0)])


def _gini(guess: Array, truth: Array, weight: Array) -> float:
    group = _groups(guess)
    sums = np.bincount(group, weight * truth)
    size = np.bincount(group, weight)
    before = np.cumsum(sums) - sums
    # Within equal predictions the gain grows evenly from one customer to the next.
    gain = size * before + sums * (size + 1) / 2
    return float(2 * gain.sum() / (sums.sum() * size.sum()) - 1)


def _ranks(ascending: Array, weight: Array) -> Array:
    group = _groups(ascending)
    size = np.bincount(group, weight)
    return np.asarray((np.cumsum(size) - (size - 1) / 2)[group])


def _correlation(one: Array, two: Array, weight: Array) -> float:
    total = weight.sum()
    one = one - weight @ one / total
    two = two - weight @ two / total
    spread = np.sqrt((weight @ one**2) * (weight @ two**2))
    # A constant prediction has no ranking, hence no correlation.
    return float(weight @ (one * two) / spread) if spread > 1e-9 * total else float("nan")


def _deciles(guess: Array, truth: Array) -> pd.DataFrame:
    size = len(guess)
    frame = pd.DataFrame({"predicted": guess, "actual": truth})
    # Equal predictions share the actual mean: which of them comes first is nobody's knowledge.
    frame["actual"] = frame.groupby("predicted")["actual"].transform("mean")
    decile = np.minimum(np.arange(size) * 10 // size, 9) + 1
    table = frame.groupby(decile).agg(
        customers=("actual", "size"), predicted=("predicted", "mean"), actual=("actual", "mean")
    )
    table.index.name = "decile"
    return table
