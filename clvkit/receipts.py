"""The receipt of a table: rows and money in = used + set aside, exactly."""

import hashlib
from dataclasses import dataclass
from decimal import Decimal, localcontext

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Receipt:
    """What happened to every row and every cent: in = used + set aside, exactly.

    Money is the sum of the column ``money_column`` (none in a table without money, where all
    sums are 0), in the table's currency, as exact decimals. ``set_aside`` has ``rows``, ``money``
    and ``remedy`` by reason. ``rows_set_aside`` holds the rows themselves, with the line of the
    file (or the position in the frame), reason and remedy.
    """

    source: str
    rows_in: int
    rows_used: int
    money_in: Decimal
    money_used: Decimal
    set_aside: pd.DataFrame
    rows_set_aside: pd.DataFrame
    refunds_netted: int
    purchases_cancelled: int
    notes: tuple[str, ...]
    money_column: str | None

    def summary(self) -> pd.DataFrame:
        """The receipt as a table: one line a reason, the first line the sum of all others."""
        lines: dict[str, list[int | Decimal]] = {
            "in the source": [self.rows_in, self.money_in],
            "used": [self.rows_used, self.money_used],
        }
        for reason, row in self.set_aside.iterrows():
            lines[f"set aside: {reason}"] = [row["rows"], row["money"]]
        return pd.DataFrame.from_dict(lines, orient="index", columns=["rows", "money"])


@dataclass(frozen=True)
class Table:
    """Clean rows, in the source's order, and the receipt of how they came about."""

    table: pd.DataFrame
    receipt: Receipt


def cents(amount: float) -> Decimal:
    """The decimal number that was written, not its binary neighbour."""
    return Decimal(repr(float(amount)))


def total(amounts: pd.Series) -> Decimal:
    """The exact decimal sum of amounts; cells that are no number carry no money."""
    values = amounts.dropna().to_numpy()
    with np.errstate(over="ignore"):
        scaled = np.rint(values * 100)
        if np.abs(scaled).sum() < 2.0**53 and np.array_equal(scaled / 100, values):
            return Decimal(int(scaled.sum())) / 100
    with localcontext() as context:
        context.prec = 800  # Enough for the largest and the smallest float in one sum.
        return sum(map(cents, values), Decimal(0))


def by_reason(aside: pd.DataFrame) -> pd.DataFrame:
    """Rows, money and remedy of each reason, in the order in which they first appear."""
    table = {
        reason: {"rows": len(rows), "money": total(rows["money"]), "remedy": rows["remedy"].iloc[0]}
        for reason, rows in aside.groupby("reason", sort=False)
    }
    return pd.DataFrame.from_dict(table, orient="index", columns=["rows", "money", "remedy"])


def fingerprint(table: pd.DataFrame) -> str:
    """16 hexadecimal digits of the table's rows, whatever their order."""
    rows = pd.util.hash_pandas_object(
        table.reindex(columns=sorted(table.columns)).astype(str), index=False
    )
    ordered = np.sort(rows.to_numpy())
    return hashlib.sha256(",".join(sorted(table.columns)).encode() + ordered.tobytes()).hexdigest()[
        :16
    ]
