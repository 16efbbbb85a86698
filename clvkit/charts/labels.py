"""Direct labels: where to put names beside lines so that they do not cover each other."""

import pandas as pd


def apart(heights: pd.Series, least: float) -> pd.Series:
    """The heights, moved as little as neighbours need to be ``least`` apart."""
    order = heights.sort_values()
    placed: list[float] = []
    for height in order:
        placed.append(max(float(height), placed[-1] + least) if placed else float(height))
    moved = pd.Series(placed, index=order.index).reindex(heights.index)
    # All were moved up; taken together they stay where they were.
    return moved - (moved - heights).mean()
