"""The palette: what a colour means, in every chapter, on light pages and on dark ones.

Charts are written with the light colours; the pages put the dark ones in their place (``DARK``)
when the reader chooses a dark page, so a chart function never needs to know which page it is on.
"""

VEGA_LITE_MIME = "application/vnd.vegalite.v6+json"
"""The type under which a notebook stores a chart."""

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
