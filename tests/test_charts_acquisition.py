"""The charts of acquisition are valid, described, and the calculator's sums are the package's."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import vl_convert

import clvkit as clv
from clvkit.charts import acquisition as charts
from clvkit.charts.theme import render, setup
from clvkit.words import money

MONTHLY = 1.01**12 - 1


@pytest.fixture(autouse=True)
def _book_theme():
    setup()


SLIDE = clv.clv_to_cac(500, 100, 0.8, 0.05, MONTHLY)
COSTS = pd.DataFrame(
    {"average_cac": [179.0, 418.0], "marginal_cac": [1832.0, 629.0], "low": [870.0, 474.0],
     "high": [np.nan, 964.0]},
    index=["search", "social"],
)  # fmt: skip
RATIOS = pd.DataFrame(
    {"ratio": [5.7, 2.3, np.nan], "low": [5.3, 2.1, np.nan], "high": [6.1, 2.6, np.nan]},
    index=["search", "social", "free"],
)
SPLIT = pd.DataFrame(
    {"now": [5108.0, 4443.0], "then": [3900.0, 4593.0], "goal": [2691.0, 4744.0]},
    index=["search", "social"],
)
COLLECTED = pd.DataFrame(
    {"without churn": np.ones(24), "with survival": 0.95 ** np.arange(24)}, index=range(1, 25)
).cumsum().mul(80)  # fmt: skip


def curves():
    x = np.linspace(500, 9000, 20)
    part = pd.DataFrame({"spend": np.append(x, 4000), "now": [False] * 20 + [True]})
    part["customers"] = 20 * part["spend"] / (part["spend"] + 4000)
    part = part.assign(low=0.8 * part["customers"], high=1.2 * part["customers"])
    return pd.concat([part.assign(channel="search"), part.assign(channel="social", customers=5)])


CHARTS = {
    "bases": lambda: charts.ratio_bases(SLIDE, 500, "USD"),
    "payback": lambda: charts.payback_curve(COLLECTED, 500, "USD"),
    "ratios": lambda: charts.channel_ratios(RATIOS),
    "costs": lambda: charts.average_and_marginal(COSTS, "USD"),
    "shapes": lambda: charts.response_shapes(curves(), "USD"),
    "moves": lambda: charts.budget_moves(SPLIT, "USD"),
    "calculator": lambda: charts.acquisition_calculator(100, 0.8, 0.05, MONTHLY, 500, 24, "USD"),
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
    assert "nan" not in bundle["text/plain"]
    assert spec["width"] == "container"
    assert "NaN" not in svg(CHARTS[name]())


def test_descriptions_and_labels_carry_the_numbers():
    told = {name: chart().to_dict()["description"] for name, chart in CHARTS.items()}
    assert "Discounted, first payment now: 2.69 : 1  ($1,347)" in told["bases"]
    assert "search 5.7  (5.3 to 6.1); social" in told["ratios"]
    assert "free" not in told["ratios"]
    assert "search $179 → $1,832  ($870 and more)" in told["costs"]
    assert "search $5,108 → $3,900" in told["moves"]
    drawn = texts(svg(CHARTS["bases"]()))
    assert [t[:4] for t in drawn if ": 1" in t] == ["4.00", "3.20", "2.69", "2.53", "2.07"]
    assert "CAC $500.00" in drawn


def test_a_basis_without_a_limit_is_said_to_have_none():
    chart = charts.ratio_bases(clv.clv_to_cac(500, 100, 0.8, 0.0, 0.1), 500, "USD")
    assert texts(svg(chart)).count("no limit") == 2


@pytest.mark.parametrize("price", [100.0, 20.0])
@pytest.mark.parametrize("churn", [0.0, 5.0, 50.0])
@pytest.mark.parametrize("cac", [10.0, 500.0, 2000.0])
def test_calculator_agrees_with_the_package(price, churn, cac):
    drawn = texts(svg(CHARTS["calculator"](), price=price, churn=churn, cac=cac))
    bases = clv.clv_to_cac(cac, price, 0.8, churn / 100, round(MONTHLY, 8))
    for clv_, ratio in bases.to_numpy():
        shown = "no limit" if np.isnan(clv_) else f"{ratio:.2f} : 1  ({money(clv_, 'USD', 0)})"
        assert shown in drawn
    months = clv.payback(cac, price * 0.8, churn / 100).loc["with survival", "months"]
    said = next(text for text in drawn if "aid back" in text or "paid it back" in text)
    if np.isnan(months):
        assert said == "Customers leave before they have paid it back."
    else:
        assert said.startswith(f"Paid back after {months:.0f} payment")
