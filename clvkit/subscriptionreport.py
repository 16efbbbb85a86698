"""The ten figures of a report on subscriptions: with interval and caveat, or why there is none."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import pandas as pd

from clvkit.churn import churn_rate
from clvkit.errors import UndefinedError
from clvkit.figures import Figure, day_words, figure_table, interval_words
from clvkit.intervals import wilson
from clvkit.leaving import customers_at_risk
from clvkit.othertables import Subscriptions
from clvkit.revenue import mrr_movements, quick_ratio, revenue_retention
from clvkit.survival import survival_curves, value_of_churn
from clvkit.words import money, percent

_YEAR = 12
_FEW = 200
_SOON = 3


def subscription_figures(
    subs: Subscriptions | pd.DataFrame,
    *,
    gross_margin: float = 0.3,
    annual_discount_rate: float = 0.10,
    currency: str = "USD",
) -> pd.DataFrame:
    """The ten figures of a report on subscriptions, in words and numbers.

    ``gross_margin`` is a share of recurring revenue, ``annual_discount_rate`` is per year,
    ``currency`` an ISO 4217 code. Returns what :func:`clvkit.report.key_figures` does.
    """
    return figure_table(_Log(subs, gross_margin, annual_discount_rate, currency).figures())


class _Log:
    """Subscriptions and what is computed from them, each at most once."""

    def __init__(
        self, subs: Subscriptions | pd.DataFrame, margin: float, discount: float, currency: str
    ) -> None:
        self.subs, self.margin, self.discount, self.currency = subs, margin, discount, currency

    def figures(self) -> dict[str, Callable[[], Figure]]:
        return {
            "Paying customers": self.customers,
            "Recurring revenue a month": self.revenue,
            "Customers who leave in a month": self.churn,
            "Revenue kept of a year ago (GRR)": lambda: self.retained("grr"),
            "The same with expansion (NRR)": lambda: self.retained("nrr"),
            "Revenue gained over revenue lost": self.quick,
            "Time until half have left": self.half_life,
            "Revenue likely to be lost in three months": self.at_risk,
            "Value of today's base": self.base,
            "One point less churn a month": self.point,
        }

    @cached_property
    def movements(self) -> pd.DataFrame:
        return mrr_movements(self.subs)

    @cached_property
    def value(self) -> pd.DataFrame:
        return value_of_churn(self.subs, self.discount, self.margin)

    @property
    def last_year(self) -> pd.DataFrame:
        whole = self.movements[self.movements["complete"]]
        if whole.empty:
            raise UndefinedError("No month was observed from end to end: export a longer time.")
        return whole.tail(_YEAR)

    def customers(self) -> Figure:
        number = int(self.movements["customers_end"].iloc[-1])
        end = day_words(pd.Timestamp(self.movements.attrs["observation_end"]))
        caveat = "Whoever pays nothing is not counted; a customer with two contracts counts once."
        return Figure(f"{number:,} on {end}, the last day observed.", number, caveat=caveat)

    def revenue(self) -> Figure:
        last = self.movements.iloc[-1]
        if not last["customers_end"]:
            raise UndefinedError("Nobody is a customer on the last observed day.")
        text = f"{self.money(last['end'], 0)}, {self.money(last['arpa'])} a customer."
        caveat = "An annual fee counts a twelfth a month; one-off payments do not belong here."
        return Figure(text, float(last["end"]), caveat=caveat)

    def churn(self) -> Figure:
        rates = churn_rate(self.subs)
        rates = rates[rates["complete"] & (rates["at_risk"] > 0)].tail(_YEAR)
        if rates.empty:
            raise UndefinedError("No complete month began with customers.")
        lost, base = rates["churned"].sum(), rates["at_risk"].sum()
        low, high = map(float, wilson(lost, base))
        text = (
            f"{percent(lost / base, 2)}{interval_words(low, high, lambda x: percent(x, 2))}, over "
            f"the last {len(rates)} complete months: {lost:,.0f} left of those there when a month "
            "began."
        )
        caveat = "Other definitions give other rates on the same log; see the chapter on churn."
        return Figure(text, float(lost / base), low, high, caveat)

    def retained(self, kind: str) -> Figure:
        last = revenue_retention(self.subs, _YEAR).iloc[-1]
        value, low, high = (float(last[name]) for name in (kind, f"{kind}_low", f"{kind}_high"))
        text = (
            f"{percent(value)}{interval_words(low, high, percent)} of "
            f"{self.money(last['start_mrr'], 0)} that {int(last['customers']):,} customers paid a "
            "month then."
        )
        caveat = "New customers do not count."
        if kind == "grr":
            caveat = "Expansion does not count, so it is never above 100%."
        if last["customers"] < _FEW:
            caveat = f"{caveat.removesuffix('.')}; few customers leave the interval wide."
        return Figure(text, value, low, high, caveat)

    def quick(self) -> Figure:
        year = self.last_year
        ratio = float(quick_ratio(year.sum(numeric_only=True).to_frame().T).iloc[0])
        gained = float(year[["new", "expansion", "reactivation"]].sum().sum())
        if np.isnan(ratio):
            raise UndefinedError("No revenue was lost, so there is nothing to divide by.")
        text = (
            f"{ratio:.2f}: {self.money(gained, 0)} of monthly revenue gained in the last "
            f"{len(year)} complete months, customers who came back included."
        )
        caveat = "It says nothing of what the gain has cost."
        return Figure(text, ratio, caveat=caveat)

    def half_life(self) -> Figure:
        curve = survival_curves(self.subs).set_index("period")
        half = {name: self._first_below(curve[name]) for name in ("estimate", "low", "high")}
        if np.isnan(half["estimate"]):
            raise UndefinedError(
                f"More than half of the customers are still there after {curve.index.max()} "
                "months, the longest time observed."
            )
        low, high = half["low"], half["high"]
        if np.isnan(low):
            low = high = np.nan
        text = f"{half['estimate']:.0f} months{interval_words(low, high, lambda x: f'{x:.0f}')}."
        caveat = "Who stays long stays longer: it is not the time that today's customers have left."
        return Figure(text, half["estimate"], low, high, caveat)

    def at_risk(self) -> Figure:
        table = customers_at_risk(self.subs, horizon_months=_SOON)
        check = table.attrs["check"]
        total = float(table["mrr_at_risk"].sum())
        share = total / float(table["mrr"].sum())
        text = f"{self.money(total, 0)} a month, {percent(share)} of today's."
        caveat = (
            "at_risk.csv names the customers; on months kept out, a leaver was ranked above a "
            f"stayer in {percent(check['auc'], 0)} of pairs (tenure alone: "
            f"{percent(check['auc_tenure'], 0)})."
        )
        return Figure(text, total, caveat=caveat)

    def base(self) -> Figure:
        value = self.value.xs("today's base")["value"]
        differ, one = float(value["customers differ"]), float(value["one rate"])
        text = (
            f"{self.money(differ, 0)} of margin to come, at {percent(self.margin, 0)} of revenue "
            f"and {percent(self.discount, 0)} a year."
        )
        caveat = f"With one churn rate for all it would be {self.money(one, 0)}: both are models."
        return Figure(text, differ, caveat=caveat)

    def point(self) -> Figure:
        lines = self.value.xs("today's base")
        gain, low, high = (
            float(lines[name]["customers differ"]) for name in ("gain", "low", "high")
        )
        shown = interval_words(low, high, lambda x: self.money(x, 0))
        text = f"{self.money(gain, 0)}{shown} more from today's base."
        caveat = "The most that a programme may cost which takes one point off churn for good."
        return Figure(text, gain, low, high, caveat)

    def money(self, amount: float, digits: int = 2) -> str:
        return money(amount, self.currency, digits)

    @staticmethod
    def _first_below(curve: pd.Series) -> float:
        below = curve.index[curve <= 0.5]
        return float(below[0]) if len(below) else np.nan
