"""What every purchase-count and spend model shares: known parameters, fitting, the report.

A model declares its parameters, the columns it reads and one function, the log-likelihood of a
row with its gradient. Everything else (grouping of identical rows, positivity through log
parameters, several starts, standard errors, the report) happens here, once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize

from clvkit.errors import DataError
from clvkit.units import days_per

Array = NDArray[np.float64]
Objective = Callable[[Array], tuple[float, Array]]

# Beyond these a parameter says "none at all" or "no end to it": the data do not pin it down.
_RUNAWAY = 1e4


@dataclass(frozen=True)
class Fit:
    """What estimation found: covariance is of the *log* parameters."""

    log_likelihood: float
    customers: float
    covariance: Array
    gradient_norm: float
    warnings: tuple[str, ...] = field(default=())


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
        values = np.array([float(known[key]) for key in self.names])
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

    def fit(self, summary: pd.DataFrame) -> Self:
        """Estimate the parameters by maximum likelihood.

        ``summary`` has one row a customer with the columns of :func:`clvkit.summarize`, and
        optionally ``weights`` (how many customers a row stands for).
        """
        rows = self._usable(self._rows(summary))
        if "weights" in summary:
            rows = rows.assign(weights=summary["weights"].reindex(rows.index).astype("float64"))
        else:
            rows = rows.assign(weights=1.0)
        grouped = rows.groupby(list(self.columns), sort=True)["weights"].sum().reset_index()
        data = [grouped[name].to_numpy("float64") for name in self.columns]
        weights = grouped["weights"].to_numpy()
        self._refuse_unidentified(*data)

        def objective(log_theta: Array) -> tuple[float, Array]:
            value, gradient = self._terms(np.exp(log_theta), *data)
            total = weights.sum()
            slope = (gradient * weights).sum(axis=1) * np.exp(log_theta)
            return -float(weights @ value) / total, -slope / total

        best, slope, hessian = _maximise(objective, self._starts(*data))
        self._params = np.exp(best)
        self.time_unit = summary.attrs.get("time_unit", self.time_unit)
        covariance = np.linalg.pinv(hessian * weights.sum(), hermitian=True)
        self._fit = Fit(
            log_likelihood=float(-objective(best)[0] * weights.sum()),
            customers=float(weights.sum()),
            covariance=covariance,
            gradient_norm=float(np.abs(slope).max()),
            warnings=tuple(self._flags(float(np.abs(slope).max()), covariance)),
        )
        return self

    def log_likelihoods(self, summary: pd.DataFrame) -> pd.Series:
        """Log-likelihood of each row at the model's parameters; missing where it has none."""
        rows = self._usable(self._rows(summary))
        data = [rows[name].to_numpy("float64") for name in self.columns]
        value, _ = self._terms(self._theta(), *data)
        return pd.Series(value, index=rows.index, name="log_likelihood").reindex(summary.index)

    def summary(self) -> pd.DataFrame:
        """Estimates with standard errors and 90% intervals (delta method on the log scale).

        ``attrs`` carries the log-likelihood, the number of customers, the gradient norm at the
        optimum and the warnings, if any.
        """
        fit = self._fitted()
        error = np.sqrt(np.clip(np.diag(fit.covariance), 0, None))
        table = pd.DataFrame(
            {
                "estimate": self._theta(),
                "standard_error": self._theta() * error,
                "low": self._theta() * np.exp(-1.6448536269514722 * error),
                "high": self._theta() * np.exp(1.6448536269514722 * error),
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

    def _rows(self, summary: pd.DataFrame) -> pd.DataFrame:
        """The model's columns of ``summary``, checked."""
        missing = [name for name in self.columns if name not in summary]
        if missing:
            raise DataError(
                f"{type(self).__name__} reads the columns {list(self.columns)}; {missing} are "
                f"missing (found: {list(summary.columns)}). clv.summarize(orders) makes them."
            )
        unit = summary.attrs.get("time_unit")
        if unit and self.time_unit and self._params is not None and unit != self.time_unit:
            raise DataError(
                f"The model counts time in {self.time_unit!r}, the summary in {unit!r}: use "
                f"clv.summarize(orders, time_unit={self.time_unit!r})."
            )
        return summary[list(self.columns)]

    def _flags(self, gradient_norm: float, covariance: Array) -> list[str]:
        flags = []
        if gradient_norm > 1e-5:
            flags.append(f"the optimum is not sharp: gradient norm {gradient_norm:.1e}")
        for name, value in zip(self.names, self._theta(), strict=True):
            if not 1 / _RUNAWAY < value < _RUNAWAY:
                flags.append(
                    f"{name} = {value:.3g} runs away: the data do not pin it down; predictions "
                    "may still be usable, the parameter is not"
                )
        return flags

    # What a model declares.
    def _terms(self, theta: Array, *data: Array) -> tuple[Array, Array]:
        """Log-likelihood of each row, and its gradient, one line a parameter."""
        raise NotImplementedError

    def _starts(self, *data: Array) -> list[Array]:
        """Where to begin: a few points of log parameters."""
        raise NotImplementedError

    def _usable(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows that carry information for this model; raises where one cannot be."""
        return rows

    def _refuse_unidentified(self, *data: Array) -> None:
        """Raise DataError where no parameters can be estimated, saying why."""


def _maximise(objective: Objective, starts: list[Array]) -> tuple[Array, Array, Array]:
    """The lowest of several descents, sharpened by Newton steps; its gradient and Hessian."""
    found = [
        optimize.minimize(
            objective, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-13, "gtol": 1e-8}
        )
        for start in starts
    ]
    best = min(found, key=lambda result: float(result.fun)).x
    for _ in range(8):
        value, slope = objective(best)
        hessian = _hessian(objective, best)
        try:
            step = np.linalg.solve(hessian, slope)
        except np.linalg.LinAlgError:
            break
        after = objective(best - step)[0] if np.abs(step).max() < 1 else np.inf
        if not after <= value + 1e-12:
            break
        best = best - step
        if np.abs(step).max() < 1e-9:
            break
    return best, objective(best)[1], _hessian(objective, best)


def _hessian(objective: Objective, at: Array) -> Array:
    """Central differences of the analytic gradient."""
    width = 1e-5
    eye = np.eye(len(at)) * width
    rows = [(objective(at + e)[1] - objective(at - e)[1]) / (2 * width) for e in eye]
    hessian: Array = np.array(rows)
    return np.asarray((hessian + hessian.T) / 2)
