"""The questions every purchase-count model answers, whichever its maths."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvkit.arguments import floats, length_of_time, whole_number
from clvkit.errors import DataError
from clvkit.models.base import Array, Data, Model
from clvkit.models.grouping import Index, distinct


class PurchaseModel(Model):
    """Base of the models of repeat purchases with a customer's unobserved departure.

    A subclass answers five questions about distinct (x, t_x, T), all but the first given that
    the customer is alive at T; a new customer is the row (0, 0, 0).
    """

    columns: ClassVar = ("frequency", "recency", "T")

    def probability_alive(self, summary: pd.DataFrame, later: float = 0.0) -> pd.Series:
        """Probability that each customer is still a customer ``later`` time units after ``T``."""
        x, t_x, T, back = self._histories(summary)
        alive = self._alive(x, t_x, T)
        if length_of_time(later, "later") > 0:
            alive = alive * self._stays(x, T, later)
        return pd.Series(alive[back], index=summary.index, name="probability_alive")

    def expected_purchases(self, summary: pd.DataFrame, periods: float) -> pd.Series:
        """Purchases (days with one) expected of each customer in the next ``periods``.

        ``periods`` counts the summary's time unit from each customer's ``T`` on.
        """
        x, t_x, T, back = self._histories(summary)
        expected = self._alive(x, t_x, T) * self._future(x, T, length_of_time(periods, "periods"))
        return pd.Series(expected[back], index=summary.index, name="expected_purchases")

    def expected_purchases_new(self, periods: float | Array) -> float | Array:
        """Repeat purchases expected of a new customer in the first ``periods`` time units."""
        lengths = np.atleast_1d(floats(periods, "periods", "lengths of time, 0 or more"))
        if not (np.isfinite(lengths).all() and (lengths >= 0).all()):
            raise DataError(f"periods={periods!r}: give lengths of time, 0 or more.")
        none = np.zeros(1)
        alive = float(self._alive(none, none, none)[0])
        answer = np.array([alive * self._future(none, none, length)[0] for length in lengths])
        return float(answer[0]) if np.isscalar(periods) else answer

    def discounted_purchases(
        self, summary: pd.DataFrame, discount: float, periods: float = np.inf
    ) -> pd.Series:
        """Discounted expected residual purchases: each counted e^{-``discount``·t} when t away.

        ``discount`` is the continuous rate per time unit (``clv.formulas.continuous_rate``).
        ``periods`` is the horizon; without one the whole life counts (DERT).
        """
        x, t_x, T, back = self._histories(summary)
        rate = floats(discount, "discount", "a continuous rate, 0 or more")
        if rate.ndim or not (np.isfinite(rate) and rate >= 0):
            raise DataError(f"discount={discount!r}: give a continuous rate, 0 or more.")
        if not floats(periods, "periods", "a length of time, 0 or more") >= 0:
            raise DataError(f"periods={periods!r}: give a length of time, 0 or more.")
        worth = self._alive(x, t_x, T) * self._discounted(x, T, discount, periods)
        return pd.Series(worth[back], index=summary.index, name="discounted_purchases")

    def purchase_probabilities(
        self, summary: pd.DataFrame, periods: float, most: int = 10
    ) -> pd.DataFrame:
        """Probability of 0, 1, 2 ... purchases of each customer in the next ``periods``.

        Columns 0 to ``most`` - 1 and ``f"{most}+"``; every row sums to 1.
        """
        x, t_x, T, back = self._histories(summary)
        most = whole_number(most, "most")
        counts = np.arange(most, dtype="float64")
        alive = self._alive(x, t_x, T)[:, None]
        table = alive * self._counts(x, T, length_of_time(periods, "periods"), counts)
        table[:, 0] += 1 - alive[:, 0]
        rest = np.clip(1 - table.sum(axis=1), 0, 1)
        table = np.column_stack([table, rest])
        columns: list[int | str] = [*range(most), f"{most}+"]
        return pd.DataFrame(table[back], index=summary.index, columns=pd.Index(columns))

    def _histories(self, summary: pd.DataFrame) -> tuple[Array, Array, Array, Index]:
        self._theta()
        columns = self._columns(summary)
        self._usable(summary, *columns)
        (x, t_x, T), back = distinct(columns)
        return x, t_x, T, back

    def _usable(self, summary: pd.DataFrame, *columns: Array) -> NDArray[np.bool_]:
        x, t_x, T = columns
        possible = (x >= 0) & (t_x >= 0) & (t_x <= T) & ((x > 0) | (t_x == 0)) & np.isfinite(T)
        possible &= x == np.floor(x)
        if not possible.all():
            first = int(np.argmin(possible))
            raise DataError(
                f"{int((~possible).sum()):,} of {len(x):,} rows are impossible; the first is "
                f"{summary.index[first]!r} with frequency {x[first]:g}, recency "
                f"{t_x[first]:g}, T {T[first]:g}. Frequency counts repeat purchases, a whole "
                "number; recency is the age at the last purchase (0 for a one-time buyer), not "
                "the time since it, and never more than T."
            )
        return np.ones(len(x), dtype=bool)

    def _refuse_unidentified(self, data: Data, weights: Array) -> None:
        counted = weights > 0
        if not (data[0][counted] > 0).any():
            raise DataError(
                "Nobody bought a second time: neither how often customers buy nor when they leave "
                "can be estimated. Wait for repeat purchases, or use the historical figures."
            )
        if weights.sum() < 2 or counted.sum() < 2:
            raise DataError(
                "One customer, or one history shared by all: how customers differ cannot be "
                "estimated from it. Fit on at least two different histories, or make the model "
                "from known parameters."
            )

    # What a subclass answers.
    def _alive(self, x: Array, t_x: Array, T: Array) -> Array:
        """P(alive at T)."""
        raise NotImplementedError

    def _stays(self, x: Array, T: Array, later: float) -> Array:
        """P(alive at T + later | alive at T)."""
        raise NotImplementedError

    def _future(self, x: Array, T: Array, periods: float) -> Array:
        """E[purchases in (T, T + periods] | alive at T]."""
        raise NotImplementedError

    def _discounted(self, x: Array, T: Array, discount: float, periods: float) -> Array:
        """E[discounted purchases in (T, T + periods] | alive at T]; ``periods`` may be inf."""
        raise NotImplementedError

    def _counts(self, x: Array, T: Array, periods: float, counts: Array) -> Array:
        """P(so many purchases in (T, T + periods] | alive at T), one column a count."""
        raise NotImplementedError
