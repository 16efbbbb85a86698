"""What the first page of a report is made of: a figure with interval and caveat, or a reason."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clvkit.errors import DataError, UndefinedError
from clvkit.words import percent

_COLUMNS = ["name", "value", "low", "high", "text", "caveat"]


@dataclass(frozen=True)
class Figure:
    """One figure; ``value``, ``low`` and ``high`` are missing where there is none."""

    text: str
    value: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    caveat: str = ""


def figure_table(figures: Mapping[str, Callable[[], Figure]]) -> pd.DataFrame:
    """One row a figure: ``name``, ``value``, ``low``, ``high``, ``text``, ``caveat``.

    A figure that cannot be computed is missing, and its text says why.
    """
    if not figures:
        return pd.DataFrame(columns=_COLUMNS)
    table = pd.DataFrame([_told(make) for make in figures.values()])
    table.insert(0, "name", list(figures))
    again = (table["text"] == table["text"].shift()) & table["value"].isna()
    table.loc[again, "text"] = "Not computed, for the same reason."
    return table[_COLUMNS]


def _told(make: Callable[[], Figure]) -> Figure:
    try:
        return make()
    except (DataError, UndefinedError) as error:
        return Figure(f"Not computed. {error}", caveat="No figure is better than a guess.")


def interval_words(low: float, high: float, shown: Callable[[float], str]) -> str:
    """`` (90% interval ... to ...)``, or nothing where there is none."""
    if np.isnan(low):
        return ""
    if np.isnan(high):
        return f" (90% interval from {shown(low)} on, without an upper end)"
    return f" (90% interval {shown(low)} to {shown(high)})"


def count_words(number: float) -> str:
    """A number of customers or purchases."""
    return f"{number:,.0f}"


def off_words(share: float) -> str:
    """How far a forecast was off."""
    if abs(share) < 0.005:
        return "On target"
    return f"{percent(abs(share), 0)} too {'low' if share < 0 else 'high'}"


def day_words(moment: pd.Timestamp) -> str:
    """A day as ``3 April 2025``."""
    return f"{moment.day} {moment:%B %Y}"
