"""One look for every chart: the palette, the Altair theme and the renderer of the pages.

A colour means the same thing in every chapter. Charts are written with the light colours; the
pages put the dark ones in their place (``DARK``) when the reader chooses a dark page, so a chart
function never needs to know which page it is on.
"""

from typing import Any, cast

import altair as alt

from clvkit.errors import DataError

VEGA_LITE_MIME = "application/vnd.vegalite.v6+json"

VALUE = "#0c7679"
"""Customers and what they are worth."""
CHURN = "#ab3e10"
"""Customers lost, and cost."""
PREDICTION = "#7d44ba"
"""What a model expects."""
UNKNOWN = "#767c82"
"""Not known yet, and whatever is only there for comparison."""
UNKNOWN_FILL = "#dfe2e5"
"""The quiet surface of cells that nobody has lived through yet."""
INK = "#24292e"
"""Text and labels."""
QUIET_INK = "#565d64"
"""Axis labels and other text of the second rank."""
GRID = "#e2e5e8"
"""Grid lines and axis domains."""
PAPER = "#ffffff"
"""The page itself: text on a filled mark, gaps between cells."""
VALUE_RAMP = ["#e2f1ef", "#a3d2d0", "#55a3a4", VALUE, "#07494c"]
"""From little to much value, for heatmaps."""

DARK = {
    VALUE: "#3da1a6",
    CHURN: "#ef6a4a",
    PREDICTION: "#a478f8",
    UNKNOWN: "#8b9197",
    UNKNOWN_FILL: "#34383c",
    INK: "#e4e7ea",
    QUIET_INK: "#b4bac0",
    GRID: "#3a3f44",
    PAPER: "#121212",
    VALUE_RAMP[0]: "#17302f",
    VALUE_RAMP[1]: "#1f5355",
    VALUE_RAMP[2]: "#2b7b7f",
    VALUE_RAMP[4]: "#a5dcde",
}
"""The colour that takes a light colour's place on a dark page."""

_FONT = "Inter, system-ui, sans-serif"
_SEVERAL_VIEWS = ("concat", "hconcat", "vconcat", "facet", "repeat", "spec")


def _theme() -> alt.theme.ThemeConfig:
    look: Any = {
        "width": "container",
        "height": 300,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "config": {
            "background": None,
            "font": _FONT,
            "view": {"stroke": None},
            "axis": {
                "labelFontSize": 12,
                "titleFontSize": 12,
                "titleFontWeight": 500,
                "titlePadding": 8,
                "labelColor": QUIET_INK,
                "titleColor": QUIET_INK,
                "gridColor": GRID,
                "domainColor": GRID,
                "tickColor": GRID,
            },
            "header": {"labelColor": INK, "titleColor": QUIET_INK, "labelFontSize": 12},
            "legend": {
                "orient": "top",
                "labelColor": INK,
                "titleColor": QUIET_INK,
                "labelFontSize": 12,
                "titleFontSize": 12,
                "titleFontWeight": 500,
            },
            "title": {"anchor": "start", "color": INK, "fontSize": 14, "fontWeight": 600},
            "text": {"color": INK, "fontSize": 12},
            "rule": {"color": QUIET_INK},
            "bar": {"color": VALUE},
            "line": {"color": VALUE, "strokeWidth": 2.5},
            "point": {"color": VALUE, "filled": True},
            "area": {"color": VALUE},
            "range": {
                "category": [VALUE, PREDICTION, CHURN, UNKNOWN],
                "heatmap": VALUE_RAMP,
                "ramp": VALUE_RAMP,
            },
        },
    }
    return cast(alt.theme.ThemeConfig, look)


def render(spec: dict[str, Any], **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Turn a Vega-Lite specification into what a notebook stores (an Altair renderer).

    Returns the data by mime type (the chart, and its description as plain text) and no metadata.
    Raises ``DataError`` if the chart has no description: a reader who cannot see it would get
    nothing.
    """
    description = str(spec.get("description") or "").strip()
    if not description:
        raise DataError(
            "This chart has no description: say in a sentence or two what it shows, with "
            "`chart.properties(description=...)`; screen readers read it out."
        )
    if any(key in spec for key in _SEVERAL_VIEWS):
        # Vega-Lite fits only a single view into its container, and warns about any other.
        spec = {key: value for key, value in spec.items() if key not in ("autosize", "width")}
    return {VEGA_LITE_MIME: spec, "text/plain": description}, {}


def setup() -> None:
    """Give all charts of this notebook the look of the book; a chapter's first cell calls it."""
    alt.theme.register("clvkit", enable=True)(_theme)
    alt.renderers.enable("clvkit")
    # Chapters aggregate before they draw; a page must not grow with the reader's table.
    alt.data_transformers.enable("default", max_rows=5000)
