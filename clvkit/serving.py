"""What is left of a customer after returns, support and shipping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from clvkit.arguments import floats
from clvkit.baskets import order_keys
from clvkit.errors import DataError
from clvkit.intervals import wilson
from clvkit.tables import Transactions, purchases


def cost_to_serve(
    orders: Transactions | pd.DataFrame,
    counts: pd.DataFrame | None = None,
    costs: Mapping[str, float] | None = None,
    *,
    gross_margin: float = 0.3,
) -> pd.DataFrame:
    """Margin of each customer less what serving them has cost: activity by activity.

    A plain activity-based costing: so many orders, returns and calls, times what one of each
    costs. It spreads no overheads, which would fall on customers who do not cause them.

    Parameters
    ----------
    orders
        Purchases, refunds netted; a refund read with ``refunds="set_aside"`` is not in the
        margin. The column ``margin`` counts where every row has it, else ``gross_margin`` times
        the amount.
    counts
        How often each customer did something that costs: one row a customer, indexed by
        ``customer_id`` or with that column. A missing cell, or a customer who is not there,
        counts as never; ``attrs`` says how many.
    costs
        Money each time, by the name of a column of ``counts``; ``orders`` is the cost of an
        order.

    Returns
    -------
    One row a customer, in the order of appearance: ``orders``, ``revenue``, ``margin``, a column
    ``cost_<name>`` for each of ``costs``, ``contribution`` (margin less all costs; money).
    ``attrs``: ``unprofitable`` (share of customers with a contribution below 0), ``low``,
    ``high`` (Wilson, 90%), ``loss`` (what these lose in all), ``margin``, ``costs``,
    ``contribution`` in all, and ``not_counted`` (customers without a row in ``counts``).
    """
    table = purchases(orders)
    by_column = "margin" in table and bool(table["margin"].notna().all())
    left = table["margin"] if by_column else gross_margin * table["amount"]
    lines = table.assign(left=left, order=order_keys(table))
    people = lines.groupby("customer_id", sort=False)
    answer = people.agg(
        orders=("order", "nunique"), revenue=("amount", "sum"), margin=("left", "sum")
    )
    seen = _counts(counts)
    for name, cost in (costs or {}).items():
        if not (np.isfinite(floats(cost, name)) and cost >= 0):
            raise DataError(f"cost of {name}={cost!r}: give money each time, 0 or more.")
        if name != "orders" and name not in seen:
            raise DataError(
                f"costs: counts have no column {name!r}, but {list(seen.columns)}. Give the number "
                "of times each customer did it."
            )
        times: Any = answer["orders"]
        if name != "orders":
            times = seen[name].reindex(answer.index)
            times = times.mask(times.astype("str").str.strip() == "")
        number = pd.Series(floats(times, name, "numbers of times"), answer.index)
        if (number < 0).any():
            raise DataError(f"counts of {name}: {number.idxmin()!r} has a number below 0.")
        answer[f"cost_{name}"] = cost * number.fillna(0.0)
    spent = answer.filter(like="cost_").sum(axis=1)
    answer["contribution"] = answer["margin"] - spent
    losing = answer["contribution"] < 0
    low, high = wilson(losing.sum(), len(answer))
    answer.attrs = {
        "unprofitable": float(losing.mean()), "low": float(low), "high": float(high),
        "loss": float(answer.loc[losing, "contribution"].sum()),
        "margin": float(answer["margin"].sum()), "costs": float(spent.sum()),
        "contribution": float(answer["contribution"].sum()),
        "not_counted": int((~answer.index.isin(seen.index)).sum()) if counts is not None else 0,
    }  # fmt: skip
    return answer


def _counts(counts: pd.DataFrame | None) -> pd.DataFrame:
    if counts is None:
        return pd.DataFrame()
    seen = counts.set_index("customer_id") if "customer_id" in counts else counts
    if seen.index.has_duplicates:
        again = seen.index[seen.index.duplicated()][0]
        raise DataError(f"counts: customer {again!r} is there twice; one row each is wanted.")
    return seen
