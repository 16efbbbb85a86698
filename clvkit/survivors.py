"""Tables of survivors: reading them, and what a renewal saved is worth."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvkit import files
from clvkit.errors import DataError
from clvkit.models import ContractModel

_FEWEST_ROWS = 4
# Beyond 25 / ln(1+d) a payment is worth 1e-11 of today's.
_HORIZON = 25


def read_survivors(source: str | Path | pd.DataFrame) -> pd.DataFrame:
    """Read survivors by period: one row a period, one column a segment or cohort.

    Parameters
    ----------
    source
        ``"contracts"`` (:func:`clvkit.datasets.contracts`), a CSV or Parquet file, or a frame. The
        first column counts the periods from 0; every other one holds the customers of a segment
        still there, in its first row all who joined. A segment observed for fewer periods has
        empty cells at its end.

    Returns
    -------
    A frame of floats indexed by period.

    Raises
    ------
    DataError
        Where periods are missing, a cell is no number, or a segment grows.
    """
    found = files.load(source, contract="survivors")
    table, name = found.frame, found.name
    if table.shape[1] < 2:
        raise DataError(
            f"{name} has {table.shape[1]} column(s): the first counts periods from 0, each other "
            "one holds the survivors of a segment."
        )
    cells = table.map(lambda cell: np.nan if str(cell).strip() == "" else cell)
    numbers = cells.apply(pd.to_numeric, errors="coerce")
    unread = numbers.isna() & cells.notna()
    if unread.to_numpy().any():
        row, column = np.argwhere(unread.to_numpy())[0]
        raise DataError(
            f"{name}: {cells.iloc[row, column]!r} in column {table.columns[column]!r} is not a "
            "number. Give plain numbers of customers, without signs or thousands separators."
        )
    first = table.columns[0]
    if numbers[first].tolist() != list(range(len(numbers))):
        raise DataError(
            f"{name}: the first column, {first!r}, must count the periods 0, 1, 2, ... without a "
            "gap; row 0 holds the customers who joined."
        )
    survivors = numbers.set_index(numbers[first].astype("int64")).drop(columns=first)
    for segment, column in survivors.items():
        _refuse_impossible(name, str(segment), column)
    named: pd.DataFrame = survivors.astype("float64")
    return named.rename_axis(index="period", columns="segment")


def rescued_lifetime(model: ContractModel, discount: float, tenure: ArrayLike = 0) -> pd.Series:
    """Discounted payments of a customer kept, once, who would have left at the next renewal.

    Today's payment counts in full; from then on the customer renews or leaves by nature, as if
    nobody had interfered. Who was about to leave is not like those who renew by themselves: with
    L(u) = B(α, β+u) / B(α, β) and n = ``tenure`` + 1, the chance of still paying at renewal t is

    [L(t^c - n^c + (n-1)^c) - L(t^c)] / [L((n-1)^c) - L(n^c)],  which at c = 1 (the shifted
    beta-geometric) is [S(t-1) - S(t)] / [S(n-1) - S(n)]: the losses of period t over those of n.

    This follows from the model by Bayes' rule. ``discount`` is a rate per period, above 0. Returns
    payments, indexed by tenure.
    """
    if not (np.isfinite(discount) and discount > 0):
        raise DataError(f"discount={discount!r}: give a rate a period, above 0.")
    tenures = np.atleast_1d(np.asarray(tenure, dtype="int64"))
    if (tenures < 0).any():
        raise DataError("Tenure counts the renewals made: 0 or more.")
    c = float(model.params.get("c", 1.0))
    ahead = np.arange(int(np.ceil(_HORIZON / np.log1p(discount))))
    weight = (1 + discount) ** -ahead.astype("float64")
    worth = []
    for n in tenures + 1:
        t = (n + ahead).astype("float64")
        before = (t**c - float(n) ** c + float(n - 1) ** c) ** (1 / c)
        leaving = model.survival(before).to_numpy() - model.survival(t).to_numpy()
        worth.append(float(leaving @ weight) / leaving[0])
    return pd.Series(worth, index=pd.Index(tenures, name="period"), name="rescued_lifetime")


def _refuse_impossible(name: str, segment: str, column: pd.Series) -> None:
    known = column.dropna()
    if len(known) < _FEWEST_ROWS:
        raise DataError(
            f"{name}: {segment!r} has {len(known)} figures. A forecast that can be checked needs "
            f"{_FEWEST_ROWS} or more: those who joined, and survivors of three periods."
        )
    if known.index[-1] != len(known) - 1:
        raise DataError(
            f"{name}: {segment!r} has an empty cell before its last figure. Only the end of a "
            "column may be empty, where a segment has not been observed for so long."
        )
    if not np.isfinite(known).all() or known.iloc[0] <= 0 or (known < 0).any():
        raise DataError(f"{name}: {segment!r} must hold numbers of customers, the first above 0.")
    grown = known.diff() > 0
    if grown.any():
        period = int(np.argmax(grown))
        raise DataError(
            f"{name}: {segment!r} grows from {known[period - 1]:g} to {known[period]:g} in period "
            f"{period}. Survivors of one group never rise: are new customers counted in?"
        )
