"""Beta-discrete-Weibull: the chance to leave may also change for one and the same customer."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.special import digamma

from clvkit.arguments import whole_number
from clvkit.models.base import Array, Column, Fit, Terms
from clvkit.models.contracts import ContractModel, never_ends
from clvkit.models.quadrature import digamma_step, legendre, log_beta_ratio, trigamma

_DIRECT = 2000


class BetaDiscreteWeibull(ContractModel):
    """The beta-discrete-Weibull model of contract lifetimes.

    As :class:`~clvkit.models.sbg.ShiftedBetaGeometric` with t^``c`` in place of t: below 1 a
    customer's own chance to leave falls with tenure, above 1 it rises; at c = 1 the models agree.
    S(t) = B(α, β+t^c) / B(α, β).

    Source: Fader, Hardie, Liu, Davin and Steenburgh (2018), "How to Project Customer Retention"
    Revisited, Journal of Interactive Marketing 43.
    """

    names: ClassVar = ("alpha", "beta", "c")

    def expected_lifetime(self, tenure: int = 0) -> float:
        """Periods still to stay, this one included; finite only where α·c > 1."""
        alpha, beta, c = self._theta()
        tenure = whole_number(tenure, "tenure", 0)
        if alpha * c <= 1:
            raise never_ends("alpha·c", alpha * c)
        head = np.arange(tenure, tenure + _DIRECT, dtype="float64")
        now = float(self._log_survival(np.array([float(tenure)]))[0])
        total = float(np.exp(self._log_survival(head) - now).sum())
        # Euler and Maclaurin's midpoint rule from here on, in y = log t, up to where S is a power.
        first = tenure + _DIRECT - 0.5
        far = max(np.log(first) + 1, np.log(1e12 * (1 + (alpha + beta) ** 2)) / c)
        point, weight = legendre(400)
        y = np.log(first) + (far - np.log(first)) * point
        rest = np.exp(self._log_survival(np.exp(y)) - now + y) @ weight * (far - np.log(first))
        edge = np.exp(float(self._log_survival(np.exp(np.array([far])))[0]) - now + far)
        bend = self._log_survival(np.array([first + 0.5, first - 0.5])) - now
        return float(total + rest + edge / (alpha * c - 1) + np.diff(np.exp(bend))[0] / -24)

    def _log_survival(self, t: Array) -> Array:
        alpha, beta, c = self._theta()
        return log_beta_ratio(alpha, beta, t**c)

    def _log_retention(self, n: Array) -> Array:
        return -_hazard_sum(self._theta(), n)[0]

    def _terms(self, theta: Array, weights: Array, *data: Column) -> Terms:
        alpha, beta, c = theta
        tenure, ended = data
        before = tenure - ended
        u = before**c
        values = log_beta_ratio(alpha, beta, u)
        du = np.where(before > 0, u * np.log(np.where(before > 0, before, 1)), 0.0)
        whole, end = digamma(alpha + beta), digamma(alpha + beta + u)
        slope = np.array(
            [whole - end, digamma(beta + u) - end - digamma(beta) + whole,
             -digamma_step(beta + u, alpha) * du]
        )  # fmt: skip
        # Those who left: log(1 - e^{-h}) with h the fall of log S in the last period.
        left = ended > 0
        h, dh = _hazard_sum(theta, tenure[left])
        values[left] += np.log(-np.expm1(-h))
        slope[:, left] += dh / np.expm1(h)
        return Terms(values, slope @ weights, None)

    def _starts(self, *data: Column) -> list[Array]:
        return [np.log([1.0, 2.0, 1.0]), np.log([0.5, 2.0, 1.5]), np.log([2.0, 10.0, 0.8])]

    def _flags(self, fit: Fit, scales: dict[str, float]) -> list[str]:
        flags = super()._flags(fit, scales)
        if flags:
            flags.append("few periods cannot tell three parameters apart: try ShiftedBetaGeometric")
        return flags


def _hazard_sum(theta: Array, n: Array) -> tuple[Array, Array]:
    """The fall h = log S(n-1) - log S(n) and its gradient, not by subtraction.

    h = ∫ ψ(α+β+u) - ψ(β+u) du from (n-1)^c to n^c.
    """
    alpha, beta, c = theta
    t = np.log(n)
    low = np.where(n > 1, np.log(np.where(n > 1, n - 1, 1)), 0.0)
    start = np.where(n > 1, np.exp(c * low), 0.0)
    # In log u, over which the integrand changes slowly however far the two ends lie apart.
    span = c * (t - low)
    point, weight = legendre(int(24 + 4 * min(span.max(initial=0), 50.0)))
    u = np.exp(c * low[:, None] + span[:, None] * point)
    w = u * span[:, None] * weight
    h = (digamma_step(beta + u, alpha) * w).sum(axis=1)
    by_alpha = (trigamma(alpha + beta + u) * w).sum(axis=1)
    by_beta = ((trigamma(alpha + beta + u) - trigamma(beta + u)) * w).sum(axis=1)
    end = np.exp(c * t)
    by_c = digamma_step(beta + end, alpha) * end * t
    by_c -= digamma_step(beta + start, alpha) * start * low
    # The first renewal begins at u = 0 and has a closed form: S(1) = β / (α+β).
    first = n <= 1
    h[first] = np.log1p(alpha / beta)
    by_alpha[first], by_beta[first], by_c[first] = (
        1 / (alpha + beta), -alpha / (beta * (alpha + beta)), 0.0,
    )  # fmt: skip
    return h, np.array([by_alpha, by_beta, by_c])
