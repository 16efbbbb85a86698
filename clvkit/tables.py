"""The data contract for transactions: any table in, a clean frame and a receipt out."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from clvkit import files, parsing
from clvkit.errors import DataError

REQUIRED = ("customer_id", "date", "amount")
OPTIONAL = ("order_id", "product_id", "category", "channel", "margin", "quantity")

# Sums of smaller amounts are exact to the cent in floating point.
_TOO_LARGE = 1e13

_REMEDY = {
    "empty row": "nothing: a row without customer, date and amount is no purchase",
    "no customer id": "fill in the id, or leave guests out of the export",
    "date not readable": "write the date as YYYY-MM-DD, or give date_format",
    "date before 1971": "correct the date; many systems write such a day for an empty one",
    "date in the future": "correct the date; orders not yet placed do not belong here",
    "amount not a number": "write the amount as a plain number",
    "amount too large": "correct the amount; ten trillion cannot be counted to the cent",
    "refund": "nothing, if refunds are to be left out; refunds='net' subtracts them",
    "refund without an earlier purchase": "export the purchase that it belongs to as well",
}


@dataclass(frozen=True)
class Receipt:
    """What happened to every row and every cent: in = used + set aside, exactly.

    Money is in the table's currency, as exact decimals. ``rows_set_aside`` holds the rows that
    were not used, with the line of the file (or the position in the frame), reason and remedy.
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
class Transactions:
    """Clean purchases and the receipt of how they came about.

    ``table``: one row a purchase, in the source's order: ``customer_id`` (text), ``date``
    (calendar day), ``amount`` (money, net of refunds, never negative) and whichever optional
    columns the source has.
    """

    table: pd.DataFrame
    receipt: Receipt


def read_transactions(
    source: str | Path | pd.DataFrame,
    columns: Mapping[str, str] | None = None,
    *,
    refunds: Literal["net", "set_aside"] = "net",
    date_format: str | None = None,
    decimal: Literal[".", ","] | None = None,
    timezone: str = "UTC",
) -> Transactions:
    """Read purchases and account for every row.

    Parameters
    ----------
    source
        A CSV or Parquet file, a data frame, or the name of a bundled table (``cdnow``,
        ``cdnow-sample``). Required columns ``customer_id``, ``date``, ``amount``; optional
        ``order_id``, ``product_id``, ``category``, ``channel``, ``margin``, ``quantity``.
    columns
        Contract name to the source's name, where they differ.
    refunds
        ``"net"`` takes a negative amount off the customer's purchases of the same day, then off
        earlier ones, the latest first; a purchase refunded in full is no purchase any more.
        ``"set_aside"`` leaves negative amounts out. Either way the receipt counts them.
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
    raw, name, path = files.load(source)
    try:
        table = _rename(raw, columns or {})
        clean = pd.DataFrame(
            {
                "customer_id": _ids(table["customer_id"]),
                "date": parsing.days(table["date"], "date", date_format, timezone),
                "amount": parsing.amounts(table["amount"], "amount", decimal),
            }
        ).join(table.drop(columns=list(REQUIRED)))
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    reason = _reasons(clean, table, refunds)
    original = clean["amount"].copy()
    netted = cancelled = np.zeros(len(clean), dtype=bool)
    if refunds == "net":
        netted, cancelled = _net_refunds(clean, reason)
    keep = reason.isna().to_numpy() & ~netted & ~cancelled
    used = clean[keep].reset_index(drop=True)
    aside = _set_aside(raw, clean, original, reason, path)
    receipt = Receipt(
        source=name,
        rows_in=len(clean),
        rows_used=len(clean) - len(aside),
        money_in=_total(original),
        money_used=_total(original[reason.isna()]),
        set_aside=_by_reason(aside),
        rows_set_aside=aside,
        refunds_netted=int(netted.sum()),
        purchases_cancelled=int(cancelled.sum()),
        notes=_notes(used, int(netted.sum()), int(cancelled.sum())),
    )
    _refuse_unusable(used, receipt)
    return Transactions(used, receipt)


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


def _rename(raw: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    names = [str(name).strip() for name in raw.columns]
    if not isinstance(columns, Mapping):
        raise DataError(
            f"columns={columns!r}: give a dict such as {{'customer_id': 'CustomerNo'}}."
        )
    for key in columns:
        if key not in REQUIRED + OPTIONAL:
            near = get_close_matches(str(key), REQUIRED + OPTIONAL, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise DataError(f"columns: {key!r} is not a column of the transactions table.{hint}")
    table = {}
    for column in REQUIRED + OPTIONAL:
        wanted = str(columns.get(column, column)).strip()
        found = [i for i, name in enumerate(names) if name == wanted]
        if len(found) > 1:
            raise DataError(f"the column {wanted!r} is there {len(found)} times; keep one.")
        if found:
            table[column] = raw.iloc[:, found[0]]
        elif column in REQUIRED or column in columns:
            near = get_close_matches(wanted, names, 1)
            guess = f" Perhaps columns={{{column!r}: {near[0]!r}}}?" if near else ""
            raise DataError(
                f"there is no column {wanted!r} (found: {', '.join(names)}). Name yours with "
                f"columns={{{column!r}: '...'}}.{guess}"
            )
    return pd.DataFrame(table)


def _ids(values: pd.Series) -> pd.Series:
    """Ids as text, leading zeros kept; whole numbers without a decimal point."""
    values = parsing.whole(values)
    if pd.api.types.is_float_dtype(values.dtype) and (values.abs() > 2**53).any():
        raise DataError(
            "column 'customer_id' holds floating-point numbers too large to tell customers apart: "
            "read the ids as text."
        )
    text = values.astype("string").str.strip()
    return text.mask(text.isin(["", "nan", "NaN", "None", "NULL", "null", "<NA>"])).astype("str")


def _reasons(clean: pd.DataFrame, table: pd.DataFrame, refunds: str) -> pd.Series:
    reason = pd.Series(None, index=clean.index, dtype="object")
    # A day of grace: a shop further east is already in tomorrow.
    today = pd.Timestamp.now().normalize() + pd.Timedelta(days=1)
    if refunds == "set_aside":
        reason[clean["amount"] < 0] = "refund"
    reason[clean["amount"].abs() >= _TOO_LARGE] = "amount too large"
    reason[clean["amount"].isna()] = "amount not a number"
    reason[clean["date"] < pd.Timestamp("1971-01-01")] = "date before 1971"
    reason[clean["date"] > today] = "date in the future"
    reason[clean["date"].isna()] = "date not readable"
    reason[clean["customer_id"].isna()] = "no customer id"
    nothing = clean[list(REQUIRED)].isna().all(axis=1)
    cells = table.loc[nothing, list(REQUIRED)].astype("string").fillna("")
    reason[cells.index[cells.apply(lambda cell: cell.str.strip()).eq("").all(axis=1)]] = "empty row"
    return reason


def _net_refunds(clean: pd.DataFrame, reason: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Take refunds off earlier purchases, in place; which rows were netted, which cancelled."""
    refund = reason.isna() & (clean["amount"] < 0)
    netted = np.zeros(len(clean), dtype=bool)
    cancelled = np.zeros(len(clean), dtype=bool)
    rows = clean[reason.isna() & clean["customer_id"].isin(set(clean.loc[refund, "customer_id"]))]
    # Purchases before refunds within a day: the exports of most shops carry no hour.
    order = rows.assign(late=rows["amount"] < 0).sort_values(
        ["customer_id", "date", "late"], kind="stable"
    )
    amount = clean["amount"].to_numpy().copy()
    current, available, purchased = None, Decimal(0), list[tuple[int, Decimal]]()
    for row, customer, value in zip(
        order.index, order["customer_id"], order["amount"], strict=True
    ):
        if customer != current:
            current, available, purchased = customer, Decimal(0), []
        money = _cents(value)
        if money > 0:
            purchased.append((row, money))
        elif -money > available:
            reason[row] = "refund without an earlier purchase"
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
    clean["amount"] = amount
    return netted, cancelled


def _cents(amount: float) -> Decimal:
    """The decimal number that was written, not its binary neighbour."""
    return Decimal(repr(float(amount)))


def _total(amounts: pd.Series) -> Decimal:
    """The exact decimal sum of amounts; cells that are no number carry no money."""
    values = amounts.dropna().to_numpy()
    with np.errstate(over="ignore"):
        scaled = np.rint(values * 100)
        if np.abs(scaled).sum() < 2.0**53 and np.array_equal(scaled / 100, values):
            return Decimal(int(scaled.sum())) / 100
    with localcontext() as context:
        context.prec = 800  # Enough for the largest and the smallest float in one sum.
        return sum(map(_cents, values), Decimal(0))


def _set_aside(
    raw: pd.DataFrame,
    clean: pd.DataFrame,
    original: pd.Series,
    reason: pd.Series,
    path: Path | None,
) -> pd.DataFrame:
    at = np.flatnonzero(reason.notna())
    place = "row" if path is None else "line"
    taken = (place, "reason", "remedy", "money")
    aside = raw.iloc[at].copy()
    aside.columns = pd.Index([f"{name} (source)" if name in taken else name for name in raw])
    aside.insert(0, place, at if path is None else files.lines(path, at))
    aside["reason"] = reason.iloc[at].to_numpy()
    aside["remedy"] = [_REMEDY[why] for why in aside["reason"]]
    aside["money"] = original.iloc[at].to_numpy()
    return aside.reset_index(drop=True)


def _by_reason(aside: pd.DataFrame) -> pd.DataFrame:
    groups = aside.groupby("reason", sort=False)["money"]
    table = {
        reason: {"rows": len(money), "money": _total(money), "remedy": _REMEDY[str(reason)]}
        for reason, money in groups
    }
    return pd.DataFrame.from_dict(table, orient="index", columns=["rows", "money", "remedy"])


def _notes(used: pd.DataFrame, netted: int, cancelled: int) -> tuple[str, ...]:
    counts = {
        f"Refunds taken off earlier purchases: {netted:,}. Purchases that this cancelled in full: "
        f"{cancelled:,}.": netted,
        "Purchases with an amount of 0, kept as purchases: {:,}.": int((used["amount"] == 0).sum()),
        "Rows that repeat another row in every column, kept: {:,}. If your export repeats rows, "
        "give order_id or remove them.": int(used.duplicated().sum()),
        "Purchases on a day on which their customer had bought already: {:,}. The purchase-count "
        "models count days with a purchase.": int(used.duplicated(["customer_id", "date"]).sum()),
    }
    return tuple(note.format(count) for note, count in counts.items() if count)


def _refuse_unusable(used: pd.DataFrame, receipt: Receipt) -> None:
    if receipt.rows_in == 0:
        raise DataError(f"{receipt.source}: the table has column names but no rows.")
    if used.empty:
        first = receipt.rows_set_aside.head(3)
        where = first.columns[0]
        rows = "; ".join(f"{where} {row.iloc[0]}: {row['reason']}" for _, row in first.iterrows())
        remedy = receipt.rows_set_aside["remedy"].mode()[0]
        raise DataError(
            f"{receipt.source}: none of the {receipt.rows_in:,} rows can be used ({rows}). "
            f"{remedy[0].upper()}{remedy[1:]}."
        )
    if used["customer_id"].nunique() == 1:
        raise DataError(
            f"{receipt.source}: all {len(used):,} purchases are of one customer, "
            f"{used['customer_id'].iloc[0]!r}; nothing can be said about customers from one. Is "
            "customer_id the right column?"
        )
