"""What the made shop knows of its customers besides their orders: club, returns, calls."""

import numpy as np
import pandas as pd

from clvkit.simulate.shop import Shop

CLUB_OPENS = "2023-07-01"
_CALLS_AN_ORDER, _CALLS_A_RETURN, _CALLERS, _THEIR_CALLS = 0.05, 0.5, 0.06, 0.6


def shop_service(made: Shop, seed: int = 2024) -> pd.DataFrame:
    """Who joins the club of the made shop and when, what is sent back, who calls.

    Every customer is asked once, in a month drawn at random from the opening of the club on; who
    orders in that month joins with a chance of 0.2 + 0.5 · ``true_rate`` (at most 0.95). The
    orders were drawn before and do not depend on it: the club changes nothing, and its members
    buy more.

    Returns
    -------
    One row a customer: ``member_since`` (missing: no member), ``returns`` (lines sent back) and
    ``support_contacts``, of which 6% of the customers make far more than the others.
    """
    random = np.random.default_rng(seed)
    lines, ids = made.transactions, made.customers["customer_id"]
    bought = lines[lines["amount"] > 0].drop_duplicates("order_id")
    order = bought[["customer_id", "date"]].sort_values(["date", "customer_id"], kind="stable")
    months = pd.period_range(CLUB_OPENS, order["date"].max(), freq="M")
    asked = pd.Series(random.choice(months, len(ids)), pd.Index(ids))
    chance = (0.2 + 0.5 * made.truth["true_rate"]).clip(upper=0.95)
    willing = pd.Series(random.uniform(size=len(ids)), pd.Index(ids)) < chance.reindex(ids)
    that_month = order["date"].dt.to_period("M") == asked.reindex(order["customer_id"]).to_numpy()
    joins = that_month & willing.reindex(order["customer_id"]).to_numpy()
    joined = order[joins].drop_duplicates("customer_id")
    orders = order.groupby("customer_id").size().reindex(ids)
    sent_back = lines[lines["amount"] < 0].groupby("customer_id").size().reindex(ids).fillna(0)
    caller = random.uniform(size=len(ids)) < _CALLERS
    calls = (_CALLS_AN_ORDER + caller * _THEIR_CALLS) * orders + _CALLS_A_RETURN * sent_back
    return pd.DataFrame(
        {
            "customer_id": ids.to_numpy(),
            "member_since": joined.set_index("customer_id")["date"].reindex(ids).to_numpy(),
            "returns": sent_back.astype("int64").to_numpy(),
            "support_contacts": random.poisson(np.asarray(calls)),
        }
    )
