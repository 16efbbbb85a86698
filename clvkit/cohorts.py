"""Cohorts: customers by the period of their first purchase, followed by age."""

from typing import Literal

import numpy as np
import pandas as pd

from clvkit.errors import DataError
from clvkit.tables import Transactions, purchases

Value = Literal["customers", "orders", "revenue"]


def cohort_table(
    orders: Transactions | pd.DataFrame,
    period: Literal["W", "M", "Q", "Y"] = "M",
    value: Value = "customers",
    observation_end: str | pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Count what each cohort did at each age.

    Parameters
    ----------
    period
        Calendar weeks, months, quarters or years, for joining and for age alike.
    value
        ``"customers"``: customers with a purchase; ``"orders"``: days with a purchase, over all
        customers; ``"revenue"``: money.
    observation_end
        The last day observed. Default: the last purchase.

    Returns
    -------
    One row a cohort (a ``PeriodIndex`` named ``cohort``), one column an age (0 is the period of
    joining). A cell that nobody has lived through to its end is missing, not 0: that is the
    *right edge*. What a last, unfinished period held is in ``attrs["unfinished"]``, so that the
    table and the receipt can be reconciled. ``attrs["size"]`` has the customers of each cohort.
    """
    if period not in ("W", "M", "Q", "Y"):
        raise DataError(f"period={period!r}: give 'W', 'M', 'Q' or 'Y'.")
    if value not in ("customers", "orders", "revenue"):
        raise DataError(f"value={value!r}: give 'customers', 'orders' or 'revenue'.")
    table = purchases(orders)
    end = table["date"].max() if observation_end is None else pd.Timestamp(observation_end)
    table = table[table["date"] <= end]
    daily = table.groupby(["customer_id", "date"], sort=False)["amount"].sum().reset_index()
    when = pd.PeriodIndex(daily["date"].dt.to_period(period)).asi8
    joined = pd.Series(when).groupby(daily["customer_id"]).transform("min")
    cells = pd.DataFrame({"cohort": joined, "age": when - joined, "id": daily["customer_id"]})
    cells["revenue"] = daily["amount"]
    groups = cells.groupby(["cohort", "age"])
    if value == "customers":
        counted = groups["id"].nunique()
    elif value == "orders":
        counted = groups.size()
    else:
        counted = groups["revenue"].sum()
    last = pd.Period(end, period)
    rows = np.array(sorted(cells["cohort"].unique()))
    ages = np.arange(last.ordinal - rows.min() + 1)
    wide = counted.unstack("age").reindex(index=rows, columns=ages).fillna(0.0)
    unfinished = last.end_time.normalize() > end
    observed = rows[:, None] + ages <= last.ordinal - int(unfinished)
    beyond = float(wide.to_numpy()[~observed].sum())
    wide = wide.where(observed)
    wide.index = pd.PeriodIndex(
        [pd.Period(ordinal=int(row), freq=last.freqstr) for row in rows], name="cohort"
    )
    wide.columns.name = "age"
    size = cells.groupby("cohort")["id"].nunique().loc[rows]
    wide.attrs = {
        "value": value,
        "period": period,
        "observation_end": end.date().isoformat(),
        "size": dict(zip(map(str, wide.index), size.tolist(), strict=True)),
        "unfinished": {"period": str(last), value: beyond} if unfinished else None,
    }
    return wide
