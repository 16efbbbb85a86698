"""Does a loyalty programme make customers buy more, or do those join who buy more anyway?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvkit.arguments import whole_number
from clvkit.errors import DataError
from clvkit.models.base import Array
from clvkit.tables import Transactions, purchases
from clvkit.valuation import interval_ends

_ROWS = ("seen", "before", "expected", "effect")


def loyalty_effect(
    orders: Transactions | pd.DataFrame,
    joined: pd.Series,
    *,
    months: int = 6,
    value: str = "amount",
    replicates: int = 200,
    seed: int = 1,
) -> pd.DataFrame:
    """What joining a programme changed, apart from who joins: a difference in differences.

    The figure on the slide compares members with everybody who has not joined. Here members are
    compared with *others*: customers who bought in the calendar month in which the member joined,
    began before the window, and had not joined by the end of that month. The month itself is left
    out: people join at the till, so it holds a purchase for certain. In the ``months`` after it,
    what members would have left without the programme is what they left in the ``months`` before
    times the change of the others, after over before. A ratio, because customers who buy much
    also have more to lose.

    It is right if, without the programme, both groups would have changed in the same proportion.
    Others may join later; where joining does something, that makes the effect a little smaller.
    Where people are asked at every order, who joins has not joined before, and has a few orders
    less behind them than otherwise: that makes it a little larger.

    Parameters
    ----------
    joined
        Day of joining by ``customer_id``; missing for customers who never joined.
    value
        The column that is added up: ``amount`` or ``margin``.
    replicates
        Resamples of customers, from which the 90% intervals come.

    Returns
    -------
    Money per member over ``months``, with ``estimate``, ``low``, ``high``; the rows are ``seen``
    (after joining, members less all who had not joined: the figure on the slide), ``before``
    (the same difference before anybody had joined), ``expected`` (the part of ``seen`` that was
    to come without the programme: who joins buys more, and is still a customer) and ``effect``
    (the rest: seen less expected).
    ``attrs``: ``members`` and ``others`` compared, ``members_without_history`` (joined in the
    first months of being a customer, or too near an edge of the data), and ``by_month``: mean
    of ``members``, ``others`` and
    ``everybody`` who had not joined, by month from joining.

    Raises
    ------
    DataError
        Where fewer than 20 members or 20 others can be compared.
    """
    table, months = purchases(orders), whole_number(months, "months")
    if value not in table or table[value].isna().any():
        raise DataError(f"value={value!r}: the purchases have no such column, or cells are empty.")
    rows, lost = _compared(table, joined, months, value)
    member = rows["member"].to_numpy()
    # How many people stand behind each group; one person may stand in for several members.
    counts = (int(member.sum()), int(rows.loc[rows["other"], "customer"].nunique()))
    if min(counts) < 20:
        raise DataError(
            f"{counts[0]:,} members and {counts[1]:,} others can be compared over {months} months "
            f"before and after; 20 of each are needed. Take fewer months, or wait. ({lost:,} "
            "members joined too early or too late to have both.)"
        )
    random, people = np.random.default_rng(seed), int(rows["customer"].max()) + 1
    drawn = [_figures(rows, np.ones(people))]
    for _ in range(whole_number(replicates, "replicates")):
        drawn.append(_figures(rows, random.multinomial(people, np.full(people, 1 / people))))
    figures = np.array(drawn).T
    low, high = interval_ends(np.sort(figures[:, 1:], axis=1))
    answer = pd.DataFrame({"estimate": figures[:, 0], "low": low, "high": high}, index=list(_ROWS))
    answer.attrs = {
        "members": counts[0], "others": counts[1], "members_without_history": lost,
        "by_month": _by_month(rows, months), "months": months,
    }  # fmt: skip
    return answer


def _compared(
    table: pd.DataFrame, joined: pd.Series, months: int, value: str
) -> tuple[pd.DataFrame, int]:
    """A row for each member and each of the others in each month of joining, month by month."""
    code, people = pd.factorize(table["customer_id"])
    month = _month(table["date"]).astype("int64")
    first_month, last = int(month.min()), int(month.max())
    length = last - first_month + 1
    spent = np.bincount(code * length + month - first_month, table[value], len(people) * length)
    spent = spent.reshape(len(people), length)
    bought = np.bincount(code * length + month - first_month, minlength=spent.size) > 0
    bought = bought.reshape(spent.shape)
    begun = bought.argmax(axis=1)
    at = _month(_days(joined).reindex(people)) - first_month
    # The last month counts only if it was observed to its end.
    end = table.attrs.get("observation_end", table["date"].max())
    whole = length - (pd.Timestamp(end).to_period("M").end_time.date() > pd.Timestamp(end).date())
    parts = []
    for anchor in np.unique(at[np.isfinite(at)]).astype(int):
        if anchor <= months or anchor + months >= whole:
            continue
        there = np.flatnonzero(begun < anchor - months)
        member = at[there] == anchor
        there, member = (each[member | ~(at[there] <= anchor)] for each in (there, member))
        other = bought[there, anchor] & ~member
        if not other.any():
            continue
        window = spent[there, anchor - months : anchor + months + 1]
        part = pd.DataFrame(window, columns=range(-months, months + 1))
        part["before"], part["after"] = window[:, :months].sum(1), window[:, months + 1 :].sum(1)
        parts.append(part.assign(customer=there, member=member, other=other, anchor=anchor))
    if not parts:
        empty = pd.DataFrame({"customer": [0], "member": [False], "other": [False]}).iloc[:0]
        return empty, int(np.isfinite(at).sum())
    rows = pd.concat(parts, ignore_index=True)
    return rows, int(np.isfinite(at).sum() - rows["member"].sum())


def _days(joined: pd.Series) -> pd.Series:
    if not isinstance(joined, pd.Series):
        raise DataError("joined: give a Series of days, indexed by customer_id.")
    if joined.index.has_duplicates:
        again = joined.index[joined.index.duplicated()][0]
        raise DataError(f"joined: customer {again!r} is there twice; one day each is wanted.")
    days = pd.to_datetime(joined, errors="coerce")
    unread = joined[days.isna() & joined.notna() & (joined.astype("str").str.strip() != "")]
    if len(unread):
        raise DataError(
            f"joined: {len(unread):,} cells are no day; the first is {unread.iloc[0]!r} of "
            f"customer {unread.index[0]!r}. Write YYYY-MM-DD, or nothing for who never joined."
        )
    return days


def _month(days: pd.Series) -> Array:
    return np.asarray(days.dt.year * 12 + days.dt.month - 1, dtype="float64")


def _weights(rows: pd.DataFrame, weight: NDArray[np.int64] | Array) -> list[Array]:
    """Of members, of others and of all who had not joined, months weighted as for the members."""
    own = weight[rows["customer"].to_numpy()].astype("float64")
    anchor, member = rows["anchor"].to_numpy(), rows["member"].to_numpy()
    of_members = np.bincount(anchor, own * member)
    weights = [own * member]
    for group in (rows["other"].to_numpy(), ~member):
        size = np.bincount(anchor, own * group)
        weights.append(own * group * (of_members / np.where(size > 0, size, np.inf))[anchor])
    return weights


def _figures(rows: pd.DataFrame, weight: NDArray[np.int64] | Array) -> list[float]:
    before, after = rows["before"].to_numpy(), rows["after"].to_numpy()
    means = [(w @ before / w.sum(), w @ after / w.sum()) for w in _weights(rows, weight)]
    (own_before, own_after), (like_before, like_after), (all_before, all_after) = means
    without = own_before * like_after / like_before if like_before > 0 else np.nan
    return [own_after - all_after, own_before - all_before,
            without - all_after, own_after - without]  # fmt: skip


def _by_month(rows: pd.DataFrame, months: int) -> pd.DataFrame:
    window = rows[list(range(-months, months + 1))].to_numpy()
    weights = _weights(rows, np.ones(rows["customer"].max() + 1))
    means = {
        name: w @ window / w.sum()
        for name, w in zip(("members", "others", "everybody"), weights, strict=True)
    }
    return pd.DataFrame(means, index=pd.RangeIndex(-months, months + 1, name="month"))
