"""90% intervals of shares and of rates, for one count or for many."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtri

from clvkit.models.base import Z90, Array


def wilson(some: ArrayLike, of: ArrayLike) -> tuple[Array, Array]:
    """Wilson's interval of a share, which holds near 0 and 1 too; missing where ``of`` is 0.

    Wilson (1927), Journal of the American Statistical Association 22.
    """
    count, total = np.asarray(some, dtype="float64"), np.asarray(of, dtype="float64")
    total = np.where(total > 0, total, np.nan)
    share, z = count / total, Z90**2 / total
    middle = (share + z / 2) / (1 + z)
    half = np.sqrt(z * share * (1 - share) + z**2 / 4) / (1 + z)
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def poisson(count: ArrayLike, exposure: ArrayLike) -> tuple[Array, Array]:
    """Garwood's exact interval of a count over its ``exposure``; missing where that is 0.

    Garwood (1936), Biometrika 28: quantiles of chi-squared distributions.
    """
    seen, base = np.asarray(count, dtype="float64"), np.asarray(exposure, dtype="float64")
    base = np.where(base > 0, base, np.nan)
    low = np.where(seen > 0, chdtri(2 * np.maximum(seen, 1), 0.95) / 2, 0.0)
    return low / base, chdtri(2 * (seen + 1), 0.05) / 2 / base
