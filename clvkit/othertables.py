"""Subscriptions, spend, customers, experiments: any table in, a clean frame and a receipt out.

``source`` (a file, a frame or the name of a bundled table), ``columns``, ``query``,
``date_format``, ``decimal`` and ``timezone`` mean the same everywhere;
:func:`clvkit.read_transactions` describes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from clvkit import files, reading
from clvkit.receipts import Table

Columns = Mapping[str, str] | None
Decimal = Literal[".", ","] | None


@dataclass(frozen=True)
class Subscriptions(Table):
    """One row a contract: ``customer_id``, ``start``, ``end`` (missing: it runs), ``mrr``."""


@dataclass(frozen=True)
class Spend(Table):
    """One row a channel and day, or month: ``date``, ``channel``, ``spend``."""


@dataclass(frozen=True)
class Customers(Table):
    """One row a customer: ``customer_id`` and the attributes."""


@dataclass(frozen=True)
class Experiment(Table):
    """One row a customer: ``customer_id``, ``arm``, ``outcome``."""


def read_subscriptions(
    source: Any,
    columns: Columns = None,
    *,
    query: str | None = None,
    date_format: str | None = None,
    decimal: Decimal = None,
    timezone: str = "UTC",
) -> Subscriptions:
    """Read subscriptions and account for every row.

    Required columns ``customer_id``, ``start``, ``end`` (the first day no longer paid for; empty
    while the contract runs), ``mrr`` (money a month); optional ``subscription_id``, ``plan``,
    ``billing_months``, ``end_reason``, ``channel``. An end that is yet to come is kept: the
    contract runs until then. The receipt counts the money of ``mrr``. A frame or Parquet file
    whose ``attrs`` have ``observation_start`` or ``observation_end`` brings them along.

    Raises
    ------
    DataError
        Where the table cannot be used; the message names the source, the column and the row.
    """
    if isinstance(source, Subscriptions):
        return source
    options = reading.Options(date_format, decimal, timezone)
    found = files.load(source, query, "subscriptions")
    draft = reading.draft("subscriptions", found, columns, options)
    clean = draft.clean
    unread = clean["end"].isna()
    unread &= reading.filled(draft.cells["end"][unread]).reindex(clean.index, fill_value=False)
    remedy = "write the date as YYYY-MM-DD, or nothing while the contract runs"
    draft.set_aside(unread, "end not readable", remedy)
    draft.set_aside(clean["end"] < clean["start"], "end before start", "correct one of the dates")
    remedy = "write what the customer pays a month; a credit is no subscription"
    draft.set_aside(clean["mrr"] < 0, "mrr negative", remedy)
    if "billing_months" in clean:
        wrong = clean["billing_months"] <= 0
        clean["billing_months"] = clean["billing_months"].mask(wrong)
        draft.note("Cells of billing_months not above 0, left empty: {:,}.", int(wrong.sum()))
    used = draft.used()
    # Which days were observed is a fact about the table that no row says.
    edges = ("observation_start", "observation_end")
    used.attrs |= {edge: found.frame.attrs[edge] for edge in edges if edge in found.frame.attrs}
    overlapping = _overlapping(used)
    draft.note(
        "Subscriptions that began while another one of their customer ran, kept: {:,}.", overlapping
    )
    draft.note(
        "Subscriptions that end on a day that is yet to come, running until then: {:,}.",
        int((used["end"] > pd.Timestamp.now()).sum()),
    )
    draft.note("Subscriptions with an mrr of 0, kept: {:,}.", int((used["mrr"] == 0).sum()))
    _note_repeats(draft, used)
    receipt = draft.receipt("mrr")
    reading.refuse_one_customer(draft, used, "subscriptions")
    return Subscriptions(used, receipt)


def read_spend(
    source: Any,
    columns: Columns = None,
    *,
    query: str | None = None,
    date_format: str | None = None,
    decimal: Decimal = None,
    timezone: str = "UTC",
) -> Spend:
    """Read what was spent on winning customers, and account for every row.

    Required columns ``date``, or ``month`` (``2025-04``) in its place, ``channel``, ``spend``;
    optional ``new_customers``. A month is dated by its first day, and ``table.attrs["period"]``
    is then ``"M"``. The receipt counts the money of ``spend``.

    Raises
    ------
    DataError
        Where the table cannot be used; the message names the source, the column and the row.
    """
    if isinstance(source, Spend):
        return source
    found = files.load(source, query, "spend")
    options = reading.Options(date_format, decimal, timezone)
    draft = reading.draft("spend", found, columns, options, {"date": "month"})
    clean = draft.clean
    monthly = "month" in clean
    if monthly:
        days = clean.pop("month")
        clean.insert(0, "date", days.dt.to_period("M").dt.to_timestamp().astype("datetime64[s]"))
    remedy = "write what was spent; money that came back belongs to the row that it was spent in"
    draft.set_aside(clean["spend"] < 0, "spend negative", remedy)
    if "new_customers" in clean:
        wrong = clean["new_customers"] < 0
        clean["new_customers"] = clean["new_customers"].mask(wrong)
        draft.note("Cells of new_customers below 0, left empty: {:,}.", int(wrong.sum()))
    used = draft.used()
    if monthly or found.frame.attrs.get("period") == "M":
        used.attrs["period"] = "M"
    draft.note(
        f"Rows with the {'month' if monthly else 'date'} and channel of an earlier row, kept: "
        "{:,}. Their spend is added up.",
        int(used.duplicated(["date", "channel"]).sum()),
    )
    return Spend(used, draft.receipt("spend"))


def read_customers(
    source: Any,
    columns: Columns = None,
    *,
    query: str | None = None,
    date_format: str | None = None,
    decimal: Decimal = None,
    timezone: str = "UTC",
) -> Customers:
    """Read one row for each customer, and account for every row.

    Required column ``customer_id``; optional ``channel``, ``segment``, ``acquired_on``. Every
    other column is kept as it is, as an attribute. A row that repeats an earlier one is set
    aside; where the rows of a customer differ, nobody knows which is right, and all are. There
    is no money on this receipt.

    Raises
    ------
    DataError
        Where the table cannot be used; the message names the source, the column and the row.
    """
    if isinstance(source, Customers):
        return source
    found = files.load(source, query, "customers")
    options = reading.Options(date_format, decimal, timezone)
    draft = reading.draft("customers", found, columns, options)
    taken = {str(title).strip() for title in draft.titles.values()}
    for at, name in enumerate(found.frame.columns):
        title = str(name).strip()
        if title in taken or not title:
            continue
        if title in draft.clean:
            raise draft.refuse(f"the column {title!r} is there twice; keep or rename one.")
        draft.clean[title] = found.frame.iloc[:, at]
    _set_aside_repeats(draft)
    used = draft.used()
    receipt = draft.receipt(None)
    reading.refuse_one_customer(draft, used, "rows")
    return Customers(used, receipt)


def read_experiment(
    source: Any,
    columns: Columns = None,
    *,
    query: str | None = None,
    date_format: str | None = None,
    decimal: Decimal = None,
    timezone: str = "UTC",
) -> Experiment:
    """Read who was in which arm of an experiment, and account for every row.

    Required columns ``customer_id``, ``arm``, ``outcome`` (a number; yes and true are 1, no and
    false are 0); optional ``value``, ``pre_value``, ``cost``, ``assigned_at``. A customer in two
    arms is set aside, and so are rows of one customer that differ. The receipt counts the money
    of ``value``; without it that of ``outcome``, unless that holds nothing but 0 and 1.

    Raises
    ------
    DataError
        Where the table cannot be used, has fewer than two arms or only one person in an arm.
    """
    if isinstance(source, Experiment):
        return source
    options = reading.Options(date_format, decimal, timezone)
    draft = reading.draft("experiment", files.load(source, query, "experiment"), columns, options)
    arms = draft.clean[draft.reason.isna()].groupby("customer_id")["arm"].nunique()
    remedy = "find out which arm it was; a customer who saw both tells nothing about either"
    both = draft.clean["customer_id"].isin(set(arms.index[arms > 1]))
    draft.set_aside(both, "customer in two arms", remedy)
    _set_aside_repeats(draft)
    used = draft.used()
    money = "value" if "value" in used else "outcome"
    if money == "outcome" and draft.clean["outcome"].dropna().isin([0, 1]).all():
        receipt = draft.receipt(None)
    else:
        receipt = draft.receipt(money)
    _refuse_arms(draft, used)
    return Experiment(used, receipt)


def _overlapping(used: pd.DataFrame) -> int:
    """Subscriptions that begin before an earlier one of the same customer has ended."""
    ends = used["end"].fillna(pd.Timestamp("9999-12-31").as_unit("s"))
    rows = used[["customer_id", "start"]].assign(end=ends).sort_values(["customer_id", "start"])
    days = rows["end"].astype("int64")
    ended = days.groupby(rows["customer_id"]).cummax().groupby(rows["customer_id"]).shift()
    return int((rows["start"].astype("int64") < ended).sum())


def _set_aside_repeats(draft: reading.Draft) -> None:
    """Of the rows of one customer the first stays if all are equal, and none if they differ."""
    rows = draft.clean[draft.reason.isna()]
    more = rows[rows.duplicated("customer_id", keep=False)].astype("object")
    try:
        repeats = more.duplicated()
    except TypeError:  # A list in a cell cannot be compared; what is written can.
        repeats = more.map(repr).duplicated()
    different = more[~repeats].duplicated("customer_id", keep=False)
    unclear = set(more["customer_id"][different[different].index])
    draft.set_aside(
        draft.clean["customer_id"].isin(unclear).to_numpy(),
        "rows of one customer differ",
        "keep the row that is right",
    )
    again = np.zeros(len(draft.clean), dtype=bool)
    again[repeats.index[repeats]] = True
    draft.set_aside(again, "repeats an earlier row", "nothing: the earlier row is used")


def _note_repeats(draft: reading.Draft, used: pd.DataFrame) -> None:
    draft.note(
        "Rows that repeat another row in every column, kept: {:,}. If your export repeats rows, "
        "remove them.",
        int(used.duplicated().sum()),
    )


def _refuse_arms(draft: reading.Draft, used: pd.DataFrame) -> None:
    size = used["arm"].value_counts()
    shown = ", ".join(f"{arm!r}: {count:,}" for arm, count in size.head(8).items())
    if len(size) < 2:
        raise draft.refuse(
            f"column 'arm' has one arm only ({shown}): there is nothing to compare. Export the "
            "customers of the control group too."
        )
    if size.min() < 2:
        few = str(size.index[-1])
        raise draft.refuse(
            f"column 'arm': {few!r} has one person ({shown}), from whom no spread can be "
            "computed. Is it a spelling of another arm? Correct it, or leave the row out."
        )
