"""The charts of experiments and of the review are valid, described and draw odd tables."""

import json

import numpy as np
import pandas as pd
import pytest
import vl_convert

import clvkit as clv
from clvkit import charts
from clvkit.charts.theme import render, setup
from clvkit.simulate import emails


@pytest.fixture(autouse=True)
def _book_theme():
    setup()


@pytest.fixture(scope="module")
def trial():
    return emails(0.1, seed=1, published=False)[0]


def rows(**columns):
    return pd.DataFrame(columns)


def forest():
    return rows(
        label=["mens", "womens"], effect=[0.68, 0.3], low=[0.5, -0.1], high=[0.9, 0.7],
        sure=[True, False],
    )  # fmt: skip


def series(last=1.0):
    random = np.random.default_rng(1)
    values = np.exp(7 + random.normal(0, 0.05, 40))
    values[-1] *= last
    months = pd.period_range("2022-01", periods=40, freq="M")
    return pd.Series(values, months, name="revenue")


def drawn(chart):
    spec = chart.to_dict()
    bundle, _ = render(spec)
    assert len(bundle["text/plain"]) > 60
    assert spec["width"] == "container"
    spec.pop("autosize")
    spec["width"] = 300
    svg = vl_convert.vegalite_to_svg(json.dumps(spec))
    assert "NaN" not in svg
    return bundle["text/plain"], svg


def test_power_and_effects():
    power = rows(effect=[0.5, 1.0, 2.0], people=[4000, 1000, 250])
    words, svg = drawn(charts.power_curve(power, 1200, "points"))
    assert "4,000 for 0.5 points" in words
    assert "in this test 1,200" in svg
    words, svg = drawn(charts.effects(forest(), "points"))
    assert "mens 0.68 (0.5 to 0.9)" in words
    assert "womens" in svg


def test_looks(trial):
    found = clv.sequential_test(trial, "mens")
    words, _ = drawn(charts.looks(found))
    assert f"look 5 z {found['z'].iloc[-1]:.2f}, boundary 2.0" in words


def test_uplift_and_profit(trial):
    ids = trial["customer_id"]
    score = pd.Series(np.arange(len(ids)), ids)
    curves = {"one": clv.uplift_curve(trial, score, "mens", resample=20)}
    words, _ = drawn(charts.uplift_curves(curves, "points"))
    assert "one: Qini" in words
    terms = {"incentive": 5.0, "contact_cost": 0.25}
    rules = pd.DataFrame({"all": True, "nobody": False}, ids)
    found = clv.rule_profit(trial, rules, "mens", 100, **terms)
    curve = clv.rule_profit(trial, clv.top_shares(score), "mens", 100, **terms)
    words, svg = drawn(charts.profit_curve(curve, found, "USD"))
    assert "all: 100% treated, $" in words
    assert "nobody" in svg


def test_offers():
    found = clv.best_incentive(0.3, 0.7, 20, customer_value=60, contact_cost=0.5)
    words, svg = drawn(charts.offer_price(found, 20, "EUR"))
    assert "the best" in words
    assert "tested" in svg


@pytest.mark.parametrize("last", [1.0, 0.3])
def test_control_limits(last):
    words, _ = drawn(charts.control_limits(clv.control_chart(series(last))))
    assert ("Alarms: none" in words) == (last == 1.0)


def test_drift(cdnow):
    words, _ = drawn(charts.drift(clv.prediction_drift(cdnow, "1997-09-30")))
    assert "First month to refit in: 1997-11" in words
    one_month = clv.prediction_drift(cdnow, "1998-05-31")
    drawn(charts.drift(one_month))
