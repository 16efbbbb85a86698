"""Expectations over a customer's chance to leave, as integrals without poles or overflow."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, zeta

Array = NDArray[np.float64]
Question = Literal["purchases", "alive"]

_TINY = 1e-5
_DROP = 46.0  # e^-46 = 1e-20 of the peak: no digit of the sum sees what lies beyond
_BLOCK = 2**18


def expected_purchases_alive(
    shape: Array, rate: Array, a: float, b: Array, periods: float | Array
) -> Array:
    """Purchases expected over ``periods`` of customers alive now, under a beta-geometric death.

    λ ~ Gamma(``shape``, ``rate``) and p ~ Beta(``a``, ``b``), one customer an entry:
    E[(1 - e^{-λ p t}) / p] = ∫ Beta(p; a, b) (1 - (1 + p t / rate)^{-shape}) / p dp.
    The closed form with 2F1 (Fader, Hardie and Lee 2005, equation 9) loses all digits at a = 1.
    """
    return _over_leaving(shape, rate, a, b, periods, "purchases")


def probability_still_alive(
    shape: Array, rate: Array, a: float, b: Array, periods: float | Array
) -> Array:
    """Chance that customers alive now still are after ``periods``: E[e^{-λ p t}]."""
    return _over_leaving(shape, rate, a, b, periods, "alive")


def _over_leaving(
    shape: Array, rate: Array, a: float, b: Array, periods: float | Array, question: Question
) -> Array:
    shape, rate, b, periods = np.broadcast_arrays(
        *(np.asarray(v, dtype="float64") for v in (shape, rate, b, periods))
    )
    z = periods / rate
    left, right, step = _grid(shape, z, a, b)
    nodes = np.ceil((right - left) / step).astype(np.int64) + 1
    answer = np.empty(shape.shape)
    # Rows that need a similar number of nodes go together; blocks stay within the cache.
    order = np.argsort(nodes, kind="stable")
    start = 0
    while start < len(order):
        size = max(1, _BLOCK // int(nodes[order[min(start + 4096, len(order)) - 1]]))
        rows = order[start : start + min(size, 4096)]
        answer[rows] = _trapezoid(
            shape[rows], z[rows], a, b[rows], left[rows], step[rows], int(nodes[rows[-1]]), question
        )
        start += len(rows)
    return answer


def _grid(shape: Array, z: Array, a: float, b: Array) -> tuple[Array, Array, Array]:
    """Where in u = log(p / (1 - p)) the integrand lives, and how fine its features are.

    Left of ``left`` the integrand is a power of e^u, right of ``right`` nothing: there the
    infinite sum is a geometric series. Between, it is analytic in a strip around the real line,
    so the trapezoidal rule converges exponentially in 1 / step.
    """
    mode = np.log(a / b)
    width = np.sqrt(1 / a + 1 / b)
    boost = np.log1p(shape * z)
    left = _edge(a, b, mode - (_DROP + boost) / a - 12 * width, _DROP + boost)
    right = _edge(a, b, mode + _DROP / b + 12 * width, _DROP)
    left = np.maximum(left, np.log(_TINY) - np.log(a + b + 1 + (shape + 1) * z))
    right = np.minimum(right, 24 + np.log(a + b + 1))
    step = 0.3 / np.sqrt(np.maximum(1, a * b / (a + b) / 4))
    return left, np.maximum(right, left + step), step


def _edge(a: float, b: Array, start: Array, drop: Array | float) -> Array:
    """Where the log weight has fallen by ``drop``: Newton from outside, never overshooting."""
    peak = a * np.log(a / (a + b)) + b * np.log(b / (a + b))
    u = start
    for _ in range(6):
        p = 1 / (1 + np.exp(-np.clip(u, -700, 700)))
        weight = -a * np.logaddexp(0, -u) - b * np.logaddexp(0, u)
        u = u - (weight - peak + drop) / (a - (a + b) * p)
    return np.asarray(u)


def _trapezoid(
    shape: Array, z: Array, a: float, b: Array, left: Array, step: Array, nodes: int,
    question: Question,
) -> Array:  # fmt: skip
    u = left[:, None] + np.arange(nodes) * step[:, None]
    small = np.exp(-np.abs(u))
    below = u < 0
    p = np.where(below, small, 1.0) / (1 + small)
    # log p and log (1 - p) share the same softplus.
    softplus = np.log1p(small)
    log_p = np.minimum(u, 0) - softplus
    log_q = -np.maximum(u, 0) - softplus
    weight = np.exp(a * log_p + b[:, None] * log_q - betaln(a, b)[:, None])
    gone = -shape[:, None] * np.log1p(p * z[:, None])
    value = -np.expm1(gone) / p if question == "purchases" else np.exp(gone)
    total = (weight * value).sum(axis=1)
    # Left of the grid: C e^{au} (1 - k e^u), summed over u = left - step, left - 2 step, ...
    at_zero = shape * z if question == "purchases" else np.ones_like(z)
    bend = (shape + 1) * z / 2 if question == "purchases" else shape * z
    bend = a + b + bend
    scale = np.exp(a * left - betaln(a, b)) * at_zero
    total += scale * (1 / np.expm1(a * step) - bend * np.exp(left) / np.expm1((a + 1) * step))
    # Right of it, p -> 1: C e^{-bu}.
    right = left + (nodes - 1) * step
    edge = -np.expm1(-shape * np.log1p(z)) if question == "purchases" else (1 + z) ** -shape
    total += np.exp(-b * right - betaln(a, b)) * edge / np.expm1(b * step)
    return np.asarray(total * step)


def legendre(nodes: int) -> tuple[Array, Array]:
    """Gauss-Legendre points and weights on [0, 1]."""
    point, weight = np.polynomial.legendre.leggauss(nodes)
    return (point + 1) / 2, weight / 2


def trigamma(x: Array | float) -> Array:
    """The second derivative of log Γ."""
    return np.asarray(zeta(2.0, x))
