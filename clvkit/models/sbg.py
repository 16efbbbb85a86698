"""Shifted beta-geometric: contracts renewed with a chance that differs between customers."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.special import digamma

from clvkit.arguments import whole_number
from clvkit.models.base import Array, Column, Terms
from clvkit.models.contracts import ContractModel, never_ends
from clvkit.models.quadrature import log_beta_ratio, trigamma


class ShiftedBetaGeometric(ContractModel):
    """The shifted beta-geometric model of contract lifetimes.

    At every renewal a customer leaves with probability θ, always the same for one customer; θ
    varies over customers as Beta(``alpha``, ``beta``). S(t) = B(α, β+t) / B(α, β), and retention
    rises with tenure, r_n = (β+n-1) / (α+β+n-1), because those who leave easily leave first.

    Source: Fader and Hardie (2007), How to project customer retention, Journal of Interactive
    Marketing 21(1).
    """

    names: ClassVar = ("alpha", "beta")

    def expected_lifetime(self, tenure: int = 0) -> float:
        """Periods still to stay, this one included: (α+β+n-1)/(α-1) for tenure n."""
        alpha, beta = self._theta()
        tenure = whole_number(tenure, "tenure", 0)
        if alpha <= 1:
            raise never_ends("alpha", alpha)
        return float((alpha + beta + tenure - 1) / (alpha - 1))

    def _log_survival(self, t: Array) -> Array:
        alpha, beta = self._theta()
        return log_beta_ratio(alpha, beta, t)

    def _log_retention(self, n: Array) -> Array:
        alpha, beta = self._theta()
        return np.asarray(-np.log1p(alpha / (beta + n - 1)))

    def _terms(self, theta: Array, weights: Array, *data: Column) -> Terms:
        alpha, beta = theta
        tenure, ended = data
        a, b = alpha + ended, beta + tenure - ended
        last = -np.log1p((beta + tenure - 1) / alpha)
        values = log_beta_ratio(alpha, beta, tenure - ended) + np.where(ended > 0, last, 0.0)
        whole, start = alpha + beta, alpha + beta + tenure
        gradient = np.array(
            [
                weights @ (digamma(a) - digamma(start) - digamma(alpha) + digamma(whole)),
                weights @ (digamma(b) - digamma(start) - digamma(beta) + digamma(whole)),
            ]
        )
        both = weights @ (trigamma(whole) - trigamma(start))
        hessian = np.full((2, 2), both)
        hessian[0, 0] += weights @ (trigamma(a) - trigamma(alpha))
        hessian[1, 1] += weights @ (trigamma(b) - trigamma(beta))
        return Terms(values, gradient, hessian)

    def _starts(self, *data: Column) -> list[Array]:
        return [np.log([1.0, 2.0]), np.log([0.5, 5.0]), np.log([5.0, 20.0])]
