"""Cohorts: customers by the period of their first purchase, followed by age."""

from typing import Any, Literal

import numpy as np
import pandas as pd

from clvkit import lazy
from clvkit.compressed import compress, observed_until
from clvkit.errors import DataError
from clvkit.scan import days_in_engine
from clvkit.tables import Transactions, purchases

# Standard normal quantile of a two-sided 90% interval.
_Z90 = 1.6448536269514722

Value = Literal["customers", "orders", "revenue"]


def cohort_table(
    orders: Any,
    period: Literal["W", "M", "Q", "Y"] = "M",
    value: Value = "customers",
    observation_end: str | pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Count what each cohort did at each age.

    Parameters
    ----------
    orders
        As in :func:`clvkit.summarize`; an engine groups its own table.
    period
        Calendar weeks, months, quarters or years, for joining and for age alike.
    value
        ``"customers"``: customers with a purchase; ``"orders"``: days with a purchase, over all
        customers; ``"revenue"``: money.
    observation_end
        The last day observed. Default: the one given to :func:`clvkit.read_transactions`, or
        the last purchase.

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
    if (stored := days_in_engine(orders)) is not None:
        end = observed_until(stored.first, stored.end, observation_end, "observation_end")
        return _wide(lazy.cohorts(stored, period, end), period, value, end)
    days = compress(orders, observation_end)
    low, begin = int(days.day.min()), days.start[:-1]
    calendar = pd.Timestamp(0) + pd.to_timedelta(np.arange(low, int(days.day.max()) + 1), "D")
    when = pd.PeriodIndex(calendar.to_period(period)).asi8[days.day - low]
    joined = np.repeat(when[begin], days.sizes)
    # A customer counts once a period, however many days it has.
    fresh = np.append(True, when[1:] != when[:-1])
    fresh[begin] = True
    oldest = int(joined.min())
    ages = int(when.max()) - oldest + 1
    cell = (joined - oldest) * ages + when - joined
    orders_in = np.bincount(cell)
    present = np.flatnonzero(orders_in)
    cells = pd.DataFrame(
        {
            "joined": present // ages + oldest,
            "age": present % ages,
            "customers": np.bincount(cell, fresh)[present],
            "orders": orders_in[present].astype("float64"),
            "revenue": np.bincount(cell, days.amount)[present] / days.scale,
        }
    )
    return _wide(cells, period, value, days.end)


def _wide(cells: pd.DataFrame, period: str, value: Value, end: pd.Timestamp) -> pd.DataFrame:
    """One row a cohort and one column an age, from one row a cell."""
    last = pd.Period(end, period)
    rows = np.array(sorted(cells["joined"].unique()))
    ages = np.arange(last.ordinal - rows.min() + 1)
    counted = cells.set_index(["joined", "age"])[value]
    wide = counted.unstack("age").reindex(index=rows, columns=ages).fillna(0.0)
    unfinished = last.end_time.normalize() > end
    observed = rows[:, None] + ages <= last.ordinal - int(unfinished)
    beyond = float(wide.to_numpy()[~observed].sum())
    wide = wide.where(observed)
    wide.index = pd.PeriodIndex(
        [pd.Period(ordinal=int(row), freq=last.freqstr) for row in rows], name="cohort"
    )
    wide.columns.name = "age"
    size = cells[cells["age"] == 0].set_index("joined")["customers"].loc[rows].astype("int64")
    wide.attrs = {
        "value": value,
        "period": period,
        "observation_end": end.date().isoformat(),
        "size": dict(zip(map(str, wide.index), size.tolist(), strict=True)),
        "unfinished": {"period": str(last), value: beyond} if unfinished else None,
    }
    return wide


def cohort_value(
    orders: Transactions | pd.DataFrame,
    period: Literal["W", "M", "Q", "Y"] = "M",
    age: int | None = None,
    gross_margin: float = 1.0,
) -> pd.DataFrame:
    """Historical CLV of each cohort at one age, and how sure the data are of it.

    The margin that a cohort's customers left in their first ``age`` + 1 periods, divided by all
    who joined: the running sum of :func:`cohort_table`, with its sampling error.

    Parameters
    ----------
    age
        The same for all cohorts, so that they can be compared. Default: the largest age that
        three quarters of the cohorts have lived through, at least 0; younger ones are left out.
    gross_margin
        Share of revenue that is left after the cost of serving; 1 gives revenue.

    Returns
    -------
    One row a cohort that has reached ``age``: ``customers``, ``mean`` (money per customer),
    ``standard_error``, and the 90% interval ``low`` to ``high`` (normal approximation; missing
    for a cohort of one). ``attrs["age"]`` has the age.

    Raises
    ------
    DataError
        Where no cohort has lived through ``age`` periods.
    """
    observed = cohort_table(orders, period, "revenue")
    lived = observed.notna().sum(axis=1) - 1
    if age is None:
        age = int(
            lived.clip(lower=0).sort_values(ascending=False).iloc[-(-3 * len(lived) // 4) - 1]
        )
    old_enough = observed.index[lived >= age]
    if age < 0 or not len(old_enough):
        raise DataError(
            f"No cohort has lived through {age + 1} whole periods ({period!r}); the oldest has "
            f"lived through {int(lived.max()) + 1}. Take a lower age or a shorter period."
        )
    table = purchases(orders)
    when = pd.PeriodIndex(table["date"].dt.to_period(period)).asi8
    joined = pd.Series(when).groupby(table["customer_id"]).transform("min").to_numpy()
    early = table["amount"].where(when - joined <= age, 0.0) * gross_margin
    spent = early.groupby([joined, table["customer_id"]]).sum()
    by_cohort = spent.groupby(level=0).agg(["size", "mean", "sem"])
    answer = pd.DataFrame(
        {
            "customers": by_cohort["size"],
            "mean": by_cohort["mean"],
            "standard_error": by_cohort["sem"],
            "low": by_cohort["mean"] - _Z90 * by_cohort["sem"],
            "high": by_cohort["mean"] + _Z90 * by_cohort["sem"],
        }
    ).set_axis(observed.index)
    answer = answer.loc[old_enough]
    answer.attrs = {"age": age, "period": period, "gross_margin": gross_margin}
    return answer
