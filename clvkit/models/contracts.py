"""What the models of contract lifetimes share: the data they read, survival, worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from clvkit.arguments import floats
from clvkit.errors import DataError, UndefinedError
from clvkit.models.base import Array, Data, Model

_MOST_PERIODS = 10_000_000
Survivors = Sequence[float] | pd.Series | Sequence[Sequence[float]] | pd.DataFrame


class ContractModel(Model):
    """Base of the models of how many periods a subscriber stays.

    A subclass declares the log survival curve at whole and fractional periods. A *tenure* counts
    the renewals made: a customer of tenure n has survived n periods, and the next renewal is the
    (n+1)-th.
    """

    columns: ClassVar = ("tenure", "ended")

    def fit(self, summary: Survivors) -> Self:
        """Estimate the parameters by maximum likelihood.

        Parameters
        ----------
        summary
            One cohort: survivors per period, the cohort's size first (``[1000, 631, 468]``).
            Several: a list of such sequences, each as long as its cohort was observed. Single
            customers: a frame with ``tenure`` (whole periods: for an ended contract the period in
            which it ended, 1 or more; for a running one the renewals made, 0 or more), ``ended``
            (true or false) and optionally ``weights``.
        """
        return super().fit(self._records(summary))

    def log_likelihoods(self, summary: Survivors) -> pd.Series:
        """Log-likelihood of each record; of survivors, one for each period and those who remain."""
        return super().log_likelihoods(self._records(summary))

    def survival(self, periods: ArrayLike) -> pd.Series:
        """Share of a new cohort still there after so many periods, indexed by period."""
        t = _lengths(periods)
        return pd.Series(np.exp(self._log_survival(t)), index=_axis(t), name="survival")

    def retention(self, periods: ArrayLike) -> pd.Series:
        """Share of those at the n-th renewal who renew, n = 1, 2, ..., indexed by n."""
        n = _lengths(periods)
        if (n < 1).any():
            raise DataError("Renewals are counted from 1: the first renewal ends the first period.")
        return pd.Series(np.exp(self._log_retention(n)), index=_axis(n), name="retention")

    def probability_alive(self, tenure: ArrayLike, later: float = 0.0) -> pd.Series:
        """Chance that a customer of each ``tenure`` is still there ``later`` periods on."""
        n = _lengths(tenure)
        chance = np.exp(self._log_survival(n + float(_lengths(later)[0])) - self._log_survival(n))
        return pd.Series(chance, index=_axis(n), name="probability_alive")

    def expected_lifetime(self, tenure: int = 0) -> float:
        """Periods that a customer of ``tenure`` is still expected to stay, this one included.

        A new customer's first period counts as one, as in 1/churn. Raises UndefinedError where
        the mean is infinite: some customers would never leave.
        """
        raise NotImplementedError

    def discounted_lifetime(
        self, discount: float, tenure: ArrayLike = 0, periods: float = np.inf
    ) -> pd.Series:
        """Discounted expected residual lifetime (DERL): renewals to come, the next one today.

        Just before the renewal number n = ``tenure`` + 1: Σ_{t=n} S(t)/S(n-1) / (1+d)^{t-n}, with
        ``discount`` d a period (``clv.formulas.period_rate``), over ``periods`` renewals or, by
        default, all (Fader and Hardie 2010, equation 6). Indexed by tenure.
        """
        tenures = _lengths(tenure)
        rate = floats(discount, "discount", "a rate a period, 0 or more")
        if rate.ndim or not (np.isfinite(rate) and rate >= 0):
            raise DataError(f"discount={discount!r}: give a rate a period, 0 or more.")
        if not floats(periods, "periods", "a number of renewals, 0 or more") >= 0:
            raise DataError(f"periods={periods!r}: give a number of renewals, 0 or more.")
        worth = self._renewals(tenures.astype(np.intp), discount, periods)
        return pd.Series(worth, index=_axis(tenures), name="discounted_lifetime")

    def _renewals(self, tenures: NDArray[np.intp], discount: float, periods: float) -> Array:
        if np.isinf(periods) and discount == 0:
            return np.array([self.expected_lifetime(int(n)) - 1 for n in tenures])
        # Beyond 45 / ln(1+d) a payment is worth 1e-20 of today's.
        count = int(periods if np.isfinite(periods) else np.ceil(45 / np.log1p(discount)))
        if count > _MOST_PERIODS:
            raise DataError(
                f"{count:,} periods are too many to add up: give a discount of 1e-5 a period or "
                "more, 0 for none, or fewer periods."
            )
        curve = self._log_survival(np.arange(tenures.max(initial=0) + count + 1, dtype="float64"))
        fall = np.log1p(discount) * np.arange(count)
        distinct, back = np.unique(tenures, return_inverse=True)
        worth = [np.exp(curve[n + 1 : n + 1 + count] - curve[n] - fall).sum() for n in distinct]
        return np.array(worth)[back]

    def _records(self, summary: Survivors) -> pd.DataFrame:
        given: Any = summary
        if given is None or isinstance(given, str):
            raise DataError(f"Survivors are numbers of customers by period, not {given!r}.")
        if isinstance(summary, pd.DataFrame):
            return summary
        cohorts: list[Array] = []
        if isinstance(summary, pd.Series) or np.isscalar(next(iter(summary), 0.0)):
            cohorts = [floats(summary, "survivors", "numbers of customers")]
        else:
            cohorts = [floats(each, "survivors", "numbers of customers") for each in summary]
        tables = [_cohort(survivors, number) for number, survivors in enumerate(cohorts, 1)]
        table = pd.concat(tables, ignore_index=True)
        if isinstance(summary, pd.Series):
            table.attrs = dict(summary.attrs)
        return table

    def _usable(self, summary: pd.DataFrame, *columns: Array) -> NDArray[np.bool_]:
        tenure, ended = columns
        fine = (tenure >= ended) & (tenure == np.floor(tenure)) & np.isin(ended, (0.0, 1.0))
        fine &= np.isfinite(tenure)
        if not fine.all():
            first = int(np.argmin(fine))
            raise DataError(
                f"{int((~fine).sum()):,} of {len(tenure):,} records are impossible; the first is "
                f"{summary.index[first]!r} with tenure {tenure[first]:g} and ended "
                f"{ended[first]:g}. Tenure counts whole periods: the period in which a contract "
                "ended (1 or more), or the renewals of a running one (0 or more)."
            )
        # Nobody has seen whether a running contract of tenure 0 renews.
        return np.asarray(tenure > 0)

    def _refuse_unidentified(self, data: Data, weights: Array) -> None:
        tenure, ended = (column[weights > 0] for column in data[:2])
        if weights.sum() < 2:
            raise DataError("One customer at most: how customers differ cannot be estimated.")
        if not ended.any():
            raise DataError(
                "Nobody has left yet: how long customers stay cannot be estimated. Wait for the "
                "first contracts to end."
            )
        if tenure.max() < 2:
            raise DataError(
                "Only one renewal has been seen: its retention is known, how retention changes "
                "with age is not. Give at least two periods."
            )

    # What a subclass declares.
    def _log_survival(self, t: Array) -> Array:
        """The log of S(t) for t >= 0, whole or not."""
        raise NotImplementedError

    def _log_retention(self, n: Array) -> Array:
        """The log of S(n) / S(n-1)."""
        raise NotImplementedError


def _cohort(survivors: Array, number: int) -> pd.DataFrame:
    name = f"Cohort {number}"
    if len(survivors) < 2:
        raise DataError(f"{name} has {len(survivors)} figures: give its size, then survivors.")
    if not (np.isfinite(survivors).all() and (survivors >= 0).all()):
        raise DataError(f"{name}: survivors are numbers of customers, none missing or negative.")
    lost = -np.diff(survivors)
    if (lost < 0).any():
        period = int(np.argmax(lost < 0)) + 1
        raise DataError(
            f"{name} grows from {survivors[period - 1]:g} to {survivors[period]:g} in period "
            f"{period}: survivors of one cohort never rise. Are new customers counted in?"
        )
    periods = np.arange(1, len(survivors))
    return pd.DataFrame(
        {
            "tenure": np.append(periods, periods[-1]),
            "ended": np.append(np.ones(len(periods)), 0.0),
            "weights": np.append(lost, survivors[-1]),
        }
    )


def _lengths(periods: ArrayLike) -> Array:
    t = np.atleast_1d(floats(periods, "periods"))
    if not (np.isfinite(t).all() and (t >= 0).all()):
        raise DataError("Periods are finite numbers, 0 or more.")
    return t


def _axis(t: Array) -> pd.Index:
    whole = (t == np.floor(t)).all()
    return pd.Index(t.astype("int64") if whole else t, name="period")


def never_ends(name: str, value: float) -> UndefinedError:
    """The expected lifetime of a model in which some never leave."""
    return UndefinedError(
        f"The expected lifetime is infinite where {name} <= 1 ({name} = {value:.3g}): a few "
        "customers stay so long that the mean has no value. Use the median, a horizon, or discount."
    )
