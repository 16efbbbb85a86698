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

UNMATCHED = (
    "refund without an earlier purchase",
    "export the purchase that it belongs to as well",
)
LATE = ("after the observation end", "nothing, or give a later observation_end")
REFUND = ("refund", "nothing, if refunds are to be left out; refunds='net' subtracts them")


WITH_AMOUNT = {"margin", "quantity"}


@dataclass(frozen=True)
class Transactions(Table):
    """Clean purchases and the receipt of how they came about.

    ``table``: one row a purchase, in the source's order: ``customer_id`` (text), ``date``
    (calendar day), ``amount`` (money, net of refunds, never negative) and whichever optional
    columns the source has. ``table.attrs["observation_end"]`` is there if one was given.
    ``gross`` and ``taken`` remember refunds: all rows as they were written, and what was left of
    a purchase (``row`` of ``gross``) after the refund of a ``date``.
    """

    gross: pd.DataFrame | None = None
    taken: pd.DataFrame | None = None

    def known_at(self, day: pd.Timestamp) -> pd.DataFrame:
        """The clean purchases as they stood on ``day``: a later refund has taken nothing off."""
        rows = self.table
        if self.gross is not None and self.taken is not None:
            left = self.taken[self.taken["date"] <= day].drop_duplicates("row", keep="last")
            amount = self.gross["amount"].to_numpy().copy()
            amount[left["row"]] = left["left"]
            gone = np.zeros(len(amount), dtype=bool)
            gone[left["row"][left["left"] == 0]] = True
            cut = _refunded(self.gross, pd.Series(amount, self.gross.index))
            rows = self.gross.assign(**cut)[~gone & (amount >= 0)]
        known = pd.DataFrame(rows[rows["date"] <= day].reset_index(drop=True))
        known.attrs = dict(self.table.attrs)
        return known


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
        A CSV, Parquet, Excel, DuckDB or SQLite file, a connection string (see
        :func:`clvkit.scan_transactions`), a pandas, polars or pyarrow frame, or the name of a
        bundled table (``cdnow``, ``cdnow-sample``, ``shop``). Required columns
        ``customer_id``, ``date``, ``amount``; optional ``order_id``, ``product_id``, ``category``,
        ``channel``, ``margin``, ``quantity``.
    columns
        Contract name to the source's name, where they differ.
    query
        In a database the name of a table or a SELECT, in a workbook the name of a sheet; needed
        where there are several.
    refunds
        ``"net"`` takes a negative amount off the customer's purchases of the same day, then off
        earlier ones, the latest first, within a day the largest first; a purchase refunded in full
        is no purchase any more.
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
    refuse_unknown(refunds)
    if isinstance(source, Transactions):
        return source
    found = files.load(source, query, "transactions")
    options = reading.Options(date_format, decimal, timezone)
    draft = reading.draft("transactions", found, columns, options)
    end = observation_end_of(observation_end, found.frame.attrs)
    set_aside_unwanted(draft, end, refunds)
    original = draft.clean["amount"].copy()
    gross = draft.clean.copy()
    netted, cancelled, taken = _net_refunds(draft)
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
    if not netted.any():
        return Transactions(used, receipt)
    counted = draft.reason.isna().to_numpy()
    taken["row"] = (np.cumsum(counted) - 1)[taken["row"]]
    return Transactions(used, receipt, gross[counted].reset_index(drop=True), taken)


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


def observation_end_of(
    given: str | pd.Timestamp | None, attrs: Mapping[Any, Any]
) -> pd.Timestamp | None:
    """The last day observed: the one ``given``, or the one that came with the table."""
    kept = given if given is not None else attrs.get("observation_end")
    if kept is None:
        return None
    end = parsing.day(kept, "observation_end")
    parsing.refuse_future(end, "observation_end")
    return end


def refuse_unknown(refunds: str) -> None:
    """Refuse a rule for refunds that is none."""
    if refunds not in ("net", "set_aside"):
        raise DataError(f"refunds={refunds!r}: give 'net' or 'set_aside'.")


def set_aside_unwanted(draft: reading.Draft, end: pd.Timestamp | None, refunds: str) -> None:
    """Set aside purchases after ``end``, and refunds where that is wanted."""
    if end is not None:
        draft.set_aside(draft.clean["date"] > end, *LATE)
    if refunds == "set_aside":
        draft.set_aside(draft.clean["amount"] < 0, *REFUND)


def purchases(orders: Transactions | pd.DataFrame) -> pd.DataFrame:
    """The clean table of ``orders``; a bare frame must be clean already.

    Raises
    ------
    DataError
        Where a frame has rows that ``read_transactions`` would set aside or net: those need a
        receipt, so read it first.
    """
    if isinstance(orders, Transactions):
        if not isinstance(orders.table, pd.DataFrame):
            raise DataError(
                "These purchases were left where they are, and this needs them in memory: read "
                "them with clv.read_transactions, or those of some customers, all rows of each."
            )
        return orders.table
    read = read_transactions(orders)
    if read.receipt.rows_in != len(read.table):
        lost = read.receipt.rows_in - len(read.table)
        raise DataError(
            f"{lost:,} of {read.receipt.rows_in:,} rows of this frame cannot be counted as "
            "purchases. Call clv.read_transactions(frame) first: its receipt says which and why."
        )
    return read.table


def _net_refunds(draft: reading.Draft) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Take refunds off earlier purchases, in place; which rows were netted, which cancelled.

    A margin or a quantity shrinks with its amount. The frame has what was left of a purchase
    after each refund that took something off it.
    """
    clean, reason = draft.clean, draft.reason
    refund = reason.isna() & (clean["amount"] < 0)
    rows = clean[reason.isna() & clean["customer_id"].isin(set(clean.loc[refund, "customer_id"]))]
    rows, taken = _netted(rows)
    alone = clean.index.isin(rows.index[rows["fate"] == "unmatched"])
    draft.set_aside(alone, *UNMATCHED)
    left = clean["amount"].mask(
        rows["fate"].reindex(clean.index).notna(), rows["amount"].reindex(clean.index)
    )
    if WITH_AMOUNT.intersection(clean.columns):
        draft.notes += note_in_part(int((rows["fate"] == "reduced").sum()))
    cut = _refunded(clean, left)
    clean[cut.columns] = cut
    return (
        clean.index.isin(rows.index[rows["fate"] == "netted"]),
        clean.index.isin(rows.index[rows["fate"] == "cancelled"]),
        taken,
    )


def _refunded(rows: pd.DataFrame, left: pd.Series) -> pd.DataFrame:
    """What is ``left`` of the amounts; a margin or a quantity shrinks with its amount."""
    in_part = rows["amount"].gt(left) & left.gt(0)
    kept = (left / rows["amount"].where(in_part)).fillna(1.0)
    shrunk = {name: rows[name] * kept for name in WITH_AMOUNT.intersection(rows.columns)}
    return pd.DataFrame({"amount": left, **{name: x.round(6) for name, x in shrunk.items()}})


def net_refunds(rows: pd.DataFrame) -> pd.DataFrame:
    """Take the refunds in ``rows`` off their customers' purchases of the same day and before.

    Returns the rows by customer and day, purchases before refunds, with the amounts that are
    left, and each row's ``fate``: ``used``, ``reduced`` (a purchase with something left),
    ``netted`` (a refund), ``cancelled`` (a purchase with nothing left) or ``unmatched`` (a refund
    of more than there was to refund). Within a day, which in most exports has no hours, the largest
    amounts come off first, in whatever order they stand.
    """
    netted, _ = _netted(rows)
    cut = _refunded(rows.loc[netted.index], netted["amount"])
    return netted.assign(**cut)


def _netted(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """:func:`net_refunds`, and one line for each purchase that a refund has taken something off.

    The lines have the purchase's ``row``, the ``date`` of the refund, and what was ``left``.
    """
    order = rows.assign(late=rows["amount"] < 0)
    order = order.sort_values(["customer_id", "date", "late", "amount"], kind="stable")
    amount, fate = order["amount"].to_numpy(copy=True), np.full(len(order), "used", dtype=object)
    taken = list[tuple[int, int, float]]()
    current, available, purchased = None, Decimal(0), list[tuple[int, Decimal]]()
    for row, customer in enumerate(order["customer_id"]):
        if customer != current:
            current, available, purchased = customer, Decimal(0), []
        money = cents(amount[row])
        if money > 0:
            purchased.append((row, money))
        elif -money > available:
            fate[row] = "unmatched"
            continue
        elif money < 0:
            fate[row] = "netted"
            left = -money
            while left > 0:
                last, held = purchased.pop()
                amount[last] = float(max(held - left, Decimal(0)))
                taken.append((last, row, amount[last]))
                fate[last] = "reduced" if held > left else "cancelled"
                if held > left:
                    purchased.append((last, held - left))
                left -= min(left, held)
        available += money
    lines = pd.DataFrame(taken, columns=["row", "refund", "left"])
    lines.insert(1, "date", order["date"].to_numpy()[lines.pop("refund")])
    lines["row"] = order.index.to_numpy()[lines["row"]]
    return order[list(rows)].assign(amount=amount, fate=fate), lines


def _note(draft: reading.Draft, used: pd.DataFrame, netted: int, cancelled: int) -> None:
    # Rows that are equal in every column are among the few of one customer and day.
    same_day = used[used.duplicated(["customer_id", "date"], keep=False)]
    draft.notes += notes(
        netted,
        cancelled,
        zeros=int((used["amount"] == 0).sum()),
        repeated=int(same_day.duplicated().sum()),
        same_day=int(same_day.duplicated(["customer_id", "date"]).sum()),
    )


def note_in_part(reduced: int) -> list[str]:
    """What a receipt says of purchases with a margin or a quantity that were refunded in part."""
    text = "Purchases refunded in part, whose margin and quantity were cut in proportion"
    return [f"{text}: {reduced:,}."] if reduced else []


def notes(netted: int, cancelled: int, zeros: int, repeated: int, same_day: int) -> list[str]:
    """What a receipt says of the rows that were used; of nothing where there is none."""
    said = {
        f"Refunds taken off earlier purchases: {netted:,}. Purchases that this cancelled in full: "
        f"{cancelled:,}.": netted,
        f"Purchases with an amount of 0, kept as purchases: {zeros:,}.": zeros,
        f"Rows that repeat another row in every column, kept: {repeated:,}. If your export repeats "
        "rows, give order_id or remove them.": repeated,
        f"Purchases on a day on which their customer had bought already: {same_day:,}. The "
        "purchase-count models count days with a purchase.": same_day,
    }
    return [note for note, count in said.items() if count]
