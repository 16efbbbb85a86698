"""Identical rows are one row with a weight: what makes a million customers cheap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.intp]

_MANY = 20_000


def distinct(columns: Sequence[Array]) -> tuple[list[Array], Index]:
    """The distinct rows of a table given by its columns, and where each row went.

    Every column is coded by its distinct values and the codes of a row are packed into one
    integer, which is counted or hashed: no sorting of rows. ``column[inverse]`` gives the table
    back. The distinct rows come in the order of their first appearance codes, not sorted.
    A long table stays as it is where no row comes twice among many of it: looking for the few
    that do would take longer than it saves.
    """
    step = len(columns[0]) // _MANY
    if step > 1:
        some = pd.DataFrame({place: column[::step] for place, column in enumerate(columns)})
        if not some.duplicated().any():
            return [np.asarray(c, dtype="float64") for c in columns], np.arange(len(columns[0]))
    coded = [pd.factorize(column) for column in columns]
    key = np.zeros(len(columns[0]), dtype=np.int64)
    sizes = [max(len(values), 1) for _, values in coded]
    room = 1
    for (codes, _), size in zip(coded, sizes, strict=True):
        if room > 2**62 // size:
            return _hashed(columns)
        key = key * size + codes
        room *= size
    if room <= 4 * len(key) + 65_536:
        present = np.bincount(key, minlength=room) > 0
        chosen = np.flatnonzero(present)
        inverse = (np.cumsum(present) - 1)[key]
    else:
        inverse, chosen = pd.factorize(key)
    rows: list[Array] = []
    for (_, values), size in zip(coded[::-1], sizes[::-1], strict=True):
        chosen, code = np.divmod(chosen, size)
        rows.append(np.asarray(values, dtype="float64")[code])
    return rows[::-1], inverse.astype(np.intp, copy=False)


def _hashed(columns: Sequence[Array]) -> tuple[list[Array], Index]:
    """The same where the codes do not fit into one integer: two columns at a time."""
    codes = pd.factorize(columns[0])[0]
    for column in columns[1:]:
        other, values = pd.factorize(column)
        codes = pd.factorize(codes.astype(np.int64) * max(len(values), 1) + other)[0]
    first = np.zeros(int(codes.max(initial=-1)) + 1, dtype=np.intp)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return [column[first] for column in columns], codes.astype(np.intp, copy=False)
