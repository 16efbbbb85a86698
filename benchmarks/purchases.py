"""Makes tables of purchases of any size, a piece at a time: ``purchases.py ROWS FILE``."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

CUSTOMERS_A_PIECE = 800_000
DAYS = 1_000


def piece(random: np.random.Generator, begin: int, size: int) -> pa.Table:
    """Purchases of some customers as BG/NBD has them, in no order; ids are whole numbers."""
    joined = random.integers(0, 700, size)
    rate = random.gamma(2.0, 1 / 60, size)
    left_after = random.geometric(random.beta(0.8, 20.0, size))
    count = 1 + np.minimum(left_after, random.poisson(rate * (DAYS - joined) * 1.5) + 1)
    who = np.repeat(np.arange(size), count)
    gap = random.exponential(1 / rate[who])
    first = np.cumsum(count) - count
    gap[first] = 0.0
    age = np.cumsum(gap)
    day = joined[who] + (age - np.repeat(age[first], count)).astype(int)
    seen = np.flatnonzero(day < DAYS)
    random.shuffle(seen)
    level = random.gamma(4.0, 10.0, size)
    return pa.table(
        {
            "customer_id": who[seen] + begin,
            "date": (np.datetime64("2022-01-01") + day[seen]).astype("datetime64[D]"),
            "amount": np.round(random.gamma(5.0, level[who[seen]] / 5), 2),
        }
    )


def write(rows: int, path: str) -> None:
    """So many rows over 1,000 days; amounts are in whole cents."""
    random = np.random.default_rng(2_009)
    writer, begin = None, 0
    size = min(CUSTOMERS_A_PIECE, max(rows // 12, 100))
    while rows:
        table = piece(random, begin, size)
        table = table.slice(0, min(rows, len(table)))
        rows, begin = rows - len(table), begin + size
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table, row_group_size=500_000)
    if writer is not None:
        writer.close()


if __name__ == "__main__":
    write(int(sys.argv[1]), sys.argv[2])
