"""What every model shares: known parameters, fitting, the report, draws and intervals.

A model declares its parameters, the columns it reads and one function, the log-likelihood of a
row with its derivatives. Everything else (grouping of identical rows, positivity through log
parameters, several starts, standard errors, the report, resampling) happens here, once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvkit import engines
from clvkit.arguments import floats, whole_number
from clvkit.errors import DataError
from clvkit.lazy import grouped_counts
from clvkit.models.grouping import Index, distinct
from clvkit.models.optimise import Optimum, minimise
from clvkit.units import days_per

Array = NDArray[np.float64]
# A model's own arrangement of its rows: numbers, and indices into them.
Column = NDArray[Any]
Data = tuple[Column, ...]
Z90 = 1.6448536269514722

# Times the scale of the data: beyond, a parameter says "none at all" or "no end to it".
_RUNAWAY = 1e4
_SOME = 20_000  # rows that suffice to come close to the optimum of a million
# A log parameter known no better than this is not known; draws of it are kept within reason.
_UNKNOWN = 5.0
_FEW = 3_000  # distinct histories; with more the estimator's distribution is as good as normal
_WIDEST_DRAW = 2.0


class Terms(NamedTuple):
    """Log-likelihood of each row; gradient and Hessian of the weighted sum (or None)."""

    values: Array
    gradient: Array
    hessian: Array | None


class Prepared(NamedTuple):
    """Rows made ready for a fit: the model's data, what each stands for, where rows went."""

    rows: list[Array]
    data: Data
    weights: Array
    row_weights: Array
    kept: NDArray[np.bool_]
    group: Index

    def reweighted(self, counts: Array) -> Prepared:
        """The same data with row i standing for ``counts[i]`` customers."""
        weights = np.bincount(self.group, counts[self.kept], minlength=len(self.weights))
        return self._replace(weights=np.asarray(weights, dtype="float64"))


@dataclass(frozen=True)
class Fit:
    """What estimation found; ``information`` is minus the Hessian in *log* parameters."""

    log_likelihood: float
    customers: float
    information: Array
    gradient_norm: float
    ready: Prepared
    warnings: tuple[str, ...] = field(default=())

    @property
    def log_errors(self) -> Array:
        """Standard errors of the log parameters; missing where the data say nothing."""
        values, vectors = np.linalg.eigh(self.information)
        variance = (vectors**2) @ (1 / np.maximum(values, 1e-12))
        return np.where(variance < _UNKNOWN**2, np.sqrt(variance), np.nan)

    @property
    def spread(self) -> Array:
        """Square root of the covariance to draw log parameters with."""
        values, vectors = np.linalg.eigh(self.information)
        return np.asarray(vectors / np.sqrt(np.maximum(values, _WIDEST_DRAW**-2)))


class Model:
    """Base of the models with positive parameters and one row a customer."""

    names: ClassVar[tuple[str, ...]] = ()
    columns: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *, time_unit: str | None = None, **known: float) -> None:
        """Make a model to be fitted, or one with ``known`` parameters (all of them)."""
        if time_unit is not None:
            days_per(time_unit)
        self.time_unit = time_unit
        self._fit: Fit | None = None
        self._params: Array | None = None
        if known:
            self._params = self._known(known)

    def _known(self, known: dict[str, float]) -> Array:
        name = type(self).__name__
        for key in known:
            if key not in self.names:
                near = get_close_matches(key, self.names, 1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise DataError(f"{name} has no parameter {key!r}, but {self.names}.{hint}")
        missing = [key for key in self.names if key not in known]
        if missing:
            raise DataError(f"{name} needs all of {self.names}; {missing} are missing.")
        values = np.array([floats(known[key], key).item() for key in self.names])
        if not (np.isfinite(values).all() and (values > 0).all()):
            raise DataError(f"{name}: parameters are positive and finite, not {known}.")
        return values

    @property
    def params(self) -> pd.Series:
        """The parameters by name."""
        return pd.Series(self._theta(), index=list(self.names), name=type(self).__name__)

    @property
    def log_likelihood(self) -> float:
        """Log-likelihood of the fitted data at the estimate."""
        return self._fitted().log_likelihood

    def _theta(self) -> Array:
        if self._params is None:
            raise DataError(
                f"This {type(self).__name__} has no parameters yet: call .fit(summary), or make "
                f"it from known ones: {', '.join(self.names)}."
            )
        return self._params

    def _fitted(self) -> Fit:
        if self._fit is None:
            self._theta()
            raise DataError(
                f"This {type(self).__name__} was made from known parameters: only a fitted model "
                "has a likelihood and standard errors. For one customer each, use log_likelihoods."
            )
        return self._fit

    def fit(self, summary: Any) -> Self:
        """Estimate the parameters by maximum likelihood.

        ``summary`` has one row a customer with the columns of :func:`clvkit.summarize`, and
        optionally ``weights`` (how many customers a row stands for). Of a table in an engine only
        the distinct rows are fetched, with their counts.
        """
        self._params = None
        if (stored := engines.lazy(summary)) is not None:
            summary = grouped_counts(stored, self.columns)
        ready = self._prepare(summary)
        self._refuse_unidentified(ready.data, ready.weights)
        best = self._optimum(ready, [*self._near(ready), *self._starts(*ready.data)])
        self._params = np.exp(best.at)
        self.time_unit = summary.attrs.get("time_unit", self.time_unit)
        total = float(ready.weights.sum())
        norm = float(np.abs(best.gradient).max())
        self._fit = Fit(float(-best.value * total), total, best.hessian * total, norm, ready)
        scales = dict(zip(self.names, self._scales(*ready.data), strict=True))
        self._fit = replace(self._fit, warnings=tuple(self._flags(self._fit, scales)))
        return self

    def log_likelihoods(self, summary: pd.DataFrame) -> pd.Series:
        """Log-likelihood of each row at the model's parameters; missing where it has none."""
        theta = self._theta()
        ready = self._prepare(summary)
        answer = np.full(len(summary), np.nan)
        answer[ready.kept] = self._terms(theta, ready.weights, *ready.data).values[ready.group]
        return pd.Series(answer, index=summary.index, name="log_likelihood")

    def summary(self) -> pd.DataFrame:
        """Estimates with standard errors and 90% intervals (delta method on the log scale).

        A parameter that the data do not pin down has no standard error and no interval.
        ``attrs`` carries the log-likelihood, the number of customers, the gradient norm at the
        optimum and the warnings, if any: what was found and what to do about it.
        """
        fit = self._fitted()
        error = fit.log_errors
        table = pd.DataFrame(
            {
                "estimate": self._theta(),
                "standard_error": self._theta() * error,
                "low": self._theta() * np.exp(-Z90 * error),
                "high": self._theta() * np.exp(Z90 * error),
            },
            index=pd.Index(self.names, name="parameter"),
        )
        table.attrs = {
            "log_likelihood": fit.log_likelihood,
            "customers": fit.customers,
            "gradient_norm": fit.gradient_norm,
            "warnings": list(fit.warnings),
        }
        return table

    def draws(self, number: int = 200, *, seed: int = 1) -> pd.DataFrame:
        """Parameters drawn from the estimator's distribution, one line a draw.

        Normal on the log scale around the estimate, with the inverse of the observed
        information as covariance. With fewer than 3,000 distinct histories the normal is too
        narrow on one side: there the draws come from a wider distribution and are resampled by
        their likelihood (sampling-importance-resampling; Rubin 1988, Bayesian Statistics 3).
        """
        fit, number = self._fitted(), whole_number(number, "number")
        random = np.random.default_rng(seed)
        if len(fit.ready.weights) < _FEW:
            steps = self._resampled(fit, number, random)
        else:
            steps = random.standard_normal((number, len(self.names))) @ fit.spread.T
        return pd.DataFrame(self._theta() * np.exp(steps), columns=list(self.names))

    def _resampled(self, fit: Fit, number: int, random: np.random.Generator) -> Array:
        """Steps of log parameters, as likely as the data make them."""
        many, size, freedom = 2 * number + 200, len(self.names), 6
        scale = np.sqrt(random.chisquare(freedom, many) / freedom)
        offered = random.standard_normal((many, size)) / scale[:, None]
        steps = 1.25 * offered @ fit.spread.T
        with np.errstate(all="ignore"):
            likelihood = np.array(
                [
                    fit.ready.weights
                    @ self._terms(theta, fit.ready.weights, *fit.ready.data).values
                    for theta in self._theta() * np.exp(steps)
                ]
            )
        weight = likelihood + (freedom + size) / 2 * np.log1p((offered**2).sum(1) / freedom)
        # Nothing is likelier than the estimate, so this is rounding, of parameters far out.
        weight[likelihood > fit.log_likelihood + 1] = np.nan
        # Along a line on which nothing is known the likelihood would favour the farthest draw.
        unknown = np.linalg.eigvalsh(fit.information) < _WIDEST_DRAW**-2
        weight -= ((1.25 * offered[:, unknown]) ** 2).sum(1) / 2
        weight = np.exp(weight - np.nanmax(weight))
        rank = np.cumsum(np.where(np.isfinite(weight), weight, 0.0))
        places = (np.arange(number) + random.uniform()) / number * rank[-1]
        return steps[random.permutation(np.searchsorted(rank, places))]

    def bootstrap(self, summary: pd.DataFrame, number: int = 200, *, seed: int = 1) -> pd.DataFrame:
        """Parameters of ``number`` fits to customers drawn with replacement, one line a fit."""
        self._fitted()
        number = whole_number(number, "number")
        ready = self._prepare(summary)
        fits = [
            self._refit(ready.reweighted(counts))
            for counts in resamples(ready.row_weights, number, seed)
        ]
        return pd.DataFrame(fits, columns=list(self.names))

    def interval(
        self, question: Callable[[Self], float | pd.Series], draws: pd.DataFrame
    ) -> pd.DataFrame:
        """A 90% interval of anything a model can answer, over :meth:`draws` or :meth:`bootstrap`.

        ``question`` takes a model and answers a number or a Series:
        ``model.interval(lambda m: m.expected_purchases(summary, 52).sum(), model.draws())``.
        The frame has ``estimate``, ``low`` and ``high``, one line an entry of the answer.
        """
        estimate = pd.Series(question(self))
        asked = [pd.Series(question(self._with(row))) for row in draws[list(self.names)].to_numpy()]
        low, high = np.quantile(np.array(asked), [0.05, 0.95], axis=0, method="weibull")
        return pd.DataFrame({"estimate": estimate, "low": low, "high": high}, estimate.index)

    def _with(self, theta: Array) -> Self:
        return type(self)(
            time_unit=self.time_unit, **dict(zip(self.names, map(float, theta), strict=True))
        )

    def _refit(self, ready: Prepared) -> Array:
        """Parameters fitted to other weights of known rows, from the present estimate on."""
        return np.exp(self._optimum(ready, [np.log(self._theta())]).at)

    def _near(self, ready: Prepared) -> list[Array]:
        """A start close to the optimum of many rows: the optimum of some of them, if it has one."""
        step = len(ready.weights) // _SOME
        if step < 2:
            return []
        rows = [column[::step] for column in ready.rows]
        some = ready._replace(data=self._arrange(*rows), weights=ready.weights[::step])
        best = self._optimum(some, self._starts(*some.data)[:1])
        return [best.at] if best.sharp else []

    def _optimum(self, ready: Prepared, starts: list[Array]) -> Optimum:
        total = ready.weights.sum()
        if not total > 0:
            raise DataError(
                f"No customer in this sample says anything about a {type(self).__name__}: too few "
                "do in all of them for a bootstrap. Use intervals by draws, or wait for more data."
            )

        def objective(log_theta: Array) -> tuple[float, Array, Array | None]:
            theta = np.exp(log_theta)
            # Trial points may lie where the arithmetic ends; the search turns back there.
            with np.errstate(all="ignore"):
                values, gradient, hessian = self._terms(theta, ready.weights, *ready.data)
                value = -float(ready.weights @ values) / total
            if not np.isfinite(value):
                return np.inf, np.full(len(theta), np.nan), None
            slope = gradient * theta
            if hessian is not None:
                hessian = -(hessian * np.outer(theta, theta) + np.diag(slope)) / total
            return value, -slope / total, hessian

        return minimise(objective, starts)

    def _prepare(self, summary: pd.DataFrame) -> Prepared:
        columns = self._columns(summary)
        kept = self._usable(summary, *columns)
        if "weights" in summary:
            weights = floats(summary["weights"], "weights", "numbers of customers")
            if not (np.isfinite(weights).all() and (weights >= 0).all()):
                raise DataError("weights count customers: finite and 0 or more, none missing.")
        else:
            weights = np.ones(len(summary))
        rows, group = distinct([column[kept] for column in columns])
        summed = np.bincount(group, weights[kept], minlength=len(rows[0])).astype("float64")
        return Prepared(rows, self._arrange(*rows), summed, weights, kept, group)

    def _columns(self, summary: pd.DataFrame) -> list[Array]:
        """The model's columns of ``summary``, checked."""
        if not isinstance(summary, pd.DataFrame):
            raise DataError(
                f"{type(self).__name__} reads a data frame with one row a customer, as "
                f"clv.summarize(orders) makes it, not {type(summary).__name__}."
            )
        missing = [name for name in self.columns if name not in summary]
        if missing:
            raise DataError(
                f"{type(self).__name__} reads the columns {list(self.columns)}; {missing} are "
                f"missing (found: {list(summary.columns)}). clv.summarize(orders) makes them."
            )
        if summary.empty:
            raise DataError("The summary has no rows: there are no customers to learn from.")
        unit = summary.attrs.get("time_unit")
        if unit and self.time_unit and self._params is not None and unit != self.time_unit:
            raise DataError(
                f"The model counts time in {self.time_unit!r}, the summary in {unit!r}: use "
                f"clv.summarize(orders, time_unit={self.time_unit!r})."
            )
        return [floats(summary[name], f"Column {name}") for name in self.columns]

    def _flags(self, fit: Fit, scales: dict[str, float]) -> list[str]:
        flags = []
        if fit.gradient_norm > 1e-6:
            flags.append(
                f"the optimum is not sharp: gradient norm {fit.gradient_norm:.1e}; compare the "
                "fit on half of the customers before relying on it"
            )
        for name, value, error in zip(self.names, self._theta(), fit.log_errors, strict=True):
            if not 1 / _RUNAWAY < value / scales[name] < _RUNAWAY:
                flags.append(
                    f"{name} = {value:.3g} runs away: the data do not pin it down; predictions "
                    "may still be usable, the parameter is not"
                )
            elif np.isnan(error):
                flags.append(
                    f"{name} is not identified: many values fit equally well, so it has no "
                    "standard error; more customers or a longer observation would tell"
                )
        return flags

    # What a model declares.
    def _terms(self, theta: Array, weights: Array, *data: Column) -> Terms:
        """Log-likelihood of each row, with the derivatives of the weighted sum."""
        raise NotImplementedError

    def _starts(self, *data: Column) -> list[Array]:
        """Where to begin: a few points of log parameters."""
        raise NotImplementedError

    def _scales(self, *data: Column) -> list[float]:
        """What size of each parameter is ordinary: 1, or the scale of the data's time or money."""
        return [1.0] * len(self.names)

    def _arrange(self, *columns: Array) -> Data:
        """The distinct rows as ``_terms`` wants them."""
        return columns

    def _usable(self, summary: pd.DataFrame, *columns: Array) -> NDArray[np.bool_]:
        """Which rows carry information for this model; raises where one cannot be."""
        return np.ones(len(columns[0]), dtype=bool)

    def _refuse_unidentified(self, data: Data, weights: Array) -> None:
        """Raise DataError where no parameters can be estimated, saying why."""


def resamples(row_weights: Array, number: int, seed: int) -> list[Array]:
    """How many customers each row stands for, in ``number`` samples drawn with replacement."""
    random = np.random.default_rng(seed)
    share = row_weights / row_weights.sum()
    customers = round(row_weights.sum())
    return [random.multinomial(customers, share).astype("float64") for _ in range(number)]
