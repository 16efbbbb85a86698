"""Pareto/NBD: Poisson purchases, an exponential lifetime (Schmittlein, Morrison, Colombo 1987)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import ClassVar, NamedTuple

import numpy as np
from scipy.special import digamma, exprel, gammaln

from clvkit.errors import UndefinedError
from clvkit.models.base import Array, Column, Data, Terms
from clvkit.models.grouping import Index
from clvkit.models.purchases import PurchaseModel
from clvkit.models.quadrature import legendre, smooth_in_age, trigamma

_MOST_NODES = 128
_DROP = 42.0
_BLOCK = 2**14  # nodes at a time: what is computed for them stays within the cache


class ParetoNBD(PurchaseModel):
    """The Pareto/negative binomial model of repeat purchases.

    While alive a customer buys at rate λ; the lifetime is exponential with rate μ, unseen. λ
    varies over customers as Gamma(``r``, ``alpha``), μ as Gamma(``s``, ``beta``); ``alpha`` and
    ``beta`` are in time units.

    The likelihood is the sum form of Fader and Hardie (2005), "A Note on Deriving the Pareto/NBD
    Model", with its integral over the moment of departure taken numerically:
    Γ(r+x)/Γ(r) α^r β^s [(α+T)^-(r+x) (β+T)^-s + s ∫_{t_x}^{T} (α+τ)^-(r+x) (β+τ)^-(s+1) dτ].
    """

    names: ClassVar = ("r", "alpha", "s", "beta")

    def _terms(self, theta: Array, weights: Array, *data: Column) -> Terms:
        x, t_x, T, by_x, row = data
        values = np.empty(len(x))
        gradient, hessian = np.zeros(4), np.zeros((4, 4))
        for rows, grid in _blocks(theta, x, t_x, T):
            block = x[rows], t_x[rows], T[rows], grid
            value, slope, curve = _lifetimes(theta, weights[rows], *block)
            values[rows] = value
            gradient += slope
            hessian += curve
        r, alpha, s, beta = theta
        values += (gammaln(r + by_x) - gammaln(r))[row]
        total = weights.sum()
        w = np.bincount(row, weights, minlength=len(by_x))
        gradient += [
            w @ (digamma(r + by_x) - digamma(r)), total * r / alpha, 0.0, total * s / beta,
        ]  # fmt: skip
        hessian[0, 0] += w @ (trigamma(r + by_x) - trigamma(r))
        hessian[1, 1] -= total * r / alpha**2
        hessian[3, 3] -= total * s / beta**2
        hessian[[0, 1], [1, 0]] += total / alpha
        hessian[[2, 3], [3, 2]] += total / beta
        return Terms(values, gradient, hessian)

    def _arrange(self, *columns: Array) -> Data:
        by_x, row = np.unique(columns[0], return_inverse=True)
        return (*columns, by_x, row)

    def _starts(self, *data: Column) -> list[Array]:
        middle = self._scales(*data)[1]
        return [
            np.log([0.6, middle / 3, 0.6, middle / 3]),
            np.log([2.0, middle, 0.3, middle]),
            np.log([1.0, middle / 10, 2.0, middle * 3]),
            np.log([0.5, middle, 3.0, middle * 10]),
        ]

    def _scales(self, *data: Column) -> list[float]:
        middle = float(np.median(data[2])) or 1.0
        return [1.0, middle, 1.0, middle]

    def _alive(self, x: Array, t_x: Array, T: Array) -> Array:
        theta = self._theta()
        alive = np.empty(len(x))
        for rows, grid in _blocks(theta, x, t_x, T):
            gone, stays, *_ = _pieces(theta, x[rows], t_x[rows], T[rows], grid)
            alive[rows] = 1 / (1 + np.exp(np.minimum(gone - stays, 700)))
        return alive

    def _stays(self, x: Array, T: Array, later: float) -> Array:
        _, _, s, beta = self._theta()
        return np.asarray(np.exp(-s * np.log1p(later / (beta + T))))

    def _future(self, x: Array, T: Array, periods: float) -> Array:
        r, alpha, s, beta = self._theta()
        # (1 - u^{s-1}) / (s - 1) with u = (β+T) / (β+T+t), without a pole at s = 1.
        log_u = np.log1p(periods / (beta + T))
        return np.asarray((r + x) / (alpha + T) * (beta + T) * log_u * exprel((1 - s) * log_u))

    def _discounted(self, x: Array, T: Array, discount: float, periods: float) -> Array:
        r, alpha, s, beta = self._theta()
        if discount == 0 and np.isfinite(periods):
            return self._future(x, T, periods)
        if discount == 0:
            if s <= 1:
                raise UndefinedError(
                    f"Without discounting the purchases of a whole life have no mean where s <= 1 "
                    f"(s = {s:.3g}): too many customers never leave. Discount, or set a horizon."
                )
            return np.asarray((r + x) / (alpha + T) * (beta + T) / (s - 1))

        def lasting(_: Array, T: Array) -> Array:
            # ∫ e^{-δt} (1 + t/(β+T))^{-s} dt in y = log(1 + t/(β+T)).
            age = beta + T
            end = min(periods, 45 / discount)
            length = np.log1p(end / age)
            nodes, weights = legendre(int(16 + 6 * length.max(initial=0) + discount * end / 2))
            y = length[:, None] * nodes
            kernel = np.exp((1 - s) * y - discount * age[:, None] * np.expm1(y))
            return np.asarray(age * length * (kernel @ weights))

        return np.asarray((r + x) / (alpha + T) * smooth_in_age(lasting, np.zeros_like(T), T, beta))

    def _counts(self, x: Array, T: Array, periods: float, counts: Array) -> Array:
        r, alpha, s, beta = self._theta()
        shape, rate, age = r + x, alpha + T, beta + T
        # A heavy buyer's first purchases come soon: time counts from when one is due. As a
        # function of its logarithm the chance of k purchases is a peak of width 1 / sqrt(k).
        least = np.minimum(rate / (shape + 1), age)
        length = np.log1p(periods / least)
        sharp = 8 * max(1.0, np.sqrt(counts.max(initial=0)) / 2)
        nodes, weights = legendre(int(48 + sharp * length.max(initial=0)))
        # The last column of times is the whole span: those who stay through it.
        y = np.column_stack([length[:, None] * nodes, length])
        t = least[:, None] * np.expm1(y)
        leaves = s / (age[:, None] + t) * np.exp(-s * np.log1p(t / age[:, None]))
        share = leaves * np.exp(y) * (least * length)[:, None] * np.append(weights, 0)
        share[:, -1] = np.exp(-s * np.log1p(periods / age))
        never = -shape[:, None] * np.log1p(t / rate[:, None])
        with np.errstate(divide="ignore"):
            log_part = np.log(t / (rate[:, None] + t))
        table = np.empty((len(x), len(counts)))
        for column, count in enumerate(counts):
            scale = gammaln(shape + count) - gammaln(shape) - gammaln(count + 1)
            power = count * log_part if count else 0.0
            table[:, column] = (share * np.exp(scale[:, None] + never + power)).sum(axis=1)
        return table


class _Grid(NamedTuple):
    """Nodes of the rows' integrals, one after the other: as many as each row needs."""

    length: Array
    """How far in y the integral of each row goes."""
    first: Index
    """Where the nodes of each row begin."""
    row: Index
    """Which row each node belongs to."""
    y: Array
    weight: Array


def _blocks(theta: Array, x: Array, t_x: Array, T: Array) -> Iterator[tuple[slice, _Grid]]:
    """Blocks of rows with the nodes of their integrals."""
    _, alpha, _, beta = theta
    length = np.log1p((T - t_x) / (min(alpha, beta) + t_x))
    drop = -_log_integrand(theta, x, t_x, length)[0]
    # Smooth integrands of an exponential's fall and a few kinks of width one.
    need = 6 + 0.75 * np.clip(drop, 0, _DROP) + 5 * length
    nodes = np.minimum(need, _MOST_NODES).astype(np.intp)
    far = np.flatnonzero(drop > _DROP)
    if len(far):
        length[far] = _reach(theta, x[far], t_x[far], length[far])
    points, weights, begin = _legendre_table()
    ends = np.cumsum(nodes)
    start = 0
    while start < len(x):
        done = ends[start] - nodes[start]
        stop = max(start + 1, int(np.searchsorted(ends, done + _BLOCK, "right")))
        rows = slice(start, stop)
        first = ends[rows] - nodes[rows] - done
        row = np.repeat(np.arange(stop - start), nodes[rows])
        place = np.arange(len(row)) + (begin[nodes[rows]] - first)[row]
        yield (
            rows,
            _Grid(length[rows], first, row, length[rows][row] * points[place], weights[place]),
        )
        start = stop


@cache
def _legendre_table() -> tuple[Array, Array, Index]:
    """The points and weights of all numbers of nodes, and where those of n nodes begin."""
    rules = [legendre(max(n, 1)) for n in range(_MOST_NODES + 1)]
    points, weights = (np.concatenate([rule[k] for rule in rules]) for k in (0, 1))
    begin = np.cumsum([0, *(len(rule[0]) for rule in rules[:-1])])
    return points, weights, begin


def _log_integrand(
    theta: Array, x: Array, t_x: Array, y: Array
) -> tuple[Array, Array, Array, Array]:
    """Log of the integrand in y = log((m+τ) / (m+t_x)), m = min(α, β), over its value at y = 0.

    Also τ - t_x, log((α+τ)/(α+t_x)) and log((β+τ)/(β+t_x)). The integrand is log-concave in y.
    """
    r, alpha, s, beta = theta
    span = (min(alpha, beta) + t_x) * np.expm1(y)
    by_alpha = y if alpha <= beta else np.log1p(span / (alpha + t_x))
    by_beta = y if beta <= alpha else np.log1p(span / (beta + t_x))
    return y - (r + x) * by_alpha - (s + 1) * by_beta, span, by_alpha, by_beta


def _reach(theta: Array, x: Array, t_x: Array, y: Array) -> Array:
    """Where the integrand has fallen to e^-42, for rows in which it has at ``y``."""
    r, alpha, s, beta = theta
    least = min(alpha, beta)
    # Newton from outside on a concave function: it never overshoots.
    for _ in range(8):
        value, span, _, _ = _log_integrand(theta, x, t_x, y)
        moved = least + t_x + span
        slope = 1 - (r + x) * moved / (alpha + t_x + span)
        slope -= (s + 1) * moved / (beta + t_x + span)
        y = y - (value + _DROP) / slope
    return y


def _pieces(
    theta: Array, x: Array, t_x: Array, T: Array, grid: _Grid
) -> tuple[Array, Array, Array, tuple[Array, ...], tuple[Array, ...]]:
    """Log of the gone and of the stays part, and what they are made of.

    That is: the nodes' shares of the gone part, the nodes as _log_integrand gives them, and
    log(1 + t/α) and log(1 + t/β) at the last purchase and at the end.
    """
    r, alpha, s, beta = theta
    row = grid.row
    value, span, by_alpha, by_beta = _log_integrand(theta, x[row], t_x[row], grid.y)
    # The value at y = 0 may lie below the peak, never by enough to overflow.
    share = np.exp(value, out=value)
    share *= grid.weight
    area = np.maximum(np.add.reduceat(share, grid.first) * grid.length, 1e-300)
    share *= (grid.length / area)[row]
    last_a, last_b = np.log1p(t_x / alpha), np.log1p(t_x / beta)
    end_a, end_b = np.log1p(T / alpha), np.log1p(T / beta)
    gone = np.log(s * area * (min(alpha, beta) + t_x) / (beta + t_x))
    gone -= (r + x) * last_a + s * last_b + x * np.log(alpha)
    stays = -(r + x) * end_a - s * end_b - x * np.log(alpha)
    return gone, stays, share, (span, by_alpha, by_beta), (last_a, last_b, end_a, end_b)


def _lifetimes(
    theta: Array, weights: Array, x: Array, t_x: Array, T: Array, grid: _Grid
) -> tuple[Array, Array, Array]:
    """What depends on the unseen lifetime: values, and derivatives of their weighted sum.

    A customer left at one of the nodes or is still there: a mixture, whose Hessian is the mean
    of the parts' Hessians plus the covariance of their gradients.
    """
    r, alpha, s, beta = theta
    gone, stays, share, at_nodes, logs = _pieces(theta, x, t_x, T, grid)
    span, by_alpha, by_beta = at_nodes
    last_a, last_b, end_a, end_b = logs
    either = np.logaddexp(gone, stays)
    dead = np.exp(gone - either)
    share *= dead[grid.row]
    buys = r + x
    # The gradient at each node, and of those who are still there.
    parts = np.empty((4, len(span)))
    np.negative(by_alpha, out=parts[0])
    np.divide(-buys[grid.row], (alpha + t_x)[grid.row] + span, out=parts[1])
    np.subtract(1 / s, by_beta, out=parts[2])
    np.divide(-(s + 1), (beta + t_x)[grid.row] + span, out=parts[3])
    still = np.array([last_a - end_a, -buys / (alpha + T), last_b - end_b, -s / (beta + T)])
    weighed = parts * share
    shares = np.add.reduceat(weighed, grid.first, axis=1)
    mean = shares + still * (1 - dead)
    gradient = mean @ weights
    gradient[0] -= weights @ last_a
    gradient[2] -= weights @ last_b
    weighed *= weights[grid.row]
    alive = weights * (1 - dead)
    hessian = weighed @ parts.T + (still * alive) @ still.T - (mean * weights) @ mean.T
    # The parts' own second derivatives: (r + x) / (α+τ)², (s + 1) / (β+τ)² and their like.
    squares = np.add.reduceat(weighed[1] * parts[1], grid.first) + alive * still[1] ** 2
    hessian[1, 1] += squares @ (1 / buys)
    hessian[3, 3] += weighed[3] @ parts[3] / (s + 1) + alive @ still[3] ** 2 / s
    hessian[2, 2] -= weights @ dead / s**2
    hessian[[0, 1], [1, 0]] += (weights * mean[1]) @ (1 / buys)
    hessian[[2, 3], [3, 2]] += weights @ shares[3] / (s + 1) + alive @ still[3] / s
    return either, gradient, hessian
