"""What the work costs at least: bare arrays, no frames, no checks, no derivatives, six looks."""

import clock
import numpy as np
from scipy.special import betaln, gammaln

sample, million = clock.tables()


def counted(table):
    """Weeks back to days, three numbers packed into one, counted."""
    x = table["frequency"].to_numpy("int64")
    t_x, T = (np.rint(table[name].to_numpy() * 7).astype("int64") for name in ("recency", "T"))
    days = T.max() + 1
    weight = np.bincount((x * days + t_x) * days + T)
    key = np.flatnonzero(weight)
    return key // days**2, key // days % days / 7, key % days / 7, weight[key]


def six_looks(table):
    """The values of the likelihood at six points on the way to the estimate."""
    """A Newton fit needs about six evaluations of the likelihood: here, only their values."""
    x, t_x, T, weight = counted(table)
    for r, alpha, a, b in np.linspace([0.3, 5, 0.9, 3], [0.243, 4.414, 0.793, 2.426], 6):
        stays = -(r + x) * np.log(alpha + T)
        with np.errstate(divide="ignore"):
            gone = np.log(a * (x > 0) / (b + np.maximum(x, 1) - 1)) - (r + x) * np.log(alpha + t_x)
        by_x = gammaln(r + np.arange(x.max() + 1)) + betaln(a, b + np.arange(x.max() + 1))
        weight @ (by_x[x] + np.logaddexp(stays, gone))


clock.report(
    {
        "sample: BG/NBD fit": lambda: six_looks(sample),
        "million: BG/NBD fit": lambda: six_looks(million),
    }
)
