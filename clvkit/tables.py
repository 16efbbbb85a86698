"""Purchases: any table in, a clean frame and a receipt out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pandas as pd

from clvkit import files, parsing, reading
from clvkit.errors import DataError
from clvkit.receipts import Table, cents


@dataclass(frozen=True)
class Transactions(Table):
    """Clean purchases and the receipt of how they came about.

    ``table``: one row a purchase, in the source's order: ``customer_id`` (text), ``date``
    (calendar day), ``amount`` (money, net of refunds, never negative) and whichever optional
    columns the source has. ``table.attrs["observation_end"]`` is there if one was given.
    """


def read_transactions(
    source: Any,
    columns: Mapping[str, str] | None = None,
    *,
    query: str | None = None,
    refunds: Literal["net", "set_aside"] = "net",
    observation_end: str | pd.Timestamp | None = None,
    date_format: str | None = None,
    decimal: Literal[".", ","] | None = None,
    timezone: str = "UTC",
) -> Transactions:
    """Read purchases and account for every row.

    Parameters
    ----------
    source
        A CSV, Parquet, Excel, DuckDB or SQLite file, a pandas, polars or pyarrow frame, or the
        name of a bundled table (``cdnow``, ``cdnow-sample``, ``shop``). Required columns
        ``customer_id``, ``date``, ``amount``; optional ``order_id``, ``product_id``, ``category``,
        ``channel``, ``margin``, ``quantity``.
    columns
        Contract name to the source's name, where they differ.
    query
        In a database the name of a table or a SELECT, in a workbook the name of a sheet; needed
        where there are several.
    refunds
        ``"net"`` takes a negative amount off the customer's purchases of the same day, then off
        earlier ones, the latest first; a purchase refunded in full is no purchase any more.
        ``"set_aside"`` leaves negative amounts out. Either way the receipt counts them.
    observation_end
        The last day observed, where that is not the day of the last purchase: later rows are set
        aside, and the verbs that take ``observation_end`` use this one unless told otherwise. A
        frame or Parquet file whose ``attrs`` have one brings it along.
    date_format
        A strptime format where dates are not ISO (``2025-04-03``).
    decimal
        The decimal mark, where a column can be read in two ways.
    timezone
        The zone whose calendar days count, for moments that carry an offset.

    Raises
    ------
    DataError
        Where the table cannot be used; the message names the source, the column and the row.
    """
    if refunds not in ("net", "set_aside"):
        raise DataError(f"refunds={refunds!r}: give 'net' or 'set_aside'.")
    if isinstance(source, Transactions):
        return source
    found = files.load(source, query, "transactions")
    options = reading.Options(date_format, decimal, timezone)
    draft = reading.draft("transactions", found, columns, options)
    end = _observation_end(observation_end, found.frame)
    if end is not None:
        draft.set_aside(
            draft.clean["date"] > end,
            "after the observation end",
            "nothing, or give a later observation_end",
        )
    if refunds == "set_aside":
        remedy = "nothing, if refunds are to be left out; refunds='net' subtracts them"
        draft.set_aside(draft.clean["amount"] < 0, "refund", remedy)
    original = draft.clean["amount"].copy()
    netted, cancelled = _net_refunds(draft)
    used = draft.clean[draft.reason.isna().to_numpy() & ~netted & ~cancelled]
    used = used.reset_index(drop=True)
    if end is not None:
        used.attrs["observation_end"] = end.date().isoformat()
    _note(draft, used, int(netted.sum()), int(cancelled.sum()))
    receipt = replace(
        draft.receipt("amount", original),
        refunds_netted=int(netted.sum()),
        purchases_cancelled=int(cancelled.sum()),
    )
    if used.empty:
        raise draft.refuse(
            f"refunds cancel every one of the {int(cancelled.sum()):,} purchases. Are the signs of "
            "the amounts right? refunds='set_aside' leaves refunds out."
        )
    reading.refuse_one_customer(draft, used, "purchases")
    return Transactions(used, receipt)


def cross_checks(tables: Mapping[str, Table]) -> list[str]:
    """What does not fit together between tables, as sentences; none where all is well.

    ``tables``: the tables that were read, by the names of their contracts.
    """
    found: list[str] = []
    people = tables.get("customers")
    if people is None:
        return found
    known = set(people.table["customer_id"])
    for name in ("transactions", "subscriptions", "experiment"):
        if name in tables:
            own = tables[name].table["customer_id"].drop_duplicates()
            missing = int((~own.isin(known)).sum())
            if missing:
                found.append(
                    f"{missing:,} of {len(own):,} customers in {name} are not in customers. Are "
                    "the ids written alike, leading zeros included?"
                )
    if "spend" in tables and "channel" in people.table:
        spend = tables["spend"].table.groupby("channel", sort=False)["spend"].sum()
        won = set(people.table["channel"].dropna())
        found += [
            f"Spend in the channel {channel!r} ({money:,.2f}) has won none of the customers. Is "
            "the channel written alike in both tables?"
            for channel, money in spend.items()
            if channel not in won and money > 0
        ]
    return found


def _observation_end(given: str | pd.Timestamp | None, frame: pd.DataFrame) -> pd.Timestamp | None:
    kept = given if given is not None else frame.attrs.get("observation_end")
    if kept is None:
        return None
    end = parsing.day(kept, "observation_end")
    parsing.refuse_future(end, "observation_end")
    return end


def purchases(orders: Transactions | pd.DataFrame) -> pd.DataFrame:
    """The clean table of ``orders``; a bare frame must be clean already.

    Raises
    ------
    DataError
        Where a frame has rows that ``read_transactions`` would set aside or net: those need a
        receipt, so read it first.
    """
    if isinstance(orders, Transactions):
        return orders.table
    read = read_transactions(orders)
    if read.receipt.rows_in != len(read.table):
        lost = read.receipt.rows_in - len(read.table)
        raise DataError(
            f"{lost:,} of {read.receipt.rows_in:,} rows of this frame cannot be counted as "
            "purchases. Call clv.read_transactions(frame) first: its receipt says which and why."
        )
    return read.table


def _net_refunds(draft: reading.Draft) -> tuple[np.ndarray, np.ndarray]:
    """Take refunds off earlier purchases, in place; which rows were netted, which cancelled."""
    clean, reason = draft.clean, draft.reason
    refund = reason.isna() & (clean["amount"] < 0)
    netted = np.zeros(len(clean), dtype=bool)
    cancelled = np.zeros(len(clean), dtype=bool)
    rows = clean[reason.isna() & clean["customer_id"].isin(set(clean.loc[refund, "customer_id"]))]
    # Purchases before refunds within a day: the exports of most shops carry no hour.
    order = rows.assign(late=rows["amount"] < 0).sort_values(
        ["customer_id", "date", "late"], kind="stable"
    )
    amount = clean["amount"].to_numpy().copy()
    unmatched = list[int]()
    current, available, purchased = None, Decimal(0), list[tuple[int, Decimal]]()
    for row, customer, value in zip(
        order.index, order["customer_id"], order["amount"], strict=True
    ):
        if customer != current:
            current, available, purchased = customer, Decimal(0), []
        money = cents(value)
        if money > 0:
            purchased.append((row, money))
        elif -money > available:
            unmatched.append(row)
            continue
        elif money < 0:
            netted[row] = True
            left = -money
            while left > 0:
                last, held = purchased.pop()
                amount[last] = float(max(held - left, Decimal(0)))
                if held > left:
                    purchased.append((last, held - left))
                cancelled[last] = held <= left
                left -= min(left, held)
        available += money
    alone = clean.index.isin(unmatched)
    remedy = "export the purchase that it belongs to as well"
    draft.set_aside(alone, "refund without an earlier purchase", remedy)
    clean["amount"] = amount
    return netted, cancelled


def _note(draft: reading.Draft, used: pd.DataFrame, netted: int, cancelled: int) -> None:
    # Rows that are equal in every column are among the few of one customer and day.
    same_day = used[used.duplicated(["customer_id", "date"], keep=False)]
    draft.note(
        "Refunds taken off earlier purchases: {:,}. Purchases that this cancelled in full: "
        f"{cancelled:,}.",
        netted,
    )
    draft.note(
        "Purchases with an amount of 0, kept as purchases: {:,}.", int((used["amount"] == 0).sum())
    )
    draft.note(
        "Rows that repeat another row in every column, kept: {:,}. If your export repeats rows, "
        "give order_id or remove them.",
        int(same_day.duplicated().sum()),
    )
    draft.note(
        "Purchases on a day on which their customer had bought already: {:,}. The purchase-count "
        "models count days with a purchase.",
        int(same_day.duplicated(["customer_id", "date"]).sum()),
    )
