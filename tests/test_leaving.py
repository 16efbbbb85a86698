"""Effects, customers at risk and the value of churn: against truth and closed forms."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import hyp2f1
from test_simulate_business import arrivals
from test_spans import contracts

import clvkit as clv
from clvkit import simulate
from clvkit.survival import _payments, _weights


@pytest.fixture(scope="module")
def saas():
    return clv.read_subscriptions("saas"), clv.read_customers("saas")


def test_the_price_change_is_found(saas):
    effects = clv.churn_effects(saas[0], "2023-04-01", customers=saas[1])
    price = effects.loc["price change"]
    assert price["low"] < 2.0 < price["high"]
    assert price["low"] > 1.3
    contact = effects.loc["support_contacts"]
    assert contact["low"] < 1.2 < contact["high"]
    own = clv.churn_effects(saas[0], "2023-04-01", reason="too expensive").loc["price change"]
    assert own["low"] > 4, "what the price adds leaves for the price"
    other = clv.churn_effects(saas[0], "2023-04-01", reason="missing features")
    assert other.loc["price change", "low"] < 1 < other.loc["price change", "high"]


def test_webinars_look_as_if_they_kept_customers(saas):
    naive = clv.churn_effects(saas[0], customers=saas[1].table[["customer_id", "webinar"]])
    held = clv.churn_effects(
        saas[0], customers=saas[1].table[["customer_id", "webinar", "active_days"]]
    )
    assert naive.loc["webinar: yes", "high"] < 0.9
    assert held.loc["webinar: yes", "hazard_ratio"] > naive.loc["webinar: yes", "high"]


def test_at_risk_beats_tenure_on_held_out_months(saas):
    risk = clv.customers_at_risk(*saas)
    check = risk.attrs["check"]
    assert check["low"] > 0.1
    assert check["auc"] > 0.7
    assert check["top_tenth"] > check["top_tenth_tenure"]
    there = clv.mrr_movements(saas[0]).iloc[-1]
    assert len(risk) == there["customers_end"]
    assert risk["mrr"].sum() == pytest.approx(there["end"], abs=0.01)
    assert risk["mrr_at_risk"].is_monotonic_decreasing
    assert risk["probability"].between(0, 1).all()
    lost = clv.churn_rate(saas[0]).iloc[-12:]["rate"].mean()
    assert risk["probability"].mean() == pytest.approx(1 - (1 - lost) ** 3, rel=0.3)


def test_at_risk_does_not_look_ahead(saas):
    """Rows of months that are kept out must not change what is learnt before them."""
    subs = saas[0].table
    cut = pd.Timestamp("2024-06-30")
    early = subs[subs["start"] <= cut].assign(end=subs["end"].where(subs["end"] <= cut))
    whole = clv.customers_at_risk(subs, observation_end="2024-06-30")
    before = clv.customers_at_risk(early, observation_end="2024-06-30")
    pd.testing.assert_frame_equal(whole, before)
    assert whole.attrs["check"] == before.attrs["check"]


def test_only_required_columns_and_mixed_rows(saas):
    plain = saas[0].table[["customer_id", "start", "end", "mrr"]]
    risk = clv.customers_at_risk(plain)
    again = clv.customers_at_risk(plain.sample(frac=1, random_state=2).reset_index(drop=True))
    pd.testing.assert_series_equal(
        risk["probability"].sort_index(), again["probability"].sort_index()
    )
    effects = clv.churn_effects(plain)
    assert effects.index.str.startswith(("tenure", "came back", "price (log)")).all()


def test_too_little_is_said_to_be_too_little():
    few = contracts(*((str(i), "2024-01-01", "2024-03-01" if i else None, 5) for i in range(9)))
    with pytest.raises(clv.UndefinedError, match="at least 30"):
        clv.churn_effects(few)
    with pytest.raises(clv.UndefinedError, match="30 and 10 are needed"):
        clv.customers_at_risk(few)
    gone = contracts(("1", "2024-01-01", "2024-03-01", 5), ("2", "2024-01-01", "2024-03-01", 5))
    with pytest.raises(clv.UndefinedError, match="no base"):
        clv.value_of_churn(gone, 0.1)


def test_payments_are_those_of_the_closed_form():
    """REFERENCE 2.3: DEL 2F1(1, β; α+β; 1/(1+d)), less the first payment; at a later tenure too."""
    for alpha, beta, age in ((0.764, 1.296, 0.0), (3.8, 15.2, 4.0), (1.6, 48.0, 12.0)):
        z = 1 / 1.1
        lives = hyp2f1(1, beta + age, alpha + beta + age, z) - 1
        assert _payments(alpha, beta, np.array([age]), 0.1, 0.0)[0] == pytest.approx(
            lives, rel=1e-8
        )
        mean = (_weights(alpha, beta, np.array([age])) @ np.linspace(0, 1, 1200)).item()
        assert 0 < mean < 1


def test_value_of_a_point(saas):
    value = clv.value_of_churn(saas[0], 0.1, 0.8)
    churn, margin = value.attrs["churn"], value.attrs["margin"]
    one = value.loc[("new customer", "one rate")]
    closed = clv.formulas.clv_retention(
        margin, 1 - churn, 0.1, timing="first_payment_now", payments_per_year=12
    )
    assert one["value"] == pytest.approx(closed)
    base = value.loc[("today's base", "one rate")]
    residual = clv.formulas.clv_retention(
        margin, 1 - churn, 0.1, timing="residual", payments_per_year=12
    )
    assert base["value"] == pytest.approx(residual * value.attrs["base"])
    assert (value["gain"] > 0).all()
    differ = value.xs("customers differ", level="retention")
    assert ((differ["low"] < differ["gain"]) & (differ["gain"] < differ["high"])).all()
    half = clv.value_of_churn(saas[0], 0.1, 0.8, points=0.005)
    assert (half["gain"] < value["gain"]).all()
    with pytest.raises(clv.UndefinedError, match="cannot fall by"):
        clv.value_of_churn(saas[0], 0.1, points=0.05)


@pytest.mark.slow
def test_intervals_hold_the_truth_over_many_made_businesses():
    """Forty small businesses: price change and reasons in about nine of ten 90% intervals."""
    held = {"price": [], "reasons": []}
    for seed in range(40):
        subs = simulate.subscriptions(arrivals(12), seed=100 + seed).subscriptions
        truth = subs.attrs["truth"]
        price = clv.churn_effects(subs, truth["price_change_on"]).loc["price change"]
        held["price"].append(price["low"] < 2.0 < price["high"])
        reasons, true = clv.churn_reasons(subs), pd.Series(truth["reasons"])
        found = reasons.reindex(true.index)
        held["reasons"] += list((found["low"] < true) & (true < found["high"]))
    # 36 of 40 wanted; fewer than 31 would be a chance of 1 in 200, of 240 fewer than 204 also.
    assert np.sum(held["price"]) >= 31
    assert 204 <= np.sum(held["reasons"]) <= 236
