"""How good a prediction was: ranking, level and calibration on a held-out period."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvkit.arguments import whole_number
from clvkit.errors import DataError

Array = NDArray[np.float64]
Places = NDArray[np.intp]


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
    resamples = whole_number(resamples, "resamples")
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
    # In one order whatever the input's, so that the same resamples are drawn.
    order = np.lexsort((truth, -guess))
    guess, truth = guess[order], truth[order]
    place, true_place = _places(guess), _places(truth)
    ones = np.ones(len(truth))
    value = _figures(guess, truth, place, true_place, ones)
    random = np.random.default_rng(20_050)
    draws = []
    for _ in range(resamples):
        weight = np.bincount(random.integers(len(truth), size=len(truth)), minlength=len(truth))
        draws.append(_figures(guess, truth, place, true_place, weight.astype("float64")))
    low, high = np.transpose([_interval(figure) for figure in np.transpose(draws)])
    table = _deciles(guess, truth)
    figures = pd.DataFrame(
        {"value": value, "low": low, "high": high},
        index=pd.Index(["normalised_gini", "spearman", "total_bias"], name="figure"),
    )
    mape = (table["predicted"] - table["actual"]).abs() / table["actual"].where(table["actual"] > 0)
    figures.loc["decile_mape"] = [mape.mean(skipna=False), np.nan, np.nan]
    return Evaluation(figures, table)


def _places(values: Array) -> Places:
    """Place of each row, the highest value first; equal values share a place."""
    return np.unique(-values, return_inverse=True)[1]


def _figures(guess: Array, truth: Array, place: Places, true_place: Places, weight: Array) -> Array:
    """Gini, Spearman and bias, each row counted ``weight`` times."""
    bought = weight @ truth
    if bought == 0:
        return np.full(3, np.nan)
    gini = _gini(place, truth, weight) / _gini(true_place, truth, weight)
    ranking = _correlation(_ranks(place, weight), _ranks(true_place, weight), weight)
    return np.array([gini, ranking, (weight @ guess) / bought - 1])


def _interval(draws: Array) -> Array:
    """The 90% interval of the resamples that have the figure: one without a buyer has none."""
    there = draws[np.isfinite(draws)]
    return np.quantile(there, [0.05, 0.95]) if len(there) else np.full(2, np.nan)


def _gini(place: Places, truth: Array, weight: Array) -> float:
    sums = np.bincount(place, weight * truth)
    size = np.bincount(place, weight)
    before = np.cumsum(sums) - sums
    # Within equal predictions the gain grows evenly from one customer to the next.
    gain = size * before + sums * (size + 1) / 2
    return float(2 * gain.sum() / (sums.sum() * size.sum()) - 1)


def _ranks(place: Places, weight: Array) -> Array:
    size = np.bincount(place, weight)
    return np.asarray((np.cumsum(size) - (size - 1) / 2)[place])


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
