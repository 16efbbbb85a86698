"""Charts of labelled bars: the label stands above its bar, which keeps the whole width of a phone.

Such a chart is a single view, so that it can fill its container; its vertical axis counts rows.
"""

from typing import Any

import altair as alt
import pandas as pd

from clvkit.palette import CHURN, VALUE
from clvkit.words import money

ROW_HEIGHT = 54
"""Pixels of a row: label and bar."""
FOOT = 0.45
"""Rows left free below the last bar, for the label of a mark."""


def rows_of(labels: list[str]) -> pd.DataFrame:
    """Place one labelled bar per row: the label above, the bar below it."""
    row = pd.RangeIndex(len(labels)).to_series()
    return pd.DataFrame(
        {"row": row, "label": labels, "title": row + 0.3, "top": row + 0.5, "bottom": row + 0.84}
    )


def draw_bars(base: alt.Chart, start: float, end: float) -> list[alt.Chart]:
    """Draw the fields ``clv`` and ``shown`` of a table of rows, from zero."""
    mark = base.transform_calculate(zero="0").mark_rect(color=VALUE)
    y = row_axis("top", start, end)
    bar = mark.encode(x=bar_x("zero"), x2="clv:Q", y=y, y2="bottom:Q")
    return [bar, row_text(base, "label", "left"), row_text(base, "shown", "right")]


def price_mark(
    base: alt.Chart, price: str, side: Any, rows: int, currency: str, name: str = "price"
) -> list[alt.Chart]:
    """Mark the price, a Vega expression, on each bar; its label stands below the last one."""
    placed = base.transform_calculate(
        price=price,
        price_label=f"'{name} ' + {amount_expression(price, currency)}",
        above="datum.top - 0.07",
        below="datum.bottom + 0.07",
        foot="datum.bottom + 0.3",
    )
    rule = placed.mark_rule(color=CHURN, strokeWidth=3)
    label = placed.transform_filter(f"datum.row == {rows - 1}").mark_text(
        align=side, color=CHURN, fontWeight=600
    )
    return [
        rule.encode(x=bar_x("price"), y=bar_y("above"), y2="below:Q"),
        label.encode(x=bar_x("price"), y=bar_y("foot"), text="price_label:N"),
    ]


def row_text(base: alt.Chart, field: str, side: str) -> alt.Chart:
    """Write a field of a table of rows at the left or the right edge, above the bars."""
    place: Any = {"x": 0, "align": "left", "fontWeight": 400}
    if side == "right":
        place = {"x": "width", "align": "right", "fontWeight": 600}
    text: alt.Chart = base.mark_text(**place).encode(y=bar_y("title"), text=f"{field}:N")
    return text


def bar_x(field: str) -> alt.X:
    """Put a field on the horizontal axis, which is not drawn: the bars carry their numbers."""
    return alt.X(f"{field}:Q", axis=None, scale=alt.Scale(nice=False, zero=False))


def bar_y(field: str) -> alt.Y:
    """Put a field on the vertical axis, which counts the rows and is not drawn."""
    # All layers have to say so: Vega-Lite cannot merge an axis with none.
    return alt.Y(f"{field}:Q", axis=None)


def row_axis(field: str, start: float, end: float) -> alt.Y:
    """Put a field on the vertical axis and fix its ends, counted in rows from the top."""
    scale = alt.Scale(domain=[start, end], reverse=True, nice=False, zero=False)
    return alt.Y(f"{field}:Q", axis=None, scale=scale)


def amount_expression(expression: str, currency: str, digits: int = 2) -> str:
    """Write the Vega expression that shows an amount as ``clvkit.words.money`` does."""
    sign = money(0, currency, 0).removesuffix("0")
    shown = f"({expression} < 0 ? '-' : '') + '{sign}' + format(abs({expression}), ',.{digits}f')"
    return f"(isNaN({expression}) ? 'no limit' : {shown})"
