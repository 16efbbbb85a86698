"""The made subscription business: the same to the byte, and as its truth says."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import clvkit as clv
from clvkit import simulate
from clvkit.simulate.business import ANNUAL_DISCOUNT, PRICES

SAAS = Path(__file__).parents[1] / "data/saas"


def arrivals(a_month=20, months=48):
    index = pd.date_range("2021-01-01", periods=months, freq="MS")
    return pd.DataFrame(a_month, index=index, columns=["search", "social"])


@pytest.fixture(scope="module")
def made():
    spend = simulate.spend_history("saas", seed=24)
    came = spend.pivot(index="month", columns="channel", values="new_customers")
    came.index = pd.to_datetime(came.index)
    return simulate.subscriptions(came, seed=5)


def test_bundled_business_is_made_again_to_the_byte(made):
    for name, frame in zip(("subscriptions", "customers"), made, strict=True):
        again = frame.to_csv(index=False, lineterminator="\n", date_format="%Y-%m-%d")
        assert again.encode() == (SAAS / f"{name}.csv").read_bytes()
    subs = clv.read_subscriptions("saas")
    assert subs.receipt.rows_in == subs.receipt.rows_used == len(made.subscriptions)
    assert subs.receipt.notes == ()
    assert subs.table.attrs["observation_end"] == "2024-12-31"


def test_new_customers_are_those_of_the_spend(made):
    people = made.customers[made.customers["acquired_on"] >= "2021-01-01"]
    month = people["acquired_on"].dt.strftime("%Y-%m").rename("month")
    won = people.groupby([month, "channel"]).size().rename("won").reset_index()
    spend = clv.read_spend("saas").table.assign(month=lambda x: x["date"].dt.strftime("%Y-%m"))
    both = spend.merge(won, "left", on=["month", "channel"]).fillna({"won": 0})
    assert (both["won"] == both["new_customers"]).all()
    first = made.subscriptions.groupby("customer_id")["start"].min()
    acquired = made.customers.set_index("customer_id")["acquired_on"]
    assert (first >= acquired.reindex(first.index)).all()


def test_a_change_ends_a_contract_and_begins_another(made):
    subs = made.subscriptions.sort_values(["customer_id", "start"])
    changed = subs["end_reason"].isin(["plan change", "price change"])
    follows = subs["customer_id"].eq(subs["customer_id"].shift(-1))
    assert (follows & subs["end"].eq(subs["start"].shift(-1)))[changed].all()
    gap = follows & ~changed
    assert (subs["end"] < subs["start"].shift(-1))[gap].all()
    assert subs["end"].isna().eq(subs["end_reason"].isna()).all()
    asked = {p: [*PRICES[p], *(x * (1 - ANNUAL_DISCOUNT) for x in PRICES[p])] for p in PRICES}
    for plan, rows in subs.groupby("plan"):
        assert np.isclose(rows["mrr"].to_numpy()[:, None], asked[plan], atol=0.006).any(1).all()
    yearly = subs[(subs["billing_months"] == 12) & subs["end"].notna()]
    yearly = yearly[yearly["end_reason"] != "payment failed"]  # A first charge fails at once.
    months = (yearly["end"] - yearly["start"]).dt.days / 365.25
    assert (abs(months - months.round()) < 0.01).all()
    assert (months >= 0.99).all()


def test_same_seed_same_business_and_bad_channels_are_refused():
    one, two = (simulate.subscriptions(arrivals(), seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(one.subscriptions, two.subscriptions)
    assert not one.subscriptions.equals(simulate.subscriptions(arrivals(), seed=4).subscriptions)
    with pytest.raises(clv.DataError, match="telex"):
        simulate.subscriptions(arrivals().rename(columns={"social": "telex"}))
    short = simulate.subscriptions(arrivals(months=12))
    assert short.subscriptions["start"].max() < pd.Timestamp("2022-01-01")
    assert short.subscriptions.attrs["truth"]["price_change_on"] is None


def test_retention_rises_although_nobody_changes(made):
    curve = clv.survival_curves(made.subscriptions[made.subscriptions["billing_months"] == 1])
    kept = curve["estimate"].to_numpy()
    assert (kept[36] / kept[24]) > (kept[13] / kept[1]) + 0.03
