"""What is bought together, and what a customer who has one thing buys next: plain counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.stats import beta

from clvkit.errors import DataError
from clvkit.intervals import wilson
from clvkit.models.base import Z90, Array
from clvkit.tables import Transactions, purchases

_FEW = 100  # baskets of one size, below which their shares are joined with those of the next
_MOST = 2_000  # items looked at, the most frequent: their pairs are two million
_SUREST = 40  # offers looked at for each item that a customer has
_NO_ITEMS = (
    "Without {item!r} nobody can see what was bought together. Export the lines of the orders "
    "with product_id, or category, and order_id."
)


def order_keys(table: pd.DataFrame) -> pd.Series:
    """Which order each line belongs to, numbered by day: order_id, or customer and day."""
    day = table.groupby(["customer_id", "date"]).ngroup()
    key = day
    if "order_id" in table:
        named = table.groupby(["customer_id", "order_id"], dropna=False).ngroup()
        key = named.where(table["order_id"].notna(), -1 - day)
    first = table.groupby(key)["date"].transform("min")
    return pd.Series(
        pd.DataFrame({"first": first, "key": key}).groupby(["first", "key"]).ngroup(),
        index=table.index,
    )


def basket_rules(
    orders: Transactions | pd.DataFrame,
    item: str = "product_id",
    *,
    holdout: float = 0.25,
    fewest: int = 20,
) -> pd.DataFrame:
    """Which items lie in one basket more often than chance would put them there, by counting.

    The lift of a pair is N·n_ab / (n_a·n_b): how often they were bought together over how often
    had they nothing to do with each other. Its interval is that of the share of the rarer item's
    baskets that hold the other (Clopper and Pearson 1934, exact), over the other's share of all
    baskets. It holds for all pairs at once: 10% is divided by the number of pairs looked at
    (Bonferroni). Large baskets hold everything, and lift any pair above 1; ``by_size`` compares
    with chance among baskets of the same size instead (Hájek's approximation of a draw without
    replacement: Hájek 1964, Annals of Mathematical Statistics 35).

    Parameters
    ----------
    orders
        Purchases with ``item``; a basket is an ``order_id``, or a customer's day without it.
    item
        The column of what was bought, ``product_id`` or ``category``.
    holdout
        Share of the baskets, the latest, that is kept aside to look whether a pair holds.
    fewest
        Items in fewer of the earlier baskets are not looked at, and never more than the 2,000
        most frequent.

    Returns
    -------
    One row a pair seen together, the surest first: ``item`` (the rarer) and ``other``;
    ``baskets`` with both, ``share`` of the item's baskets with the other, ``lift``, ``low``,
    ``high``, ``by_size``, ``clear`` (the interval lies above 1, and above the lift that sizes
    alone give), ``later`` and ``later_lift`` in the baskets kept aside (the lift missing where
    nobody could have bought both). ``attrs``: ``baskets``, ``baskets_later``, ``pairs`` looked
    at among ``items``, ``lines_without_item``, ``first_day_later``.

    Raises
    ------
    DataError
        Without ``item``, or where no two items are in ``fewest`` baskets.
    """
    lines, lost = _lines(orders, item)
    if not 0 <= holdout < 1:
        raise DataError(f"holdout={holdout!r}: give a share of the baskets, 0 to below 1.")
    codes, names = pd.factorize(lines[item], sort=True)
    number = int(lines["order"].max()) + 1
    cut = number - int(holdout * number)
    early = lines["order"].to_numpy() < cut
    often = _frequent(np.bincount(codes[early], minlength=len(names)), fewest)
    if often.sum() < 2:
        raise DataError(
            f"{int(often.sum())} of {len(names):,} items are in {fewest} baskets or more: too few "
            f"to say what belongs together. Use item='category', or a lower fewest."
        )
    sizes = np.bincount(lines["order"], minlength=number)
    basket = csr_matrix((np.ones(len(lines)), (lines["order"], codes)), shape=(number, len(names)))[
        :, often
    ]
    before, after = basket[:cut], basket[cut:]
    first, second = np.triu_indices(int(often.sum()), 1)
    n, both = _counts(before, first, second)
    swap = n[first] > n[second]
    rare, other = np.where(swap, second, first), np.where(swap, first, second)
    pairs = len(rare)
    level = 0.05 / pairs
    chance = n[other] / cut
    low = np.where(both > 0, beta.ppf(level, np.maximum(both, 1), n[rare] - both + 1), 0.0)
    high = np.where(both < n[rare], beta.ppf(1 - level, both + 1, np.maximum(n[rare] - both, 1)), 1)
    by_size = _given_size(before, sizes[:cut], rare, other)
    n_later, both_later = _counts(after, rare, other)
    names = names[often]
    table = pd.DataFrame(
        {
            "item": names[rare], "other": names[other], "baskets": both.astype("int64"),
            "share": both / n[rare], "lift": both / n[rare] / chance, "low": low / chance,
            "high": high / chance, "by_size": _over(both, by_size),
            "clear": low * n[rare] > np.maximum(chance * n[rare], by_size),
            "later": both_later.astype("int64"),
            "later_lift": _over(both_later * after.shape[0], n_later[rare] * n_later[other]),
        }
    )  # fmt: skip
    table = table[table["baskets"] > 0].sort_values(
        ["low", "lift", "item", "other"], ascending=[False, False, True, True], ignore_index=True
    )
    table.attrs = {
        "baskets": cut, "baskets_later": number - cut, "items": int(often.sum()), "pairs": pairs,
        "lines_without_item": lost,
        "first_day_later": lines.loc[~early, "date"].min() if number > cut else None,
    }  # fmt: skip
    return table


def next_best_offer(
    orders: Transactions | pd.DataFrame,
    item: str = "product_id",
    *,
    holdout: float = 0.25,
    fewest: int = 20,
) -> pd.DataFrame:
    """For each customer the item that owners of the same things went on to buy most surely.

    Of the customers who had a and not yet b, the share that bought b on a later day; a customer is
    offered the b with the highest low end of Wilson's 90% interval of that share, over all a that
    the customer has. Pairs with fewer than ``fewest`` customers to learn from are not looked at.
    What a customer has already is never offered.

    Returns
    -------
    One row a customer, in the order of appearance: ``offer``, ``because`` (the item that speaks
    for it), ``chance`` (that share, up to the end of the data), ``low``, ``high``, ``usual`` (the
    share among owners of anything: ``chance`` above it is what the item tells); missing where
    nothing speaks. ``attrs["test"]``: the same rule learned on the purchases before the last
    ``holdout`` share of the observed days, tried on customers who then bought something new:
    ``customers``; ``hits``, the share whose offer was among it; ``popular``, the share for whom
    the best-selling item that they did not have was; ``gain``, ``low``, ``high``: the difference
    with its 90% interval. None where the test has nobody.

    Raises
    ------
    DataError
        Without ``item``.
    """
    lines, _ = _lines(orders, item)
    # Codes in the order of the names: comparing numbers is much quicker than comparing text.
    who, people = pd.factorize(lines["customer_id"])
    what, items = pd.factorize(lines[item], sort=True)
    coded = pd.DataFrame({"customer": who, "item": what, "day": lines["date"].to_numpy()})
    owned = coded.groupby(["customer", "item"])["day"].min().reset_index()
    offers = _best(owned, _follows(owned, fewest)).reindex(range(len(people)))
    offers.index = pd.Index(people, name="customer_id")
    for column in ("offer", "because"):
        offers[column] = offers[column].map(dict(enumerate(items)))
    cut = lines["date"].min() + (owned["day"].max() - lines["date"].min()) * (1 - holdout)
    offers.attrs["test"] = _test(owned, cut, fewest)
    return offers


def _lines(orders: Transactions | pd.DataFrame, item: str) -> tuple[pd.DataFrame, int]:
    """Customer, day, basket and item, each item of a basket once; and lines that name none."""
    table = purchases(orders)
    if item not in table:
        raise DataError(_NO_ITEMS.format(item=item))
    lines = table[["customer_id", "date", item]].assign(order=order_keys(table))
    named = lines[lines[item].notna()]
    if named.empty:
        raise DataError(f"The column {item!r} is empty. " + _NO_ITEMS.format(item=item))
    # Baskets without a name in any line are none; the others are numbered anew, by day.
    named = named.assign(order=pd.factorize(named["order"], sort=True)[0])
    return named.drop_duplicates(["order", item]), int(len(lines) - len(named))


def _frequent(counts: NDArray[Any], fewest: int) -> NDArray[np.bool_]:
    """Which items are frequent enough to be looked at."""
    rank = np.argsort(np.argsort(-counts, kind="stable"))
    return np.asarray((counts >= max(fewest, 1)) & (rank < _MOST))


def _counts(basket: csr_matrix, first: Any, second: Any) -> tuple[Array, Array]:
    """Baskets with each item, and with each pair."""
    together = (basket.T @ basket).toarray()
    return np.asarray(together.diagonal()), np.asarray(together[first, second])


def _given_size(
    basket: csr_matrix, sizes: NDArray[Any], first: NDArray[Any], second: NDArray[Any]
) -> Array:
    """Baskets expected with each pair, were baskets of every size filled by popularity."""
    counts = np.bincount(sizes)
    at_least = counts[::-1].cumsum()[::-1]
    largest = max(int(np.flatnonzero(at_least >= min(_FEW, at_least[1]))[-1]), 1)
    expected = np.zeros(len(first))
    for size in range(2, largest + 1):
        chosen = sizes >= size if size == largest else sizes == size
        of = int(chosen.sum())
        if of:
            share = np.asarray(basket[chosen].mean(axis=0)).ravel()
            spread = (share * (1 - share)).sum()
            one, two = share[first], share[second]
            apart = (1 - one) * (1 - two) / spread if spread > 0 else 0.0
            expected += of * one * two * (1 - apart)
    return np.maximum(expected, 0.0)


def _over(some: Array, of: Array) -> Array:
    return np.where(of > 0, some / np.where(of > 0, of, 1), np.nan)


def _follows(owned: pd.DataFrame, fewest: int) -> pd.DataFrame:
    """For pairs a, b: customers who had a and not b, and how many of them then bought b."""
    has = owned.groupby("item").size()
    owned = owned[owned["item"].isin(has.index[_frequent(has.to_numpy(), 1)])]
    pairs = owned.merge(owned, on="customer", suffixes=("", "_other"))
    pairs = pairs[pairs["item"] != pairs["item_other"]]
    after = pairs["day_other"] > pairs["day"]
    seen = after.groupby([pairs["item"], pairs["item_other"]]).agg(["size", "sum"])
    table = seen.reset_index().set_axis(["item", "offer", "met", "then"], axis=1)
    # Who had both from the first day on could not be won any more.
    table["of"] = table["item"].map(has) - (table["met"] - table["then"])
    table = table[(table["of"] >= max(fewest, 1)) & (table["then"] > 0)]
    table["chance"] = table["then"] / table["of"]
    table["low"], table["high"] = wilson(table["then"], table["of"])
    sums = table.groupby("offer")[["then", "of"]].transform("sum")
    table["usual"] = sums["then"] / sums["of"]
    surest = ["low", "chance", "offer", "item"]
    table = table.sort_values(surest, ascending=[False, False, True, True], ignore_index=True)
    return table.groupby("item", sort=False).head(_SUREST)


def _best(owned: pd.DataFrame, rules: pd.DataFrame, by: pd.DataFrame | None = None) -> pd.DataFrame:
    """For each customer the first of ``rules`` whose offer is new to the customer."""
    ranked = rules[["item", "offer"]].assign(rank=np.arange(len(rules)))
    found = (owned if by is None else by)[["customer", "item"]].merge(ranked, on="item")
    found = found[~_among(found["customer"], found["offer"], owned)]
    first = found.groupby("customer")["rank"].min()
    answer = rules.iloc[first].set_index(first.index).rename(columns={"item": "because"})
    return answer[["offer", "because", "chance", "low", "high", "usual"]]


def _among(customer: pd.Series, item: pd.Series, owned: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether each customer has the item, by one number for each pair."""
    has = owned["customer"].to_numpy("int64") * 2**32 + owned["item"].to_numpy("int64")
    return np.isin(customer.to_numpy("int64") * 2**32 + item.to_numpy("int64"), has)


def _test(owned: pd.DataFrame, cut: pd.Timestamp, fewest: int) -> dict[str, float] | None:
    """Both rules learned up to ``cut``, on those who bought something new afterwards."""
    before, after = owned[owned["day"] <= cut], owned[owned["day"] > cut]
    asked = before[before["customer"].isin(set(after["customer"]))]
    if asked.empty:
        return None
    sold = before.groupby("item").size().nlargest(_SUREST)
    popular = pd.DataFrame({"offer": sold.index, "low": sold.to_numpy(), "item": -1})
    popular = popular.assign(chance=0.0, high=0.0, usual=0.0)
    anybody = asked.drop_duplicates("customer").assign(item=-1)
    found = {
        "hits": _best(asked, _follows(before, fewest)),
        "popular": _best(asked, popular, anybody),
    }
    hit = {}
    for name, offers in found.items():
        offer = offers["offer"].reindex(anybody["customer"]).fillna(-1)
        hit[name] = _among(offer.index.to_series(), offer, after)
    gain = pd.Series(hit["hits"].astype("float64") - hit["popular"])
    error = Z90 * gain.std() / np.sqrt(len(gain))
    return {
        "customers": len(gain), "hits": float(hit["hits"].mean()),
        "popular": float(hit["popular"].mean()), "gain": float(gain.mean()),
        "low": float(gain.mean() - error), "high": float(gain.mean() + error),
    }  # fmt: skip
