"""How many customers a month's spend brings: a saturating response learned from its history.

In a month that ``x`` was spent for (spend, a share of it carried over to later months) a channel
brings a Poisson number of customers around ``season * trend * n (ρ + (1-ρ) z / (κ + (1-κ) z))``
with ``z = x / x̄``: some come anyway, the others follow the hyperbola (Michaelis and Menten; Hill
with exponent 1). Its elasticity at the usual spend ``x̄`` is ``e = (1-ρ) κ``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clvkit.models.base import Array

ELASTICITIES = (np.arange(25) + 0.5) / 25
_SPLITS = np.array([0.0, 0.4, 0.8])
"""Of what is not elastic at the usual spend: the share due to those who come anyway."""
_CARRIES = np.array([0.0, 0.2, 0.4, 0.6, 0.8])
_PRIOR_SD = np.array([np.inf, 0.3, 0.3, 0.3])
"""Of level, season (cosine, sine) and trend (from the middle to an end), on the log scale."""
DRAWS = 1000
"""Of every response, and of whatever is set against it."""


@dataclass(frozen=True)
class Response:
    """Draws of the response of one channel, and the spend from which it was learned."""

    usual: float
    level: Array
    anyway: Array
    elasticity: Array
    carry: Array
    dispersion: float

    def customers(self, spend: Array | float) -> Array:
        """Customers in an average month, one row a draw, one column a monthly spend kept up."""
        z, kappa, rho = self._at(spend)
        answer: Array = self.level[:, None] * (rho + (1 - rho) * z / (kappa + (1 - kappa) * z))
        return answer

    def marginal(self, spend: Array | float) -> Array:
        """Customers a month for one more unit of monthly spend, as :meth:`customers`."""
        z, kappa, rho = self._at(spend)
        slope = (1 - rho) * kappa / (kappa + (1 - kappa) * z) ** 2
        answer: Array = self.level[:, None] * slope / self.usual
        return answer

    def _at(self, spend: Array | float) -> tuple[Array, Array, Array]:
        z = np.atleast_1d(np.asarray(spend, dtype="float64")) / self.usual
        kappa = self.elasticity / (1 - self.anyway)
        return z, kappa[:, None], self.anyway[:, None]


def carried(spend: Array, carry: float) -> Array:
    """Spend that works in each month, geometric weights; before the first, as in its half year."""
    works = np.empty(len(spend))
    now = float(spend[:6].mean())
    for month, amount in enumerate(spend):
        works[month] = now = carry * now + (1 - carry) * amount
    return works


def fit_response(spend: Array, customers: Array, month: NDArray[np.int64], seed: int) -> Response:
    """Fit one channel: all shapes on a grid, level, season and trend by likelihood, then draws.

    ``spend`` and ``customers`` of consecutive months (missing: not counted), ``month`` of the
    year 1 to 12. Every shape is weighed by its integrated quasi-Poisson likelihood; before the
    data all elasticities are as likely.
    """
    seen = ~np.isnan(customers)
    works = np.array([carried(spend, carry) for carry in _CARRIES])[:, seen]
    customers, month, ends = customers[seen], month[seen], np.linspace(-1, 1, len(spend))[seen]
    usual = float(np.exp(np.log(spend[spend > 0]).mean()))
    e, split, lag = (
        a.ravel() for a in np.meshgrid(ELASTICITIES, _SPLITS, range(len(_CARRIES)), indexing="ij")
    )
    rho = split * (1 - e)
    kappa = e / (1 - rho)
    z = works[lag] / usual
    shape = rho[:, None] + (1 - rho)[:, None] * z / (kappa[:, None] + (1 - kappa)[:, None] * z)
    offset = np.log(np.maximum(shape, 1e-4))
    angle = 2 * np.pi * month / 12
    X = np.column_stack([np.ones(len(ends)), np.cos(angle), np.sin(angle), ends])
    precision = np.diag(1 / _PRIOR_SD**2)
    beta = np.zeros((len(e), X.shape[1]))
    beta[:, 0] = np.log(customers.sum() / np.exp(offset).sum(axis=1))
    for _ in range(6):
        mean = np.exp(beta @ X.T + offset)
        gradient = (customers - mean) @ X - beta @ precision
        hessian = (mean @ (X[:, :, None] * X[:, None, :]).reshape(len(X), -1)).reshape(
            -1, X.shape[1], X.shape[1]
        ) + precision
        beta += np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
    linear = beta @ X.T + offset
    mean = np.exp(linear)
    fit = (customers * linear - mean).sum(axis=1)
    fit -= 0.5 * np.einsum("gi,ij,gj->g", beta, precision, beta)
    best = int(np.argmax(fit))
    free = max(len(ends) - 5, 1)
    dispersion = max(1.0, float(((customers - mean[best]) ** 2 / mean[best]).sum()) / free)
    weight = fit / dispersion - 0.5 * np.linalg.slogdet(hessian)[1]
    weight = np.exp(weight - weight.max())
    random = np.random.default_rng(seed)
    steps = random.permutation((np.arange(DRAWS) + random.uniform()) / DRAWS)
    cell = np.searchsorted(np.cumsum(weight) / weight.sum(), steps).clip(0, len(e) - 1)
    # The data weigh less where months differ by more than luck; the prior stays what it is.
    covariance = np.linalg.inv((hessian - precision) / dispersion + precision)
    luck = random.standard_normal((DRAWS, X.shape[1]))
    moved = np.einsum("gij,gj->gi", np.linalg.cholesky(covariance)[cell], luck)
    drawn = beta[cell] + moved.clip(-10, 10)
    year = 2 * np.pi * np.arange(12) / 12
    season = np.exp(drawn[:, 1:2] * np.cos(year) + drawn[:, 2:3] * np.sin(year)).mean(axis=1)
    width = 0.5 / len(ELASTICITIES)
    elasticity = e[cell] + random.uniform(-width, width, DRAWS)
    anyway = split[cell] * (1 - elasticity)
    level = np.exp(drawn[:, 0] + drawn[:, 3] * ends[-12:].mean()) * season
    return Response(usual, level, anyway, elasticity, _CARRIES[lag[cell]],
                    dispersion)  # fmt: skip
