"""Purchase histories, spend and contracts: one simulator a model.

Each answers with a frame that the model's ``fit`` takes, drawn customer by customer from the
story the model tells, not from its formulas. The same seed gives the same customers.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvkit.arguments import floats, length_of_time, whole_number
from clvkit.errors import DataError
from clvkit.models import (
    BetaDiscreteWeibull,
    BetaGeoBetaBinomial,
    BetaGeoNBD,
    GammaGamma,
    ModifiedBetaGeoNBD,
    ParetoNBD,
    ShiftedBetaGeometric,
)
from clvkit.models.base import Array
from clvkit.models.contracts import ContractModel


def purchases(
    model: BetaGeoNBD | ParetoNBD | BetaGeoBetaBinomial,
    customers: int,
    periods: float,
    *,
    later: float = 0.0,
    seed: int = 1,
) -> pd.DataFrame:
    """Purchase histories of customers who live as ``model`` says.

    Parameters
    ----------
    model
        With parameters, given or fitted. Its ``time_unit`` is that of the answer.
    customers, periods
        How many, each observed for between half of ``periods`` and all of it (BG/BB: all of it).
    later
        How much longer to watch: the holdout.

    Returns
    -------
    ``frequency``, ``recency`` and ``T`` as :func:`clvkit.summarize` makes them, and the truth
    that nobody sees in real data: ``alive`` at T and ``purchases_later``.
    """
    customers = whole_number(customers, "customers")
    if not length_of_time(periods, "periods"):
        raise DataError("periods=0: nothing can be seen in no time.")
    random = np.random.default_rng(seed)
    if isinstance(model, BetaGeoBetaBinomial):
        columns = _opportunities(model, customers, int(periods), int(later), random)
    else:
        T = random.uniform(periods / 2, periods, customers)
        columns = _histories(model, T, later, random)
    frame = pd.DataFrame(columns, index=_ids(customers))
    if model.time_unit:
        frame.attrs["time_unit"] = model.time_unit
    return frame


def spending(model: GammaGamma, summary: pd.DataFrame, *, seed: int = 1) -> pd.DataFrame:
    """``summary`` with a ``monetary_value`` for those with repeat purchases, drawn from ``model``.

    ``true_spend`` is each customer's mean spend a purchase, which nobody sees in real data.
    """
    random = np.random.default_rng(seed)
    p, q, gamma = model.params.to_numpy()
    x = floats(summary["frequency"], "Column frequency")
    rate = random.gamma(q, 1 / gamma, len(x))
    mean = random.gamma(np.maximum(p * x, p), 1) / rate / np.maximum(x, 1)
    return summary.assign(monetary_value=np.where(x > 0, mean, np.nan), true_spend=p / rate)


def contracts(
    model: ShiftedBetaGeometric | BetaDiscreteWeibull,
    customers: int,
    periods: int,
    *,
    seed: int = 1,
) -> pd.DataFrame:
    """Contracts that last as ``model`` says, watched for ``periods``: ``tenure`` and ``ended``.

    ``true_tenure`` is the period in which the contract ends when nobody stops watching.
    """
    customers, periods = whole_number(customers, "customers"), whole_number(periods, "periods")
    random = np.random.default_rng(seed)
    alpha, beta = model.params.to_numpy()[:2]
    shape = model.params.get("c", 1.0)
    leaves = random.beta(alpha, beta, customers)
    # S(t | θ) = (1-θ)^(t^c): the first whole t at which a uniform number lies above it.
    lasts = np.log(random.uniform(size=customers)) / np.log1p(-leaves)
    last = np.clip(np.ceil(lasts ** (1 / shape)), 1, 1e15)
    frame = pd.DataFrame(
        {"tenure": np.minimum(last, periods), "ended": last <= periods, "true_tenure": last},
        index=_ids(customers),
    )
    if isinstance(model, ContractModel) and model.time_unit:
        frame.attrs["time_unit"] = model.time_unit
    return frame


def _ids(customers: int) -> pd.Index:
    width = len(str(customers))
    return pd.Index([f"C{i:0{width}d}" for i in range(1, customers + 1)], name="customer_id")


def _histories(
    model: BetaGeoNBD | ParetoNBD, T: Array, later: float, random: np.random.Generator
) -> dict[str, NDArray[np.generic]]:
    """All customers at once, one purchase after the other, until the last has gone or is due."""
    first, second, third, fourth = model.params.to_numpy()
    customers = len(T)
    rate = random.gamma(first, 1 / second, customers)
    if isinstance(model, ParetoNBD):
        death = random.exponential(size=customers) / random.gamma(third, 1 / fourth, customers)
        leaves = np.zeros(customers)
    else:
        death = np.full(customers, np.inf)
        leaves = random.beta(third, fourth, customers)
        if isinstance(model, ModifiedBetaGeoNBD):
            death = np.where(random.uniform(size=customers) < leaves, 0.0, death)
    frequency, recency, coming = (np.zeros(customers) for _ in range(3))
    clock = np.zeros(customers)
    active = np.arange(customers)
    while len(active):
        with np.errstate(divide="ignore", over="ignore"):
            clock[active] += random.exponential(size=len(active)) / rate[active]
        now = clock[active]
        bought = (now < death[active]) & (now <= T[active] + later)
        active, now = active[bought], now[bought]
        seen = now <= T[active]
        frequency[active[seen]] += 1
        recency[active[seen]] = now[seen]
        coming[active[~seen]] += 1
        gone = random.uniform(size=len(active)) < leaves[active]
        death[active[gone]] = now[gone]
        active = active[~gone]
    return {
        "frequency": frequency,
        "recency": recency,
        "T": T,
        "alive": death > T,
        "purchases_later": coming,
    }


def _opportunities(
    model: BetaGeoBetaBinomial, customers: int, periods: int, later: int,
    random: np.random.Generator,
) -> dict[str, NDArray[np.generic]]:  # fmt: skip
    alpha, beta, gamma, delta = model.params.to_numpy()
    chance = random.beta(alpha, beta, customers)
    lives = random.geometric(np.maximum(random.beta(gamma, delta, customers), 1e-15)) - 1
    frequency, recency, coming = (np.zeros(customers) for _ in range(3))
    for period in range(1, periods + later + 1):
        bought = (random.uniform(size=customers) < chance) & (lives >= period)
        if period <= periods:
            frequency += bought
            recency[bought] = period
        else:
            coming += bought
    return {
        "frequency": frequency,
        "recency": recency,
        "T": np.full(customers, float(periods)),
        "alive": lives > periods,
        "purchases_later": coming,
    }
