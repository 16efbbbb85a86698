"""From contracts to customers: who is there on which day, and what they pay a month.

The rules, in one place. A contract runs from ``start`` up to, not including, ``end``. A customer
is there on a day on which contracts with a price above 0 run, and pays their sum: overlapping
contracts of one customer are one customer, a contract for 0 makes none. A gap makes them leave and
come back, unless it is no longer than ``grace_days``. What happens after the last observed day is
not known, so whoever is there on it has not left.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvkit.arguments import whole_number
from clvkit.errors import DataError
from clvkit.othertables import Subscriptions, read_subscriptions
from clvkit.parsing import day as one_day
from clvkit.parsing import refuse_future
from clvkit.tables import Transactions, purchases
from clvkit.units import DAYS

Ints = NDArray[np.int64]
Day = str | pd.Timestamp | None
Span = Literal["W", "M", "Q", "Y"]

_MILLIONTHS = 1e6
# Money is added up in whole units; beyond this a sum of millionths would not fit.
_MOST = 4e12
_NEVER = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Observed:
    """Which days of contracts were observed, and in which units their money is added up.

    ``first`` and ``last`` are days since 1970-01-01, ``deduced`` says whether the first one was
    found as the earliest start. Money a month is counted in whole units of 1 / ``scale``.
    """

    first: int
    last: int
    deduced: bool
    scale: float

    def attrs(self) -> dict[Hashable | None, Any]:
        """The observed days, as text."""
        ends = {"observation_start": self.first, "observation_end": self.last}
        return {name: _date(day) for name, day in ends.items()}

    def periods(self, period: str) -> tuple[pd.PeriodIndex, NDArray[np.bool_]]:
        """The calendar periods that were observed, and which of them from end to end."""
        if period not in ("W", "M", "Q", "Y"):
            raise DataError(f"period={period!r}: give 'W', 'M', 'Q' or 'Y'.")
        first, last = (pd.Timestamp(day, unit="D") for day in (self.first, self.last))
        index = pd.period_range(first, last, freq=period, name="period")
        begins, ends = (days_of(index.to_timestamp(how=how)) for how in ("start", "end"))
        return index, (ends <= self.last) & (self.deduced | (begins >= self.first))


@dataclass(frozen=True)
class Ledger(Observed):
    """Every change of what a customer pays a month, in the order of customer and day.

    ``customer`` is a place in ``ids``, ``day`` counts from 1970-01-01, ``before`` and ``after``
    are money a month in whole units of 1 / ``scale``.
    """

    table: pd.DataFrame
    ids: pd.Index
    customer: Ints
    day: Ints
    before: Ints
    after: Ints

    def levels(self, day: int) -> Ints:
        """What each customer pays at the end of ``day``, in whole units."""
        level = np.zeros(len(self.ids), dtype="int64")
        seen = self.day <= day
        level[self.customer[seen]] = self.after[seen]  # The last one written stays.
        return level

    def joined(self) -> Ints:
        """The day on which each customer was first there; the first of all for who never was."""
        begins = np.flatnonzero(np.append(True, np.diff(self.customer) != 0))
        day = np.full(len(self.ids), np.iinfo("int64").min)
        day[self.customer[begins]] = self.day[begins]
        return day

    def first_left(self) -> Ints:
        """The day on which each customer left for the first time; ``last`` + 1 for who has not."""
        gone = np.flatnonzero(self.after == 0)[::-1]
        day = np.full(len(self.ids), self.last + 1)
        day[self.customer[gone]] = self.day[gone]
        return day

    def moves(self, index: pd.PeriodIndex) -> pd.DataFrame:
        """What changed for each customer in each period in which something did.

        ``period`` is a place in ``index``, -1 for all that came before it; ``open`` and ``close``
        are what the customer paid before and at the end of it; ``left`` says whether they were
        gone at any time in it, ``first`` whether they had never been there before.
        """
        edges = days_of(index.to_timestamp(how="start"))
        place = np.searchsorted(edges, self.day, side="right") - 1
        place[self.day < self.first] = -1
        new = np.ones(len(self.day), dtype=bool)
        new[1:] = (np.diff(self.customer) != 0) | (np.diff(place) != 0)
        at = np.flatnonzero(new)
        if not len(at):
            return pd.DataFrame(columns=["customer", "period", "open", "close", "left", "first"])
        end = np.append(at[1:], len(new)) - 1
        born = np.ones(len(at), dtype=bool)
        born[1:] = np.diff(self.customer[at]) != 0
        return pd.DataFrame(
            {
                "customer": self.customer[at],
                "period": place[at],
                "open": self.before[at],
                "close": self.after[end],
                "left": np.logical_or.reduceat(self.after == 0, at),
                "first": born,
            }
        )


def ledger(
    subs: Subscriptions | Transactions | pd.DataFrame,
    observation_start: Day = None,
    observation_end: Day = None,
    grace_days: int = 0,
) -> Ledger:
    """Read contracts as changes of what customers pay.

    Parameters
    ----------
    observation_start
        The first day from which on endings are on record. Customers who began before it are there
        when it begins, and never new. Default: that of the table's ``attrs``, or the earliest
        start.
    observation_end
        The last day observed. Default: that of the table's ``attrs``, or the latest start or end
        that is not in the future.
    grace_days
        A gap of so many days or fewer is none: the customer goes on paying what they paid.

    Raises
    ------
    DataError
        Where rows need a receipt first, or nothing with a price ran on an observed day.
    """
    table = contract_rows(subs)
    start = days_of(table["start"])
    ends = table["end"].notna().to_numpy()
    end = np.full(len(table), _NEVER, dtype="int64")
    end[ends] = days_of(table["end"][ends])
    known = np.concatenate([start, end])
    known = known[known <= today()]
    latest = int(known.max()) if len(known) else None
    money = table["mrr"].to_numpy("float64")
    given = [
        table.attrs.get(name) if day is None else day
        for name, day in (
            ("observation_start", observation_start), ("observation_end", observation_end),
        )
    ]  # fmt: skip
    seen = observed(given[0], given[1], int(start.min()), latest, float(money.sum()))
    code, ids = pd.factorize(table["customer_id"])
    amount = np.floor(money * seen.scale + 0.5).astype("int64")
    runs = (amount > 0) & (start <= seen.last) & (start < end)
    if not runs.any():
        raise nothing_ran(seen.last)
    over = runs & (end <= seen.last)
    who, when, change = (
        np.concatenate(pair)
        for pair in (
            (code[runs], code[over]), (start[runs], end[over]), (amount[runs], -amount[over])
        )
    )  # fmt: skip
    who, when, before, after = _steps(who.astype("int64"), when, change)
    grace = whole_number(grace_days, "grace_days", 0)
    if grace:
        who, when, before, after = _bridged(who, when, before, after, grace)
    index = pd.Index(ids, name="customer_id")
    return Ledger(**vars(seen), table=table, ids=index, customer=who, day=when, before=before,
                  after=after)  # fmt: skip


def observed(
    start: Day, end: Day, earliest: int, latest: int | None, money: float
) -> Observed:  # fmt: skip
    """The observed days: those given, or from the ``earliest`` start to the ``latest`` known day.

    ``latest`` is the last start or end that is not in the future; ``money`` the sum of all mrr.
    The parameters and errors of :func:`ledger`.
    """
    first, last = _edge(start, "observation_start"), _edge(end, "observation_end")
    deduced = first is None
    if last is None:
        if latest is None:
            raise DataError("Every contract begins in the future: nothing has been observed yet.")
        last = latest
    first = earliest if first is None else first
    if first > last:
        raise DataError(
            f"Nothing is observed: the observation would begin on {_date(first)} and end on "
            f"{_date(last)}. Correct observation_start or observation_end."
        )
    return Observed(first, last, deduced, _MILLIONTHS if money < _MOST else 1.0)


def nothing_ran(last: int) -> DataError:
    """What is said of contracts none of which ran with a price up to the day ``last``."""
    return DataError(
        f"No contract with an mrr above 0 ran on or before {_date(last)}. Is mrr what a "
        "customer pays a month, and is the last day observed right?"
    )


def today() -> int:
    """Today, as days since 1970-01-01."""
    return int(days_of([pd.Timestamp.now()])[0])


def spells(orders: Transactions | pd.DataFrame, inactive_days: int) -> pd.DataFrame:
    """Read purchases as contracts: somebody stays until ``inactive_days`` after a purchase.

    A spell runs from a purchase to the day on which the customer has been silent for so long, and
    ``mrr`` is what was bought in it, a month of its length; at least 0.01, since somebody who takes
    something for nothing is there. ``attrs["observation_end"]`` is that of the purchases.
    """
    silence = pd.Timedelta(days=whole_number(inactive_days, "inactive_days"))
    table = purchases(orders)
    rows = table.sort_values(["customer_id", "date"], kind="stable")
    again = rows["customer_id"].eq(rows["customer_id"].shift())
    again &= rows["date"] - rows["date"].shift() <= silence
    spell = (~again).cumsum()
    found = rows.groupby(spell).agg(
        customer_id=("customer_id", "first"), start=("date", "min"), end=("date", "max"),
        mrr=("amount", "sum"),
    )  # fmt: skip
    found["end"] += silence
    months = (found["end"] - found["start"]).dt.days / DAYS["M"]
    found["mrr"] = (found["mrr"] / months).clip(lower=0.01)
    last = table.attrs.get("observation_end", table["date"].max().date().isoformat())
    found.attrs = {"observation_end": last}
    return found.reset_index(drop=True)


def contract_rows(subs: Subscriptions | Transactions | pd.DataFrame) -> pd.DataFrame:
    """The clean rows of ``subs``; a bare frame must be clean already.

    Raises
    ------
    DataError
        Where a frame has rows that ``read_subscriptions`` would set aside, or holds purchases.
    """
    if isinstance(subs, Transactions):
        raise DataError(
            "Purchases have no start and no end, so nobody sees a customer leave. Give "
            "subscriptions, or ask for churn_rate(orders, method='inactivity', inactive_days=90)."
        )
    read = read_subscriptions(subs)
    if lost := read.receipt.rows_in - len(read.table):
        raise DataError(
            f"{lost:,} of {read.receipt.rows_in:,} rows of this frame cannot be used. Call "
            "clv.read_subscriptions(frame) first: its receipt says which and why."
        )
    return read.table


def customer_months(book: Ledger, index: pd.PeriodIndex) -> pd.DataFrame:
    """Each customer who was there when a period of ``index`` began, with what became of them.

    ``customer`` and ``period`` are places in ``book.ids`` and ``index``; ``paid`` is what they
    paid when it began, in whole units, ``tenure`` the months since they first joined; ``row`` is
    the place in ``book.table`` of the contract that ran, the latest to begin where there are
    several; ``due`` says whether a contract came up for renewal, ``lost`` whether they were gone
    when the period ended. In a period that is yet to come, everybody is there of the last day.
    """
    rows = book.table
    priced = np.flatnonzero(rows["mrr"] > 0)
    order = priced[np.argsort(rows["start"].to_numpy()[priced], kind="stable")]
    rows = rows.iloc[order]
    code = book.ids.get_indexer(pd.Index(rows["customer_id"]))
    start = days_of(rows["start"])
    end = days_of(rows["end"].fillna(pd.Timestamp.max.floor("D")))
    end[end > book.last] = _NEVER  # Nobody has seen it end.
    each = billing_months(rows)
    month = _month_number(rows["start"].dt)
    moves = book.moves(index)
    goes = (moves["open"] > 0) & (moves["close"] == 0)
    joined = book.joined()
    found = []
    for place, span in enumerate(index):
        day = days_of([span.start_time])[0]
        level = book.levels(day - 1)
        runs = (start < day) & (start <= book.last) & (end >= day)
        row, due = np.full(len(level), -1), np.zeros(len(level), dtype=bool)
        row[code[runs]] = order[runs]  # The last one written stays.
        last = _month_number(span.end_time) - month
        before = _month_number(span.start_time) - month - 1
        due[code[runs & (last // each > before // each)]] = True
        lost = np.zeros(len(level), dtype=bool)
        lost[moves["customer"][goes & (moves["period"] == place)].to_numpy("int64")] = True
        who = np.flatnonzero((level > 0) & (row >= 0))
        found.append(
            pd.DataFrame(
                {
                    "customer": who, "period": place, "paid": level[who], "row": row[who],
                    "tenure": (day - joined[who]) / DAYS["M"], "due": due[who], "lost": lost[who],
                }
            )
        )  # fmt: skip
    return pd.concat(found, ignore_index=True)


def daily(book: Ledger) -> pd.DataFrame:
    """Customers there when each observed day begins, and those who leave on it."""
    days = book.last - book.first + 1
    joins, leaves = book.before == 0, book.after == 0
    change = joins.astype("int64") - leaves
    opening = int(change[book.day < book.first].sum())
    inside = book.day >= book.first
    at = book.day[inside] - book.first
    net = np.bincount(at, change[inside], minlength=days)
    left = np.bincount(at[leaves[inside]], minlength=days)
    index = pd.to_datetime(np.arange(book.first, book.last + 1), unit="D")
    return pd.DataFrame({"there": opening + np.cumsum(net) - net, "left": left}, index=index)


def billing_months(rows: pd.DataFrame) -> Ints:
    """The months that one invoice covers, 1 where nothing is said."""
    if "billing_months" not in rows:
        return np.ones(len(rows), dtype="int64")
    told = rows["billing_months"].astype("float64").fillna(1.0).round()
    each: Ints = np.maximum(told.to_numpy(), 1).astype("int64")
    return each


def _month_number(moment: Any) -> Any:
    return np.asarray(moment.year) * 12 + np.asarray(moment.month)


def days_of(dates: Any) -> Ints:
    """Dates as days since 1970-01-01."""
    days: Ints = np.asarray(pd.DatetimeIndex(dates), dtype="datetime64[D]").astype("int64")
    return days


def _steps(who: Ints, when: Ints, change: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Changes added up by customer and day, and what they lead from and to."""
    order = np.lexsort((when, who))
    who, when, change = who[order], when[order], change[order]
    at = np.flatnonzero(np.append(True, (np.diff(who) != 0) | (np.diff(when) != 0)))
    who, when, change = who[at], when[at], np.add.reduceat(change, at)
    total = np.cumsum(change)
    begins = np.flatnonzero(np.append(True, np.diff(who) != 0))
    base = (total - change)[begins]
    after = total - np.repeat(base, np.diff(np.append(begins, len(who))))
    real = change != 0
    return who[real], when[real], (after - change)[real], after[real]


def _bridged(
    who: Ints, when: Ints, before: Ints, after: Ints, grace: int
) -> tuple[Ints, Ints, Ints, Ints]:
    gap = np.zeros(len(who), dtype=bool)
    gap[:-1] = (after[:-1] == 0) & (np.diff(who) == 0) & (np.diff(when) <= grace)
    before = before.copy()
    back = np.flatnonzero(gap) + 1
    before[back] = before[back - 1]
    kept = ~gap & (before != after)
    return who[kept], when[kept], before[kept], after[kept]


def _edge(given: Day, name: str) -> int | None:
    if given is None:
        return None
    refuse_future(found := one_day(given, name), name)
    return int(days_of([found])[0])


def _date(day: int) -> str:
    return pd.Timestamp(day, unit="D").date().isoformat()
