"""Gamma-Gamma: how much a customer spends a purchase (Fader and Hardie 2013)."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import betaln, digamma

from clvkit.errors import DataError
from clvkit.models.base import Array, Column, Data, Fit, Model, Terms
from clvkit.models.quadrature import trigamma


class GammaGamma(Model):
    """The Gamma-Gamma model of spend a purchase, independent of how often a customer buys.

    Each purchase is Gamma(``p``, ν) and ν varies over customers as Gamma(``q``, ``gamma``);
    ``gamma`` is in money. Fitted on customers with repeat purchases of a positive mean value;
    the others are left out and counted in ``left_out``.

    Source: Fader and Hardie (2013), The Gamma-Gamma Model of Monetary Value, note 025.
    """

    names: ClassVar = ("p", "q", "gamma")
    columns: ClassVar = ("frequency", "monetary_value")
    left_out: int | None = None

    def expected_spend(self, summary: pd.DataFrame) -> pd.Series:
        """Spend a purchase expected of each customer, in the table's money.

        A weighted mean of the customer's own average and of the population's; a one-time buyer
        gets the population's. Missing, for one-time buyers, where q <= 1: the population mean
        does not exist.
        """
        p, q, gamma = self._theta()
        x, mean = self._columns(summary)
        known = (x > 0) & np.isfinite(mean)
        counted = np.where(known, x, 0.0)
        total = np.where(known, x * mean, 0.0)
        # In this order q = 1 is seen exactly however small p is.
        below = p * counted + (q - 1)
        spend = np.where(below > 0, p * (gamma + total) / np.where(below > 0, below, 1), np.nan)
        return pd.Series(spend, index=summary.index, name="expected_spend")

    @property
    def mean_spend(self) -> float:
        """Mean spend a purchase of the population, p·γ/(q-1); missing where q <= 1."""
        p, q, gamma = self._theta()
        return float(p * gamma / (q - 1)) if q > 1 else float("nan")

    def fit(self, summary: Any) -> Self:
        """Estimate the parameters from customers with repeat purchases."""
        super().fit(summary)
        ready = self._fitted().ready
        self.left_out = round(ready.row_weights.sum() - ready.weights.sum())
        return self

    def _terms(self, theta: Array, weights: Array, *data: Column) -> Terms:
        p, q, gamma = theta
        x, mean, by_x, row = data
        w = np.bincount(row, weights, minlength=len(by_x))
        px, spent = p * x, x * mean
        # -log(1 + γ/xm) and -log(1 + xm/γ): no large logs are taken apart.
        share, rest = -np.log1p(gamma / spent), -np.log1p(spent / gamma)
        values = -np.log(mean) - betaln(p * by_x, q)[row] + px * share + q * rest
        both = digamma(p * by_x + q)
        over = 1 / (gamma + spent)
        curve = (weights * (px + q)) @ over**2
        w_over, wx_over = weights @ over, (weights * x) @ over
        total = weights.sum()
        gradient = np.array(
            [
                (w * by_x) @ (both - digamma(p * by_x)) + (weights * x) @ share,
                w @ (both - digamma(q)) + weights @ rest,
                total * q / gamma - p * wx_over - q * w_over,
            ]
        )
        both = trigamma(p * by_x + q)
        hessian = np.empty((3, 3))
        hessian[0, 0] = (w * by_x**2) @ (both - trigamma(p * by_x))
        hessian[0, 1] = hessian[1, 0] = (w * by_x) @ both
        hessian[1, 1] = w @ both - total * trigamma(q)
        hessian[0, 2] = hessian[2, 0] = -wx_over
        hessian[1, 2] = hessian[2, 1] = total / gamma - w_over
        hessian[2, 2] = curve - total * q / gamma**2
        return Terms(values, gradient, hessian)

    def _arrange(self, *columns: Array) -> Data:
        by_x, row = np.unique(columns[0], return_inverse=True)
        return (*columns, by_x, row)

    def _starts(self, *data: Column) -> list[Array]:
        level = float(np.mean(data[1]))
        return [
            np.log([6.0, 4.0, level / 2]),
            np.log([1.5, 2.5, level]),
            np.log([30.0, 10.0, level / 3]),
        ]

    def _scales(self, *data: Column) -> list[float]:
        return [1.0, 1.0, float(np.mean(data[1]))]

    def _usable(self, summary: pd.DataFrame, *columns: Array) -> NDArray[np.bool_]:
        x, mean = columns
        return np.asarray((x > 0) & (mean > 0) & np.isfinite(mean))

    def _refuse_unidentified(self, data: Data, weights: Array) -> None:
        mean = data[1][weights > 0]
        if len(mean) == 0:
            raise DataError(
                "No customer has repeat purchases of a positive value: spend a purchase cannot be "
                "estimated. Check that monetary_value is the mean spend over repeat purchases."
            )
        if weights.sum() < 2:
            raise DataError(
                "Only one customer has repeat purchases: how spend differs between customers "
                "cannot be estimated. Use that customer's average, or wait for more."
            )
        if np.ptp(mean) < 1e-9 * np.mean(mean):
            raise DataError(
                f"All customers spend {mean[0]:g} a purchase: there is no variation to estimate "
                "a distribution from. Use that amount as the expected spend of everybody."
            )

    def _flags(self, fit: Fit, scales: dict[str, float]) -> list[str]:
        flags = super()._flags(fit, scales)
        if self._theta()[1] <= 1:
            flags.append(
                f"q = {self._theta()[1]:.3g} is not above 1: the population's mean spend does not "
                "exist, and one-time buyers have no expected spend"
            )
        return flags
