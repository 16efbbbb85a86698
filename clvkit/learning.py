"""A learner of customer value: hurdle model on features at a cut-off, and its rivals."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from clvkit import parsing
from clvkit.arguments import whole_number
from clvkit.errors import DataError
from clvkit.evaluation import normalised_gini
from clvkit.features import MODEL, customer_features, model_features, readable, spend_between
from clvkit.models.base import Array
from clvkit.othertables import Customers
from clvkit.segments import equal_parts
from clvkit.tables import Transactions

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

Mask = NDArray[np.bool_]

LEAST_CUSTOMERS = 1_000
LEAST_BUYERS = 100
_MOST_CUTOFFS = 3
_SETTINGS = {
    "max_iter": 100, "learning_rate": 0.06, "max_leaf_nodes": 12, "min_samples_leaf": 40,
    "l2_regularization": 1.0, "early_stopping": False,
}  # fmt: skip
_SOME = 20_000
_MANY = 100_000
_FAMILIES = {
    "how recently": ("age", "silence", "silence_in_gaps", "gap"),
    "how often": ("purchases",),
    "how much": ("spend", "first_spend"),
    "what": ("products", "categories", "share of", "first_channel"),
    "the probability model": ("model_",),
}


@dataclass(frozen=True)
class Learned:
    """A learner that has seen the purchases up to a cut-off, and what it expects after it.

    ``features``: one row a customer on the day of the cut-off; ``predictions``: ``probability``
    of spending anything in the horizon, ``spend_if`` so, and ``expected`` spend, their product;
    ``training``: a row a cut-off that it learned from, with ``customers`` and ``buyers``.
    """

    features: pd.DataFrame
    predictions: pd.DataFrame
    training: pd.DataFrame
    _classifier: HistGradientBoostingClassifier
    _regressor: HistGradientBoostingRegressor

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """Predictions for other customers with the same features."""
        with _threads(features):
            probability = self._classifier.predict_proba(features)[:, 1]
            spend = self._regressor.predict(features)
        columns = {"probability": probability, "spend_if": spend, "expected": probability * spend}
        return pd.DataFrame(columns, index=features.index)

    def importance(self, actual: pd.Series, repeats: int = 5, seed: int = 1) -> pd.DataFrame:
        """What the ranking loses when a group of features is shuffled (permutation importance).

        Features that say nearly the same are shuffled together: one alone would look useless.
        Every attribute stands for itself.

        Parameters
        ----------
        actual
            What the customers spent after the cut-off: importance for what came, not for what was
            learned (Breiman 2001, Machine Learning 45; at most 20,000 customers are looked at).

        Returns
        -------
        A row a group, the largest first: ``loss`` of normalised Gini, mean over ``repeats``, and
        the ``least`` and ``most`` of them.
        """
        random = np.random.default_rng(seed)
        features = self.features.loc[actual.index]
        if len(features) > _SOME:
            features = features.sample(_SOME, random_state=seed)
        truth = actual.loc[features.index]
        base = normalised_gini(self.predict(features)["expected"], truth)
        groups: dict[str, list[str]] = {}
        for name in features.columns:
            groups.setdefault(_family(name), []).append(name)
        losses: dict[str, list[float]] = {}
        for group, names in groups.items():
            losses[group] = []
            for _ in range(repeats):
                shuffled = features.copy()
                order = random.permutation(len(features))
                for name in names:
                    shuffled[name] = features[name].array[order]
                worse = normalised_gini(self.predict(shuffled)["expected"], truth)
                losses[group].append(base - worse)
        table = pd.DataFrame(losses).agg(["mean", "min", "max"]).T
        table = table.set_axis(["loss", "least", "most"], axis=1).rename_axis("features")
        return table.sort_values("loss", ascending=False)

    def dependence(self, feature: str, points: int = 15) -> pd.DataFrame:
        """Mean expected spend if ``feature`` were the same for everybody (partial dependence).

        The other features stay as they are (Friedman 2001, Annals of Statistics 29). It shows
        what the learner believes, not what would happen if somebody changed the feature.

        Returns
        -------
        A row a value: quantiles of a number, or each category; ``expected`` spend a customer.
        """
        if feature not in self.features:
            raise DataError(f"There is no feature {feature!r}; there are {list(self.features)}.")
        features = self.features
        if len(features) > _SOME // 4:
            features = features.sample(_SOME // 4, random_state=1)
        column = features[feature]
        if isinstance(column.dtype, pd.CategoricalDtype):
            grid = list(column.cat.categories)
        else:
            grid = sorted(set(column.dropna().quantile(np.linspace(0.02, 0.98, points))))
        means = []
        for value in grid:
            same = features.copy()
            same[feature] = pd.Series([value] * len(same), same.index).astype(column.dtype)
            means.append(self.predict(same)["expected"].mean())
        return pd.DataFrame({"expected": means}, index=pd.Index(grid, name=feature))


def learn_clv(
    orders: Transactions | pd.DataFrame,
    customers: Customers | pd.DataFrame | None = None,
    *,
    cutoff: str | pd.Timestamp | None = None,
    horizon_days: int = 180,
    probability_model: bool = True,
    trusted: Sequence[str] = (),
    seed: int = 1,
) -> Learned:
    """Learn from the past what customers spend in the days after a cut-off.

    A hurdle model: whether a customer spends anything (classification), and how much if so
    (regression with the gamma deviance), both by gradient-boosted trees (scikit-learn's
    HistGradientBoosting). It learns from up to three earlier cut-offs, half a horizon apart, whose
    horizons are over by ``cutoff``; nothing after ``cutoff`` is looked at.

    Parameters
    ----------
    customers
        Attributes. One that alone tells who will buy better than all past purchases together is
        refused, because it was probably written down later; ``trusted`` names those that were
        truly known on the day of every cut-off.
    cutoff
        The last day known. Default: the last day observed.
    horizon_days
        How far ahead; the first cut-off to learn from needs as long a time before it.
    probability_model
        Whether the predictions of BG/NBD and Gamma-Gamma are features too.

    Raises
    ------
    DataError
        With fewer than 1,000 customers at the latest cut-off to learn from, or fewer than 100 of
        them buying, or not buying, in the horizon: what trees find in so few is mostly luck. Where
        the time is too short. Where an attribute knows the future.
    """
    made, horizon = readable(orders), whole_number(horizon_days, "horizon_days")
    day = made.table["date"].max() if cutoff is None else parsing.day(cutoff, "cutoff")
    length, start = pd.Timedelta(days=horizon), made.table["date"].min()
    cuts = [day - length - length / 2 * k for k in range(_MOST_CUTOFFS)]
    cuts = [cut.normalize() for cut in cuts if cut - start >= length]
    if not cuts:
        raise DataError(
            f"To learn what customers spend in {horizon} days takes three times as long: to watch "
            f"them, to see what came of it, and to learn. Up to {day.date()} there are only "
            f"{(day - start).days} days. Take a shorter horizon, or export a longer time."
        )
    features = [_features(made, customers, at, horizon, probability_model) for at in (day, *cuts)]
    columns = features[0].columns
    known = [frame.reindex(columns=columns) for frame in features]
    targets = [
        spend_between(made, at, at + length, x.index) for at, x in zip(cuts, known[1:], strict=True)
    ]
    _refuse_few(targets[0], cuts[0])
    _refuse_future(known[1], targets[0], trusted)
    X = pd.concat(known[1:]).astype(known[0].dtypes)
    y = pd.concat(targets).to_numpy()
    classifier, regressor = _trees(X, y, seed)
    ends = zip(cuts, targets, strict=True)
    rows = [(at.date().isoformat(), len(y), int((y > 0).sum())) for at, y in ends]
    training = pd.DataFrame(rows, columns=["cutoff", "customers", "buyers"]).set_index("cutoff")
    training.attrs["mean_spend"] = float(targets[0].mean())
    learned = Learned(known[0], pd.DataFrame(), training, classifier, regressor)
    return Learned(known[0], learned.predict(known[0]), training, classifier, regressor)


def rival_predictions(
    orders: Transactions | pd.DataFrame,
    customers: Customers | pd.DataFrame | None = None,
    *,
    cutoff: str | pd.Timestamp | None = None,
    horizon_days: int = 180,
    trusted: Sequence[str] = (),
) -> pd.DataFrame:
    """Five predictions of spend after a cut-off, and what came.

    Returns
    -------
    One row a customer who had bought by ``cutoff`` (default: a horizon before the last day
    observed): ``constant`` (what customers spent on average in the last horizon that was over),
    ``historical`` (spend so far carried forward, at least a month of age), ``probability model``
    (BG/NBD and Gamma-Gamma), ``learner`` (:func:`learn_clv`, which has the probability model's
    predictions among its features), ``blend`` (the mean of these two) and ``actual``.
    """
    made, length = readable(orders), pd.Timedelta(days=whole_number(horizon_days, "horizon_days"))
    end = pd.Timestamp(made.table.attrs.get("observation_end", made.table["date"].max()))
    day = end - length if cutoff is None else parsing.day(cutoff, "cutoff")
    if day + length > end:
        raise DataError(f"cutoff={day.date()}: its horizon is not over by {end.date()}.")
    learned = learn_clv(
        made, customers, cutoff=day, horizon_days=horizon_days, trusted=trusted
    )  # fmt: skip
    seen = learned.features
    frame = pd.DataFrame(
        {
            "constant": learned.training.attrs["mean_spend"],
            "historical": seen["spend"] / (seen["age"] + 1).clip(lower=30) * length.days,
            "probability model": seen["model_spend"],
            "learner": learned.predictions["expected"],
        }
    )
    frame["blend"] = (frame["probability model"] + frame["learner"]) / 2
    frame["actual"] = spend_between(made, day, day + length, frame.index)
    frame.attrs = {"cutoff": day.date().isoformat(), "horizon_days": length.days}
    return frame


def rolling_predictions(
    orders: Transactions | pd.DataFrame,
    customers: Customers | pd.DataFrame | None = None,
    *,
    horizon_days: int = 180,
    folds: int = 3,
) -> pd.DataFrame:
    """Make the five predictions at several cut-offs: is the winner always the same?

    Parameters
    ----------
    folds
        At most so many cut-offs, a third of a horizon apart, the last a horizon before the end.
        Fewer where the time before a cut-off is too short, or the customers too few, to learn from.

    Returns
    -------
    The frames of :func:`rival_predictions`, the earliest cut-off first, with the ``cutoff`` in the
    index, and the ``age`` of each customer at it (days since the first purchase).
    """
    made, length = readable(orders), pd.Timedelta(days=whole_number(horizon_days, "horizon_days"))
    end = pd.Timestamp(made.table.attrs.get("observation_end", made.table["date"].max()))
    answers: dict[str, pd.DataFrame] = {}
    for fold in range(whole_number(folds, "folds")):
        day = (end - length - length / 3 * fold).normalize()
        try:
            rivals = rival_predictions(made, customers, cutoff=day, horizon_days=horizon_days)
        except DataError:
            if not answers:
                raise
            break
        first = made.known_at(day).groupby("customer_id")["date"].min()
        answers[day.date().isoformat()] = rivals.assign(age=(day - first).dt.days)
    return pd.concat(dict(reversed(answers.items())), names=["cutoff"])


def _features(
    orders: Transactions, customers: Customers | pd.DataFrame | None, day: pd.Timestamp,
    horizon: int, probability_model: bool,
) -> pd.DataFrame:  # fmt: skip
    features = customer_features(orders, customers, day)
    if probability_model:
        features[MODEL] = model_features(orders, day, horizon)
    return features


def _trees(
    X: pd.DataFrame, y: Array, seed: int
) -> tuple[HistGradientBoostingClassifier, HistGradientBoostingRegressor]:
    # Imported here: it takes a second, which only a learner needs.
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    bought = y > 0
    settings = {**_SETTINGS, "categorical_features": "from_dtype", "random_state": seed}
    regressor = HistGradientBoostingRegressor(loss="gamma", **settings)
    with _threads(X):
        classifier = HistGradientBoostingClassifier(**settings).fit(X, bought)
        return classifier, regressor.fit(X[bought], y[bought])


def _threads(X: pd.DataFrame) -> AbstractContextManager[object]:
    # On few rows several threads spend their time waiting for each other.
    limits: AbstractContextManager[object] = threadpool_limits(1 if len(X) < _MANY else None)
    return limits


def _refuse_few(target: pd.Series, day: pd.Timestamp) -> None:
    buyers = int((target > 0).sum())
    few = min(buyers, len(target) - buyers)
    if len(target) < LEAST_CUSTOMERS or few < LEAST_BUYERS:
        raise DataError(
            f"Too few customers to learn from: {len(target):,} had bought by {day.date()}, of whom "
            f"{buyers:,} spent something in the horizon and {len(target) - buyers:,} nothing. At "
            f"least {LEAST_CUSTOMERS:,} are needed, and {LEAST_BUYERS} of either kind: what trees "
            "find in fewer is mostly luck. Use the probability model, which learns four numbers "
            "and not thousands; it is content with a few hundred customers."
        )


def _refuse_future(features: pd.DataFrame, target: pd.Series, trusted: Sequence[str]) -> None:
    """An attribute that alone beats all behaviour at telling who will buy was written later."""
    from sklearn.metrics import roc_auc_score

    names = [str(name) for name in features if str(name).startswith("attribute: ")]
    suspects = [name for name in names if name.removeprefix("attribute: ") not in set(trusted)]
    if not suspects:
        return
    bought = (target > 0).to_numpy()
    half = np.random.default_rng(7).permutation(len(bought)) % 2 == 0
    behaviour = roc_auc_score(bought, _told_by_all(features.drop(columns=names), bought, half))
    for name in suspects:
        alone = roc_auc_score(bought, _told_by_one(features[name], bought, half))
        error = np.sqrt(alone * (1 - alone) / min(bought.sum(), (~bought).sum()))
        if alone > behaviour + 2 * error:
            column = name.removeprefix("attribute: ")
            raise DataError(
                f"The attribute {column!r} knows the future: alone it tells who will buy (AUC "
                f"{alone:.2f}) better than all that the customers did before ({behaviour:.2f}). "
                "It was probably written down after the cut-off. Leave it out; if it was known on "
                f"the day of every cut-off, say so with trusted=[{column!r}]."
            )


def _told_by_all(X: pd.DataFrame, bought: Mask, half: Mask) -> Array:
    """Chance of buying, each half of the customers told by trees that saw the other half."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    told = np.empty(len(bought))
    settings = {**_SETTINGS, "max_iter": 40, "categorical_features": "from_dtype"}
    with _threads(X):
        for fold in (half, ~half):
            trees = HistGradientBoostingClassifier(**settings, random_state=1)
            told[fold] = trees.fit(X[~fold], bought[~fold]).predict_proba(X[fold])[:, 1]
    return told


def _told_by_one(column: pd.Series, bought: Mask, half: Mask) -> Array:
    """The same from one column: the share of buyers among those of its value, or twentieth."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        group = column.cat.codes.to_numpy("int64") + 1
    else:
        parts = equal_parts(column.dropna(), 20)
        group = parts.reindex(column.index).fillna(0).to_numpy("int64")
    told = np.empty(len(bought))
    for fold in (half, ~half):
        size = np.bincount(group[~fold], minlength=group.max() + 1)
        buyers = np.bincount(group[~fold], bought[~fold], minlength=group.max() + 1)
        told[fold] = ((buyers + bought.mean()) / (size + 1))[group[fold]]
    return told


def _family(name: str) -> str:
    for family, starts in _FAMILIES.items():
        if name.startswith(starts):
            return family
    return name.removeprefix("attribute: ")
