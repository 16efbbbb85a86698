"""Recurring revenue: where it comes from each month, how much of it stays, and whose it is.

Monthly recurring revenue (MRR) of a period is that of its last day, or of the last observed day
where that comes first; ``clvkit.spans`` has the rules. What a customer pays is compared between the
end of one period and the end of the next, so whoever comes and goes in between moves nothing.
"""

from collections import deque
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvkit import engines, lazyspans
from clvkit.arguments import whole_number
from clvkit.errors import DataError, UndefinedError
from clvkit.intervals import wilson
from clvkit.models.base import Z90
from clvkit.othertables import Subscriptions
from clvkit.spans import Day, Ledger, Span, ledger

_MOVES = lazyspans.MOVES
_MONTHS = {"M": 1, "Q": 3, "Y": 12}


def mrr_movements(
    subs: Any,
    period: Span = "M",
    *,
    observation_start: Day = None,
    observation_end: Day = None,
    grace_days: int = 0,
) -> pd.DataFrame:
    """What changed monthly recurring revenue in each period, by kind.

    ``new`` is that of customers never there before, ``reactivation`` of those who had left;
    ``expansion`` and ``contraction`` are of customers who stayed; ``churn`` of those who are gone.
    All are positive amounts, and to the cent in every period

        end = start + new + reactivation + expansion - contraction - churn.

    To that purpose money is added up in millionths, and the running sum of a line is rounded to
    cents, not each amount by itself: an amount may differ by a cent from its own rounding.
    An annual contract counts a twelfth a month, as its ``mrr`` says.

    Parameters
    ----------
    subs
        As in :func:`clvkit.churn_rate`; or a clean table in an engine, a DuckDB relation or a Spark
        table, which is grouped there: only the sums of periods come into memory.

    Returns
    -------
    One row a period: ``start``, the five movements, ``end`` (money a month), ``customers_start``,
    ``customers_new``, ``customers_back``, ``customers_lost``, ``customers_end``, ``arpa`` (``end``
    over paying customers, missing where there are none) and ``complete``. The other parameters,
    and ``attrs``, are as in :func:`clvkit.churn_rate`.
    """
    edges = (observation_start, observation_end, grace_days)
    if (stored := engines.lazy(subs)) is not None:
        book: Ledger | lazyspans.Contracts = lazyspans.contracts(stored, *edges)
    else:
        book = ledger(subs, *edges)
    index, complete = book.periods(period)
    flows = book.flows(index) if isinstance(book, lazyspans.Contracts) else _flows(book, index)
    amounts = _by_period(flows, "size", len(index))
    customers = _by_period(flows, "customers", len(index))
    before = flows[flows["period"] < 0]
    opening, there = int(before["close"].sum()), int(before["there"].sum())
    signs = np.array([1, 1, 1, -1, -1])
    ends = opening + np.cumsum(amounts @ signs)
    starts = np.append(opening, ends[:-1])
    running = np.column_stack([starts, starts[:, None] + np.cumsum(amounts * signs, axis=1)])
    cents = _cents(running, book.scale)
    table = pd.DataFrame({"start": cents[:, 0] / 100}, index=index)
    for column, name in enumerate(_MOVES):
        table[name] = np.diff(cents, axis=1)[:, column] * signs[column] / 100
    table["end"] = cents[:, -1] / 100
    change = customers[:, 0] + customers[:, 1] - customers[:, 4]
    table["customers_start"] = there + np.cumsum(change) - change
    table["customers_new"], table["customers_back"] = customers[:, 0], customers[:, 1]
    table["customers_lost"] = customers[:, 4]
    table["customers_end"] = table["customers_start"] + change
    table["arpa"] = table["end"] / table["customers_end"].where(table["customers_end"] > 0)
    table["complete"] = complete
    table.attrs = book.attrs() | {"period": period}
    return table


def quick_ratio(movements: pd.DataFrame, reactivation: bool = True) -> pd.Series:
    """Revenue gained over revenue lost in each line of :func:`mrr_movements`.

    ``(new + expansion [+ reactivation]) / (contraction + churn)``: vendors differ in whether
    customers who came back count, so say which. A period without losses has no quick ratio: it
    is missing, and ``attrs["undefined"]`` counts such periods.
    """
    needed = ["new", "expansion", "reactivation", "contraction", "churn"]
    if missing := [name for name in needed if name not in movements]:
        raise DataError(f"The table has no {missing}: give what clv.mrr_movements answers.")
    gained = movements["new"] + movements["expansion"]
    if reactivation:
        gained = gained + movements["reactivation"]
    lost = movements["contraction"] + movements["churn"]
    ratio = (gained / lost.where(lost > 0)).rename("quick_ratio")
    ratio.attrs = {"reactivation": reactivation, "undefined": int((lost <= 0).sum())}
    return ratio


def revenue_retention(
    subs: Subscriptions | pd.DataFrame,
    window_months: int = 12,
    *,
    by: str | None = None,
    observation_start: Day = None,
    observation_end: Day = None,
    grace_days: int = 0,
) -> pd.DataFrame:
    """How much of the revenue of those there ``window_months`` ago is left, month by month.

    With m0 what a customer paid at the end of the month before the window and m1 at its end, summed
    over the customers with m0 > 0: gross revenue retention ``grr`` = Σ min(m1, m0) / Σ m0, net
    ``nrr`` = Σ m1 / Σ m0, ``logo`` = the share of them who are there. A customer cannot lose more
    than they paid, so ``grr`` is at most 1 and at most ``nrr``. Rates of another window are
    another thing: twelve monthly ones do not multiply to the yearly one where customers return.

    Parameters
    ----------
    by
        ``"cohort"``: one line for each month and year of joining, the second level of the index.

    Returns
    -------
    One row for each complete month that a window ends with: ``start_mrr``, ``customers``, and
    ``grr``, ``nrr``, ``logo``, each with its 90% interval (``grr_low`` to ``grr_high``; of a ratio
    of sums over customers, Wilson's for ``logo``). ``attrs["window_months"]`` has the
    window.

    Raises
    ------
    UndefinedError
        Where no window began with customers.
    """
    if by not in (None, "cohort"):
        raise DataError(f"by={by!r}: give 'cohort' or nothing.")
    window = whole_number(window_months, "window_months")
    book = ledger(subs, observation_start, observation_end, grace_days)
    index, complete = book.periods("M")
    moves = book.moves(index).sort_values("period", kind="stable")
    ends = np.searchsorted(moves["period"], np.arange(-1, len(index)), side="right")
    who, close = moves["customer"].to_numpy("int64"), moves["close"].to_numpy("int64")
    cohort = _joining_year(book)
    names: list[int | None] = [None] if by is None else sorted(set(cohort[cohort > 0].tolist()))
    level, done = np.zeros(len(book.ids), dtype="int64"), 0
    recent: deque[NDArray[np.int64]] = deque(maxlen=window + 1)
    lines = []
    for end, month, whole in zip(ends, [None, *index], [False, *complete], strict=True):
        level[who[done:end]] = close[done:end]
        recent.append(level.copy())
        done = end
        if whole and len(recent) > window:
            there = recent[0] > 0
            for name in names:
                some = there if name is None else there & (cohort == name)
                if some.any():
                    rates = _retained(recent[0][some], level[some], book.scale)
                    lines.append(rates | {"period": month, "cohort": str(name)})
    if not lines:
        raise UndefinedError(
            f"No customer was there {window} months before the end of a complete month, so nothing "
            f"can be said of {window} months. Take a shorter window, or export a longer time."
        )
    table = pd.DataFrame(lines).set_index("period" if by is None else ["period", "cohort"])
    if by is None:
        table = table.drop(columns="cohort").set_axis(pd.PeriodIndex(table.index, name="period"))
    table.attrs = book.attrs() | {"window_months": window}
    return table


def mrr_by_cohort(
    subs: Subscriptions | pd.DataFrame,
    *,
    observation_start: Day = None,
    observation_end: Day = None,
    grace_days: int = 0,
) -> pd.DataFrame:
    """Monthly recurring revenue at the end of each month, by the year in which customers joined.

    One row a month, one column a year of joining; every line adds up to that month's ``end`` in
    :func:`mrr_movements`, to within a cent a column.
    """
    book = ledger(subs, observation_start, observation_end, grace_days)
    index, _ = book.periods("M")
    moves = book.moves(index)
    cohort = _joining_year(book)[moves["customer"].to_numpy("int64")]
    change = (moves["close"] - moves["open"]).groupby([moves["period"], cohort]).sum().unstack()
    change = change.reindex(range(-1, len(index))).fillna(0).cumsum().iloc[1:]
    table = (change / book.scale).round(2).set_axis(index)
    table.columns = pd.Index([str(int(year)) for year in table.columns], name="joined")
    table.attrs = book.attrs()
    return table


def _flows(book: Ledger, index: pd.PeriodIndex) -> pd.DataFrame:
    """What moved in each period, by kind: the columns of ``lazyspans.Contracts.flows``."""
    moves = book.moves(index)
    before, after = (moves[name].to_numpy("int64") for name in ("open", "close"))
    arrived = np.where(moves["first"].to_numpy(dtype=bool), 0, 1)
    stayed = np.select([after > before, after < before], [2, 3], -1)
    kind = np.where(before == 0, np.where(after > 0, arrived, -1), np.where(after > 0, stayed, 4))
    each = moves.assign(kind=kind, size=np.abs(after - before), customers=1, there=after > 0)
    sums = each.groupby(["period", "kind"])[["size", "customers", "close", "there"]].sum()
    return sums.reset_index()


def _by_period(flows: pd.DataFrame, what: str, periods: int) -> NDArray[np.int64]:
    """One line a period and one column a kind of movement."""
    table = np.zeros((periods, len(_MOVES)), dtype="int64")
    some = flows[(flows["period"] >= 0) & (flows["kind"] >= 0)]
    table[some["period"].to_numpy("int64"), some["kind"].to_numpy("int64")] = some[what]
    return table


def _cents(units: np.ndarray, scale: float) -> np.ndarray:
    """Whole units as cents, half a cent upwards; the same amount is always the same cents."""
    each = int(scale) // 100
    return (units + each // 2) // each if each else units * 100


def _retained(earlier: NDArray[np.int64], now: NDArray[np.int64], scale: float) -> dict[str, Any]:
    """What is left of the customers' revenue, with intervals of ratios of sums."""
    count, paid = len(earlier), float(earlier.sum())
    answer: dict[str, Any] = {"start_mrr": round(paid / scale, 2), "customers": count}
    for name, kept in (("grr", np.minimum(now, earlier)), ("nrr", now)):
        rate = float(kept.sum() / paid)
        spread = (kept - rate * earlier).astype("float64")
        error = np.sqrt(count / (count - 1) * (spread @ spread)) / paid if count > 1 else np.nan
        # Python's max would turn a missing error into 0.
        low = float(np.maximum(rate - Z90 * error, 0.0))
        answer |= {name: rate, f"{name}_low": low, f"{name}_high": rate + Z90 * error}
    answer["grr_high"] = float(np.minimum(answer["grr_high"], 1.0))
    there = int((now > 0).sum())
    below, above = wilson(there, count)
    return answer | {"logo": there / count, "logo_low": float(below), "logo_high": float(above)}


def _joining_year(book: Ledger) -> NDArray[np.int64]:
    """The year in which each customer was first there; 0 for who never was."""
    who = np.unique(book.customer)
    year = np.zeros(len(book.ids), dtype="int64")
    year[who] = pd.to_datetime(book.joined()[who], unit="D").year
    return year
