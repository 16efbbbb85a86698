"""The charts of the contracts chapter are valid, described, and the slider's sums are right."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import vl_convert

import clvkit as clv
from clvkit.charts import contracts as charts
from clvkit.charts.theme import render, setup
from clvkit.models import ShiftedBetaGeometric
from clvkit.words import money


@pytest.fixture(autouse=True)
def _book_theme():
    setup()


def fan(line, start, end, periods=13):
    estimate = np.linspace(start, end, periods)
    period = np.arange(periods)
    bounds = {"low": 0.9 * estimate, "high": 1.1 * estimate}
    return pd.DataFrame({"line": line, "period": period, "estimate": estimate, **bounds})


ACTUAL = clv.datasets.contracts() / 1000
BOTH = pd.concat([fan("Regular", 1.0, 0.17), fan("High End", 1.0, 0.38)])
RIVALS = pd.concat([fan("BdW", 1.0, 0.39), fan("sBG", 1.0, 0.31)])
WORTH = pd.concat([fan("Regular", 268, 701), fan("High End", 498, 800)])
SPEND = pd.concat([fan("Regular", 13.1, 5.2), fan("High End", 4.2, 2.9)])
SHARES = pd.DataFrame([[0.2, 0.8], [0.6, 0.4]], [0, 12], ["under 5%", "over 5%"])
CHARTS = {
    "survival": lambda: charts.survival_forecast(ACTUAL, BOTH, 7, "year"),
    "rivals": lambda: charts.rival_forecasts(ACTUAL["High End"], RIVALS, 4, "year"),
    "risk": lambda: charts.risk_by_tenure(SHARES, "year"),
    "worth": lambda: charts.worth_by_tenure(
        WORTH, pd.Series({"Regular": 280, "High End": 491}), "year", "USD"
    ),
    "spend": lambda: charts.spend_ceiling(SPEND, 7.0, "year", "USD"),
    "slider": lambda: charts.one_over_churn(0.371, 0.327, 19, 100, 0.1, "year", "USD"),
}


def svg(chart, **values):
    spec = chart.to_dict()
    spec.pop("autosize")
    spec["width"] = 300
    for param in spec.get("params", []):
        if param["name"] in values:
            param["value"] = values[param["name"]]
    return vl_convert.vegalite_to_svg(json.dumps(spec))


def texts(drawing):
    return re.findall(r"<text[^>]*>([^<]+)</text>", drawing)


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_is_described_fills_its_container_and_draws(name):
    spec = CHARTS[name]().to_dict()
    bundle, _ = render(spec)
    assert len(bundle["text/plain"]) > 80
    assert spec["width"] == "container"
    assert "NaN" not in svg(CHARTS[name]())


def test_descriptions_carry_the_numbers():
    told = {name: chart().to_dict()["description"] for name, chart in CHARTS.items()}
    assert (
        "High End: expected 38.0% (90% interval 34.2% to 41.8%), actual 39.4%" in told["survival"]
    )
    assert "sBG: expected 31.0%" in told["rivals"]
    assert "under 5% goes from 20% to 60%" in told["risk"]
    assert "Regular from $268 to $701, one rate for all $280" in told["worth"]
    assert "Regular from $13.10 to $5.20" in told["spend"]


@pytest.mark.parametrize(("name", "count"), [("survival", 1), ("worth", 1), ("spend", 1)])
def test_each_segment_is_named_once(name, count):
    drawn = texts(svg(CHARTS[name]()))
    assert drawn.count("Regular") == drawn.count("High End") == count


def test_one_segment_and_a_younger_one_draw():
    assert "Regular" in texts(svg(charts.spend_ceiling(fan("Regular", 9, 4), 2, "month", "EUR")))
    younger = ACTUAL.copy()
    younger.loc[9:, "High End"] = np.nan
    chart = charts.survival_forecast(younger, BOTH, 7, "year")
    assert "actual –" in chart.to_dict()["description"]
    assert "NaN" not in svg(chart)


@pytest.mark.parametrize("churn", [10.0, 37.0])
@pytest.mark.parametrize("differ", [0.5, 20.0, 50.0])
@pytest.mark.parametrize("age", [2, 19])
def test_slider_agrees_with_the_package(churn, differ, age):
    spread = 100 / differ - 1
    model = ShiftedBetaGeometric(alpha=churn / 100 * spread, beta=(1 - churn / 100) * spread)
    there = model.survival(range(age + 1)).to_numpy()
    pooled = there[1:].sum() / there[:-1].sum()
    rates = np.array([1 - churn / 100, pooled])
    one_rate = clv.formulas.clv_retention(100, rates, 0.1, timing="first_payment_now")
    truth = 100 * (1 + model.discounted_lifetime(0.1).iloc[0] / 1.1)
    drawn = texts(svg(CHARTS["slider"](), churn=churn, differ=differ, age=age))
    for value in (truth, *one_rate):
        assert money(value, "USD") in drawn


def test_slider_starts_with_the_published_example():
    """BG(.764, 1.296), 100 a period, 10%: 362, by first churn 234, by the whole base's 412."""
    chart = charts.one_over_churn(1 - 1.296 / 2.06, 1 / 3.06, 19, 100, 0.1, "year", "USD")
    shown = [float(t[1:]) for t in texts(svg(chart)) if t.startswith("$")]
    assert shown == pytest.approx([362.02, 233.61, 411.86], abs=0.5)  # sliders start at tenths
