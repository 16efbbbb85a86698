"""Which attributes of customers go with their value."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvkit.arguments import floats
from clvkit.errors import DataError
from clvkit.othertables import Customers, read_customers
from clvkit.segments import equal_parts
from clvkit.tables import Transactions, purchases

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

LEAST_CUSTOMERS = 30
"""A group smaller than this is not compared: its mean says nothing about others of its kind."""
MOST_LEVELS = 20
_SHUFFLES = 400
UNKNOWN = "not known"
# What is no attribute: it says since when somebody is a customer, not who that is.
_NO_ATTRIBUTES = ["acquired_on"]
_FEW = 6


def ideal_customer(value: pd.Series, customers: Customers | pd.DataFrame) -> pd.DataFrame:
    """Which attributes go with value, so surely that it is more than luck.

    Each group of an attribute is compared with all other customers whose attribute is known. With
    many groups one of them looks good by luck, so the intervals are widened until all of them
    hold *together* with a probability of 90%. How wide that is, the data say: values are shuffled
    over the customers 400 times, and the largest difference in standard errors that luck makes
    then is exceeded in a tenth of the shuffles (Westfall and Young 1993, Resampling-Based Multiple
    Testing). That an attribute goes with value does not say that it causes any.

    Parameters
    ----------
    value
        One number a customer, comparable between them: CLV, or :func:`clvkit.early_value`.
    customers
        Attributes: text as it is, numbers of more than six values in thirds. Columns of text with
        more than 20 values (names, notes) and dates are left out (``attrs["left_out"]``).

    Returns
    -------
    One row an ``attribute`` and ``group``, the clearest first: ``customers``, ``mean``,
    ``difference`` (from the others), ``low`` and ``high`` (missing for a group that is compared
    with none: fewer than 30 customers in it or besides it, or not known), and ``clear``: the
    interval does not hold 0. ``attrs``: ``comparisons``, ``customers`` and ``unmatched`` (with a
    value, but not in the table of customers).
    """
    people = read_customers(customers).table.set_index("customer_id")
    known = value.index.isin(people.index)
    if known.sum() < 2 * LEAST_CUSTOMERS:
        raise DataError(
            f"{int(known.sum()):,} of {len(value):,} customers are in the table of attributes; at "
            f"least {2 * LEAST_CUSTOMERS} are needed. Are the ids written alike?"
        )
    # In one order whatever the input's, so that the same shuffles are drawn.
    worth = pd.Series(floats(value, "value")[known], value.index[known]).sort_index()
    people, groups, left_out = people.loc[worth.index], {}, []
    for name in people.columns.difference(_NO_ATTRIBUTES, sort=False):
        column = grouped(people[name])
        if column is None:
            left_out.append(str(name))
            continue
        told = column != UNKNOWN
        for group in sorted(set(column)):
            inside = (column == group).to_numpy()
            groups[str(name), group] = inside, told.to_numpy() & ~inside & (group != UNKNOWN)
    if not groups:
        raise DataError(f"None of the columns {left_out} has groups of customers to compare.")
    members, others = (np.array([pair[i] for pair in groups.values()]) for i in (0, 1))
    values = np.asarray(worth, dtype="float64")
    difference, error = _differences(values[:, None], members, others)
    table = pd.DataFrame(groups.keys(), columns=["attribute", "group"])
    table["customers"] = members.sum(axis=1)
    table["mean"] = members @ values / members.sum(axis=1)
    table["difference"] = difference[:, 0]
    reach = _luck(values, members, others) * error[:, 0]
    table["low"], table["high"] = table["difference"] - reach, table["difference"] + reach
    table["clear"] = (table["low"] > 0) | (table["high"] < 0)
    surely = (table["difference"].abs() / reach).fillna(-1.0)
    table = table.loc[surely.sort_values(ascending=False, kind="stable").index]
    table = table.reset_index(drop=True)
    table.attrs = {
        "comparisons": int(table["low"].notna().sum()),
        "customers": int(known.sum()),
        "unmatched": int((~known).sum()),
        "left_out": left_out,
    }
    return table


def first_order(orders: Transactions | pd.DataFrame) -> pd.DataFrame:
    """What the first day of each customer says: attributes for want of a table of customers.

    Returns
    -------
    A table of customers: ``customer_id``, ``weekday`` and ``quarter`` of joining, and, where the
    purchases have them, ``channel`` and ``category`` of the first line of that day.
    """
    table = purchases(orders)
    ordered = table.sort_values("date", kind="stable")
    first = ordered.drop_duplicates("customer_id").sort_index()
    columns = ["customer_id", *(name for name in ("channel", "category") if name in first)]
    return first[columns].assign(
        weekday=first["date"].dt.day_name(), quarter=first["date"].dt.to_period("Q").astype(str)
    )


def grouped(column: pd.Series, parts: int = 3) -> pd.Series | None:
    """The groups of an attribute as text, or ``None`` where it has none to compare.

    Numbers of more than six values are cut into ``parts`` of equal size; equal values stay
    together. Missing cells are a group of their own.
    """
    numbers = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if pd.api.types.is_datetime64_any_dtype(column):
        return None
    if numbers and column.nunique() > _FEW:
        part = equal_parts(column.dropna(), parts)
        ends = column.groupby(part).agg(["min", "max"])
        names = {at: f"{low:g} to {high:g}" for at, low, high in ends.itertuples()}
        thirds: pd.Series = part.map(names).reindex(column.index).astype(object).fillna(UNKNOWN)
        return thirds
    if numbers:
        text = column.map("{:g}".format, na_action="ignore").astype(object)
    else:
        text = column.astype(object).map(str, na_action="ignore")
    text = pd.Series(text.where(text != "").fillna(UNKNOWN))
    return text if text.nunique() <= MOST_LEVELS else None


def _differences(values: Array, members: Mask, others: Mask) -> tuple[Array, Array]:
    """Difference of the means of members and others, and its standard error, by group and column.

    ``values`` has a row a customer, the masks a row a group. Missing where a side is too small.
    """
    parts = []
    for side in (members.astype("float64"), others.astype("float64")):
        size = side.sum(axis=1, keepdims=True)
        size = np.where(size >= LEAST_CUSTOMERS, size, np.nan)
        mean = side @ values / size
        parts.append((mean, (side @ values**2 / size - mean**2) / (size - 1)))
    (mean, variance), (other, its_variance) = parts
    return mean - other, np.sqrt(np.maximum(variance + its_variance, 0.0))


def _luck(values: Array, members: Mask, others: Mask) -> float:
    """Standard errors that the largest difference exceeds in a tenth of the shuffles."""
    random = np.random.default_rng(1993)
    compared = members.sum(axis=1) >= LEAST_CUSTOMERS
    compared &= others.sum(axis=1) >= LEAST_CUSTOMERS
    if not compared.any() or np.ptp(values) == 0:
        return np.nan
    largest: list[float] = []
    for _ in range(_SHUFFLES // 20):
        shuffled = random.permuted(np.tile(values, (20, 1)), axis=1).T
        difference, error = _differences(shuffled, members[compared], others[compared])
        largest += list((np.abs(difference) / error).max(axis=0))
    return float(np.quantile(largest, 0.9))
