"""The ten figures of a report: each with its interval and caveat, or with why it cannot be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clvkit import checks
from clvkit.errors import DataError, UndefinedError
from clvkit.evaluation import evaluate
from clvkit.formulas import continuous_rate
from clvkit.intervals import wilson
from clvkit.models import BetaGeoNBD, GammaGamma, ModifiedBetaGeoNBD, ParetoNBD
from clvkit.models.base import Z90
from clvkit.summary import split, summarize
from clvkit.tables import Transactions, purchases
from clvkit.units import months_to
from clvkit.valuation import lifetime_value
from clvkit.words import money, percent

# Below, a 90% interval of a purchase model's forecast is typically wider than a fifth of it.
_FEW = 500
_SHORT_DAYS = 300
_TWO_MONTHS = 60
# A customer with so much of all revenue makes every average their own.
_DOMINANT = 0.2
_YEAR_WEEKS = months_to(12, "W")


@dataclass(frozen=True)
class _Figure:
    """One figure; ``value``, ``low`` and ``high`` are missing where there is none."""

    text: str
    value: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    caveat: str = ""


@dataclass(frozen=True)
class _Terms:
    gross_margin: float
    annual_discount_rate: float
    horizon_months: float
    currency: str

    def check(self) -> None:
        if not 0 <= self.gross_margin <= 1:
            raise DataError(f"gross_margin={self.gross_margin!r}: give a share between 0 and 1.")
        if not months_to(self.horizon_months, "W") > 0:
            raise DataError(f"horizon_months={self.horizon_months!r}: give more than 0 months.")
        continuous_rate(self.annual_discount_rate, 1)
        money(0, self.currency)


def key_figures(
    orders: Transactions | pd.DataFrame,
    *,
    gross_margin: float = 0.3,
    annual_discount_rate: float = 0.10,
    horizon_months: float = 36,
    currency: str = "USD",
) -> pd.DataFrame:
    """The ten figures of a report on purchases, in words and numbers.

    Parameters
    ----------
    orders
        The answer of :func:`clvkit.read_transactions`, or a clean frame.
    gross_margin
        Share of revenue that is left after the cost of serving, 0 to 1.
    annual_discount_rate
        Per year.
    horizon_months
        How far ahead customers are valued, from the observation end on.
    currency
        ISO 4217 code of the amounts.

    Returns
    -------
    One row a figure: ``name``; ``value`` with its 90% interval ``low`` to ``high`` (counts,
    money or shares; missing where a figure was counted and not estimated, or cannot be
    computed); ``text``, the finished wording, or why there is no figure; ``caveat``, one
    sentence on how far to trust it. No text names a customer.

    Raises
    ------
    DataError
        Where a parameter cannot be used. What the data cannot tell is a missing figure instead.
    """
    terms = _Terms(gross_margin, annual_discount_rate, horizon_months, currency)
    terms.check()
    log = _Log(orders, terms)
    table = pd.DataFrame([_told(make) for make in log.figures().values()])
    table.insert(0, "name", list(log.figures()))
    again = (table["text"] == table["text"].shift()) & table["value"].isna()
    table.loc[again, "text"] = "Not computed, for the same reason."
    return table[["name", "value", "low", "high", "text", "caveat"]]


def _told(make: Callable[[], _Figure]) -> _Figure:
    try:
        return make()
    except (DataError, UndefinedError) as error:
        return _Figure(f"Not computed. {error}", caveat="No figure is better than a guess.")


class _Log:
    """The purchases, what the models made of them, and a method for each figure."""

    def __init__(self, orders: Transactions | pd.DataFrame, terms: _Terms) -> None:
        self.orders, self.terms = orders, terms
        self.table = purchases(orders)
        self.summary = summarize(orders)
        self.spent = self.table.groupby("customer_id")["amount"].sum()
        self.first = self.table["date"].min()
        self.end = pd.Timestamp(self.summary.attrs["observation_end"])
        self.days = (self.end - self.first).days + 1
        self._model: BetaGeoNBD | None = None
        self._value: pd.DataFrame | None = None
        self._value_remark = ""

    def figures(self) -> dict[str, Callable[[], _Figure]]:
        return {
            "Customers": self.customers,
            "Revenue": self.revenue,
            "Customers who came back": self.came_back,
            "Margin per customer so far": self.margin_so_far,
            "Revenue from the best tenth": self.top_tenth,
            "Customers who will buy in the next 12 months": self.buyers,
            "Purchases in the next 12 months": self.purchases_to_come,
            "Value of a customer from today on": self.mean_value,
            "Value of today's customers": self.base_value,
            "Test on purchases the model had not seen": self.holdout,
        }

    def customers(self) -> _Figure:
        when = f"from {_day(self.first)} to {_day(self.end)} ({self.span})"
        if self.days == 1:
            when = f"all on {_day(self.first)}"
        text = f"{len(self.summary):,}, {when}."
        caveat = "One customer_id is one customer; a person with two ids counts twice."
        return _Figure(text, len(self.summary), caveat=caveat)

    def revenue(self) -> _Figure:
        total, count = float(self.spent.sum()), len(self.table)
        text = f"{self.money(total, 0)} from {count:,} purchases, {self.money(total / count)} each."
        return _Figure(text, total, caveat="Net of refunds; the receipt says what was set aside.")

    def came_back(self) -> _Figure:
        back, low, high = _share(int((self.summary["frequency"] > 0).sum()), len(self.summary))
        text = f"{percent(back)}{_interval(low, high, percent)} bought on more than one day."
        caveat = (
            "Those who joined late have had less time to come back, so the share may still rise."
        )
        if back == 1:
            caveat = (
                "Nobody bought only once, which is rare; see whether such customers are missing."
            )
        return _Figure(text, back, low, high, self.wide(caveat))

    def margin_so_far(self) -> _Figure:
        margin = self.terms.gross_margin * self.spent
        mean, half = float(margin.mean()), Z90 * float(margin.std()) / len(margin) ** 0.5
        low, high = (mean - half, mean + half) if half > 1e-9 * mean else (np.nan, np.nan)
        caveat = "It mixes customers of all ages; compare cohorts at equal age before you decide."
        if self.largest > _DOMINANT:
            low = high = np.nan
            others = self.money((margin.sum() - margin.max()) / (len(margin) - 1))
            caveat = (
                f"One customer alone brought {percent(self.largest, 0)} of it, which leaves the "
                f"average without a useful interval; without that customer it is {others}."
            )
        text = (
            f"{self.money(mean)}{_interval(low, high, self.money)}: revenue of "
            f"{self.money(float(self.spent.mean()))} at a margin of "
            f"{percent(self.terms.gross_margin, 0)}."
        )
        return _Figure(text, mean, low, high, caveat if np.isnan(low) else self.wide(caveat))

    def top_tenth(self) -> _Figure:
        if self.spent.sum() <= 0:
            raise UndefinedError("There is no revenue, so nobody has a share of it.")
        best = self.spent.nlargest(max(1, round(len(self.spent) / 10)))
        share = float(best.sum() / self.spent.sum())
        who = f"{len(best):,} customer" + "s" * (len(best) > 1)
        text = f"{percent(share, 0)} of revenue came from the {who} who spent most."
        caveat = "The longer the log, the larger this share; compare it only at equal length."
        if self.largest > _DOMINANT:
            caveat = (
                f"One customer alone brought {percent(self.largest, 0)}: see whether that is a "
                "reseller or a test account before you use any average."
            )
        return _Figure(text, share, caveat=caveat)

    def buyers(self) -> _Figure:
        def will_buy(model: BetaGeoNBD, rows: pd.DataFrame) -> pd.Series:
            return 1 - model.purchase_probabilities(rows, _YEAR_WEEKS, most=1)[0]

        value, low, high = self.forecast(will_buy)
        of = f" of {len(self.summary):,}, {percent(value / len(self.summary), 0)}."
        text = f"{value:,.0f}{_interval(low, high, _count)}{of}"
        caveat = "An expectation over all customers; it names nobody for certain."
        return _Figure(text, value, low, high, self.model_caveat(caveat))

    def purchases_to_come(self) -> _Figure:
        value, low, high = self.forecast(
            lambda model, rows: model.expected_purchases(rows, _YEAR_WEEKS)
        )
        text = f"{value:,.0f}{_interval(low, high, _count)} from today's customers."
        caveat = "New customers come on top; it assumes that the shop goes on as it was."
        return _Figure(text, value, low, high, self.model_caveat(caveat))

    def mean_value(self) -> _Figure:
        value, number = self.value(), len(self.summary)
        mean, low, high = (value.attrs[name] / number for name in _TOTALS)
        middle = self.money(float(value["clv"].median()))
        text = (
            f"{self.money(mean)}{_interval(low, high, self.money)} of margin on average over the "
            f"next {self.terms.horizon_months:g} months; {middle} for the customer in the middle."
        )
        caveat = "Residual CLV, before costs of acquisition and retention" + self._value_remark
        if self.largest > _DOMINANT:
            caveat += "; one customer carries the average, so go by the one in the middle"
        return _Figure(text, mean, low, high, self.model_caveat(caveat + "."))

    def base_value(self) -> _Figure:
        total, low, high = (self.value().attrs[name] for name in _TOTALS)
        text = (
            f"{self.money(total, 0)}{_interval(low, high, lambda x: self.money(x, 0))} over "
            f"{self.terms.horizon_months:g} months, at a margin of "
            f"{percent(self.terms.gross_margin, 0)} and "
            f"{percent(self.terms.annual_discount_rate, 0)} a year."
        )
        return _Figure(text, total, low, high, self.model_caveat(self.rivals()))

    def holdout(self) -> _Figure:
        checks.require_history(self.orders)
        fit_on, actual = split(self.orders)
        model = BetaGeoNBD().fit(fit_on)
        predicted = model.expected_purchases(fit_on, float(actual["duration"].iloc[0]))
        figures = evaluate(predicted, actual["purchases"]).figures
        off, low, high = map(float, figures.loc["total_bias"].to_numpy())
        gini, ranks = map(float, figures.loc[["normalised_gini", "spearman"], "value"].to_numpy())
        text = (
            f"{_off(off)}: fitted on the first half, it expected {predicted.sum():,.0f} purchases "
            f"in the {actual['duration'].iloc[0]:.0f} weeks that followed and "
            f"{actual['purchases'].sum():,} came (normalised Gini {gini:.2f}, rank correlation "
            f"{ranks:.2f})."
        )
        caveat = "Quote every forecast above with an error of at least this size beside it."
        if len(fit_on) < _FEW:
            caveat = (
                f"Only {len(fit_on):,} customers had joined by then, so luck plays a large part."
            )
        return _Figure(text, off, low, high, caveat)

    # What the figures share.
    @property
    def span(self) -> str:
        months = self.days / (365.25 / 12)
        return f"{self.days:,} days" if self.days < _TWO_MONTHS else f"{months:.0f} months"

    @property
    def largest(self) -> float:
        total = float(self.spent.sum())
        return float(self.spent.max()) / total if total > 0 else 0.0

    def money(self, amount: float, digits: int = 2) -> str:
        return money(amount, self.terms.currency, digits)

    def wide(self, caveat: str) -> str:
        """The caveat; with few customers, what that does to the interval."""
        number = len(self.summary)
        if number >= _FEW:
            return caveat
        return f"{caveat.removesuffix('.')}; {number:,} customers leave the interval wide."

    def model_caveat(self, caveat: str) -> str:
        said = caveat.removesuffix(".")
        if len(self.summary) < _FEW:
            said += f"; {len(self.summary):,} customers leave the interval wide"
        if self.days < _SHORT_DAYS:
            said += f"; {self.span} of history say little about a year and more"
        warned = [text.split(":")[0] for text in self.model.summary().attrs["warnings"]]
        if warned:
            said += f"; the model warns: {', '.join(warned)}"
        return said + "."

    @property
    def model(self) -> BetaGeoNBD:
        if self._model is None:
            checks.require_history(self.orders)
            self._model = BetaGeoNBD().fit(self.summary)
        return self._model

    def forecast(
        self, ask: Callable[[BetaGeoNBD, pd.DataFrame], pd.Series]
    ) -> tuple[float, float, float]:
        """Sum over all customers of what ``ask`` says of each, with the 90% interval."""
        columns = ["frequency", "recency", "T"]
        # Asked once for each distinct history.
        rows = self.summary.groupby(columns).size().rename("customers").reset_index()
        rows.attrs = dict(self.summary.attrs)

        def total(model: BetaGeoNBD) -> float:
            return float(ask(model, rows[columns]).to_numpy() @ rows["customers"].to_numpy())

        told = self.model.interval(total, self.model.draws()).iloc[0]
        return float(told["estimate"]), float(told["low"]), float(told["high"])

    def value(self) -> pd.DataFrame:
        if self._value is None:
            model, spend = self.model, self.spend()
            value = lifetime_value(
                model, spend, self.summary,
                horizon_months=self.terms.horizon_months,
                annual_discount_rate=self.terms.annual_discount_rate,
                gross_margin=self.terms.gross_margin,
            )  # fmt: skip
            if isinstance(spend, GammaGamma) and value["clv"].isna().any():
                checks.require_mean_spend(spend)
            self._value = value
        return self._value

    def spend(self) -> GammaGamma | float:
        """The model of spend; where everybody spends the same a purchase, that amount."""
        seen = self.summary["monetary_value"].dropna()
        if len(seen) > 1 and seen.mean() > 0 and np.ptp(seen) < 1e-9 * seen.mean():
            amount = float(seen.mean())
            self._value_remark = f"; every repeat purchase is of {self.money(amount)}"
            return amount
        return GammaGamma().fit(self.summary)

    def rivals(self) -> str:
        """What other models of leaving make of the same base."""
        spend, said = self.spend(), []
        for name, rival in {"MBG/NBD": ModifiedBetaGeoNBD(), "Pareto/NBD": ParetoNBD()}.items():
            try:
                worth = lifetime_value(
                    rival.fit(self.summary), spend, self.summary,
                    horizon_months=self.terms.horizon_months,
                    annual_discount_rate=self.terms.annual_discount_rate,
                    gross_margin=self.terms.gross_margin,
                    interval=None,
                )  # fmt: skip
            except (DataError, UndefinedError):
                continue
            said.append(f"{name} says {self.money(float(worth['clv'].sum()), 0)}")
        return (
            f"The interval takes BG/NBD as right; {' and '.join(said)}"
            if said
            else ("The interval takes BG/NBD as right, and no other model could be fitted")
        )


_TOTALS = ("total", "total_low", "total_high")


def _share(some: int, all_: int) -> tuple[float, float, float]:
    """A share with its 90% interval."""
    low, high = wilson(some, all_)
    return some / all_, float(low), float(high)


def _interval(low: float, high: float, shown: Callable[[float], str]) -> str:
    if np.isnan(low):
        return ""
    if np.isnan(high):
        return f" (90% interval from {shown(low)} on, without an upper end)"
    return f" (90% interval {shown(low)} to {shown(high)})"


def _count(number: float) -> str:
    return f"{number:,.0f}"


def _off(share: float) -> str:
    if abs(share) < 0.005:
        return "On target"
    return f"{percent(abs(share), 0)} too {'low' if share < 0 else 'high'}"


def _day(moment: pd.Timestamp) -> str:
    return f"{moment.day} {moment:%B %Y}"
