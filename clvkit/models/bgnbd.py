"""BG/NBD: Poisson purchases while alive, a chance to leave after each (Fader et al. 2005)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.special import betainc, betaln, digamma, expit, gammaln

from clvkit.errors import UndefinedError
from clvkit.models.base import Array, Column, Data, Terms
from clvkit.models.purchases import PurchaseModel
from clvkit.models.quadrature import (
    discounted_purchases_alive,
    expected_purchases_alive,
    probability_still_alive,
    smooth_in_age,
    trigamma,
)


class BetaGeoNBD(PurchaseModel):
    """The beta-geometric/negative binomial model of repeat purchases.

    While alive a customer buys at rate λ; after every purchase the customer leaves for good with
    probability p. λ varies over customers as Gamma(``r``, ``alpha``), p as Beta(``a``, ``b``).
    ``alpha`` is in time units. A customer without a repeat purchase is alive for certain, a
    property of the model and not of the world.

    Source: Fader, Hardie and Lee (2005), "Counting Your Customers" the Easy Way, Marketing
    Science 24(2).
    """

    names: ClassVar = ("r", "alpha", "a", "b")
    # How often a customer could have left before the first repeat purchase.
    _chances_at_birth: ClassVar = 0

    def _terms(self, theta: Array, weights: Array, *data: Column) -> Terms:
        r, alpha, a, b = theta
        x, t_x, T, by_x, row = data
        n = by_x + self._chances_at_birth
        # What depends on x alone is worked out once for each x.
        fixed = gammaln(r + by_x) - gammaln(r) + betaln(a, b + n) - betaln(a, b)
        last = np.where(n > 0, b + n - 1, 1.0)
        odds = np.where(n > 0, np.log(a / last), -np.inf)[row]
        log_T, log_t = np.log1p(T / alpha), np.log1p(t_x / alpha)
        buys = r + x
        stays = -buys * log_T
        leaves = odds - buys * log_t
        either = np.logaddexp(stays, leaves)
        dead = np.exp(leaves - either)
        values = (fixed - by_x * np.log(alpha))[row] + either

        one_T, one_t = 1 / (alpha + T), 1 / (alpha + t_x)
        w_dead, w_alive, w_both = weights * dead, weights * (1 - dead), weights * dead * (1 - dead)
        w, d = (np.bincount(row, each, minlength=len(n)) for each in (weights, w_dead))
        total = weights.sum()
        both = w @ (digamma(a + b) - digamma(a + b + n))
        gradient = np.array(
            [
                w @ (digamma(r + by_x) - digamma(r)) - w_alive @ log_T - w_dead @ log_t,
                total * r / alpha - (w_alive * buys) @ one_T - (w_dead * buys) @ one_t,
                both + d.sum() / a,
                both + w @ (digamma(b + n) - digamma(b)) - d @ (1 / last),
            ]
        )  # fmt: skip
        both = w @ (trigamma(a + b) - trigamma(a + b + n))
        apart = np.empty((4, len(x)))
        apart[0], apart[1] = log_T - log_t, buys * (one_T - one_t)
        apart[2], apart[3] = 1 / a, -(1 / last)[row]
        hessian = (apart * w_both) @ apart.T
        hessian[0, 0] += w @ (trigamma(r + by_x) - trigamma(r))
        cross = total / alpha - w_alive @ one_T - w_dead @ one_t
        hessian[0, 1] += cross
        hessian[1, 0] += cross
        hessian[1, 1] += (w_alive * buys) @ one_T**2 + (w_dead * buys) @ one_t**2
        hessian[1, 1] -= total * r / alpha**2
        hessian[2:, 2:] += both
        hessian[2, 2] -= d.sum() / a**2
        hessian[3, 3] += w @ (trigamma(b + n) - trigamma(b)) + d @ last**-2.0
        return Terms(values, gradient, hessian)

    def _arrange(self, *columns: Array) -> Data:
        by_x, row = np.unique(columns[0], return_inverse=True)
        return (*columns, by_x, row)

    def _starts(self, *data: Column) -> list[Array]:
        middle = self._scales(*data)[1]
        return [
            np.log([0.3, middle / 8, 0.8, 2.5]),
            np.log([2.0, middle, 0.3, 3.0]),
            np.log([0.3, middle / 20, 0.1, 1.0]),
            np.log([10.0, middle * 3, 1.0, 10.0]),
        ]

    def _scales(self, *data: Column) -> list[float]:
        return [1.0, float(np.median(data[2])) or 1.0, 1.0, 1.0]

    def _alive(self, x: Array, t_x: Array, T: Array) -> Array:
        r, alpha, a, b = self._theta()
        n = x + self._chances_at_birth
        silence = (r + x) * np.log1p((T - t_x) / (alpha + t_x))
        return np.where(n > 0, expit(np.log(np.maximum(b + n - 1, b) / a) - silence), 1.0)

    def _stays(self, x: Array, T: Array, later: float) -> Array:
        r, alpha, a, b = self._theta()
        born = self._chances_at_birth
        return smooth_in_age(
            lambda x, T: probability_still_alive(r + x, alpha + T, a, b + x + born, later),
            x, T, alpha,
        ).clip(0, 1)  # fmt: skip

    def _future(self, x: Array, T: Array, periods: float) -> Array:
        r, alpha, a, b = self._theta()
        born = self._chances_at_birth
        return smooth_in_age(
            lambda x, T: expected_purchases_alive(r + x, alpha + T, a, b + x + born, periods),
            x, T, alpha,
        )  # fmt: skip

    def _discounted(self, x: Array, T: Array, discount: float, periods: float) -> Array:
        if discount == 0 and np.isfinite(periods):
            return self._future(x, T, periods)
        r, alpha, a, b = self._theta()
        b = b + self._chances_at_birth
        if discount == 0:
            if a <= 1:
                raise UndefinedError(
                    f"Without discounting the purchases of a whole life have no mean where a <= 1 "
                    f"(a = {a:.3g}): too many customers never leave. Discount, or set a horizon."
                )
            return np.asarray((a + b + x - 1) / (a - 1))
        return smooth_in_age(
            lambda x, T: discounted_purchases_alive(
                r + x, alpha + T, a, b + x, discount, periods
            ),
            x, T, alpha,
        )  # fmt: skip

    def _counts(self, x: Array, T: Array, periods: float, counts: Array) -> Array:
        r, alpha, a, b = self._theta()
        shape, rate = (r + x)[:, None], (alpha + T)[:, None]
        b = b + x[:, None] + self._chances_at_birth
        share = periods / (rate + periods)
        bought = np.exp(
            gammaln(shape + counts) - gammaln(shape) - gammaln(counts + 1)
            - shape * np.log1p(periods / rate)
            + np.where(counts > 0, counts * np.log(np.where(share > 0, share, 1)), 0)
        ) * np.where((share > 0) | (counts == 0), 1, 0)  # fmt: skip
        stayed = np.exp(betaln(a, b + counts) - betaln(a, b))
        later = np.maximum(counts, 1)
        left = np.exp(betaln(a + 1, b + later - 1) - betaln(a, b))
        at_least = betainc(later, shape, share)
        return np.asarray(stayed * bought + np.where(counts > 0, left * at_least, 0))
