"""Who came new and what they cost and leave, by channel: counted, not assumed."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from clvkit.arguments import floats, whole_number
from clvkit.errors import DataError
from clvkit.intervals import poisson
from clvkit.othertables import (
    Customers,
    Spend,
    Subscriptions,
    read_customers,
    read_spend,
    read_subscriptions,
)
from clvkit.tables import Transactions, read_transactions

UNKNOWN = "(unknown)"
"""The channel of customers of whom none is written down."""

_YET_TO_COME = "its customers are yet to come"
_By = Literal["kind", "channel", "month", "channel_month"]
Joined = Subscriptions | Transactions | Customers | pd.DataFrame


def new_customers(
    spend: Spend | pd.DataFrame,
    joined: Joined | None = None,
    customers: Customers | pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Put who came for the first time beside what was spent, by month and channel.

    New is who starts the first subscription ever, buys for the first time ever, or has an
    ``acquired_on``; who comes back is not, and neither is who was there before the first month
    of ``spend``. The channel is that of the first row, else that of ``customers``, else
    ``(unknown)``.

    Parameters
    ----------
    joined
        The answer of a reader (subscriptions, transactions, or customers with ``acquired_on``),
        or a frame with its columns. Without it the column ``new_customers`` is taken at its word.
    customers
        Where ``joined`` has no channel: a table that has.

    Returns
    -------
    A spend table: ``date`` (first of the month), ``channel``, ``spend``, ``new_customers``, every
    channel in every month, 0 where nothing was spent or nobody came. ``attrs["counted"]`` says
    how many are ``new`` in these months, came ``before`` or ``after`` them or are ``undated``,
    and how many starts or purchases of known customers were ``again`` and not counted.
    """
    if joined is None:
        return monthly_history(spend)
    paid = _monthly(spend)[["date", "channel", "spend"]]
    starts = first_rows(joined, customers)
    month = starts["date"].dt.to_period("M").dt.to_timestamp().astype("datetime64[s]")
    first, last = paid["date"].min(), paid["date"].max()
    inside = (month >= first) & (month <= last)
    came = starts[inside].groupby([month[inside], "channel"]).size().rename("new_customers")
    channels = pd.unique(pd.concat([paid["channel"], pd.Series(came.index.get_level_values(1))]))
    months = pd.date_range(first, last, freq="MS").astype("datetime64[s]")
    grid = pd.MultiIndex.from_product([months, channels], names=["date", "channel"])
    answer = paid.set_index(["date", "channel"]).reindex(grid, fill_value=0.0)
    answer["new_customers"] = came.reindex(grid, fill_value=0).astype("float64")
    answer = answer.reset_index()
    answer.attrs = {
        "period": "M",
        "counted": {
            "new": int(inside.sum()),
            "before": int((month < first).sum()),
            "after": int((month > last).sum()),
            "again": starts.attrs["again"],
            "undated": starts.attrs["undated"],
        },
    }
    return answer


def acquisition_cost(
    spend: Spend | pd.DataFrame,
    *,
    by: _By = "channel",
    lag: int = 0,
    other_costs: float = 0.0,
) -> pd.DataFrame:
    """Customer acquisition cost (CAC): what was spent, divided by the new customers it brought.

    Parameters
    ----------
    spend
        With ``new_customers``, from its column or from :func:`new_customers`.
    by
        ``"kind"`` gives three figures: ``paid`` (spend and customers of the channels that cost
        something), ``blended`` (all new customers, those nobody paid for too) and ``fully
        loaded`` (with ``other_costs``). The others split paid and unpaid spend alike.
    lag
        Whole months from spend to customer: the spend of a month is divided by who came ``lag``
        months later. The spend of the last ``lag`` months has its customers yet to come.
    other_costs
        Salaries, tools, agencies: what winning customers cost besides, in all months together.

    Returns
    -------
    ``spend``, ``new_customers``, ``cac`` and its 90% interval ``low`` to ``high``, which is the
    luck of who came (Poisson, exact), and ``reason`` where there is no CAC: never 0, never
    infinite. Rows with spend and nobody, or with customers and no spend, are there. By kind and
    channel, months whose ``new_customers`` is missing are left out on both sides, and
    ``attrs["not_counted"]`` says how many ``rows`` and how much ``spend`` that is.
    """
    if by not in get_args(_By):
        raise DataError(f"by={by!r}: give one of {', '.join(get_args(_By))}.")
    rows = monthly_history(spend)
    lag, extra = whole_number(lag, "lag", 0), floats(other_costs, "other_costs")
    if extra.ndim or not (np.isfinite(extra) and extra >= 0):
        raise DataError(f"other_costs={other_costs!r}: give an amount of 0 or more.")
    months, channels = rows["date"].nunique(), rows["channel"].unique()
    if lag >= months:
        raise DataError(f"lag={lag}, but the table has {months} months: give a smaller lag.")
    rows["new_customers"] = rows.groupby("channel")["new_customers"].shift(-lag)
    later = rows["date"] > rows["date"].max() - pd.DateOffset(months=lag)
    pair = ["spend", "new_customers"]
    if by == "channel_month":
        yet = np.where(later, _YET_TO_COME, "")
        return _cac(rows.set_index(["date", "channel"])[pair], yet)
    if by == "month":
        # A channel whose count is missing leaves its month without one.
        sums = rows.groupby("date")[pair].sum(min_count=len(channels))
        yet = np.where(np.arange(months) >= months - lag, _YET_TO_COME, "")
        return _cac(sums, yet)
    known = rows[rows["new_customers"].notna()]
    sums = known.groupby("channel")[pair].sum(min_count=1).reindex(channels)
    sums["spend"] = sums["spend"].fillna(0.0)
    if by == "kind":
        kinds = {"paid": sums[sums["spend"] > 0].sum(), "blended": sums.sum()}
        kinds["fully loaded"] = kinds["blended"] + pd.Series([float(extra), 0.0], pair)
        sums = pd.DataFrame(kinds).T.rename_axis("kind")
    answer = _cac(sums)
    missing = rows["new_customers"].isna() & ~later
    answer.attrs["not_counted"] = {
        "rows": int(missing.sum()),
        "spend": float(rows["spend"][missing].sum()),
    }
    return answer


def monthly_history(spend: Spend | pd.DataFrame) -> pd.DataFrame:
    """Spend and new customers by month and channel, every channel in every month."""
    rows = _monthly(spend)
    if "new_customers" not in rows:
        raise DataError(
            "The spend table does not say who came: it has no column 'new_customers'. Add it, or "
            "count new customers from subscriptions, purchases or customers with "
            "clv.new_customers(spend, joined)."
        )
    return rows


def _monthly(spend: Spend | pd.DataFrame) -> pd.DataFrame:
    """Spend by month and channel, every channel in every month, in order of appearance."""
    table = spend.table if isinstance(spend, Spend) else read_spend(spend).table
    month = table["date"].dt.to_period("M").dt.to_timestamp().astype("datetime64[s]")
    money = [c for c in ("spend", "new_customers") if c in table]
    keys = [month.rename("date"), table["channel"].fillna(UNKNOWN)]
    sums = table[money].groupby(keys, sort=False).sum(min_count=1)
    months = pd.date_range(month.min(), month.max(), freq="MS").astype("datetime64[s]")
    grid = pd.MultiIndex.from_product([months, keys[1].unique()], names=["date", "channel"])
    # A channel without a row in a month spent nothing; a cell left empty stays unknown.
    there = grid.isin(sums.index)
    answer = sums.reindex(grid).astype("float64")
    return answer.where(answer.notna() | there[:, None], 0.0).reset_index()


def in_contract(joined: Joined) -> Subscriptions | Transactions | Customers:
    """A frame through the reader whose columns it has."""
    if not isinstance(joined, pd.DataFrame):
        return joined
    if "start" in joined:
        return read_subscriptions(joined)
    return read_transactions(joined) if "amount" in joined else read_customers(joined)


def first_rows(joined: Joined, customers: Customers | pd.DataFrame | None) -> pd.DataFrame:
    """One row a customer: ``date`` of the first row ever, and its ``channel``."""
    source = in_contract(joined)
    table = source.table
    name = {Subscriptions: "start", Transactions: "date", Customers: "acquired_on"}[type(source)]
    if name not in table:
        raise DataError(
            "The customers have no column 'acquired_on', so nobody knows when they came. Add it, "
            "or give subscriptions or purchases."
        )
    rows = pd.DataFrame({"customer_id": table["customer_id"], "date": table[name]})
    rows["channel"] = table.get("channel")
    # Rows of one day are put in order by channel, so that the order of the table does not matter.
    dated = rows.dropna(subset="date").sort_values(["date", "channel"], kind="stable")
    first = dated.drop_duplicates("customer_id").set_index("customer_id")
    if customers is not None:
        told = (
            customers.table if isinstance(customers, Customers) else read_customers(customers).table
        )
        if "channel" not in told:
            raise DataError("The customers table has no column 'channel': leave it out, or add it.")
        channels = told.set_index("customer_id")["channel"].reindex(first.index)
        first["channel"] = first["channel"].fillna(channels)
    first["channel"] = first["channel"].fillna(UNKNOWN).astype(str)
    first.attrs["again"] = len(dated) - len(first)
    first.attrs["undated"] = rows["customer_id"].nunique() - len(first)
    return first


def _cac(frame: pd.DataFrame, reason: Any = "") -> pd.DataFrame:
    """CAC of rows of spend and customers, with the exact Poisson interval of who came."""
    spend, came = frame["spend"], frame["new_customers"]
    why = np.select(
        [np.asarray(reason) != "", came.isna(), (spend == 0) & (came == 0), spend == 0, came == 0],
        [
            reason,
            "new_customers is missing",
            "no spend and no customers",
            "no spend",
            "nobody came",
        ],
        default="",
    )
    known = why == ""
    # Customers per unit of money; turned over, the upper limit is the lower CAC.
    few, many = poisson(came.where(known), spend.where(known))
    cac = (spend / came).where(known, np.nan)
    return frame.assign(cac=cac, low=1 / many, high=1 / few, reason=why)
