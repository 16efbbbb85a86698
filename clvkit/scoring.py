"""One row a customer for the customer database: who they are to us, and what they are worth."""

import hashlib

import numpy as np
import pandas as pd

from clvkit.checks import require_history
from clvkit.errors import DataError, UndefinedError
from clvkit.models import BetaGeoNBD, GammaGamma
from clvkit.summary import summarize
from clvkit.tables import Transactions
from clvkit.valuation import lifetime_value

_PREDICTED = (
    "probability_alive", "expected_purchases", "expected_spend", "clv", "clv_low", "clv_high",
)  # fmt: skip


def score(
    orders: Transactions,
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
    same one, in whatever order). Segments: the tenth worth most (*top tenth*), those who came
    back and are more likely gone than not (*probably gone*), other repeat customers (*repeat*),
    and everybody else (*bought once*).

    Where the models cannot be estimated their columns are missing and ``model`` says why.
    """
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
    scores["data_fingerprint"] = fingerprint(table)
    answer = scores.reindex(table["customer_id"].unique())
    answer.attrs = scores.attrs
    return answer.rename_axis("customer_id")


def fingerprint(table: pd.DataFrame) -> str:
    """16 hexadecimal digits of the table's rows, whatever their order."""
    rows = pd.util.hash_pandas_object(
        table.reindex(columns=sorted(table.columns)).astype(str), index=False
    )
    ordered = np.sort(rows.to_numpy())
    return hashlib.sha256(",".join(sorted(table.columns)).encode() + ordered.tobytes()).hexdigest()[
        :16
    ]


def _segments(scores: pd.DataFrame) -> np.ndarray:
    # Equals stand together at the worse rank: which of them comes first would be chance.
    top = scores["clv"].rank(ascending=False, method="max") <= max(1, len(scores) // 10)
    repeat = scores["frequency"] > 0
    gone = repeat & (scores["probability_alive"] < 0.5)
    return np.select(
        [top, gone, repeat], ["top tenth", "probably gone", "repeat"], default="bought once"
    )
