"""BG/NBD: Poisson purchases while alive, a chance to leave after each (Fader et al. 2005)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
from scipy.special import digamma, expit, gammaln

from clvkit.errors import DataError
from clvkit.models.base import Array, Model
from clvkit.models.quadrature import expected_purchases_alive


class BetaGeoNBD(Model):
    """The beta-geometric/negative binomial model of repeat purchases.

    While alive a customer buys at rate λ; after every purchase the customer leaves for good with
    probability p. λ varies over customers as Gamma(``r``, ``alpha``), p as Beta(``a``, ``b``).
    ``alpha`` is in time units. A customer without a repeat purchase is alive for certain, a
    property of the model and not of the world.

    Source: Fader, Hardie and Lee (2005), "Counting Your Customers" the Easy Way, Marketing
    Science 24(2).
    """

    names: ClassVar = ("r", "alpha", "a", "b")
    columns: ClassVar = ("frequency", "recency", "T")

    def probability_alive(self, summary: pd.DataFrame) -> pd.Series:
        """Probability that each customer is still a customer at age ``T``."""
        x, t_x, T = self._data(summary)
        return pd.Series(self._alive(x, t_x, T), index=summary.index, name="probability_alive")

    def expected_purchases(self, summary: pd.DataFrame, periods: float) -> pd.Series:
        """Purchases (days with one) expected of each customer in the next ``periods``.

        ``periods`` counts the summary's time unit from each customer's ``T`` on. Equation (10)
        of the source, taken as an integral over p, which has no pole at a = 1.
        """
        x, t_x, T = self._data(summary)
        r, alpha, a, b = self._theta()
        if not periods >= 0:
            raise DataError(f"periods={periods!r}: give a length of time, 0 or more.")
        pairs = np.column_stack([x, T])
        distinct, back = np.unique(pairs, axis=0, return_inverse=True)
        future = expected_purchases_alive(
            r + distinct[:, 0], alpha + distinct[:, 1], a, b + distinct[:, 0], periods
        )[back.ravel()]
        expected = self._alive(x, t_x, T) * future
        return pd.Series(expected, index=summary.index, name="expected_purchases")

    def expected_purchases_new(self, periods: float | Array) -> float | Array:
        """Repeat purchases expected of a new customer in the first ``periods`` time units."""
        r, alpha, a, b = self._theta()
        lengths = np.atleast_1d(np.asarray(periods, dtype="float64"))
        one = np.ones_like(lengths)
        answer = expected_purchases_alive(r * one, alpha * one, a, b * one, lengths)
        return float(answer[0]) if np.isscalar(periods) else answer

    def _data(self, summary: pd.DataFrame) -> tuple[Array, Array, Array]:
        rows = self._usable(self._rows(summary))
        x, t_x, T = (rows[name].to_numpy("float64") for name in self.columns)
        return x, t_x, T

    def _alive(self, x: Array, t_x: Array, T: Array) -> Array:
        r, alpha, a, b = self._theta()
        repeat = np.maximum(x, 1)
        log_odds = (r + x) * np.log((alpha + T) / (alpha + t_x)) + np.log(a / (b + repeat - 1))
        return np.where(x > 0, expit(-log_odds), 1.0)

    def _terms(self, theta: Array, *data: Array) -> tuple[Array, Array]:
        r, alpha, a, b = theta
        x, t_x, T = data
        bought = x > 0
        stays = -(r + x) * np.log(alpha + T)
        b_x = np.where(bought, b + x - 1, 1.0)
        left = np.where(bought, np.log(a / b_x) - (r + x) * np.log(alpha + t_x), -np.inf)
        either = np.logaddexp(stays, left)
        dead = np.exp(left - either)
        value = (
            gammaln(r + x) - gammaln(r) + r * np.log(alpha)
            + gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
            + either
        )  # fmt: skip
        both = digamma(a + b) - digamma(a + b + x)
        gradient = np.array(
            [
                digamma(r + x) - digamma(r) + np.log(alpha)
                - (1 - dead) * np.log(alpha + T) - dead * np.log(alpha + t_x),
                r / alpha - (r + x) * ((1 - dead) / (alpha + T) + dead / (alpha + t_x)),
                both + dead / a,
                both + digamma(b + x) - digamma(b) - dead / b_x,
            ]
        )  # fmt: skip
        return value, gradient

    def _starts(self, *data: Array) -> list[Array]:
        middle = float(np.median(data[2])) or 1.0
        return [
            np.log([0.5, middle / 4, 1.0, 2.5]),
            np.log([2.0, middle, 0.3, 3.0]),
        ]

    def _usable(self, rows: pd.DataFrame) -> pd.DataFrame:
        x, t_x, T = rows["frequency"], rows["recency"], rows["T"]
        wrong = ~((x >= 0) & (t_x >= 0) & (t_x <= T)) | ((x == 0) & (t_x > 0))
        if wrong.any():
            first = rows[wrong].iloc[0]
            raise DataError(
                f"{int(wrong.sum()):,} of {len(rows):,} rows are impossible; the first is "
                f"{rows.index[wrong][0]!r} with frequency {first['frequency']:g}, recency "
                f"{first['recency']:g}, T {first['T']:g}. Recency is the age at the last purchase "
                "(0 for a one-time buyer), not the time since it, and never more than T."
            )
        return rows

    def _refuse_unidentified(self, *data: Array) -> None:
        if not (data[0] > 0).any():
            raise DataError(
                "Nobody bought a second time: neither how often customers buy nor when they leave "
                "can be estimated. Wait for repeat purchases, or use the historical figures."
            )
