"""What moving a lever is worth: order value, frequency, retention, margin, discount, costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from clvkit.arguments import floats, whole_number
from clvkit.errors import DataError, UndefinedError
from clvkit.models import BetaGeoBetaBinomial, ContractModel, GammaGamma, ParetoNBD, PurchaseModel
from clvkit.models.base import Array
from clvkit.units import months_to
from clvkit.valuation import Plan, interval_ends, paired_models, paired_spends, time_unit_of

LEVERS = (
    "order value", "frequency", "retention", "margin", "discount", "cost to serve",
    "acquisition cost",
)  # fmt: skip
_YEAR = 12.0
_MEASURES = ("clv", "base", "next_year")
_DOWN = ("retention", "discount", "cost to serve")


def lever_map(
    model: PurchaseModel | ContractModel,
    money: GammaGamma | float,
    summary: pd.DataFrame,
    *,
    change: float | Mapping[str, float] = 0.10,
    horizon_months: float | None = 36,
    annual_discount_rate: float = 0.10,
    gross_margin: float = 0.3,
    discount: float = 0.0,
    cost_to_serve: float = 0.0,
    acquisition_cost: float | None = None,
    replicates: int = 100,
    seed: int = 1,
) -> pd.DataFrame:
    """What improving each lever by a share of itself is worth, one lever at a time.

    A *purchase* is a day with one or, with a contract, a payment; each leaves
    ``gross_margin`` · spend - ``cost_to_serve``. Every lever is moved in the fitted model:

    - *order value*: spend x (1 + change), at the same margin;
    - *frequency*: the rate of purchases x φ, φ = 1 + change. The chance to leave after a purchase
      stays, so that who buys faster has also left sooner;
    - *retention*: each customer's chance to leave (a purchase, or in Pareto/NBD a unit of time)
      x κ, κ = 1 - change; of a contract the churn at every tenure x κ;
    - *margin*: gross margin x (1 + change);
    - *discount*, *cost to serve*, *acquisition cost*: x (1 - change). A discount given up is all
      margin, if nobody buys less for it.

    Given a customer's rate λ and chance to leave p, the BG/NBD expects purchases at λ·e^{-λpt}.
    Moved by φ and κ that is φλ·e^{-φκλpt}, so the discounted sum D(δ, h) over a horizon h becomes
    D(δ/(φκ), φκh) / κ: no new fit, and exact for everyone. With Pareto/NBD it is
    D(δ/κ, κh)·φ/κ.

    Parameters
    ----------
    model, money, summary, horizon_months, annual_discount_rate, gross_margin
        As in :func:`clvkit.lifetime_value`, with which the value of today's base agrees.
    change
        A share, 0.1 for ten per cent; or a share for each lever by name.
    discount
        Share of the list price given away today, 0 to 1; the spend is what was really paid.
    cost_to_serve
        Money a purchase, beyond what ``gross_margin`` has taken off.
    acquisition_cost
        Money per new customer.

    Returns
    -------
    One row a lever that can be moved: ``now`` and ``then`` (its level, in ``unit``); by how much
    money three things change, each with ``_low`` and ``_high`` (90%, over ``replicates`` draws of
    the parameters; missing where none was estimated): ``clv`` of a customer acquired today, the
    first purchase counted; ``base``, the residual value of all of today's customers;
    ``next_year``, the margin that these leave in the next twelve months, not discounted; of the
    acquisition cost the margin saved on as many new customers as the last year brought. And
    ``at_most``: what the change may cost once per customer of today's base, at the low end of
    ``base`` (of the acquisition cost: per new customer).
    ``attrs``: the values today, ``clv``, ``base`` and ``next_year``, and ``customers``.
    """
    if isinstance(model, BetaGeoBetaBinomial):
        raise DataError("lever_map moves models in continuous time, and contracts: not BG/BB.")
    moves = _moves(change)
    terms = {"gross_margin": gross_margin, "discount": discount}
    for name, value in terms.items():
        if not (np.isfinite(floats(value, name)) and 0 <= value <= 1):
            raise DataError(f"{name}={value!r}: give a share between 0 and 1.")
    if discount == 1:
        raise DataError("discount=1 gives everything away: there is no price left to move.")
    if not (np.isfinite(floats(cost_to_serve, "cost_to_serve")) and cost_to_serve >= 0):
        raise DataError(f"cost_to_serve={cost_to_serve!r}: give money a purchase, 0 or more.")
    flows = _Flows(model, money, summary, moves, horizon_months, annual_discount_rate)
    flows.draw(whole_number(replicates, "replicates"), seed)
    gain, levels = _gains(flows, moves, gross_margin, discount, cost_to_serve)
    table = pd.DataFrame.from_dict(levels, orient="index", columns=["now", "then", "unit"])
    for measure in _MEASURES:
        drawn = np.array([gain[name][measure] for name in table.index])
        table[measure] = drawn[:, 0]
        table[[f"{measure}_low", f"{measure}_high"]] = flows.interval(drawn)
    people = flows.customers
    table["at_most"] = table["base_low"].clip(lower=0) / people
    if acquisition_cost is not None:
        _add_acquisition(table, acquisition_cost, moves["acquisition cost"], flows)
    today = {m: gross_margin * flows.money[m, "now"] - cost_to_serve * flows.count[m, "now"]
             for m in _MEASURES}  # fmt: skip
    table.index.name = "lever"
    for measure, values in today.items():
        table.attrs[measure] = float(values[0])
    table.attrs["customers"] = people
    return table


def _moves(change: float | Mapping[str, float]) -> dict[str, float]:
    given: dict[str, Any] = (
        dict(change) if isinstance(change, Mapping) else dict.fromkeys(LEVERS, change)
    )
    for name, share in given.items():
        if name not in LEVERS:
            raise DataError(f"change: {name!r} is no lever; these are: {', '.join(LEVERS)}.")
        if not (np.isfinite(floats(share, name)) and 0 <= share < 1):
            raise DataError(f"change of {name}={share!r}: give a share from 0 to below 1.")
    return dict.fromkeys(LEVERS, 0.0) | {name: float(share) for name, share in given.items()}


class _Flows:
    """Purchases and the money in them, today and with a lever moved; the estimate, then draws."""

    def __init__(
        self, model: PurchaseModel | ContractModel, money: GammaGamma | float,
        summary: pd.DataFrame, moves: Mapping[str, float], horizon: float | None, annual: float,
    ) -> None:  # fmt: skip
        self.model, self.given, self.summary = model, money, summary
        self.unit = time_unit_of(model, summary)
        # The last row is a customer acquired today.
        new = pd.DataFrame(0.0, index=[len(summary)], columns=list(model.columns))
        self.rows = pd.concat([summary.reset_index(drop=True), new.assign(frequency=0.0)])
        self.rows["monetary_value"] = self.rows.get("monetary_value", np.nan)
        self.rows.attrs = dict(summary.attrs)
        weights = summary.get("weights", pd.Series(np.ones(len(summary))))
        self.weights = floats(weights, "weights", "numbers of customers")
        self.customers = float(self.weights.sum())
        up, down = 1 + moves["frequency"], 1 - moves["retention"]
        self.factor = {"now": (1.0, 1.0), "frequency": (up, 1.0), "retention": (1.0, down)}
        if isinstance(model, ContractModel):
            del self.factor["frequency"]
        self.spans = {"clv": (horizon, annual), "base": (horizon, annual), "next_year": (_YEAR, 0)}
        self.count: dict[tuple[str, str], Array] = {}
        self.money: dict[tuple[str, str], Array] = {}

    def draw(self, replicates: int, seed: int) -> None:
        """Add up every flow, for the estimate and for draws of the parameters."""
        pairs: list[tuple[Any, Any]] = [(self.model, self.given)]
        if self.model._fit or getattr(self.given, "_fit", None):
            about = (self.model, self.given, self.summary)
            pairs += paired_models(*about, "draws", replicates, seed)
        spends, where = paired_spends([each for _, each in pairs], self.rows)
        if np.isnan(spends[0]).any():
            raise UndefinedError(
                "The mean spend of a customer without repeat purchases does not exist here "
                "(q <= 1 in Gamma-Gamma), so no lever has a value. Give an amount a purchase."
            )
        models = [each for each, _ in pairs]
        for (measure, span), move in product(self.spans.items(), self.factor):
            # A new customer and today's base have the same span: their purchases, once.
            if measure == "base":
                continue
            sums = [
                self._sums(worth, spend[where])
                for worth, spend in zip(self._worth(models, move, *span), spends, strict=True)
            ]
            old, new = np.array(sums).transpose(1, 2, 0)
            if measure == "clv":
                self.count["clv", move], self.money["clv", move] = new
                measure = "base"
            self.count[measure, move], self.money[measure, move] = old

    def _sums(self, worth: Array, spend: Array) -> list[tuple[float, float]]:
        """Purchases and money of today's base, and of a new customer with the first purchase."""
        count = worth[:-1] * self.weights
        first = worth[-1] + 1
        return [(count.sum(), count @ spend[:-1]), (first, first * spend[-1])]

    def _worth(
        self, models: list[Any], move: str, horizon: float | None, annual: float
    ) -> Iterator[Array]:
        faster, leaving = self.factor[move]
        times = 1.0
        if isinstance(self.model, ContractModel):
            models = [_Kept(each, leaving) for each in models]
        else:
            # Where leaving follows purchases, buying faster is living faster.
            follows = not isinstance(self.model, ParetoNBD)
            scale = faster * leaving if follows else leaving
            times = (1.0 if follows else faster) / leaving
            horizon = None if horizon is None else horizon * scale
            annual = (1 + annual) ** (1 / scale) - 1
        plan = Plan(self.model, self.rows, self.unit, horizon, annual, "residual")
        return (times * plan.worth(each)[plan.back] for each in models)

    def interval(self, drawn: Array) -> Array:
        """Low and high of each line, from its draws; the first entry is the estimate."""
        if drawn.shape[1] == 1:
            return np.full((len(drawn), 2), np.nan)
        return np.column_stack(interval_ends(np.sort(drawn[:, 1:], axis=1)))


class _Kept(ContractModel):
    """A contract model whose churn at every renewal is ``leaving`` times as high."""

    def __init__(self, model: ContractModel, leaving: float) -> None:
        super().__init__()
        self.model, self.leaving = model, leaving

    def _log_survival(self, t: Array) -> Array:
        n = np.arange(1, t.max(initial=0) + 1)
        churn = -np.expm1(self.model._log_retention(n))
        kept = np.cumsum(np.log1p(-self.leaving * churn))
        return np.asarray(np.concatenate([[0.0], kept])[t.astype(np.intp)])


def _gains(
    flows: _Flows, moves: Mapping[str, float], margin: float, discount: float, cost: float
) -> tuple[dict[str, dict[str, Array]], dict[str, tuple[float, float, str]]]:
    """What each lever adds to each measure, a draw an entry; and where it stands."""
    paid, bought = flows.money, flows.count
    levels = _levels(flows, margin, discount, cost)
    gain: dict[str, dict[str, Array]] = {name: {} for name in levels}
    for measure in _MEASURES:
        spend, count = paid[measure, "now"], bought[measure, "now"]
        by_money = {
            "order value": margin * spend,
            "margin": margin * spend,
            "discount": spend * discount / (1 - discount),
            "cost to serve": cost * count,
        }
        for name in gain:
            if name in by_money:
                gain[name][measure] = moves[name] * by_money[name]
            else:
                more = paid[measure, name] - spend
                gain[name][measure] = margin * more - cost * (bought[measure, name] - count)
    signs = dict.fromkeys(levels, 1.0) | dict.fromkeys(_DOWN, -1.0)
    return gain, {
        name: (now, now * (1 + signs[name] * moves[name]), unit)
        for name, (now, unit) in levels.items()
    }


def _levels(
    flows: _Flows, margin: float, discount: float, cost: float
) -> dict[str, tuple[float, str]]:
    """Where the levers that exist here stand today."""
    count = float(flows.count["next_year", "now"][0])
    spend = float(flows.money["next_year", "now"][0])
    levels = {"order value": (spend / count if count else np.nan, "money a purchase")}
    if "frequency" in flows.factor:
        levels["frequency"] = (count / flows.customers, "purchases a customer in the next year")
    levels["retention"] = _leaving(flows.model)
    levels["margin"] = (margin, "share of spend")
    if discount > 0:
        levels["discount"] = (discount, "share of the list price")
    if cost > 0:
        levels["cost to serve"] = (cost, "money a purchase")
    return levels


def _leaving(model: PurchaseModel | ContractModel) -> tuple[float, str]:
    """Mean chance to leave, in the unit in which the model has it."""
    values = model.params
    if isinstance(model, ContractModel):
        return float(1 - model.retention(1).iloc[0]), "churn at the first renewal"
    if isinstance(model, ParetoNBD):
        return float(values["s"] / values["beta"]), "chance to leave a unit of time"
    return float(values["a"] / (values["a"] + values["b"])), "chance to leave after a purchase"


def _add_acquisition(table: pd.DataFrame, cost: float, move: float, flows: _Flows) -> None:
    if not (np.isfinite(floats(cost, "acquisition_cost")) and cost >= 0):
        raise DataError(f"acquisition_cost={cost!r}: give money a new customer, 0 or more.")
    saved, newcomers = move * cost, np.nan
    if "T" in flows.summary:
        young = flows.summary["T"].to_numpy() <= months_to(_YEAR, flows.unit)
        newcomers = float(flows.weights[young].sum())
    levels: list[Any] = [cost, cost - saved, "money a new customer"]
    gains = [*[saved] * 3, *[0.0] * 3, *[saved * newcomers] * 3, saved]
    table.loc["acquisition cost", :] = [*levels, *gains]
