"""How good a prediction was: ranking, level and calibration on a held-out period."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvkit.arguments import whole_number
from clvkit.errors import DataError

Array = NDArray[np.float64]
Places = NDArray[np.intp]
FIGURES = ["normalised_gini", "spearman", "total_bias"]


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
    resamples = whole_number(resamples, "resamples")
    guess, truth = _checked(predicted, actual)
    # In one order whatever the input's, so that the same resamples are drawn.
    guess, truth = _sorted(guess, truth)
    place, true_place = _places(guess), _places(truth)
    ones = np.ones(len(truth))
    value = _figures(guess, truth, place, true_place, ones)
    draws = [
        _figures(guess, truth, place, true_place, weight)
        for weight in _resampled(len(truth), resamples)
    ]
    low, high = _ends(np.array(draws))
    table = _deciles(guess, truth)
    figures = pd.DataFrame(
        {"value": value, "low": low, "high": high},
        index=pd.Index(FIGURES, name="figure"),
    )
    figures.loc["decile_mape"] = [_decile_mape(table), np.nan, np.nan]
    return Evaluation(figures, table)


def compare_predictions(
    predictions: pd.DataFrame,
    actual: pd.Series,
    *,
    against: str = "probability model",
    resamples: int = 200,
) -> Evaluation:
    """Hold several predictions against the same customers, and ask whether one is *better*.

    Parameters
    ----------
    predictions
        One row a customer, one column a method.
    actual
        What came, matched by index.
    against
        The method that the others are compared with.
    resamples
        Customer bootstrap: every method sees the same drawn customers, so that the interval of a
        difference is that of the difference, not of two intervals that overlap.

    Returns
    -------
    ``figures``: one row a ``method`` and ``figure`` (those of :func:`evaluate`), with ``value``,
    ``low``, ``high`` and, but for the method compared with, ``difference``, ``difference_low``,
    ``difference_high`` (90%): of the ranking figures how much higher, of the total bias how much
    further from 0. ``deciles``: the decile table of each method.
    """
    resamples = whole_number(resamples, "resamples")
    if against not in predictions:
        raise DataError(f"against={against!r} is none of the methods {list(predictions)}.")
    checked = {str(name): _checked(predictions[name], actual) for name in predictions}
    truth = next(iter(checked.values()))[1]
    # In one order whatever the input's, so that the same resamples are drawn.
    order = np.lexsort((*(guess for guess, _ in checked.values()), truth))
    truth, true_place = truth[order], _places(truth[order])
    guesses = {name: guess[order] for name, (guess, _) in checked.items()}
    places = {name: _places(guess) for name, guess in guesses.items()}

    def figures(weight: Array) -> Array:
        each = (_figures(guesses[m], truth, places[m], true_place, weight) for m in guesses)
        return np.array(list(each))

    value = figures(np.ones(len(truth)))
    draws = np.array([figures(weight) for weight in _resampled(len(truth), resamples)])
    base = list(guesses).index(against)
    parts = {"value": value}
    parts["low"], parts["high"] = _ends(draws)
    # What counts of a bias is how far it is from 0, on either side.
    far = np.concatenate([draws[:, :, :2], abs(draws[:, :, 2:])], axis=2)
    here = np.concatenate([value[:, :2], abs(value[:, 2:])], axis=1)
    parts["difference"] = here - here[base]
    parts["difference_low"], parts["difference_high"] = _ends(far - far[:, [base]])
    for name in ("difference", "difference_low", "difference_high"):
        parts[name][base] = np.nan
    index = pd.MultiIndex.from_product([guesses, FIGURES], names=["method", "figure"])
    table = pd.DataFrame({name: part.ravel() for name, part in parts.items()}, index=index)
    deciles = {name: _deciles(*_sorted(guess, truth)) for name, guess in guesses.items()}
    for name, tenths in deciles.items():
        table.loc[(name, "decile_mape"), "value"] = _decile_mape(tenths)
    rows = [(name, figure) for name in guesses for figure in (*FIGURES, "decile_mape")]
    return Evaluation(table.loc[rows], pd.concat(deciles, names=["method"]))


def normalised_gini(predicted: pd.Series, actual: pd.Series) -> float:
    """The ranking figure of :func:`evaluate` alone, without its interval."""
    guess, truth = _checked(predicted, actual)
    ones = np.ones(len(truth))
    return _gini(_places(guess), truth, ones) / _gini(_places(truth), truth, ones)


def _resampled(size: int, resamples: int) -> Iterator[Array]:
    """How often each customer was drawn, with a fixed seed."""
    random = np.random.default_rng(20_050)
    for _ in range(resamples):
        drawn = np.bincount(random.integers(size, size=size), minlength=size)
        yield drawn.astype("float64")


def _ends(draws: Array) -> tuple[Array, Array]:
    """The 90% intervals of draws of a table (the first axis counts the draws)."""
    flat = draws.reshape(len(draws), -1).T
    low, high = np.transpose([_interval(figure) for figure in flat])
    return low.reshape(draws.shape[1:]), high.reshape(draws.shape[1:])


def _sorted(guess: Array, truth: Array) -> tuple[Array, Array]:
    order = np.lexsort((truth, -guess))
    return guess[order], truth[order]


def _decile_mape(table: pd.DataFrame) -> float:
    mape = (table["predicted"] - table["actual"]).abs() / table["actual"].where(table["actual"] > 0)
    return float(mape.mean(skipna=False))


def _checked(predicted: pd.Series, actual: pd.Series) -> tuple[Array, Array]:
    """Both as numbers in the order of ``predicted``, or an error that says what is wrong."""
    if not (isinstance(predicted, pd.Series) and isinstance(actual, pd.Series)):
        raise DataError("predicted and actual are pandas Series, one number a customer.")
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
    return guess, truth


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
