"""What a limit such as free shipping from 50 does to orders, and whether it pays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from clvkit.arguments import floats, whole_number
from clvkit.baskets import order_keys
from clvkit.errors import DataError
from clvkit.models.base import Array
from clvkit.tables import Transactions, purchases
from clvkit.valuation import interval_ends

_REACH = (0.2, 3.0)  # of the limit: the orders that are looked at
_NEAR = (0.65, 1.35)  # orders that the limit may have moved, and to where
_STEP, _POWER, _FEWEST = 0.05, 3, 200
_FIGURES = (
    "excess", "moved", "extra_revenue", "extra_margin", "perk_orders", "perk_cost", "profit",
    "best_cost",
)  # fmt: skip


@dataclass(frozen=True)
class Threshold:
    """What a limit does: ``figures`` (estimate, low, high) and the ``orders`` by size.

    ``figures`` has the rows ``excess`` (orders just above the limit beyond the smooth curve, a
    share of those that the curve has just below), ``moved`` (orders), ``extra_revenue`` and
    ``extra_margin`` (money, that the moved orders brought), ``perk_orders`` and ``perk_cost``
    (orders at or above the limit, and what their perk cost), ``profit`` (extra margin less cost)
    and ``best_cost`` (what the perk may cost an order to pay for itself). ``orders`` has a row a
    class of order values: ``low``, ``high`` (money), ``orders``, ``expected``, ``near``.
    """

    figures: pd.DataFrame
    orders: pd.DataFrame


def threshold_test(
    orders: Transactions | pd.DataFrame,
    threshold: float,
    perk_cost: float,
    *,
    gross_margin: float = 0.3,
    replicates: int = 200,
    seed: int = 1,
) -> Threshold:
    """Do customers fill up their orders to a limit, and does the perk that it gives pay?

    Where a limit moves orders, they are missing just below it and heaped just above. A smooth
    curve (Poisson regression of the number of orders on a cubic of log value) is drawn through
    the orders from 0.2 to 3 times the limit, without those from 0.65 to 1.35, and scaled to the
    number of orders there: what the same orders would be worth without the limit. This is the
    bunching estimate of Kleven (2016, Annual Review of Economics 8). It assumes that the limit
    moves orders and makes no new ones, and that without it their values would be smooth; try it
    at a value that is no limit to see what prices alone do. An order lifted from further below
    than 0.65 counts as if it had come from nearer, so the extra revenue is rather too low.

    Parameters
    ----------
    orders
        Purchases; an order is an ``order_id``, or a customer's day without it.
    threshold, perk_cost
        The limit, and what the perk (shipping, a gift) costs the firm an order: money.
    gross_margin
        Share of revenue, where the table has no column ``margin``.
    replicates
        Resamples of customers and, as Chetty et al. (2011, Quarterly Journal of Economics 126) do,
        of the distances of the classes from the curve: prices make lumps that are no luck.

    Raises
    ------
    DataError
        Where fewer than 200 orders lie between 0.2 and 3 times the limit.
    """
    for name, given in {"threshold": threshold, "perk_cost": perk_cost}.items():
        if not (np.isfinite(floats(given, name)) and given >= 0):
            raise DataError(f"{name}={given!r}: give money, 0 or more.")
    if threshold == 0:
        raise DataError("threshold=0 is below every order: give the value from which it holds.")
    table = purchases(orders)
    totals = table.assign(order=order_keys(table)).groupby("order", sort=False)
    values = totals["amount"].sum().to_numpy()
    person = pd.factorize(totals["customer_id"].first())[0]
    if "margin" in table and table["margin"].notna().all() and values.sum() > 0:
        gross_margin = float(table["margin"].sum() / values.sum())
    edges = threshold * np.arange(_REACH[0], _REACH[1] + _STEP / 2, _STEP)
    # An order at the limit itself belongs to the class that begins there.
    place = np.searchsorted(edges - 1e-9 * threshold, values, side="right") - 1
    inside = (place >= 0) & (place < len(edges) - 1)
    if inside.sum() < _FEWEST:
        raise DataError(
            f"{int(inside.sum()):,} orders lie between {edges[0]:g} and {edges[-1]:g}: too few to "
            f"see a heap at {threshold:g}. {_FEWEST} are needed; is it a limit of this shop?"
        )
    counted = csr_matrix(
        (np.ones(inside.sum()), (person[inside], place[inside])),
        (int(person.max()) + 1, len(edges) - 1),
    )
    seen = np.asarray(counted.sum(axis=0), dtype="float64").ravel()
    money = np.bincount(place[inside], values[inside], minlength=len(seen))
    mean = np.where(seen > 0, money / np.where(seen > 0, seen, 1), (edges[:-1] + edges[1:]) / 2)
    above = np.bincount(person, values >= threshold * (1 - 1e-9))
    smooth, near = _smooth(seen, edges, threshold), _near(edges, threshold)
    missed = ((seen - smooth) / np.sqrt(smooth))[~near]
    terms = (mean, edges, threshold, perk_cost, gross_margin)
    drawn = [_figures(seen, float(above.sum()), *terms)]
    random, people = np.random.default_rng(seed), counted.shape[0]
    for _ in range(whole_number(replicates, "replicates")):
        weight = random.multinomial(people, np.full(people, 1 / people))
        noise = random.choice(missed, len(seen)) * np.sqrt(smooth)
        again = np.maximum(weight @ counted + noise, 0.0)
        drawn.append(_figures(again, float(weight @ above), *terms))
    figures = pd.DataFrame(drawn).T
    low, high = interval_ends(np.sort(figures.to_numpy()[:, 1:], axis=1))
    table = pd.DataFrame({"estimate": figures[0], "low": low, "high": high}).set_axis(
        list(_FIGURES)
    )
    table.attrs = {"gross_margin": gross_margin, "orders": len(values)}
    classes = {"low": edges[:-1], "high": edges[1:], "orders": seen.astype("int64")}
    return Threshold(table, pd.DataFrame(classes | {"expected": smooth, "near": near}))


def _near(edges: Array, threshold: float) -> NDArray[np.bool_]:
    middle = (edges[:-1] + edges[1:]) / 2 / threshold
    return np.asarray((middle > _NEAR[0]) & (middle < _NEAR[1]))


def _smooth(seen: Array, edges: Array, threshold: float) -> Array:
    """Orders of each class by a smooth curve through those that the limit has not moved."""
    middle = (edges[:-1] + edges[1:]) / 2 / threshold
    near = _near(edges, threshold)
    basis = np.vander(np.log(middle), _POWER + 1)
    fit, seen_far = basis[~near], seen[~near]
    # Newton's method for a Poisson regression, from the logarithms of the counts.
    at = np.linalg.lstsq(fit, np.log(seen_far + 0.5), rcond=None)[0]
    for _ in range(25):
        rate = np.exp(np.clip(fit @ at, -30, 30))
        step = np.linalg.lstsq(
            fit * np.sqrt(rate)[:, None], (seen_far - rate) / np.sqrt(rate), rcond=None
        )[0]
        at = at + step
        if np.abs(step).max() < 1e-8:
            break
    expected = np.exp(np.clip(basis @ at, -30, 30))
    return np.asarray(np.where(near, expected * seen[near].sum() / expected[near].sum(), expected))


def _figures(
    seen: Array, above: float, mean: Array, edges: Array, threshold: float, cost: float,
    margin: float,
) -> list[float]:  # fmt: skip
    expected, near = _smooth(seen, edges, threshold), _near(edges, threshold)
    over = edges[:-1] > threshold * (1 - _STEP / 2)
    moved = float((seen - expected)[near & over].sum())
    extra = float(((seen - expected) * mean)[near].sum())
    below = float(expected[near & ~over].sum())
    share = moved / below if below > 0 else np.nan
    best = margin * extra / above if above > 0 else np.nan
    return [share, moved, extra, margin * extra, above, cost * above,
            margin * extra - cost * above, best]  # fmt: skip
