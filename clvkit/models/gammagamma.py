"""Gamma-Gamma: how much a customer spends a purchase (Fader and Hardie 2013)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
from scipy.special import digamma, gammaln

from clvkit.errors import DataError
from clvkit.models.base import Array, Model


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
        rows = self._rows(summary)
        x = rows["frequency"].to_numpy("float64")
        mean = rows["monetary_value"].to_numpy("float64")
        total = np.where((x > 0) & np.isfinite(mean), x * mean, 0.0)
        counted = np.where(np.isfinite(mean), x, 0.0)
        below = p * counted + q - 1
        spend = np.where(below > 0, p * (gamma + total) / np.where(below > 0, below, 1), np.nan)
        return pd.Series(spend, index=summary.index, name="expected_spend")

    @property
    def mean_spend(self) -> float:
        """Mean spend a purchase of the population, p·γ/(q-1); missing where q <= 1."""
        p, q, gamma = self._theta()
        return float(p * gamma / (q - 1)) if q > 1 else float("nan")

    def fit(self, summary: pd.DataFrame) -> GammaGamma:
        """Estimate the parameters from customers with repeat purchases."""
        super().fit(summary)
        self.left_out = len(summary) - len(self._usable(self._rows(summary)))
        return self

    def _terms(self, theta: Array, *data: Array) -> tuple[Array, Array]:
        p, q, gamma = theta
        x, mean = data
        px = p * x
        log_all = np.log(gamma + x * mean)
        value = (
            gammaln(px + q) - gammaln(px) - gammaln(q)
            + q * np.log(gamma) + (px - 1) * np.log(mean) + px * np.log(x) - (px + q) * log_all
        )  # fmt: skip
        both = digamma(px + q)
        gradient = np.array(
            [
                x * (both - digamma(px) + np.log(mean) + np.log(x) - log_all),
                both - digamma(q) + np.log(gamma) - log_all,
                q / gamma - (px + q) / (gamma + x * mean),
            ]
        )
        return value, gradient

    def _starts(self, *data: Array) -> list[Array]:
        level = float(np.mean(data[1]))
        return [np.log([6.0, 4.0, level / 2]), np.log([1.5, 2.5, level])]

    def _usable(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows[(rows["frequency"] > 0) & (rows["monetary_value"] > 0)]

    def _refuse_unidentified(self, *data: Array) -> None:
        if len(data[1]) == 0:
            raise DataError(
                "No customer has repeat purchases of a positive value: spend a purchase cannot be "
                "estimated. Check that monetary_value is the mean spend over repeat purchases."
            )
        if np.ptp(data[1]) < 1e-9 * np.mean(data[1]):
            raise DataError(
                f"All customers spend {data[1][0]:g} a purchase: there is no variation to estimate "
                "a distribution from. Use that amount as the expected spend of everybody."
            )

    def _flags(self, gradient_norm: float, covariance: Array) -> list[str]:
        flags = super()._flags(gradient_norm, covariance)
        if self._theta()[1] <= 1:
            flags.append(
                f"q = {self._theta()[1]:.3g} is not above 1: the population's mean spend does not "
                "exist, and one-time buyers have no expected spend"
            )
        return flags
