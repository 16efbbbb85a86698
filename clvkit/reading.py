"""What reading any of the five tables has in common: columns, cells, reasons, the receipt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvkit import files, parsing
from clvkit.contracts import CONTRACTS, Column, Contract
from clvkit.errors import DataError
from clvkit.receipts import Receipt, by_reason, total

# Sums of smaller amounts are exact to the cent in floating point.
TOO_LARGE = 1e13
NO_IDS = ["", "nan", "NaN", "None", "NULL", "null", "<NA>"]
_READ = ("date", "money", "number")
FIRST_DAY = pd.Timestamp("1971-01-01")

EMPTY = ("empty row", "nothing: a row without any required cell says nothing")

Mask = pd.Series | NDArray[np.bool_]


@dataclass
class Draft:
    """A table on its way in.

    ``cells`` are the source's, ``clean`` what they say, both under the contract's names and with
    one row for each of the source; ``titles`` are the source's names of the columns. ``reason``
    says why a row is set aside, and the first reason stays. ``emptied``: how many cells of optional
    columns were left empty, and where the first is. ``notes`` are for the receipt.
    """

    contract: Contract
    source: files.Source
    cells: pd.DataFrame
    clean: pd.DataFrame
    titles: dict[str, str]
    reason: pd.Series
    remedies: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    emptied: dict[str, tuple[int, str]] = field(default_factory=dict)

    def set_aside(self, rows: Mask, reason: str, remedy: str) -> None:
        """Set ``rows`` aside unless they are already."""
        self.reason[np.asarray(rows, dtype=bool) & self.reason.isna().to_numpy()] = reason
        self.remedies[reason] = remedy

    def note(self, text: str, count: int) -> None:
        """Add a note if it counts anything; ``{:,}`` in it becomes the count."""
        if count:
            self.notes.append(text.format(count))

    def used(self) -> pd.DataFrame:
        """The rows that are not set aside."""
        return self.clean[self.reason.isna()].reset_index(drop=True)

    def receipt(self, money: str | None, original: pd.Series | None = None) -> Receipt:
        """The receipt; ``original``: the column ``money`` as it was, if it has been changed.

        Raises
        ------
        DataError
            Where no row can be used.
        """
        if original is None:
            original = self.clean[money] if money else pd.Series(0.0, index=self.clean.index)
        aside = self.rows_set_aside(original)
        self._refuse_nothing(aside)
        return Receipt(
            source=self.source.name,
            rows_in=len(self.clean),
            rows_used=len(self.clean) - len(aside),
            money_in=total(original),
            money_used=total(original[self.reason.isna()]),
            set_aside=by_reason(aside),
            rows_set_aside=aside,
            refunds_netted=0,
            purchases_cancelled=0,
            notes=tuple(self.notes),
            money_column=money,
        )

    def refuse(self, message: str) -> DataError:
        """An error that names the source."""
        return DataError(f"{self.source.name}: {message}")

    def rows_set_aside(self, money: pd.Series) -> pd.DataFrame:
        """The rows that are set aside, as they stand in the source, with reason and remedy."""
        raw, place = self.source.frame, self.source.place
        at = np.flatnonzero(self.reason.notna())
        taken = (place, "reason", "remedy", "money")
        aside = raw.iloc[at].copy()
        aside.columns = pd.Index([f"{name} (source)" if name in taken else name for name in raw])
        aside.attrs = {}
        aside.insert(0, place, self.source.numbers(at))
        aside["reason"] = self.reason.iloc[at].to_numpy()
        aside["remedy"] = [self.remedies[why] for why in aside["reason"]]
        aside["money"] = money.iloc[at].to_numpy()
        return aside.reset_index(drop=True)

    def _refuse_nothing(self, aside: pd.DataFrame) -> None:
        if self.clean.empty:
            raise self.refuse(
                "the table has column names but no rows. Was the filter of the export too narrow?"
            )
        if len(aside) == len(self.clean):
            first = aside.head(3)
            where = first.columns[0]
            rows = "; ".join(
                f"{where} {row.iloc[0]}: {row['reason']}" for _, row in first.iterrows()
            )
            remedy = aside["remedy"].mode()[0]
            raise self.refuse(
                f"none of the {len(aside):,} rows can be used ({rows}). "
                f"{remedy[0].upper()}{remedy[1:]}."
            )


@dataclass(frozen=True)
class Options:
    """How cells are to be read; see :func:`clvkit.read_transactions`.

    ``complete``: the cells are the whole column; a piece of it cannot say how it is to be read.
    """

    date_format: str | None = None
    decimal: str | None = None
    timezone: str = "UTC"
    complete: bool = True


def draft(
    table: str,
    source: files.Source,
    columns: Mapping[str, str] | None,
    options: Options,
    instead: Mapping[str, str] | None = None,
) -> Draft:
    """Find the columns of the contract ``table``, read their cells, set aside what is unreadable.

    ``instead`` names optional columns that may stand in for a required one.
    """
    contract = CONTRACTS[table]
    try:
        titles, cells = pick(contract, source.frame, columns or {}, instead or {})
        kinds = {column.name: column for column in contract.columns}
        clean = pd.DataFrame({name: _read(kinds[name], cells[name], options) for name in titles})
    except parsing.CellError as error:
        where = ", ".join(map(str, source.numbers(np.asarray(error.rows[:3], dtype=np.intp))))
        raise DataError(f"{source.name}: {error} See {source.place} {where}.") from error
    except DataError as error:
        raise DataError(f"{source.name}: {error}") from error
    reason = pd.Series(None, index=clean.index, dtype="object")
    made = Draft(contract, source, cells, clean, titles, reason, notes=list(source.notes))
    _set_aside_no_rows(made)
    for column in contract.columns:
        if column.name not in cells or column.name == "end":
            continue
        if column.required or column.name in (instead or {}).values():
            _set_aside_unusable(made, column)
        elif column.kind in _READ:
            _empty_unusable(made, column)
    return made


def unusable(column: Column) -> dict[str, str]:
    """Why a row is set aside for its cell of ``column``, and what to do: reasons in order."""
    name = column.name
    if column.kind == "id":
        return {"no customer id": "fill in the id, or leave guests out of the export"}
    if column.kind == "text":
        return {f"no {name}": f"fill in the {name}"}
    if column.kind == "date":
        return {
            f"{name} not readable": "write the date as YYYY-MM-DD, or give date_format",
            f"{name} in the future": "correct the date; what is yet to happen does not belong here",
            f"{name} before 1971": "correct the date; many systems write such a day for an empty "
            "one",
        }
    return {
        f"{name} not a number": f"write the {name} as a plain number",
        f"{name} too large": f"correct the {name}; ten trillion cannot be counted to the cent",
    }


def _set_aside_unusable(made: Draft, column: Column) -> None:
    """Set aside rows whose cell of ``column`` says nothing that can be counted."""
    values = made.clean[column.name]
    masks = [values.isna()]
    if column.kind == "date":
        masks += [values > last_day(), values < FIRST_DAY]
    elif column.kind not in ("id", "text"):
        masks.append(values.abs() >= TOO_LARGE)
    for mask, (reason, remedy) in zip(masks, unusable(column).items(), strict=True):
        made.set_aside(mask, reason, remedy)


def filled(cells: pd.Series) -> pd.Series:
    """Which cells hold anything at all."""
    return parsing.text(cells).fillna("") != ""


def refuse_one_customer(made: Draft, used: pd.DataFrame, rows: str) -> None:
    """Nothing can be said about customers where there is only one."""
    if used["customer_id"].nunique() == 1:
        raise made.refuse(
            f"all {len(used):,} {rows} are of one customer, {used['customer_id'].iloc[0]!r}; "
            "nothing can be said about customers from one. Is customer_id the right column?"
        )


def last_day() -> pd.Timestamp:
    """The last day on which anything can have happened."""
    # A day of grace: a shop further east is already in tomorrow.
    return pd.Timestamp.now().normalize() + pd.Timedelta(days=1)


def pick(
    contract: Contract, raw: pd.DataFrame, columns: Mapping[str, str], instead: Mapping[str, str]
) -> tuple[dict[str, str], pd.DataFrame]:
    """The source's names of the contract's columns, and their cells."""
    names = [str(name).strip() for name in raw.columns]
    if not isinstance(columns, Mapping):
        raise DataError(
            f"columns={columns!r}: give a dict such as {{'customer_id': 'CustomerNo'}}."
        )
    for key in columns:
        if key not in contract.names:
            near = get_close_matches(str(key), contract.names, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise DataError(
                f"columns: {key!r} is not a column of the {contract.name} table, which has "
                f"{', '.join(contract.names)}.{hint}"
            )
    picked: dict[str, int] = {}
    for column in contract.names:
        wanted = str(columns.get(column, column)).strip()
        found = [i for i, name in enumerate(names) if name == wanted]
        if len(found) > 1:
            raise DataError(f"the column {wanted!r} is there {len(found)} times; keep one.")
        if found:
            picked[column] = found[0]
        elif column in columns or (column in contract.required and column not in instead):
            raise _no_column(column, wanted, names)
    for column, other in instead.items():
        if column not in picked and other not in picked:
            raise _no_column(column, column, names)
        if column in picked and other in picked:
            # The one that was asked for; both only if somebody asked for both.
            del picked[column if other in columns and column not in columns else other]
    titles = {column: raw.columns[at] for column, at in picked.items()}
    return titles, pd.DataFrame({column: raw.iloc[:, at] for column, at in picked.items()})


def _no_column(column: str, wanted: str, names: list[str]) -> DataError:
    near = get_close_matches(wanted, names, 1)
    guess = f" Perhaps columns={{{column!r}: {near[0]!r}}}?" if near else ""
    return DataError(
        f"there is no column {wanted!r} (found: {', '.join(names)}). Name yours with "
        f"columns={{{column!r}: '...'}}.{guess}"
    )


def _read(column: Column, cells: pd.Series, options: Options) -> pd.Series:
    if column.kind == "id":
        return ids(cells, column.name)
    if column.kind == "text":
        text = parsing.text(cells)
        return text.mask(text == "").astype("str")
    if column.name == "month":
        cells = parsing.first_days(cells)
    if column.kind == "date":
        return parsing.days(cells, column.name, options.date_format, options.timezone,
                            options.complete)  # fmt: skip
    if column.name == "outcome":
        cells = parsing.flags(cells)
    return parsing.amounts(cells, column.name, options.decimal, options.complete)


def ids(values: pd.Series, column: str) -> pd.Series:
    """Ids as text, leading zeros kept; whole numbers without a decimal point."""
    values = parsing.whole(values)
    if pd.api.types.is_float_dtype(values.dtype) and (values.abs() > 2**53).any():
        raise DataError(
            f"column {column!r} holds floating-point numbers too large to tell one "
            "from another: read the ids as text."
        )
    text = parsing.text(values)
    return text.mask(text.isin(NO_IDS)).astype("str")


def _set_aside_no_rows(made: Draft) -> None:
    """Set aside rows that hold nothing, and lines of names in the middle of joined files."""
    required = [name for name in made.contract.required if name in made.cells]
    read = [c.name for c in made.contract.columns if c.name in required and c.kind in _READ]
    # Only a row without any number or date can be one of these.
    some = made.cells[made.clean[read].isna().all(axis=1)]
    cells = pd.DataFrame({name: parsing.text(some[name]).fillna("") for name in required})
    # Where only the customer is required, a row without one may hold something else.
    nothing = (cells == "").all(axis=1) & (len(required) > 1)
    empty = cells.index[nothing]
    made.set_aside(made.clean.index.isin(empty), *EMPTY)
    titles = [str(made.titles[name]).strip() for name in required]
    repeated = cells.index[(cells == titles).all(axis=1)]
    remedy = "nothing, if several files were joined; the names of the columns are no row"
    made.set_aside(made.clean.index.isin(repeated), "repeats the names of the columns", remedy)


def _empty_unusable(made: Draft, column: Column) -> None:
    """Empty the cells of an optional column that cannot be used, and count them."""
    name, values = column.name, made.clean[column.name]
    lost = values.isna()
    if lost.any():
        lost = lost & filled(made.cells[name])
    if column.kind == "date":
        lost |= (values > last_day()) | (values < FIRST_DAY)
    else:
        lost |= values.abs() >= TOO_LARGE
    lost &= made.reason.isna()
    made.clean[name] = values.mask(lost)
    if lost.any():
        first = made.source.numbers(np.flatnonzero(lost)[:1])[0]
        made.emptied[name] = int(lost.sum()), f"{made.source.place} {first}"
        made.notes.append(note_emptied(column, *made.emptied[name]))


def note_emptied(column: Column, count: int, first: str) -> str:
    """What a receipt says of cells of an optional ``column`` that were left empty."""
    what = "day that has been" if column.kind == "date" else "number"
    where = f" (the first: {first})" if first else ""
    return f"Cells of {column.name} that are no {what}, left empty: {count:,}{where}."
