"""Churn: one log under every definition.

Customers, not contracts, leave: ``clvkit.spans`` says when somebody is there. In a period, S are
there when it begins and E when it ends, N others join (or come back), C leave, of whom Cn joined in
the period and Cr were there when it began and are back when it ends:

============= ==================== =========================================================
method        formula              who reports it that way
============= ==================== =========================================================
start_cohort  (C-Cn-Cr) / S        ChartMogul's standard: who was there and is gone
simple        C / S                Baremetrics, over 30 days
exposure      C / (S+N)            Stripe
average_base  C / ((S+E) / 2)      common in finance
daily         Σ C_d / S_d          ChartMogul's "Shopify" method, added up over days
hazard        1 - Π (1 - C_d/S_d)  survival analysis: 1 - S(t)/S(t-1) of the product limit
inactivity    as start_cohort      shops without contracts: no event in X days
============= ==================== =========================================================
"""

from typing import Literal, get_args

import numpy as np
import pandas as pd

from clvkit.errors import DataError, UndefinedError
from clvkit.intervals import poisson, wilson
from clvkit.othertables import Subscriptions
from clvkit.spans import Day, Ledger, Span, customer_months, daily, ledger, spells
from clvkit.tables import Transactions

Method = Literal[
    "start_cohort", "simple", "exposure", "average_base", "daily", "hazard", "inactivity"
]
REPORTED_BY = {
    "start_cohort": "ChartMogul, standard",
    "simple": "Baremetrics",
    "exposure": "Stripe",
    "average_base": "finance departments",
    "daily": "ChartMogul, Shopify's way",
    "hazard": "survival analysis",
    "inactivity": "shops without contracts",
}
_SHARES = ("start_cohort", "exposure", "inactivity")


def churn_rate(
    subs: Subscriptions | Transactions | pd.DataFrame,
    period: Span = "M",
    method: Method = "start_cohort",
    *,
    inactive_days: int | None = None,
    observation_start: Day = None,
    observation_end: Day = None,
    grace_days: int = 0,
) -> pd.DataFrame:
    """Churn in each calendar period, under one of the seven definitions of this module.

    Parameters
    ----------
    subs
        The answer of :func:`clvkit.read_subscriptions`, or a clean frame; with ``"inactivity"``
        purchases as :func:`clvkit.read_transactions` answers them.
    period
        Calendar weeks, months, quarters or years (``"W"``, ``"M"``, ``"Q"``, ``"Y"``).
    inactive_days
        For ``"inactivity"``: who has bought nothing for so many days is said to have left, on the
        last of them. There is no right value, so there is no default.
    observation_start, observation_end, grace_days
        As in :func:`clvkit.spans.ledger`.

    Returns
    -------
    One row a period: ``rate`` (a share a period) with its 90% interval ``low`` to ``high``
    (Wilson's for shares, else Garwood's for a count), ``churned`` and ``at_risk``, the two numbers
    that the rate divides, and ``complete``, whether the period was observed from end to end. Nobody
    leaves after the last observed day. A rate of nobody is missing. ``attrs`` has the observed days
    and, for ``"inactivity"``, ``came_back``: the share of those said to have left who bought again.
    """
    if method not in get_args(Method):
        raise DataError(f"method={method!r} is not one of {', '.join(get_args(Method))}.")
    if method == "inactivity":
        book = _purchase_ledger(subs, inactive_days, observation_end)
    else:
        book = ledger(subs, observation_start, observation_end, grace_days)
    counts = _counts(book, period)
    churned, at_risk = _parts(counts, method)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = (churned / at_risk).where(at_risk > 0)
    low, high = (wilson if method in _SHARES else poisson)(churned, at_risk)
    table = pd.DataFrame(
        {
            "rate": rate, "low": low, "high": high, "churned": churned, "at_risk": at_risk,
            "complete": counts["complete"],
        }
    )  # fmt: skip
    table.attrs = book.attrs() | {"method": method, "period": period}
    if method == "inactivity":
        gone = book.after == 0
        back = np.append(np.diff(book.customer) == 0, False) & gone
        table.attrs["came_back"] = float(back.sum() / gone.sum()) if gone.any() else np.nan
    return table


def compare_churn(
    subs: Subscriptions | pd.DataFrame,
    period: Span = "M",
    *,
    observation_start: Day = None,
    observation_end: Day = None,
    grace_days: int = 0,
) -> pd.DataFrame:
    """All definitions on one log, and why each differs from the share of those there who left.

    Every rate is the mean over the complete periods that began with customers. Two more lines show
    what hides or invents churn: ``renewals_due`` counts only customers with a contract that comes
    up for renewal in the period (``billing_months`` after its start, and again), and
    ``all_periods`` goes on to the first period after the last observed day, in which no customer
    is on record any more.

    Returns
    -------
    One row a definition: ``rate``, and what adds up to its difference from ``start_cohort``:
    ``joined_and_left`` (customers who joined within the period and left are counted),
    ``returned`` (so are those who left and are back), ``base`` (another number of customers is
    divided by), ``not_due`` (customers on longer contracts who could not leave are left out),
    ``right_edge`` (periods without data are counted); and ``reported_by``.

    Raises
    ------
    UndefinedError
        Where no period that was observed from end to end began with customers.
    """
    book = ledger(subs, observation_start, observation_end, grace_days)
    counts = _counts(book, period)
    used = counts["complete"] & (counts["start"] > 0)
    if not used.any():
        raise UndefinedError(
            "No period was observed from end to end and began with customers: churn has nothing to "
            "divide by. Take a shorter period, or export a longer time."
        )
    here = counts[used]
    lines = {}
    for method in get_args(Method)[:-1]:
        churned, at_risk = _parts(here, method)
        line = dict.fromkeys(("joined_and_left", "returned", "base", "not_due", "right_edge"), 0.0)
        line["rate"] = float((churned / at_risk).mean())
        if method != "start_cohort":
            line["joined_and_left"] = float((here["joined_and_left"] / here["start"]).mean())
            line["returned"] = float((here["returned"] / here["start"]).mean())
            simple = (_parts(here, "simple")[0] / here["start"]).mean()
            line["base"] = line["rate"] - float(simple)
        lines[method] = line
    own = lines["start_cohort"]
    months = customer_months(book, book.periods(period)[0])
    due = months[months["due"]].groupby("period")["lost"].mean().reindex(np.flatnonzero(used))
    rate = float(due.mean()) if period != "W" else np.nan  # A week has no month of renewal.
    lines["renewals_due"] = own | {"rate": rate, "not_due": rate - own["rate"]}
    observed = (counts["lost"] / counts["start"].where(counts["start"] > 0)).dropna()
    rates = [*observed, 1.0] if counts["end"].iloc[-1] else [*observed]
    rate = float(np.mean(rates))
    lines["all_periods"] = own | {"rate": rate, "right_edge": rate - own["rate"]}
    table = pd.DataFrame.from_dict(lines, orient="index").rename_axis("method")
    table.insert(0, "rate", table.pop("rate"))
    told = REPORTED_BY | {"renewals_due": "renewal teams", "all_periods": "nobody on purpose"}
    table["reported_by"] = [told[method] for method in table.index]
    table.attrs = book.attrs() | {"period": period, "periods": int(used.sum())}
    return table


def _purchase_ledger(
    orders: Subscriptions | Transactions | pd.DataFrame, inactive_days: int | None, end: Day
) -> Ledger:
    if inactive_days is None:
        raise DataError(
            "method='inactivity' needs inactive_days: after how many days without a purchase is a "
            "customer said to have left? Try several, such as 90 and 180; the rate depends on it."
        )
    if isinstance(orders, Subscriptions):
        raise DataError("method='inactivity' is for purchases; subscriptions say when they end.")
    return ledger(spells(orders, inactive_days), None, end)


def _counts(book: Ledger, period: str) -> pd.DataFrame:
    """Who was there, joined and left in each period, and the sums over its days."""
    index, complete = book.periods(period)
    moves = book.moves(index)
    there, stays = moves["open"] > 0, moves["close"] > 0
    inside = moves["period"] >= 0

    def each(which: pd.Series) -> np.ndarray:
        return np.bincount(moves["period"][inside & which].astype("int64"), minlength=len(index))

    counts = pd.DataFrame({"joined": each(~there), "lost": each(there & ~stays)}, index=index)
    counts["returned"] = each(there & stays & moves["left"])
    counts["joined_and_left"] = each(~there & moves["left"])
    change = each(~there & stays) - counts["lost"]
    counts["end"] = change.cumsum() + int((~inside & stays).sum())
    counts["start"] = counts["end"] - change
    days = daily(book)
    place = index.get_indexer(pd.DatetimeIndex(days.index).to_period(index.freqstr))
    share = days["left"] / days["there"].where(days["there"] > 0)
    counts["daily"] = np.bincount(place, share.fillna(0.0), minlength=len(index))
    with np.errstate(divide="ignore"):
        kept = np.bincount(place, np.log1p(-share.fillna(0.0)), minlength=len(index))
    counts["hazard"] = -np.expm1(kept)
    counts["complete"] = complete
    return counts


def _parts(counts: pd.DataFrame, method: str) -> tuple[pd.Series, pd.Series]:
    """What a definition divides: those who left, and the number that they are set against."""
    start = counts["start"].astype("float64")
    if method in ("start_cohort", "inactivity"):
        return counts["lost"], start
    churned = counts["lost"] + counts["returned"] + counts["joined_and_left"]
    if method == "exposure":
        return churned, start + counts["joined"]
    if method == "average_base":
        return churned, (start + counts["end"]) / 2
    if method in ("daily", "hazard"):
        rate = counts[method]
        # The number of customers to which the summed rate amounts.
        return churned, (churned / rate.where(rate > 0)).fillna(start)
    return churned, start
