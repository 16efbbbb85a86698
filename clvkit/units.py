"""Lengths of time: how long a day, a week, a month and a year are, in one place."""

import numpy as np

from clvkit.errors import DataError

# A year is 365.25 days and a month its twelfth, so that 12 months are always one year.
DAYS = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}
NAMES = {"D": "day", "W": "week", "M": "month", "Y": "year"}


def days_per(time_unit: str) -> float:
    """Days in one ``time_unit``: ``D``, ``W`` (7), ``M`` (30.4375) or ``Y`` (365.25)."""
    if not isinstance(time_unit, str) or time_unit not in DAYS:
        raise DataError(f"time_unit={time_unit!r}: give 'D', 'W', 'M' or 'Y'.")
    return DAYS[time_unit]


def months_to(months: float, time_unit: str) -> float:
    """A number of months in ``time_unit``: 12 months are 52.18 weeks."""
    if not (isinstance(months, (int, float, np.number)) and np.isfinite(months) and months >= 0):
        raise DataError(f"A horizon of {months!r} months: give a number of months, 0 or more.")
    return months * DAYS["M"] / days_per(time_unit)
