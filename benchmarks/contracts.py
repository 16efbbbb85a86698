"""A million contracts: movements and retention against plain pandas, ``python
benchmarks/contracts.py``.

The floor is what anybody would write: month by month, who runs on its last day, summed by customer
and compared with the month before; no receipt, no cents, no edges. One core; prints seconds and
ratios.
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from clock import best

import clvkit as clv

ROWS, CUSTOMERS, DAYS = 1_000_000, 300_000, 4 * 365


def contracts() -> pd.DataFrame:
    """A million contracts of 300,000 customers over four years; a third still runs."""
    random = np.random.default_rng(1)
    start = random.integers(0, DAYS, ROWS)
    end = start + random.geometric(1 / 400, ROWS)
    day = np.datetime64("2021-01-01", "s")
    table = pd.DataFrame({"customer_id": random.integers(0, CUSTOMERS, ROWS).astype(str)})
    table["start"] = day + start.astype("timedelta64[D]")
    table["end"] = pd.Series(day + end.astype("timedelta64[D]")).where(end < DAYS)
    return table.assign(mrr=random.integers(500, 20_000, ROWS) / 100)


def floor(table: pd.DataFrame) -> pd.DataFrame:
    """Movements by masks and groups: new and returned customers are not even told apart."""
    lines, before = [], pd.Series(dtype="float64")
    for month in pd.period_range("2021-01", "2024-12", freq="M"):
        last = month.end_time
        runs = (table["start"] <= last) & ~(table["end"] <= last)
        now = table[runs].groupby("customer_id")["mrr"].sum()
        change = now.sub(before, fill_value=0)
        come, gone = ~now.index.isin(before.index), ~before.index.isin(now.index)
        stay = change[change.index.isin(now.index) & change.index.isin(before.index)]
        lines.append((now[come].sum(), stay.clip(lower=0).sum(), stay.clip(upper=0).sum(),
                      before[gone].sum(), now.sum()))  # fmt: skip
        before = now
    return pd.DataFrame(lines)


if __name__ == "__main__":
    frame = contracts()
    subs = clv.read_subscriptions(frame)
    seconds = {
        "reading": best(lambda: clv.read_subscriptions(frame)),
        "movements": best(lambda: clv.mrr_movements(subs)),
        "retention": best(lambda: clv.revenue_retention(subs)),
        "churn": best(lambda: clv.churn_rate(subs)),
        "floor of movements": best(lambda: floor(subs.table)),
    }
    seconds["floor / movements"] = seconds["floor of movements"] / seconds["movements"]
    print(json.dumps({name: round(value, 2) for name, value in seconds.items()}, indent=2))
