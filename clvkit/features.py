"""What is known of each customer on a day: the features that a learner may see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvkit import parsing
from clvkit.attributes import grouped
from clvkit.errors import DataError, UndefinedError
from clvkit.models import BetaGeoNBD, GammaGamma
from clvkit.models.base import Array
from clvkit.othertables import Customers, read_customers
from clvkit.summary import summarize
from clvkit.tables import Transactions, purchases, read_transactions
from clvkit.valuation import lifetime_value

MODEL = ["model_alive", "model_purchases", "model_spend"]
_WINDOWS = (30, 90, 180, 365)
_GOODS = ("category", "product_id", "channel")
_SHARES = 8
_MONTH = 30.4375


def readable(orders: Transactions | pd.DataFrame) -> Transactions:
    """Purchases that can be cut at a day; a frame may have refunds, but no unusable rows."""
    made = read_transactions(orders)
    if made.gross is None:
        purchases(orders)
    return made


def customer_features(
    orders: Transactions | pd.DataFrame,
    customers: Customers | pd.DataFrame | None = None,
    cutoff: str | pd.Timestamp | None = None,
) -> pd.DataFrame:
    """What the purchases up to ``cutoff``, and the attributes, say about each customer.

    Nothing later is looked at: the table is cut before anything is computed, and a refund after
    the cut-off has taken nothing off. Attributes have no date; whether they were known on the day
    is for their owner to say, and for :func:`clvkit.learn_clv` to doubt.

    Parameters
    ----------
    cutoff
        The last day known. Default: the last day observed.

    Returns
    -------
    One row a customer who has bought by then, in the order of first appearance: ``age`` and
    ``silence`` (days since the first and the last purchase), ``gap`` (mean days between
    purchases, missing after one), ``silence_in_gaps``, ``purchases`` (days), ``spend``,
    ``spend_a_purchase``, ``first_spend``, purchases and spend of the last 30, 90, 180 and 365
    days; from the optional columns ``products``, ``categories``, the share of
    spend in the eight largest categories, the channel of the first purchase; and the attributes:
    numbers, and text of at most 20 values. ``attrs["left_out"]`` names the other attributes.
    """
    made = readable(orders)
    day = made.table["date"].max() if cutoff is None else parsing.day(cutoff, "cutoff")
    table = made.known_at(day)
    if table.empty:
        raise DataError(f"cutoff={day.date()} lies before the first purchase.")
    code, ids = pd.factorize(table["customer_id"])
    frame = _behaviour(table, code, len(ids), day)
    frame.index = pd.Index(ids, name="customer_id")
    left_out: list[str] = []
    if customers is not None:
        people = read_customers(customers).table.set_index("customer_id")
        for name in people.columns.difference(["acquired_on"], sort=False):
            column = _attribute(people[name])
            if column is None:
                left_out.append(str(name))
            else:
                frame[f"attribute: {name}"] = column.reindex(frame.index)
    frame.attrs = {"cutoff": day.date().isoformat(), "left_out": left_out}
    return frame


def model_features(
    orders: Transactions | pd.DataFrame, cutoff: str | pd.Timestamp, horizon_days: int
) -> pd.DataFrame:
    """What the probability model expects of each customer in the days after ``cutoff``.

    BG/NBD and Gamma-Gamma, fitted to the purchases up to then: ``model_alive`` (probability),
    ``model_purchases``, ``model_spend`` (money over the horizon). Where everybody spends the
    same, or too few come back to learn how spend differs, everybody has the mean spend.
    """
    made = readable(orders)
    table = made.known_at(parsing.day(cutoff, "cutoff"))
    summary = summarize(replace(made, table=table), observation_end=cutoff)
    model, money = BetaGeoNBD().fit(summary), spend_model(table, summary)
    value = lifetime_value(
        model, money, summary, horizon_months=horizon_days / _MONTH, gross_margin=1.0, interval=None
    )
    spend = value["expected_purchases"] * value["expected_spend"]
    value = value[["probability_alive", "expected_purchases"]].assign(spend=spend)
    return value.set_axis(MODEL, axis=1)


def spend_between(
    orders: Transactions | pd.DataFrame, after: pd.Timestamp, until: pd.Timestamp, ids: pd.Index
) -> pd.Series:
    """Spend of the customers ``ids`` after one day and until another, as known on the latter."""
    table = readable(orders).known_at(until)
    spent = table[table["date"] > after].groupby("customer_id")["amount"].sum()
    return spent.reindex(ids).fillna(0.0).rename("actual")


def spend_model(table: pd.DataFrame, summary: pd.DataFrame) -> GammaGamma | float:
    """Gamma-Gamma where spend differs between enough customers, otherwise the mean of a day."""
    try:
        money = GammaGamma().fit(summary)
        money.expected_spend(summary)
        return money
    except (DataError, UndefinedError):
        return float(table.groupby(["customer_id", "date"])["amount"].sum().mean())


def _behaviour(
    table: pd.DataFrame, code: NDArray[np.intp], size: int, cutoff: pd.Timestamp
) -> pd.DataFrame:
    ago = (cutoff - table["date"]).dt.days.to_numpy("int64")
    amount = table["amount"].to_numpy("float64")
    span = int(ago.max()) + 1
    # One entry a customer and day, the latest day of each customer first.
    days, row = np.unique(code * span + ago, return_inverse=True)
    who, day = np.divmod(days, span)
    spent: Array = np.bincount(row, amount).astype("float64")
    count = np.bincount(who, minlength=size)
    last = np.cumsum(count) - 1
    age, silence = day[last].astype("float64"), day[last - count + 1].astype("float64")
    spend: Array = np.bincount(who, spent, size).astype("float64")
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = np.where(count > 1, (age - silence) / (count - 1), np.nan)
    features: dict[str, Array] = {
        "age": age,
        "silence": silence,
        "gap": gap,
        "silence_in_gaps": silence / gap,
        "purchases": count.astype("float64"),
        "spend": spend,
        "spend_a_purchase": spend / count,
        "first_spend": spent[last],
    }
    for window in _WINDOWS:
        recent = day < window
        features[f"purchases_{window}"] = np.bincount(who[recent], minlength=size).astype("float64")
        features[f"spend_{window}"] = np.bincount(who[recent], spent[recent], size).astype(
            "float64"
        )
    frame = pd.DataFrame(features)
    for column, name in (("product_id", "products"), ("category", "categories")):
        if column in table:
            frame[name] = table[column].groupby(code).nunique().to_numpy("float64")
    if "category" in table:
        largest = table.groupby("category")["amount"].sum().nlargest(_SHARES).index
        for category in sorted(map(str, largest)):
            here = (table["category"] == category).fillna(False).to_numpy(bool)
            share = np.bincount(code[here], amount[here], size)
            frame[f"share of {category}"] = share / np.where(spend > 0, spend, np.nan)
    if "channel" in table:
        first = table["channel"].iloc[np.lexsort((-ago, code))].groupby(np.sort(code)).first()
        frame["first_channel"] = _attribute(first.set_axis(frame.index))
    return frame


def _attribute(column: pd.Series) -> pd.Series | None:
    """A number as it is, text as categories; ``None`` for dates and text of many values."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.astype("float64")
    groups = grouped(column)
    return None if groups is None else groups.astype("category")
