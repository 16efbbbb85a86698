"""Who is moved by a treatment: two learners, the class transformation, and the curve that checks.

Nobody is both treated and not, so a prediction of uplift cannot be checked on a person; it can be
checked on groups of an experiment (Radcliffe 2007).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from clvkit.arguments import whole_number
from clvkit.arms import binary, joined_attributes, measured, two_arms
from clvkit.errors import DataError
from clvkit.models.base import Array, resamples
from clvkit.othertables import Experiment

Method = Literal["two_learners", "class_transformation"]

NORMALISATION = (
    "area between the curve and the straight line of a random order, over shares of the people "
    "from 0 to 1, per treated person"
)
_LEVELS = 50  # groups of a text that a learner may tell apart
_FEWEST = 50  # people in an arm from whom anything can be learned
_SHARES = np.arange(1, 21) / 20


def predict_uplift(
    trial: Experiment | pd.DataFrame,
    customers: Any,
    treatment: str,
    *,
    control: str | None = None,
    method: Method = "two_learners",
    measure: str = "outcome",
    folds: int = 3,
    seed: int = 1,
) -> pd.DataFrame:
    """Predict for each customer of two arms what the treatment changes.

    Each customer is predicted by learners that have not seen them (``folds`` parts, each predicted
    from the others), so the prediction may be checked on the same experiment. The learner is
    scikit-learn's gradient boosting of histograms with small trees; it takes numbers, groups and
    empty cells as they are.

    Parameters
    ----------
    customers
        Attributes known *before* the experiment, or None; ``pre_value`` is added if the trial has
        it. Where nobody can be told from anybody else, all are expected to be like the mean of the
        arm, and ``attrs["reason"]`` says why.
    method
        ``"two_learners"``: one learner for each arm, and the difference of what they expect.
        ``"class_transformation"`` (Jaskowski and Jaroszewicz 2012): one learner of Z, which is 1
        for buyers who were treated and for the others who were not; with the arms weighted to be
        equal in size the uplift is 2 P(Z=1) - 1. It needs an outcome of 0 and 1.

    Returns
    -------
    Indexed by ``customer_id``, in the order of the trial: ``uplift``; with two learners also
    ``if_untreated`` and ``if_treated``, what is expected of the customer in each arm.
    """
    rows, control = two_arms(measured(trial, measure)[0], treatment, control)
    if method not in ("two_learners", "class_transformation"):
        raise DataError(f"method={method!r}: 'two_learners' or 'class_transformation'.")
    yes_no = binary(rows[measure])
    if method == "class_transformation" and not yes_no:
        raise DataError(
            f"The class transformation needs a measure of 0 and 1, and {measure!r} has other "
            "values: use method='two_learners'."
        )
    asked = rows["customer_id"]
    # In one order whatever the input's, so that the same people fall into the same part.
    rows = rows.sort_values("customer_id", kind="stable")
    features = _features(rows, customers)
    treated = (rows["arm"] == treatment).to_numpy()
    y = rows[measure].to_numpy("float64")
    folds = whole_number(folds, "folds", 2)
    reason = ""
    if not features.shape[1]:
        reason = "no attribute is known that differs between the customers"
    elif (fewest := min(treated.sum(), (~treated).sum())) < _FEWEST:
        reason = f"{fewest:,} people in an arm are too few to learn from"
    if reason:
        features, folds = np.zeros((len(rows), 1)), 1
    part = np.random.default_rng(seed).permutation(len(rows)) % folds
    low, high = np.zeros(len(rows)), np.zeros(len(rows))
    for fold in range(folds):
        seen, here = (part != fold) | bool(reason), part == fold
        if method == "two_learners":
            for into, arm in ((low, ~treated), (high, treated)):
                into[here] = _learn(features[seen & arm], y[seen & arm], yes_no, features[here])
        else:
            z = np.where(treated, y, 1 - y)[seen]
            weight = np.where(treated, 0.5 / treated.mean(), 0.5 / (~treated).mean())[seen]
            high[here] = 2 * _learn(features[seen], z, True, features[here], weight) - 1
    found = {"if_untreated": low, "if_treated": high} if method == "two_learners" else {}
    answer = pd.DataFrame({**found, "uplift": high - low}, index=pd.Index(rows["customer_id"]))
    answer = answer.reindex(asked)
    answer.attrs = {"control": control, "treatment": treatment, "method": method, "reason": reason}
    return answer


def uplift_curve(
    trial: Experiment | pd.DataFrame,
    score: pd.Series,
    treatment: str,
    *,
    control: str | None = None,
    measure: str = "outcome",
    resample: int = 200,
    seed: int = 1,
) -> pd.DataFrame:
    """What treating the best first would have added, by how many are treated (Qini curve).

    Qini(k) = Y_t - Y_c N_t / N_c among the k customers of the highest score (Radcliffe 2007), here
    divided by the treated of the whole trial: added outcomes per person, if all had been offered
    the treatment in that order. Customers of the same score count as one step, so a constant score
    gives the straight line.

    Returns
    -------
    Indexed by ``share`` of the customers, from 0.05 to 1: ``gain`` with its 90% interval (customer
    bootstrap, ``low`` and ``high``), ``at_random`` (the straight line), and ``uplift``, the effect
    among the customers of the step by itself. ``attrs``: ``qini`` (the area between curve and line)
    with ``qini_low`` and ``qini_high``, and its ``normalisation``. Libraries normalise it in other
    ways, so their figures are not to be compared with this one.
    """
    rows, control = two_arms(measured(trial, measure)[0], treatment, control)
    rank = rows["customer_id"].map(score)
    if rank.isna().any():
        raise DataError(
            f"{int(rank.isna().sum()):,} customers of the experiment have no score: score is a "
            "Series indexed by customer_id."
        )
    order = np.lexsort((rows["customer_id"], -rank.to_numpy("float64")))
    treated = (rows["arm"] == treatment).to_numpy("float64")[order]
    y = rows[measure].to_numpy("float64")[order]
    ordered = rank.to_numpy("float64")[order]
    starts = np.flatnonzero(np.r_[True, np.diff(ordered) != 0])
    facts = np.stack([treated, 1 - treated, y * treated, y * (1 - treated)])

    def curve(weight: Array) -> tuple[Array, Array]:
        steps = np.add.reduceat(facts * weight, starts, axis=1)
        reached = np.c_[np.zeros(4), np.cumsum(steps, axis=1)]
        people = (reached[0] + reached[1]) / (reached[0, -1] + reached[1, -1])
        at = np.array([np.interp(_SHARES, people, line) for line in reached])
        return _qini(at), at

    gain, at = curve(np.ones(len(y)))
    draws = [curve(each)[0] for each in resamples(np.ones(len(y)), resample, seed)]
    low, high = np.nanquantile(draws, [0.05, 0.95], axis=0)
    areas = np.array([_area(each) for each in draws])
    step = np.diff(at, axis=1, prepend=0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        alone = step[2] / step[0] - step[3] / step[1]
    table = pd.DataFrame(
        {"gain": gain, "low": low, "high": high, "at_random": _SHARES * gain[-1], "uplift": alone},
        index=pd.Index(_SHARES, name="share"),
    )
    ends = np.nanquantile(areas, [0.05, 0.95])
    table.attrs = {"control": control, "treatment": treatment, "qini": _area(gain)}
    table.attrs |= {"qini_low": ends[0], "qini_high": ends[1], "normalisation": NORMALISATION}
    return table


def _qini(at: Array) -> Array:
    """Gain per treated person at each share; missing where nobody is in one of the arms yet."""
    n_t, n_c, y_t, y_c = at
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = (y_t - np.where(n_c > 0, y_c * n_t / n_c, np.nan)) / n_t[-1]
    return np.asarray(gain)


def _area(gain: Array) -> float:
    above = gain - _SHARES * gain[-1]
    known = np.isfinite(above)
    return float(np.trapezoid(np.r_[0.0, above[known]], np.r_[0.0, _SHARES[known]]))


def _features(rows: pd.DataFrame, customers: Any) -> Array:
    """Attributes as numbers: groups by their place in the alphabet, rare texts left out."""
    known = pd.DataFrame(index=rows.index)
    if customers is not None:
        known = joined_attributes(rows, customers)
    if "pre_value" in rows:
        known = known.assign(pre_value=rows["pre_value"])
    columns = []
    for _, column in known.items():
        if pd.api.types.is_datetime64_any_dtype(column):
            column = column.astype("int64").where(column.notna())
        elif not pd.api.types.is_numeric_dtype(column):
            codes = pd.Categorical(column.astype("object").map(str, na_action="ignore"))
            if not 2 <= len(codes.categories) <= _LEVELS:
                continue
            column = pd.Series(codes.codes, column.index).where(codes.codes >= 0)
        if column.nunique(dropna=False) > 1:
            columns.append(column.to_numpy("float64", na_value=np.nan))
    return np.stack(columns, axis=1) if columns else np.zeros((len(rows), 0))


def _learn(
    features: Array, y: Array, yes_no: bool, asked: Array, weight: Array | None = None
) -> Array:
    """What a learner expects of ``asked``; the mean where it saw one value only."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    if y.min() == y.max() or not np.ptp(features):
        return np.full(len(asked), np.average(y, weights=weight))
    size = {
        "max_iter": 40,
        "max_depth": 3,
        "learning_rate": 0.12,
        "max_bins": 32,
        "l2_regularization": 10.0,
    }
    size |= {"min_samples_leaf": max(5, min(200, len(y) // 50)), "early_stopping": False}
    kind = HistGradientBoostingClassifier if yes_no else HistGradientBoostingRegressor
    # Threads that wait for each other cost more than they save on tables of this size.
    with threadpool_limits(1):
        model = kind(random_state=1, **size).fit(features, y, sample_weight=weight)
    guess = model.predict_proba(asked)[:, 1] if yes_no else model.predict(asked)
    return np.asarray(guess, dtype="float64")
