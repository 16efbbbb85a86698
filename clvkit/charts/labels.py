"""Direct labels: where to put names beside lines so that they do not cover each other."""

import pandas as pd


def apart(heights: pd.Series, least: float) -> pd.Series:
    """The heights, each moved up as far as neighbours need to be ``least`` apart."""
    order = heights.sort_values()
    placed: list[float] = []
    for height in order:
        placed.append(max(float(height), placed[-1] + least) if placed else float(height))
    return pd.Series(placed, index=order.index).reindex(heights.index)
