"""BG/BB: chances to buy that come one at a time, as with yearly donations (Fader et al. 2010)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import betaln, digamma, gammaln

from clvkit.errors import DataError, UndefinedError
from clvkit.models.base import Array, Column, Data, Terms
from clvkit.models.purchases import PurchaseModel

_MOST_PERIODS = 10_000_000


class BetaGeoBetaBinomial(PurchaseModel):
    """The beta-geometric/beta-binomial model of purchases at discrete opportunities.

    At each of ``T`` opportunities a customer who is alive buys with probability p; before each,
    the customer leaves for good with probability θ. p varies over customers as
    Beta(``alpha``, ``beta``), θ as Beta(``gamma``, ``delta``). ``frequency`` counts the purchases
    after the first, ``recency`` is the opportunity of the last one (0: none), ``T`` the number of
    opportunities since the first purchase; all whole numbers. ``probability_alive`` is that of
    being alive at the *next* opportunity, T + 1, as the source tabulates it.

    Source: Fader, Hardie and Shang (2010), Customer-Base Analysis in a Discrete-Time
    Noncontractual Setting, Marketing Science 29(6).
    """

    names: ClassVar = ("alpha", "beta", "gamma", "delta")

    def _terms(self, theta: Array, weights: Array, *data: Column) -> Terms:
        alpha, beta, gamma, delta = theta
        x, _, _, x_t, n, leaves, row = data
        buys, skips, dies, lives = alpha + x_t, beta + n - x_t, gamma + leaves, delta + n
        part = (
            betaln(buys, skips) - betaln(alpha, beta) + betaln(dies, lives) - betaln(gamma, delta)
        )
        peak = np.full(len(x), -np.inf)
        np.maximum.at(peak, row, part)
        values = peak + np.log(np.bincount(row, np.exp(part - peak[row]), minlength=len(x)))
        share = np.exp(part - values[row]) * weights[row]
        both, ends = digamma(alpha + beta + n), digamma(gamma + delta + n + leaves)
        here, there = digamma(alpha + beta), digamma(gamma + delta)
        gradient = np.array(
            [
                share @ (digamma(buys) - both - digamma(alpha) + here),
                share @ (digamma(skips) - both - digamma(beta) + here),
                share @ (digamma(dies) - ends - digamma(gamma) + there),
                share @ (digamma(lives) - ends - digamma(delta) + there),
            ]
        )
        return Terms(values, gradient, None)

    def _arrange(self, *columns: Array) -> Data:
        """The parts of each row's mixture, one after another: gone after t_x, ..., T-1, alive."""
        x, t_x, T = columns
        parts = (T - t_x).astype(np.intp) + 1
        row = np.repeat(np.arange(len(x)), parts)
        step = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
        n = t_x[row] + step
        leaves = np.where(n < T[row], 1.0, 0.0)
        return (x, t_x, T, x[row], n, leaves, row)

    def _starts(self, *data: Column) -> list[Array]:
        return [
            np.log([1.0, 1.0, 0.7, 3.0]),
            np.log([0.5, 2.0, 0.5, 10.0]),
            np.log([2.0, 4.0, 2.0, 5.0]),
        ]

    def _usable(self, summary: pd.DataFrame, *columns: Array) -> NDArray[np.bool_]:
        kept = super()._usable(summary, *columns)
        x, t_x, T = columns
        whole = (t_x == np.floor(t_x)) & np.equal(T, np.floor(T)) & (x <= t_x)
        if not whole.all():
            first = int(np.argmin(whole))
            raise DataError(
                f"BG/BB counts opportunities: {int((~whole).sum()):,} of {len(x):,} rows are not "
                f"whole numbers with frequency <= recency <= T; the first is "
                f"{summary.index[first]!r} with frequency {x[first]:g}, recency {t_x[first]:g}, "
                f"T {T[first]:g}. For purchases at any time use BG/NBD or Pareto/NBD."
            )
        return kept

    def _alive(self, x: Array, t_x: Array, T: Array) -> Array:
        alpha, beta, gamma, delta = self._theta()
        values = self._terms(self._theta(), np.ones(len(x)), *self._arrange(x, t_x, T)).values
        stays = betaln(alpha + x, beta + T - x) - betaln(alpha, beta)
        stays += betaln(gamma, delta + T + 1) - betaln(gamma, delta)
        alive = np.exp(stays - values)
        return np.asarray(np.where(T > 0, alive, delta / (gamma + delta)))

    def _survival(self, T: Array, periods: int) -> Array:
        """P(alive at T+1+j | alive at T+1), j = 0 ... ``periods``, one line a T."""
        _, _, gamma, delta = self._theta()
        lived = delta + T[:, None] + 1 + np.arange(periods)
        steps = np.log1p(-gamma / (gamma + lived))
        lasts = np.column_stack([np.zeros(len(T)), np.cumsum(steps, axis=1)])
        return np.asarray(np.exp(lasts))

    def _stays(self, x: Array, T: Array, later: float) -> Array:
        _, _, gamma, delta = self._theta()
        whole = _whole(later)
        return np.asarray(
            np.exp(betaln(gamma, delta + T + 1 + whole) - betaln(gamma, delta + T + 1))
        )

    def _future(self, x: Array, T: Array, periods: float) -> Array:
        return self._discounted(x, T, 0.0, periods)

    def _discounted(self, x: Array, T: Array, discount: float, periods: float) -> Array:
        alpha, beta, gamma, delta = self._theta()
        chance = (alpha + x) / (alpha + beta + T)
        if np.isinf(periods):
            if discount == 0:
                if gamma <= 1:
                    raise UndefinedError(
                        "Without discounting the purchases of a whole life have no mean where "
                        f"gamma <= 1 (gamma = {gamma:.3g}): too many customers never leave. "
                        "Discount, or set a horizon."
                    )
                return np.asarray(chance * (gamma + delta + T) / (gamma - 1))
            periods = np.ceil(45 / discount)
        whole = _whole(periods)
        if whole == 0:
            return np.zeros(len(x))
        if whole > _MOST_PERIODS:
            raise DataError(
                f"{whole:,} periods are too many to add up: give a discount of 1e-5 a period or "
                "more, 0 for none, or fewer periods."
            )
        ages, back = np.unique(T, return_inverse=True)
        # The next opportunity lies one period away.
        worth = np.exp(-discount * np.arange(1, whole + 1))
        lasting = np.array([self._survival(age[None], whole - 1)[0] @ worth for age in ages])
        return np.asarray(chance * lasting[back])

    def _counts(self, x: Array, T: Array, periods: float, counts: Array) -> Array:
        alpha, beta, _, _ = self._theta()
        whole = _whole(periods)
        table = np.zeros((len(x), len(counts)))
        if whole == 0:
            table[:, 0] = 1.0
            return table
        lasts = self._survival(T, whole - 1)
        # Alive for exactly j = 1 ... whole of the opportunities to come.
        ends = np.column_stack([lasts[:, :-1] - lasts[:, 1:], lasts[:, -1]])
        j = np.arange(1, whole + 1)
        buys, skips = alpha + x[:, None], beta + (T - x)[:, None]
        for column, k in enumerate(counts):
            enough = j >= k
            rest = np.where(enough, j - k, 0)
            ways = gammaln(j + 1) - gammaln(k + 1) - gammaln(rest + 1)
            chance = np.exp(ways + betaln(buys + k, skips + rest) - betaln(buys, skips))
            table[:, column] = (ends * chance * enough).sum(axis=1)
        return table


def _whole(periods: float) -> int:
    if periods != np.floor(periods):
        raise DataError(
            f"BG/BB counts opportunities: {periods!r} of them is not a whole number of periods."
        )
    return int(periods)
