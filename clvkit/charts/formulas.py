"""Charts of the formulas chapter: payments in time, booking conventions, levers, a calculator.

Each function takes a result table of ``clvkit.formulas`` and returns a described chart.
"""

import math
from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from clvkit.charts.rows import (
    FOOT,
    ROW_HEIGHT,
    amount_expression,
    bar_x,
    bar_y,
    draw_bars,
    price_mark,
    row_axis,
    row_text,
    rows_of,
)
from clvkit.palette import CHURN, PAPER, UNKNOWN, UNKNOWN_FILL, VALUE
from clvkit.words import money, percent

_NAMES = {
    "first_payment_now": "First payment now",
    "residual": "Residual",
    "in_arrears": "In arrears",
    "before_renewal": "Before renewal",
}
_FIRST = {
    "first_payment_now": "the first is due today, certain",
    "residual": "the first in a year, if renewed",
    "in_arrears": "the first in a year, certain",
    "before_renewal": "the first is due today, if renewed",
}
_FOR_WHOM = {
    "first_payment_now": "a new customer",
    "residual": "one who has just paid",
    "in_arrears": "one who pays afterwards",
    "before_renewal": "one about to renew",
}
_INPUTS = {
    "order_value": "Order value",
    "orders_per_year": "Orders a year",
    "gross_margin": "Gross margin",
    "retention": "Retention a year",
    "annual_discount_rate": "Discount rate a year",
}
_SHARES = ("gross_margin", "retention", "annual_discount_rate")


def payment_timeline(schedules: Mapping[str, pd.DataFrame], currency: str) -> alt.TopLevelMixin:
    """Draw the first payments that each booking convention counts, when they fall, what they weigh.

    ``schedules`` maps a timing to its ``clvkit.formulas.payment_schedule`` of yearly payments.
    """
    rows = list(schedules)
    table = pd.concat([part.assign(timing=timing) for timing, part in schedules.items()])
    expected = table["present_value"] / table["discount_factor"]
    largest = float(expected.abs().max()) or 1.0
    floor = table["timing"].map(rows.index) + 0.98
    payments = pd.DataFrame(
        {
            "time": table["time"],
            "left": table["time"] - 0.27,
            "right": table["time"] + 0.27,
            "floor": floor,
            "worth": floor - 0.5 * table["present_value"] / largest,
            "expected": floor - 0.5 * expected / largest,
            "shown": [
                money(v, currency, 0 if largest >= 20 else 2) for v in table["present_value"]
            ],
        }
    )
    x = alt.X("left:Q", title="Years from the decision").scale(
        domain=[-0.4, payments["right"].max() + 0.1], nice=False
    )
    base = alt.Chart(payments).encode(
        x=x.axis(tickMinStep=1, format="d", grid=False, domain=False, ticks=False)
    )
    waiting = base.mark_rect(color=UNKNOWN_FILL).encode(
        x2="right:Q", y=row_axis("expected", 0, len(rows)), y2="worth:Q"
    )
    worth = base.mark_rect(color=VALUE).encode(x2="right:Q", y=bar_y("worth"), y2="floor:Q")
    shown = base.mark_text(dy=-8, fontSize=11).encode(
        x="time:Q", y=bar_y("expected"), text="shown:N"
    )
    labels = rows_of([f"{_NAMES[row]}: {_FIRST[row]}" for row in rows]).assign(
        title=lambda t: t["row"] + 0.14
    )
    first = payments["shown"].groupby(table["timing"], sort=False).first()
    listed = "; ".join(f"{_NAMES[row]} {first[row]}, {_FIRST[row]}" for row in rows)
    return alt.layer(
        waiting, worth, shown, row_text(alt.Chart(labels), "label", "left")
    ).properties(
        height=96 * len(rows),
        description="Timeline of the first yearly payments under the booking conventions, at "
        f"present value. The first counted payment: {listed}. Grey is what waiting takes off.",
    )


def booking_conventions(values: pd.Series, price: float, currency: str) -> alt.TopLevelMixin:
    """Compare one customer under the booking conventions with the price asked for a new one.

    ``values`` is CLV by timing, in money per customer.
    """
    table = rows_of([f"{_NAMES[timing]}: {_FOR_WHOM[timing]}" for timing in values.index]).assign(
        clv=values.to_numpy(), shown=[money(value, currency) for value in values]
    )
    listed = "; ".join(
        f"{label} {shown}" for label, shown in zip(table["label"], table["shown"], strict=True)
    )
    rows, base = len(table), alt.Chart(table)
    side = "left" if price < values.max() / 2 else "right"
    return alt.layer(
        *draw_bars(base, 0, rows + FOOT), *price_mark(base, f"{price}", side, rows, currency)
    ).properties(
        height=ROW_HEIGHT * (rows + FOOT),
        description=f"CLV under the booking conventions: {listed}. "
        f"The price asked for a new customer is {money(price, currency)}.",
    )


def tornado(table: pd.DataFrame, value: float, price: float, currency: str) -> alt.TopLevelMixin:
    """Draw how far each input moves CLV, and the price that CLV has to beat.

    ``table`` comes from ``clvkit.formulas.sensitivity``, ``value`` is CLV at the inputs as given.
    """
    ends = table[["clv_low", "clv_high"]]
    missing = ends.isna().any(axis=1)
    names = [_moved(str(name), low, high) for name, low, high in table.iloc[:, :2].itertuples()]
    bars = rows_of(names).assign(
        low=ends.min(axis=1).to_numpy(),
        # A value that does not exist lies beyond any that does.
        high=ends.max(axis=1).mask(missing, 1.2 * float(np.nanmax(ends))).to_numpy(),
        shown=[_reach(low, high, currency) for low, high in ends.to_numpy()],
    )
    rows, base = len(bars), alt.Chart(bars.assign(clv=value))
    x, y = bar_x("low"), row_axis("top", 0, rows + FOOT)
    side = "left" if price < (bars["low"].min() + bars["high"].max()) / 2 else "right"
    return alt.layer(
        base.mark_rect(color=VALUE).encode(x=x, x2="high:Q", y=y, y2="bottom:Q"),
        row_text(base, "label", "left"),
        row_text(base, "shown", "right"),
        base.mark_rule(color=PAPER, strokeWidth=2).encode(
            x=bar_x("clv"), y=bar_y("top"), y2="bottom:Q"
        ),
        *price_mark(base, f"{price}", side, rows, currency),
    ).properties(
        height=ROW_HEIGHT * (rows + FOOT),
        description=f"Tornado chart around a CLV of {money(value, currency)}. The widest bar is "
        f"{bars['label'].iloc[0]}, CLV {bars['shown'].iloc[0]}. "
        f"The price is {money(price, currency)}.",
    )


def growth_limit(multiples: pd.DataFrame, limit: float) -> alt.TopLevelMixin:
    """Draw CLV as a multiple of the first margin against growth, up to where the sum diverges.

    ``multiples`` is indexed by retention x (1 + growth), one column per horizon under the name it
    is labelled with, the endless one first; from ``limit``, 1 + discount rate, that one is missing.
    """
    endless, *limited = multiples.columns
    top = 1.5 * float(multiples[limited].to_numpy().max())
    lines = _tidy(multiples, "kept", "horizon", "multiple")
    lines = lines[lines["multiple"] <= top]
    x = alt.X("kept:Q", title="Retention × (1 + growth), a year").axis(format=".0%", tickCount=5)
    y = alt.Y("multiple:Q", title="CLV ÷ first margin").axis(tickCount=5)
    base = alt.Chart(lines).encode(
        x=x.scale(zero=False, nice=False),
        y=y.scale(domain=[0, top], nice=False),
        color=_one_among("horizon", endless, limited),
    )
    ends = alt.Chart(lines.loc[lines.groupby("horizon")["kept"].idxmax()])
    edge = alt.Chart(pd.DataFrame({"limit": [limit], "label": ["no limit"]}))
    return alt.layer(
        edge.mark_rule(strokeDash=[4, 3], color=CHURN).encode(x="limit:Q"),
        edge.mark_text(align="left", dx=5, y=8, color=CHURN).encode(x="limit:Q", text="label:N"),
        base.mark_line(),
        ends.mark_text(align="right", dx=-8, dy=-8, fontWeight=600).encode(
            x="kept:Q",
            y="multiple:Q",
            text="horizon:N",
            color=_one_among("horizon", endless, limited),
        ),
    ).properties(
        description="CLV as a multiple of the first margin against retention times one plus "
        f"growth. The endless sum grows without bound towards {percent(limit)}; sums over a "
        "limited number of payments pass that point without a break."
    )


def retention_of_a_mix(retention: pd.DataFrame) -> alt.TopLevelMixin:
    """Draw the retention observed in a mixed base by age, between the constant rates it mixes.

    ``retention`` is indexed by the age in years; its first column is the whole base.
    """
    whole, *parts = retention.columns
    lines = _tidy(retention, "age", "group", "rate")
    x = alt.X("age:Q", title="Years since joining").axis(tickMinStep=1, format="d", grid=False)
    room = [float(np.nanmin(retention)) - 0.05, min(1.0, float(np.nanmax(retention)) + 0.05)]
    y = alt.Y("rate:Q", title="Retention a year").axis(format=".0%", tickCount=5)
    base = alt.Chart(lines).encode(
        x=x, y=y.scale(domain=room, nice=False), color=_one_among("group", whole, parts)
    )
    labels = base.transform_filter("datum.age == 3").encode(text="group:N")
    curve = alt.datum.group == whole
    first, last = retention[whole].iloc[0], retention[whole].iloc[-1]
    return alt.layer(
        base.mark_line(),
        labels.transform_filter(curve).mark_text(align="left", dx=8, dy=8, fontWeight=600),
        labels.transform_filter(~curve).mark_text(dy=-10, fontWeight=600),
    ).properties(
        height=260,
        description=f"Observed yearly retention of a mixed base goes from {percent(first)} to "
        f"{percent(last)} as the cohort ages, while the rate of each group in it is constant.",
    )


def clv_calculator(
    margin: float, retention: float, annual_discount_rate: float, price: float, currency: str
) -> alt.TopLevelMixin:
    """Calculate in the page: sliders for the four numbers, CLV under the booking conventions.

    The arguments (margin and rates per year, price per new customer) are where the sliders start.
    Vega evaluates the closed forms of ``clvkit.formulas.clv_retention``; no kernel is needed.
    """
    return (
        alt.layer(*_calculator_layers(currency))
        .add_params(*_calculator_params(margin, retention, annual_discount_rate, price, currency))
        .properties(
            height=ROW_HEIGHT * (_HEAD + len(_NAMES) + FOOT),
            description="Calculator with sliders for yearly margin, retention, discount rate and "
            "price per new customer: CLV under the four booking conventions, and the most that a "
            f"new customer may cost. It starts at a margin of {money(margin, currency)}, "
            f"a retention of {percent(retention)} and a discount rate of "
            f"{percent(annual_discount_rate)} a year.",
        )
    )


_HEAD = 1.4
# Without an end the geometric sum exists for q < 1 only; with one, at q = 1 every payment counts.
_TOTAL = (
    "payments == 0 ? (q < 1 ? 1 / (1 - q) : NaN)"
    " : (q == 1 ? payments : (1 - pow(q, payments)) / (1 - q))"
)
_CLV = (
    "margin * total * pow(retention / 100, datum.renewals) / pow(1 + discount / 100, datum.years)"
)


def _calculator_params(
    margin: float, retention: float, annual_discount_rate: float, price: float, currency: str
) -> list[alt.Parameter]:
    sign = money(0, currency, 0).removesuffix("0").strip()
    horizon = alt.binding_select(
        options=[0, 1, 3, 5, 10, 20],
        labels=["all", "1", "3", "5", "10", "20"],
        name="Payments counted ",
    )
    rate = round(100 * annual_discount_rate, 6)
    return [
        slider("margin", f"Margin a year ({sign}) ", margin, *span(margin)),
        slider("retention", "Retention a year (%) ", round(100 * retention, 6), 0, 100, 0.5),
        slider("discount", "Discount rate a year (%) ", rate, min(0, rate), max(40, rate), 0.5),
        slider("price", f"Price a customer ({sign}) ", price, *span(price)),
        alt.param(name="payments", value=0, bind=horizon),
        alt.param(name="q", expr="(retention / 100) / (1 + discount / 100)"),
        alt.param(name="total", expr=_TOTAL),
        alt.param(name="ceiling", expr="margin * total"),
    ]


def _calculator_layers(currency: str) -> list[alt.Chart]:
    labels = [f"{name}: {_FOR_WHOM[timing]}" for timing, name in _NAMES.items()]
    conventions = rows_of(labels).assign(renewals=[0, 1, 0, 1], years=[0, 1, 1, 0])
    shown = amount_expression("datum.clv", currency)
    bars = alt.Chart(conventions).transform_calculate(clv=_CLV).transform_calculate(shown=shown)
    price = amount_expression("price", currency)
    left = amount_expression("abs(ceiling - price)", currency)
    verdict = (
        f"isNaN(ceiling) ? 'The sum over all payments has no limit.' : 'At ' + {price} + ' each, '"
        f" + (ceiling >= price ? {left} + ' is left.' : {left} + ' is lost.')"
    )
    side = alt.ExprRef("price < ceiling / 2 ? 'left' : 'right'")
    head = alt.Chart(pd.DataFrame({"one": [1]})).transform_calculate(
        ceiling=amount_expression("ceiling", currency), verdict=verdict
    )
    return [
        *draw_bars(bars, -_HEAD, len(labels) + FOOT),
        *price_mark(bars, "price", side, len(labels), currency),
        _line(head, 14, size=28).encode(text="ceiling:N", color=alt.value(VALUE)),
        _line(head, 38).encode(text=alt.value("is the most a new customer may cost.")),
        _line(head, 58).encode(
            text="verdict:N",
            color=alt.condition("ceiling >= price", alt.value(VALUE), alt.value(CHURN)),
        ),
    ]


def _line(base: alt.Chart, y: float, size: float = 12) -> alt.Chart:
    place: Any = {"align": "left", "x": 0, "y": y, "fontSize": size, "fontWeight": 600}
    line: alt.Chart = base.mark_text(**place)
    return line


def slider(
    name: str, label: str, value: float, low: float, high: float, step: float
) -> alt.Parameter:
    """A named slider under the chart."""
    return alt.param(
        name=name, value=value, bind=alt.binding_range(min=low, max=high, step=step, name=label)
    )


def span(value: float) -> tuple[float, float, float]:
    """Choose round ends and a step for a slider that starts at ``value``."""
    unit = 10.0 ** math.floor(math.log10(abs(value))) if value else 10.0
    high = unit * math.ceil(4 * abs(value) / unit) or 10 * unit
    return (-high if value < 0 else 0.0), high, unit / 20


def _moved(name: str, low: float, high: float) -> str:
    write = percent if name in _SHARES else "{:,.4g}".format
    return f"{_INPUTS[name]} {write(low)} to {write(high)}"


def _reach(low: float, high: float, currency: str) -> str:
    if math.isnan(low) or math.isnan(high):
        return "no limit"
    small, large = sorted((low, high))
    digits = 0 if large >= 100 else 2
    return f"{money(small, currency, digits)} to {money(large, currency, digits)}"


def _tidy(table: pd.DataFrame, index: str, columns: str, values: str) -> pd.DataFrame:
    named = table.rename_axis(index=index).reset_index()
    return named.melt(id_vars=index, var_name=columns, value_name=values).dropna()


def _one_among(field: str, chosen: str, others: list[str]) -> alt.Color:
    return alt.Color(f"{field}:N", legend=None).scale(
        domain=[chosen, *others], range=[VALUE] + [UNKNOWN] * len(others)
    )
