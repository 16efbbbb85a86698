"""The charts of the formulas chapter are valid, described, and their numbers are the package's."""

import json
import math
import re

import numpy as np
import pandas as pd
import pytest
import vl_convert

from clvkit import formulas as f
from clvkit.charts import formulas as charts
from clvkit.charts.theme import render, setup
from clvkit.words import money

TIMINGS = ["first_payment_now", "residual", "in_arrears", "before_renewal"]


@pytest.fixture(autouse=True)
def _book_theme():
    setup()


def schedules(margin=72.0, retention=0.8):
    return {
        timing: f.payment_schedule(margin, retention, 0.1, timing=timing, payments=6)
        for timing in TIMINGS
    }


def conventions(margin=72.0, retention=0.8, discount=0.1):
    return pd.Series({t: f.clv_retention(margin, retention, discount, timing=t) for t in TIMINGS})


def levers(retention=0.8, discount=0.1):
    return f.sensitivity(40, 6, 0.3, retention, discount, timing="first_payment_now")


def growth():
    kept = 1.1 + np.arange(-30, 11) / 100
    endless = [1.1 / (1.1 - k) if k < 1.0999 else math.nan for k in kept]
    return pd.DataFrame({"without an end": endless, "5 payments": 5 * kept}, index=kept)


def mix():
    age = pd.RangeIndex(1, 6)
    return pd.DataFrame({"everybody": [0.7, 0.75, 0.8, 0.85, 0.9], "loyal": 0.9}, index=age)


CHARTS = {
    "timeline": lambda: charts.payment_timeline(schedules(), "USD"),
    "conventions": lambda: charts.booking_conventions(conventions(), 210, "USD"),
    "tornado": lambda: charts.tornado(levers(), 264, 210, "USD"),
    "growth": lambda: charts.growth_limit(growth(), 1.1),
    "mix": lambda: charts.retention_of_a_mix(mix()),
    "calculator": lambda: charts.clv_calculator(72, 0.8, 0.1, 210, "USD"),
}


def svg(chart, width=350, **values):
    """Render at a fixed width, with the sliders at the given values."""
    spec = chart.to_dict()
    spec.pop("autosize")
    spec["width"] = width
    for param in spec.get("params", []):
        param["value"] = values.get(param["name"], param.get("value"))
        if param["value"] is None:
            del param["value"]
    return vl_convert.vegalite_to_svg(json.dumps(spec))


def texts(drawing):
    return [
        text.replace("&#39;", "'") for text in re.findall(r"<text[^>]*>([^<]+)</text>", drawing)
    ]


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_is_described_and_fills_its_container(name):
    spec = CHARTS[name]().to_dict()
    bundle, _ = render(spec)
    assert len(bundle["text/plain"]) > 80
    assert spec["width"] == "container"
    assert "layer" in spec  # a single view: Vega-Lite fits nothing else into a container


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_draws_on_a_phone_without_a_legend(name):
    drawing = svg(CHARTS[name]())
    assert "NaN" not in drawing
    assert "role-legend" not in drawing


def test_descriptions_carry_the_numbers():
    timeline = CHARTS["timeline"]().to_dict()["description"]
    assert "First payment now $72, the first is due today, certain" in timeline
    assert "Residual $52, the first in a year, if renewed" in timeline
    bars = CHARTS["conventions"]().to_dict()["description"]
    assert "a new customer $264.00" in bars
    assert "$210.00" in bars
    assert (
        "Retention a year 72.0% to 88.0%, CLV $208 to $360"
        in (CHARTS["tornado"]().to_dict()["description"])
    )
    assert "towards 110.0%" in CHARTS["growth"]().to_dict()["description"]
    assert "from 70.0% to 90.0%" in CHARTS["mix"]().to_dict()["description"]


def test_timeline_writes_each_present_value():
    drawn = texts(svg(CHARTS["timeline"]()))
    for table in schedules().values():
        for value in table["present_value"]:
            assert money(value, "USD", 0) in drawn


def test_timeline_of_cents_and_of_nobody_who_stays():
    small = texts(svg(charts.payment_timeline(schedules(0.5), "EUR")))
    assert "€0.50" in small
    gone = texts(svg(charts.payment_timeline(schedules(72, 0.0), "EUR")))
    assert gone.count("€0") == 5 + 6 + 5 + 6
    nothing = svg(charts.payment_timeline(schedules(0.0), "EUR"))
    assert "NaN" not in nothing


def test_tornado_says_where_there_is_no_limit():
    table = levers(0.95, 0.0)
    chart = charts.tornado(table, 1440, 210, "USD")
    assert "no limit" in texts(svg(chart))
    assert "CLV no limit" in chart.to_dict()["description"]


def test_growth_is_cut_off_and_not_squeezed():
    drawn = texts(svg(CHARTS["growth"]()))
    assert {"without an end", "5 payments", "no limit"} <= set(drawn)
    tallest = max(float(t) for t in drawn if re.fullmatch(r"\d+", t))
    assert tallest < 15


# The calculator: Vega's arithmetic against the package's


def calculated(margin, retention, discount, price, payments=0, currency="USD"):
    chart = charts.clv_calculator(72, 0.8, 0.1, 210, currency)
    drawing = svg(
        chart,
        margin=margin,
        retention=100 * retention,
        discount=100 * discount,
        price=price,
        payments=payments,
    )
    return texts(drawing)


@pytest.mark.parametrize("payments", [0, 1, 3, 5, 10, 20])
@pytest.mark.parametrize(
    ("margin", "retention", "discount"),
    [(72, 0.8, 0.1), (100, 0.8, 0.12), (3.35, 0.995, 0.005), (250, 0.0, 0.1), (72, 1.0, 0.2)],
)
def test_calculator_agrees_with_the_package(margin, retention, discount, payments):
    shown = calculated(margin, retention, discount, 50, payments)
    expected = [
        money(
            f.clv_retention(margin, retention, discount, timing=timing, payments=payments or None),
            "USD",
        )
        for timing in TIMINGS
    ]
    numbers = [text for text in shown if re.fullmatch(r"-?\$[\d,.]+", text)]
    assert numbers == [*expected, expected[0]]


def test_calculator_starts_with_the_numbers_it_was_given():
    spec = charts.clv_calculator(72, 0.8, 0.1, 210, "USD").to_dict()
    start = {p["name"]: p["value"] for p in spec["params"] if "value" in p}
    assert start == {"margin": 72, "retention": 80, "discount": 10, "price": 210, "payments": 0}
    drawn = texts(svg(charts.clv_calculator(30, 0.5, 0.2, 40, "EUR")))
    assert money(f.clv_retention(30, 0.5, 0.2, timing="residual"), "EUR") in drawn


@pytest.mark.parametrize(
    ("price", "verdict"),
    [
        (210, "At $210.00 each, $54.00 is left."),
        (264, "At $264.00 each, $0.00 is left."),
        (300, "At $300.00 each, $36.00 is lost."),
    ],
)
def test_calculator_says_what_is_left(price, verdict):
    assert verdict in calculated(72, 0.8, 0.1, price)


def test_calculator_has_no_number_where_there_is_none():
    shown = calculated(72, 1.0, 0.0, 210)
    assert shown.count("no limit") == 5
    assert "The sum over all payments has no limit." in shown
    assert "$360.00" in calculated(72, 1.0, 0.0, 210, payments=5)


@pytest.mark.parametrize(
    ("value", "currency"), [(0.07, "USD"), (72, "CHF"), (1_234_567, "JPY"), (0, "EUR"), (-5, "USD")]
)
def test_slider_holds_its_start(value, currency):
    spec = charts.clv_calculator(value, 0.8, 0.1, value, currency).to_dict()
    binds = {p["name"]: p["bind"] for p in spec["params"] if "bind" in p}
    for name in ("margin", "price"):
        low, high, step = (binds[name][key] for key in ("min", "max", "step"))
        assert low <= value <= high
        assert 20 <= (high - low) / step <= 1000
        assert binds[name]["name"].endswith(" ")
    sign = money(0, currency, 0).removesuffix("0").strip()
    assert f"({sign})" in binds["margin"]["name"]
