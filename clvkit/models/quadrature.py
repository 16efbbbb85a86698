"""Expectations over a customer's chance to leave, as integrals without poles or overflow."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, digamma, gammaln, zeta

from clvkit.models.grouping import Index, distinct

Array = NDArray[np.float64]

_TINY = 2e-5
_DROP = 32.0  # e^-32 = 1e-14 of the peak: no digit of the sum sees what lies beyond
_BLOCK = 2**18
_RANGE = 100.0


def expected_purchases_alive(
    shape: Array, rate: Array, a: float, b: Array, periods: float | Array
) -> Array:
    """Purchases expected over ``periods`` of customers alive now, under a beta-geometric death.

    λ ~ Gamma(``shape``, ``rate``) and p ~ Beta(``a``, ``b``), one customer an entry:
    E[(1 - e^{-λ p t}) / p] = ∫ Beta(p; a, b) (1 - (1 + p t / rate)^{-shape}) / p dp.
    The closed form with 2F1 (Fader, Hardie and Lee 2005, equation 9) loses all digits at a = 1.
    """
    shape, rate, b, periods = _aligned(shape, rate, b, periods)
    z = periods / rate

    def value(rows: Index, p: Array) -> Array:
        return -np.expm1(-shape[rows, None] * np.log1p(p * z[rows, None])) / p

    return _over_leaving(value, (shape + 1) * z / 2, shape, z, a, b)


def probability_still_alive(
    shape: Array, rate: Array, a: float, b: Array, periods: float | Array
) -> Array:
    """Chance that customers alive now still are after ``periods``: E[e^{-λ p t}]."""
    shape, rate, b, periods = _aligned(shape, rate, b, periods)
    z = periods / rate

    def value(rows: Index, p: Array) -> Array:
        return np.asarray(np.exp(-shape[rows, None] * np.log1p(p * z[rows, None])))

    return _over_leaving(value, shape * z, shape, z, a, b)


def discounted_purchases_alive(
    shape: Array, rate: Array, a: float, b: Array, discount: float, periods: float
) -> Array:
    """As :func:`expected_purchases_alive`, a purchase t away counted e^{-``discount`` t}.

    ∫ e^{-δt} E[λ e^{-λpt}] dt over ``periods`` (or for ever, then with a discount above 0).
    """
    shape, rate, b = _aligned(shape, rate, b)
    # Beyond 45 / δ a purchase is worth 1e-20 of today's.
    end = min(periods, 45 / discount) if discount > 0 else periods
    # In y = log(1 + t / rise), rise being when the rate of purchases begins to fall.
    rise = rate / (shape + 1)
    length = np.log1p(end / rise)
    nodes, weights = legendre(int(12 + 3 * length.max(initial=0) + discount * end / 2))
    y = length[:, None] * nodes
    # That rate depends on t / rise alone: customers of one shape share its curve. Those of much
    # greater age would see only a small part of it, and rounding errors of the rest.
    (powers, bs, _), group = distinct([shape + 1, b, np.floor(np.log(rate) / 3)])
    span = np.full(len(bs), 1e-9)
    np.maximum.at(span, group, length)
    angle = _angles(span.max(initial=0))
    at = np.outer(1 + np.cos(angle), span) / 2
    z = np.expm1(at) / powers

    def value(rows: Index, p: Array) -> Array:
        return np.exp(-powers[rows, None] * np.log1p(p * z[:, rows, None]))

    still = _over_leaving(value, powers * z, powers, z[0], a, bs)
    terms = _coefficients((np.exp(at) * still).T)
    place = 2 * y / span[group, None] - 1
    curve = np.polynomial.chebyshev.chebval(place, terms.T[:, group, None], tensor=False)
    worth = curve * np.exp(-discount * rise[:, None] * np.expm1(y))
    return np.asarray(shape / (shape + 1) * length * (worth @ weights))


def _aligned(*values: Array | float) -> tuple[Array, ...]:
    return np.broadcast_arrays(*(np.asarray(v, dtype="float64") for v in values))


def _over_leaving(
    value: Callable[[Index, Array], Array], bend: Array, shape: Array, z: Array, a: float, b: Array
) -> Array:
    """∫ Beta(p; a, b) value(p) dp of each row, where value(p) ~ value(0) (1 - ``bend`` p).

    Several integrals over the same p are the first axis of ``bend`` and of what value returns.
    """
    left, right, step = _grid(shape, z, a, b)
    nodes = np.ceil((right - left) / step).astype(np.int64) + 1
    answer = np.empty(bend.shape)
    # Rows that need a similar number of nodes go together; blocks stay within the cache.
    order = np.argsort(nodes, kind="stable")
    start = 0
    while start < len(order):
        most = nodes[order[min(start + 999, len(order) - 1)]]
        size = max(1, _BLOCK * b.size // int(most * bend.size))
        rows = order[start : start + min(size, 1000)]
        grid = left[rows], step[rows], int(nodes[rows[-1]])
        answer[..., rows] = _trapezoid(partial(value, rows), a + b + bend, a, b, rows, grid)
        start += len(rows)
    return answer


def _grid(shape: Array, z: Array, a: float, b: Array) -> tuple[Array, Array, Array]:
    """Where in u = log(p / (1 - p)) the integrand lives, and how fine its features are.

    Left of ``left`` the integrand is a power of e^u and right of ``right`` one of e^-u: there the
    infinite sum is a geometric series. Between, it is analytic in a strip around the real line,
    so the trapezoidal rule converges exponentially in 1 / step.
    """
    mode = np.log(a / b)
    width = np.sqrt(1 / a + 1 / b)
    boost = _DROP + np.log1p(shape * z)
    left = _edge(a, b, mode - boost / a - 12 * width, boost)
    right = _edge(a, b, mode + _DROP / b + 12 * width, _DROP)
    left = np.maximum(left, np.log(_TINY) - np.log(a + b + 1 + (shape + 1) * z))
    falls = np.log(a + b + 1 + shape * np.minimum(z, 1))
    right = np.minimum(right, 1 + falls + 24 / (b + 1))
    step = 0.36 / np.sqrt(np.maximum(1, a * b / (a + b)))
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
    value: Callable[[Array], Array], bend: Array, a: float, b: Array, rows: Index,
    grid: tuple[Array, Array, int],
) -> Array:  # fmt: skip
    left, step, nodes = grid
    bend, b = bend[..., rows], b[rows]
    u = left[:, None] + np.arange(nodes) * step[:, None]
    small = np.exp(-np.abs(u))
    p = np.where(u < 0, small, 1.0) / (1 + small)
    # log p and log (1 - p) share the same softplus.
    softplus = np.log1p(small)
    log_weight = a * np.minimum(u, 0) - b[:, None] * np.maximum(u, 0)
    log_weight -= (a + b[:, None]) * softplus + betaln(a, b)[:, None]
    terms = value(p) * np.exp(log_weight)
    total = terms.sum(axis=-1)
    # Left of the grid: C e^{au} (1 - k e^u), summed over u = left - step, left - 2 step, ...
    bend = bend * np.exp(np.minimum(left, 0))
    # Where the weight alone ended the grid, what is left of it counts for nothing.
    bend = np.where(bend < 2 * _TINY, bend, 0)
    total += terms[..., 0] * ((1 + bend) * _rest(a * step) - bend * _rest((a + 1) * step))
    # Right of it, p -> 1: C e^{-bu}.
    total += terms[..., -1] * _rest(b * step)
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
    angle = _angles(high - low)
    nodes = len(angle)
    few = [rows for rows in groups if len(rows) <= nodes]
    many = [rows for rows in groups if len(rows) > nodes]
    if few:
        rows = np.concatenate(few)
        answer[rows] = function(by_x[rows], by_T[rows])
    if many:
        ages = np.exp((low + high) / 2 + (high - low) / 2 * np.cos(angle)) - scale
        counts = np.array([by_x[rows[0]] for rows in many])
        at = function(np.repeat(counts, nodes), np.tile(ages, len(many)))
        at = at.reshape(-1, nodes)
        # The error is one of the largest value: small ones beside it would have no digits left.
        wide = at.max(axis=1) > _RANGE * at.min(axis=1)
        for line, rows in zip(_coefficients(at[~wide]), _where(many, ~wide), strict=True):
            place = (2 * y[rows] - low - high) / (high - low)
            answer[rows] = np.polynomial.chebyshev.chebval(place, line)
        if wide.any():
            rows = np.concatenate(_where(many, wide))
            answer[rows] = function(by_x[rows], by_T[rows])
    return answer[back]


def _where(groups: list[Index], chosen: NDArray[np.bool_]) -> list[Index]:
    return [group for group, taken in zip(groups, chosen, strict=True) if taken]


def _angles(width: float) -> Array:
    """Angles of the Chebyshev points for a function of y = log(1 + ...) on an interval.

    The nearest singularity is π/2 off the real line: the error falls as reach^-nodes.
    """
    nodes = int(3 + 31 / np.arcsinh(np.pi / max(width, 1e-9)))
    return np.pi * (np.arange(nodes) + 0.5) / nodes


def _coefficients(values: Array) -> Array:
    """The Chebyshev series of each row of values at the points of ``_angles``."""
    nodes = values.shape[1]
    angle = np.pi * (np.arange(nodes) + 0.5) / nodes
    terms = values @ np.cos(np.outer(angle, np.arange(nodes))) * (2 / nodes)
    terms[:, 0] /= 2
    return np.asarray(terms)


@cache
def legendre(nodes: int) -> tuple[Array, Array]:
    """Gauss-Legendre points and weights on [0, 1]."""
    point, weight = np.polynomial.legendre.leggauss(nodes)
    return (point + 1) / 2, weight / 2


def trigamma(x: Array | float) -> Array:
    """The second derivative of log Γ."""
    return np.asarray(zeta(2.0, x))


def log_beta_ratio(alpha: float, beta: float, u: Array) -> Array:
    """The log of B(α, β+u) / B(α, β), for u >= 0, to full precision also where it is near 0."""
    ratio = _log_gamma_step(np.asarray(beta), alpha) - _log_gamma_step(beta + u, alpha)
    near = np.flatnonzero(np.abs(ratio) < 0.05)
    if len(near):
        # -∫ ψ(α+β+v) - ψ(β+v) dv from 0 to u, in y = log(1 + v/β).
        length = np.log1p(u[near] / beta)[:, None]
        point, weight = legendre(32)
        moved = beta * np.exp(length * point)
        fall = (digamma(alpha + moved) - digamma(moved)) * moved * length
        ratio[near] = -(fall @ weight)
    return ratio


def _log_gamma_step(z: Array, a: float) -> Array:
    """Log Γ(z+a) - log Γ(z); by subtraction of two large numbers it would lose its digits.

    From z = 50 on by Stirling's series (Abramowitz and Stegun 1964, 6.1.41), as a difference.
    """
    far = np.maximum(z, 50.0)
    series = (far + a - 0.5) * np.log1p(a / far) + a * np.log(far) - a
    series += _stirling(far + a) - _stirling(far)
    return np.asarray(np.where(z < 50, gammaln(z + a) - gammaln(z), series))


def digamma_step(z: Array, a: float) -> Array:
    """ψ(z+a) - ψ(z), not by subtraction where both are large (same source, 6.3.18)."""
    far = np.maximum(z, 50.0)
    series = np.log1p(a / far) + a / (2 * far * (far + a)) + _tail(far) - _tail(far + a)
    return np.asarray(np.where(z < 50, digamma(z + a) - digamma(z), series))


def _tail(z: Array) -> Array:
    w = 1 / z**2
    return np.asarray(w * (1 / 12 - w * (1 / 120 - w * (1 / 252 - w * (1 / 240 - w / 132)))))


def _stirling(z: Array) -> Array:
    w = 1 / z**2
    return np.asarray((1 / 12 - w * (1 / 360 - w * (1 / 1260 - w * (1 / 1680 - w / 1188)))) / z)
