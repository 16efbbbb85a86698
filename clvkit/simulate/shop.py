"""A made shop for coffee and what goes with it, whose truth is known.

Arrivals by month and channel are given; everything that the customers then do is drawn here:
how often they come and until when, what they put into a basket, what they send back.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvkit.errors import DataError
from clvkit.simulate.marketing import spend_history

Numbers = NDArray[np.int64]
Frame = pd.DataFrame

CHANNELS = pd.DataFrame(
    {
        "search": (1.0, 12.0),
        "social": (0.85, 8.0),
        "email": (1.25, 18.0),
        "affiliate": (0.8, 6.0),
        "marketplace": (0.65, 5.0),
    },
    index=["rate", "months"],
).T
"""By channel of acquisition: factor on orders a month, mean months until a customer leaves."""

CATEGORIES = pd.DataFrame(
    {
        "coffee": ((9.5, 10.9, 12.5, 13.9, 15.5), 0.45, 0.008, 9.0),
        "tea": ((5.9, 6.9, 7.9, 8.9, 10.9), 0.50, 0.008, 5.0),
        "chocolate": ((2.9, 3.5, 4.5, 5.9, 7.5), 0.35, 0.004, 6.0),
        "machines": ((99.0, 129.0, 189.0, 249.0, 329.0), 0.18, 0.10, 0.5),
        "grinders": ((39.0, 49.0, 69.0, 89.0, 139.0), 0.24, 0.08, 0.9),
        "cups": ((8.9, 11.9, 14.9, 19.9, 24.9), 0.55, 0.06, 3.0),
        "books": ((12.9, 14.9, 18.9, 24.9, 29.9), 0.30, 0.03, 1.8),
        "gifts": ((14.9, 19.9, 24.9, 29.9, 39.9), 0.40, 0.05, 2.2),
    },
    index=["prices", "margin", "returned", "popularity"],
).T
"""Five products each: prices (EUR), share of margin, share sent back, popularity."""

TOGETHER = {("TEA-1", "CUP-3"): 0.25, ("COF-2", "CHO-1"): 0.20, ("GRI-2", "COF-4"): 0.35,
            ("GIF-1", "CHO-5"): 0.30}  # fmt: skip
"""Whoever takes the first takes the second into the same basket with this probability."""

FOLLOWS = {("MAC-1", "COF-5"): 0.35, ("GRI-1", "BOO-2"): 0.15}
"""Whoever has bought the first takes the second in each *later* order with this probability."""

FREE_SHIPPING = 49.0
_FILLS_UP, _RETURN_COST = 0.5, 3.5
_SEASON = (0.9, 0.9, 1.0, 1.0, 0.95, 0.9, 0.85, 0.85, 1.0, 1.0, 1.35, 1.6)
_FIRST_LETTERS = [name[:3].upper() for name in CATEGORIES.index]
PRODUCTS = [f"{letters}-{number}" for letters in _FIRST_LETTERS for number in range(1, 6)]


class Shop(NamedTuple):
    """``transactions`` and ``customers`` as their contracts say; ``truth``: a row a customer."""

    transactions: Frame
    customers: Frame
    truth: Frame


def shop(new_customers: Frame | None = None, seed: int = 2023) -> Shop:
    """Draw the shop's customers and all that they buy and send back.

    Parameters
    ----------
    new_customers
        One row a month (the index), one column a channel of :data:`CHANNELS`: how many arrive.
        Default: those of the bundled spend of this shop.

    Returns
    -------
    Orders until the end of the last month. Orders come as a Poisson process whose rate is a gamma
    draw times the factors of channel, segment and newsletter, and follows the season; the time
    until a customer leaves is exponential, its mean a gamma draw around that of the channel.
    ``truth`` has ``true_rate`` (orders a month) and ``true_end`` (the day of leaving).
    """
    arrivals = _bundled_arrivals() if new_customers is None else new_customers
    unknown = set(arrivals.columns) - set(CHANNELS.index)
    if unknown:
        raise DataError(f"new_customers: {sorted(unknown)} are not among {list(CHANNELS.index)}.")
    random = np.random.default_rng(seed)
    months = pd.PeriodIndex(arrivals.index, freq="M")
    customers, truth = _people(arrivals.to_numpy("int64"), list(arrivals.columns), months, random)
    who, when, first = _orders(customers, truth, months, random)
    order, product = _baskets(who, len(customers), random)
    lines = _lines(customers.iloc[who], when, first, order, product, random)
    return Shop(lines, customers, truth)


def _bundled_arrivals() -> Frame:
    spend = spend_history("shop", seed=44)
    return spend.pivot(index="month", columns="channel", values="new_customers")


def _people(
    counts: Numbers, channels: list[str], months: pd.PeriodIndex, random: np.random.Generator
) -> tuple[Frame, Frame]:
    month = np.repeat(np.arange(len(months)), counts.sum(axis=1))
    channel = np.concatenate([np.repeat(channels, row) for row in counts])
    size = len(month)
    day = (random.uniform(size=size) * months.days_in_month.to_numpy()[month]).astype("int64")
    joined = months.to_timestamp()[month] + pd.to_timedelta(day, unit="D")
    order = np.lexsort((random.uniform(size=size), joined))
    channel, joined = channel[order], joined[order]
    business = random.uniform(size=size) < 0.15
    newsletter = random.uniform(size=size) < 0.45
    household = 1 + random.binomial(4, 0.35, size)
    zeal = random.gamma(1.3, 1 / 1.3, size)
    rate = 0.5 * zeal * CHANNELS["rate"].loc[channel].to_numpy("float64")
    rate *= np.where(business, 2.2, 1.0) * np.where(newsletter, 1.6, 1.0)
    mean = CHANNELS["months"].loc[channel].to_numpy("float64") * random.gamma(3.0, 1 / 3.0, size)
    stays = random.exponential(size=size) * mean
    customers = pd.DataFrame(
        {
            "customer_id": [f"{i:05d}" for i in range(1, size + 1)],
            "channel": channel,
            "segment": np.where(business, "business", "private"),
            "acquired_on": joined,
            "newsletter": np.where(newsletter, "yes", "no"),
            "household_size": pd.array(household, dtype="Int64"),
            # Goes with value because keen customers come to it; it makes nobody keen.
            "workshop": np.where(random.uniform(size=size) < 0.4 * zeal / (1 + zeal), "yes", "no"),
            "region": random.choice(["east", "north", "south", "west"], size),
            "device": random.choice(["desktop", "mobile"], size, p=[0.4, 0.6]),
            "age": random.integers(18, 80, size),
        }
    )
    unknown = random.uniform(size=size) < 0.08
    customers["household_size"] = customers["household_size"].mask(unknown)
    truth = pd.DataFrame(
        {
            "true_rate": rate,
            "true_end": joined + pd.to_timedelta((30.4375 * stays).round(), unit="D"),
            "true_household": household,
        },
        index=pd.Index(customers["customer_id"]),
    )
    return customers, truth


def _orders(
    customers: Frame, truth: Frame, months: pd.PeriodIndex, random: np.random.Generator
) -> tuple[Numbers, pd.DatetimeIndex, NDArray[np.bool_]]:
    """Who orders (row of the customer) and when, by day; whether it is the first order."""
    start = months.to_timestamp().to_numpy("datetime64[D]").astype("int64")
    end = start + months.days_in_month.to_numpy()
    joined = customers["acquired_on"].to_numpy("datetime64[D]").astype("int64")
    left = np.maximum(truth["true_end"].to_numpy("datetime64[D]").astype("int64"), joined + 1)
    low = np.maximum(start, joined[:, None] + 1)
    days = np.maximum(np.minimum(end, left[:, None]) - low, 0)
    season = np.array(_SEASON)[months.month.to_numpy() - 1]
    rate = truth["true_rate"].to_numpy()[:, None] * season / 30.4375
    counts = random.poisson(rate * days)
    repeat, month = (np.repeat(at.ravel(), counts.ravel()) for at in np.indices(counts.shape))
    inside = (random.uniform(size=len(repeat)) * days[repeat, month]).astype("int64")
    who = np.concatenate([np.arange(len(joined)), repeat])
    day = np.concatenate([joined, low[repeat, month] + inside])
    order = np.lexsort((random.uniform(size=len(who)), day))
    return who[order], pd.DatetimeIndex(day[order].astype("M8[D]")), order < len(joined)


def _baskets(who: Numbers, people: int, random: np.random.Generator) -> tuple[Numbers, Numbers]:
    """Which products are in which order, one entry a line."""
    within = np.array([0.30, 0.25, 0.20, 0.15, 0.10])
    popularity = np.outer(CATEGORIES["popularity"].to_numpy("float64"), within).ravel()
    # With this spread of sizes, products drawn by popularity alone have a lift of 1: a basket is
    # never empty, which would otherwise push the lift of independent products below 1.
    mean = 0.9
    size = 1 + random.negative_binomial(mean**2, mean**2 / (mean + mean**2), len(who))
    # The largest of log popularity + Gumbel noise is a draw by popularity without replacement.
    keys = np.log(popularity) + random.gumbel(size=(len(who), len(popularity)))
    basket = np.argsort(np.argsort(-keys, axis=1), axis=1) < size[:, None]
    drawn = basket.copy()
    for (taken, added), probability in TOGETHER.items():
        one, two = PRODUCTS.index(taken), PRODUCTS.index(added)
        basket[:, two] |= drawn[:, one] & (random.uniform(size=len(who)) < probability)
    at = np.arange(len(who))
    for (taken, added), probability in FOLLOWS.items():
        one, two = PRODUCTS.index(taken), PRODUCTS.index(added)
        first = np.full(people, len(who))
        np.minimum.at(first, who[drawn[:, one]], at[drawn[:, one]])
        basket[:, two] |= (at > first[who]) & (random.uniform(size=len(who)) < probability)
    order, product = np.nonzero(basket)
    return order, product


def _lines(
    buyers: Frame,
    when: pd.DatetimeIndex,
    first: NDArray[np.bool_],
    order: Numbers,
    product: Numbers,
    random: np.random.Generator,
) -> Frame:
    """Prices, quantities, free shipping, channels, and what is sent back."""
    category = product // 5
    price = np.concatenate([np.array(prices) for prices in CATEGORIES["prices"]])[product]
    size = buyers["household_size"].fillna(2).to_numpy("float64")
    more = 0.25 * (size - 1) + np.where(buyers["segment"] == "business", 0.8, 0.0)
    small = price < 30
    quantity = 1 + np.where(small, random.poisson(more[order]), 0)
    value = np.bincount(order, price * quantity, minlength=len(when))
    cheapest = np.lexsort((price, order))
    cheapest = cheapest[np.diff(order[cheapest], prepend=-1) > 0]
    one_more = value[order[cheapest]] + price[cheapest]
    near = (value[order[cheapest]] < FREE_SHIPPING) & (one_more >= FREE_SHIPPING)
    fills = random.uniform(size=len(cheapest)) < _FILLS_UP
    quantity[cheapest[near & fills]] += 1
    later = random.choice(["direct", "email", "same"], len(when), p=[0.5, 0.3, 0.2])
    won = buyers["channel"].to_numpy()
    amount = np.round(price * quantity, 2)
    lines = pd.DataFrame(
        {
            "customer_id": buyers["customer_id"].to_numpy()[order],
            "date": when[order],
            "amount": amount,
            "order_id": [f"A{number + 1:05d}" for number in order],
            "product_id": np.array(PRODUCTS)[product],
            "category": np.array(CATEGORIES.index)[category],
            "channel": np.where(first | (later == "same"), won, later)[order],
            "margin": np.round(amount * CATEGORIES["margin"].to_numpy("float64")[category], 2),
            "quantity": quantity,
        }
    )
    back = random.uniform(size=len(lines)) < CATEGORIES["returned"].to_numpy("float64")[category]
    returns = lines[back]
    days = pd.to_timedelta(random.integers(2, 15, len(returns)), unit="D")
    returns = returns.assign(
        date=returns["date"] + days,
        amount=-returns["amount"],
        margin=(-returns["margin"] - _RETURN_COST).round(2),
        quantity=-returns["quantity"],
    )
    last = when.max().to_period("M").end_time
    both = pd.concat([lines, returns[returns["date"] <= last]], ignore_index=True)
    return both.sort_values("date", kind="stable", ignore_index=True)
