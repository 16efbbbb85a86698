"""Small and odd tables of purchases, as somebody may have them, each in the form that is read."""

from collections.abc import Callable

import numpy as np
import pandas as pd


def shop(
    customers: int,
    days: int,
    seed: int = 1,
    *,
    gap: float = 40.0,
    price: float | None = None,
    leaves: float = 0.25,
) -> pd.DataFrame:
    """Customers who join in the first two thirds of ``days``, buy at random and leave."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(customers):
        day = float(random.integers(0, max(1, 2 * days // 3)))
        rate = random.gamma(1.0, 1 / gap)
        level = random.gamma(8.0, 5.0)
        while day < days:
            amount = price if price is not None else round(random.gamma(4.0, level / 4) + 1, 2)
            rows.append((f"K{number:04d}", int(day), amount))
            if random.uniform() < leaves:
                break
            day += max(1.0, random.exponential(1 / rate))
    return _frame(rows)


def nobody_repeats() -> pd.DataFrame:
    random = np.random.default_rng(2)
    amounts = random.gamma(3.0, 12.0, 300).round(2)
    return _frame([(f"K{i:04d}", int(i * 0.8), amount) for i, amount in enumerate(amounts)])


def one_giant() -> pd.DataFrame:
    """A shop in which one customer, a reseller, buys every third day for two thousand."""
    giant = _frame([("K9999", day, 2000.0 + day) for day in range(0, 400, 3)])
    return pd.concat([shop(300, 400, 3), giant], ignore_index=True)


def two_days() -> pd.DataFrame:
    random = np.random.default_rng(4)
    rows = [(f"K{i:04d}", 0, round(random.gamma(3.0, 12.0), 2)) for i in range(120)]
    rows += [(f"K{i:04d}", 60, round(random.gamma(3.0, 12.0), 2)) for i in range(80, 180)]
    return _frame(rows)


def one_day() -> pd.DataFrame:
    return _frame([(f"K{i:04d}", 0, 10.0 + i) for i in range(50)])


def one_month() -> pd.DataFrame:
    return shop(400, 28, 5, gap=8.0)


def all_alike() -> pd.DataFrame:
    """Forty customers who all join on one day and come back once, thirty days later."""
    return _frame([(f"K{i:04d}", day, 25.0) for i in range(40) for day in (0, 30)])


def _frame(rows: list[tuple[str, int, float]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["customer_id", "date", "amount"])
    table["date"] = (pd.Timestamp("2024-01-08") + pd.to_timedelta(table["date"], unit="D")).dt.date
    table["date"] = table["date"].astype(str)
    return table


ODD: dict[str, Callable[[], pd.DataFrame]] = {
    "two hundred, six months": lambda: shop(200, 182),
    "nobody repeats": nobody_repeats,
    "one price": lambda: shop(400, 400, 6, price=29.0),
    "thirty customers": lambda: shop(30, 365, 7),
    "one giant": one_giant,
    "two days": two_days,
}
"""The tables on which every chapter must run or refuse."""

ODDER: dict[str, Callable[[], pd.DataFrame]] = {
    "one day": one_day,
    "one month": one_month,
    "all alike": all_alike,
}
