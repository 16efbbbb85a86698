"""What every verb asks of a number that it is given."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvkit.errors import DataError


def floats(values: Any, name: str, wanted: str = "a number") -> NDArray[np.float64]:
    """``values`` as floats of the same shape; ``DataError`` where one is no number."""
    try:
        return np.asarray(values, dtype="float64")
    except (TypeError, ValueError):
        what = f"{name}={values!r} is not a number"
        if isinstance(values, pd.Series) or np.size(values) > 1:
            what = f"{name}: one of the values is not a number"
        raise DataError(f"{what}: give {wanted}.") from None


def length_of_time(value: Any, name: str) -> float:
    """One length of time, 0 or more; ``DataError`` for anything else."""
    wanted = "a length of time, 0 or more"
    number = floats(value, name, wanted)
    if number.ndim or not (np.isfinite(number) and number >= 0):
        raise DataError(f"{name}={value!r}: give {wanted}.")
    return float(number)


def whole_number(value: Any, name: str, least: int = 1) -> int:
    """One whole number of ``least`` or more; ``DataError`` for anything else."""
    number = floats(value, name, wanted := f"a whole number of {least:,} or more")
    if number.ndim or not number >= least or number != np.floor(number) or np.isinf(number):
        raise DataError(f"{name}={value!r}: give {wanted}.")
    return int(number)


def share(value: Any, name: str) -> float:
    """One share between 0 and 1, both included; ``DataError`` for anything else."""
    number = floats(value, name, wanted := "a share between 0 and 1")
    if number.ndim or not 0 <= number <= 1:
        slip = (
            f" For {value:g}% write {value / 100:g}." if np.ndim(value) == 0 and value > 1 else ""
        )
        raise DataError(f"{name}={value!r}: give {wanted}.{slip}")
    return float(number)
