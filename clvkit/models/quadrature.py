"""Expectations over a customer's chance to leave, as integrals without poles or overflow."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, zeta

from clvkit.models.grouping import distinct

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
    value *= weight
    total = value.sum(axis=1)
    # Left of the grid: C e^{au} (1 - k e^u), summed over u = left - step, left - 2 step, ...
    bend = a + b + ((shape + 1) * z / 2 if question == "purchases" else shape * z)
    bend = bend * np.exp(np.minimum(left, 0))
    # Where the weight alone ended the grid, what is left of it counts for nothing.
    bend = np.where(bend < 2 * _TINY, bend, 0)
    total += value[:, 0] * ((1 + bend) * _rest(a * step) - bend * _rest((a + 1) * step))
    # Right of it, p -> 1: C e^{-bu}.
    total += value[:, -1] * _rest(b * step)
    return np.asarray(total * step)


def _rest(fall: Array) -> Array:
    """e^{-fall} + e^{-2 fall} + ..."""
    return np.asarray(np.exp(-fall) / -np.expm1(-fall))


def smooth_in_age(
    function: Callable[[Array, Array], Array], x: Array, T: Array, scale: float
) -> Array:
    """``function(x, T)``, worked out once for each distinct pair, or at fewer ages than that.

    The functions of this module are analytic in log(``scale`` + T): for an x that comes with
    hundreds of ages a Chebyshev interpolant through a few dozen agrees to 1e-12.
    """
    (by_x, by_T), back = distinct([x, T])
    y = np.log(scale + by_T)
    answer = np.empty(len(by_x))
    order = np.argsort(by_x, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(by_x[order])) + 1)
    low, high = (float(y.min()), float(y.max())) if len(y) else (0.0, 0.0)
    nodes = int(20 + 12 * (high - low))
    few = [rows for rows in groups if len(rows) <= 2 * nodes]
    many = [rows for rows in groups if len(rows) > 2 * nodes]
    if few:
        rows = np.concatenate(few)
        answer[rows] = function(by_x[rows], by_T[rows])
    if many:
        angle = np.pi * (np.arange(nodes) + 0.5) / nodes
        ages = np.exp((low + high) / 2 + (high - low) / 2 * np.cos(angle)) - scale
        counts = np.array([by_x[rows[0]] for rows in many])
        at = function(np.repeat(counts, nodes), np.tile(ages, len(many))).reshape(-1, nodes)
        terms = at @ np.cos(np.outer(angle, np.arange(nodes))) * (2 / nodes)
        terms[:, 0] /= 2
        for line, rows in zip(terms, many, strict=True):
            place = (2 * y[rows] - low - high) / (high - low)
            answer[rows] = np.polynomial.chebyshev.chebval(place, line)
    return answer[back]


@cache
def legendre(nodes: int) -> tuple[Array, Array]:
    """Gauss-Legendre points and weights on [0, 1]."""
    point, weight = np.polynomial.legendre.leggauss(nodes)
    return (point + 1) / 2, weight / 2


def trigamma(x: Array | float) -> Array:
    """The second derivative of log Γ."""
    return np.asarray(zeta(2.0, x))
