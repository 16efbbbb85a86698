"""One row a customer for the customer database: who they are to us, and what they are worth."""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from clvkit import engines
from clvkit.checks import require_history
from clvkit.errors import DataError, UndefinedError
from clvkit.expressions import fetch
from clvkit.lazy import grouped_counts
from clvkit.models import BetaGeoNBD, GammaGamma
from clvkit.scan import Scanned
from clvkit.summary import refuse_short_history, summarize
from clvkit.tables import Transactions
from clvkit.units import days_per
from clvkit.valuation import lifetime_value

_PREDICTED = (
    "probability_alive", "expected_purchases", "expected_spend", "clv", "clv_low", "clv_high",
)  # fmt: skip


def score(
    orders: Transactions | Scanned,
    *,
    gross_margin: float = 0.3,
    annual_discount_rate: float = 0.10,
    horizon_months: float = 36,
    currency: str | None = None,
) -> pd.DataFrame:
    """Score every customer with BG/NBD and Gamma-Gamma.

    Returns
    -------
    One row a customer, indexed by ``customer_id`` in the order of first appearance:
    ``frequency`` (repeat purchases), ``recency`` and ``T`` (weeks), ``probability_alive``,
    ``expected_purchases`` (over the horizon), ``expected_spend`` (money a purchase), ``clv``
    (margin over the horizon, residual, discounted) with its 90% interval ``clv_low`` to
    ``clv_high``, ``segment``, ``model`` and ``data_fingerprint`` (the same purchases have the
    same one, in whatever order and by whichever way they were read). Segments: the tenth worth
    most (*top tenth*), those who came back and are more likely gone than not (*probably gone*),
    other repeat customers (*repeat*), and everybody else (*bought once*).

    Where the models cannot be estimated their columns are missing and ``model`` says why.

    Purchases that :func:`clvkit.scan_transactions` left in an engine are scored there: the answer
    is a table of DuckDB or Spark, with ``customer_id`` as a column and no order. The models are
    fitted to the distinct histories with their counts; those are valued some thousands at a time
    and joined to the customers in the engine.
    """
    if not isinstance(orders, Transactions):
        raise DataError(
            f"Scores are of purchases that were read, with a receipt, not of a "
            f"{type(orders).__name__}: call clv.read_transactions or clv.scan_transactions first."
        )
    if isinstance(orders, Scanned):
        return _in_engine(orders, {
            "gross_margin": gross_margin, "annual_discount_rate": annual_discount_rate,
            "horizon_months": horizon_months, "currency": currency,
        })  # fmt: skip
    table = orders.table
    # One order of the rows for every order of the file: sums come out the same to the last bit.
    rows = table.sort_values(["customer_id", "date", "amount"], kind="stable", ignore_index=True)
    summary = summarize(rows, time_unit="W")
    scores = summary[["frequency", "recency", "T"]].copy()
    try:
        require_history(rows)
        model, money = BetaGeoNBD().fit(summary), GammaGamma().fit(summary)
    except (DataError, UndefinedError) as error:
        scores[list(_PREDICTED)] = np.nan
        scores["segment"] = np.where(scores["frequency"] > 0, "repeat", "bought once")
        scores["model"] = f"none: {error}"
    else:
        value = lifetime_value(
            model, money, summary, horizon_months=horizon_months,
            annual_discount_rate=annual_discount_rate, gross_margin=gross_margin,
            currency=currency,
        )  # fmt: skip
        scores = scores.join(value[list(_PREDICTED)])
        scores["segment"] = _segments(scores)
        scores["model"] = "BG/NBD and Gamma-Gamma"
        scores.attrs = value.attrs
    counted = summary.assign(weights=1)
    histories = counted.groupby(["frequency", "recency", "T"])["weights"].sum().reset_index()
    scores["data_fingerprint"] = _mark(orders, histories, counted)
    answer = scores.reindex(table["customer_id"].unique())
    answer.attrs = scores.attrs
    return answer.rename_axis("customer_id")


def _mark(orders: Transactions, histories: pd.DataFrame, spending: pd.DataFrame) -> str:
    """16 hexadecimal digits of the histories and of the money, the same by every way of reading."""
    days = histories[["recency", "T"]] * days_per("W")
    counts = [histories["frequency"], *(days[name] for name in days), histories["weights"]]
    whole = np.rint(np.column_stack(counts)).astype("int64")
    whole = whole[np.lexsort(whole.T[::-1])]
    later = (spending["frequency"] * spending["monetary_value"] * spending["weights"]).sum()
    totals = f"{orders.receipt.rows_used},{orders.receipt.money_used:.2f},{later:.2f}"
    return hashlib.sha256(totals.encode() + whole.tobytes()).hexdigest()[:16]


def _segments(scores: pd.DataFrame) -> np.ndarray:
    # Equals stand together at the worse rank: which of them comes first would be chance.
    top = scores["clv"].rank(ascending=False, method="max") <= max(1, len(scores) // 10)
    repeat = scores["frequency"] > 0
    gone = repeat & (scores["probability_alive"] < 0.5)
    return np.select(
        [top, gone, repeat], ["top tenth", "probably gone", "repeat"], default="bought once"
    )


def _in_engine(orders: Scanned, terms: dict[str, Any]) -> pd.DataFrame:
    """The same for purchases in an engine."""
    summary = orders.keep(engines.lazy(summarize(orders, time_unit="W")), "summary")
    histories = grouped_counts(summary, BetaGeoNBD.columns)
    histories.attrs["time_unit"] = "W"
    spending = grouped_counts(summary, GammaGamma.columns)
    customers = histories["weights"]
    back = customers[histories["frequency"] > 0].sum()
    buying = fetch(orders.days.frame.select(nw.col("date").n_unique()))
    seen = (orders.days.end - orders.days.first).days + 1
    try:
        refuse_short_history(int(back), int(customers.sum()), seen, int(buying["date"].iloc[0]))
        model, money = BetaGeoNBD().fit(histories), GammaGamma().fit(spending)
    except (DataError, UndefinedError) as error:
        nothing = {name: nw.lit(None, nw.Float64) for name in _PREDICTED}
        scored = summary.drop("monetary_value").with_columns(**nothing)
        why = f"none: {error}"
    else:
        scored = _joined(orders, summary, partial(_predict, model, money, terms))
        why = "BG/NBD and Gamma-Gamma"
    answer: Any = scored.with_columns(
        segment=_segment(scored, int(customers.sum())),
        model=nw.lit(why),
        data_fingerprint=nw.lit(_mark(orders, histories, spending)),
    ).to_native()
    return answer  # type: ignore[no-any-return]  # a table of the engine


def _joined(orders: Scanned, summary: Any, predict: Callable[[pd.DataFrame], pd.DataFrame]) -> Any:
    """Every customer with the predictions for their history, each history worked out once."""
    # Nobody's spend is no key: it equals nothing, not even itself.
    key = nw.col("monetary_value").fill_null(0.0).alias("key")
    histories = summary.select("frequency", "recency", "T", "monetary_value").unique()
    predicted = engines.lazy(orders.in_batches(histories.with_columns(key), predict))
    on = ["frequency", "recency", "T", "key"]
    joined = summary.with_columns(key).join(predicted, on=on)
    columns = ["customer_id", "frequency", "recency", "T", *_PREDICTED]
    return orders.keep(joined.select(columns), "scored")


def _predict(model: Any, money: Any, terms: dict[str, Any], histories: pd.DataFrame) -> Any:
    histories.attrs["time_unit"] = "W"
    value = lifetime_value(model, money, histories, **terms)
    return histories.drop(columns="monetary_value").assign(**value[list(_PREDICTED)])


def _segment(scored: Any, customers: int) -> Any:
    """The segments of :func:`_segments` as an expression."""
    places = max(1, customers // 10)
    known = scored.filter(~nw.col("clv").is_null()).select("clv")
    best = fetch(known.sort("clv", descending=True).head(places + 1).select(
        nw.col("clv").min(), nw.len().alias("rows")))  # fmt: skip
    # Worth more than the first who has no place any more.
    least = best["clv"].iloc[0] if int(best["rows"].iloc[0]) > places else -np.inf
    repeat = nw.col("frequency") > 0
    named: Any = nw.when(repeat).then(nw.lit("repeat")).otherwise(nw.lit("bought once"))
    gone = repeat & (nw.col("probability_alive") < 0.5)
    named = nw.when(gone).then(nw.lit("probably gone")).otherwise(named)
    top = ~nw.col("clv").is_null() & (nw.col("clv") > least)
    return nw.when(top).then(nw.lit("top tenth")).otherwise(named)
