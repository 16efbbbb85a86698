"""One look for every chart: the Altair theme and the renderer of the pages."""

from typing import Any, cast

import altair as alt

from clvkit.errors import DataError
from clvkit.palette import (
    CHURN,
    GRID,
    INK,
    PREDICTION,
    QUIET_INK,
    UNKNOWN,
    VALUE,
    VALUE_RAMP,
    VEGA_LITE_MIME,
)

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
