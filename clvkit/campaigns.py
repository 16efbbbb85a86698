"""Campaigns in money: whom to contact, with what offer, and what came of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvkit.arguments import floats, share
from clvkit.arms import arm_facts, compare_arms, control_arm, measured, two_arms
from clvkit.errors import DataError, UndefinedError
from clvkit.models.base import Z90, Array
from clvkit.othertables import Experiment


class MaximumProfit(NamedTuple):
    """Money per customer of the base, and the share of the base to contact."""

    profit: float
    target_share: float


def campaign_profit(
    customers: float,
    target_share: float,
    *,
    base_churn: float,
    lift: float,
    rescue_rate: float,
    customer_value: float,
    incentive: float,
    contact_cost: float,
    fixed_cost: float = 0.0,
) -> float:
    """Profit of contacting a share of the customers (Neslin et al. 2006).

    N α ([γ CLV + δ (1-γ)] β0 λ - δ - c) - A: ``customers`` N, ``target_share`` α, ``base_churn``
    β0 of all customers, ``lift`` λ (churn among those contacted over β0), ``rescue_rate`` γ of the
    churners contacted, ``incentive`` δ that everybody takes who stays, ``contact_cost`` c, and the
    ``fixed_cost`` A of the campaign. Money; it may be a loss.
    """
    gamma, contacted = share(rescue_rate, "rescue_rate"), share(target_share, "target_share")
    leaving = share(base_churn, "base_churn") * lift
    if not 0 <= leaving <= 1:
        raise DataError(
            f"base_churn x lift = {leaving:g}: of those contacted at most all can be leaving, so "
            f"lift={lift:g} is too high for base_churn={base_churn:g}."
        )
    each = (gamma * customer_value + incentive * (1 - gamma)) * leaving - incentive - contact_cost
    return float(customers * contacted * each - fixed_cost)


def breakeven_probability(
    customer_value: float, incentive: float, contact_cost: float, rescue_rate: float
) -> float:
    """Probability to leave above which contacting a customer pays.

    (c + δ) / (γ (CLV - δ) + δ), from the profit per contact of Neslin et al. (2006). CLV 200, δ 10,
    c 1, γ .3: 16.42%. ``UndefinedError`` where it pays for nobody, however likely to leave.
    """
    gained = share(rescue_rate, "rescue_rate") * (customer_value - incentive) + incentive
    if not gained > 0 or contact_cost + incentive > gained:
        raise UndefinedError(
            f"Contacting pays for nobody: even a sure churner brings {gained:g} at a cost of "
            f"{contact_cost + incentive:g}."
        )
    return float((contact_cost + incentive) / gained)


def expected_maximum_profit(
    churned: ArrayLike,
    score: ArrayLike,
    *,
    customer_value: float = 200.0,
    incentive: float = 10.0,
    contact_cost: float = 1.0,
    alpha: float = 6.0,
    beta: float = 14.0,
) -> MaximumProfit:
    """Expected maximum profit of a churn score, EMPC (Verbraken, Verbeke and Baesens 2013).

    The rescue rate is not known but beta-distributed with ``alpha`` and ``beta`` (mean .3); at each
    value of it the best cut-off is taken, on the convex hull of the score's ROC curve.

    Parameters
    ----------
    churned
        1 for customers who left, 0 for those who stayed.
    score
        The higher, the likelier to leave; ties are allowed.

    Returns
    -------
    ``profit`` per customer of the base and ``target_share``, both averaged over the rescue rate.
    """
    from scipy.special import betainc

    y, s = floats(churned, "churned"), floats(score, "score")
    if y.shape != s.shape or y.ndim != 1 or not np.isin(y, [0, 1]).all() or np.isnan(s).any():
        raise DataError("churned is 0 or 1, score a number: one each for every customer.")
    if not (y.any() and (y == 0).any()):
        raise UndefinedError("All customers stayed, or all left: no score can be judged on them.")
    if not 0 < incentive < customer_value or contact_cost < 0:
        raise DataError("incentive lies between 0 and customer_value; contact_cost is 0 or more.")
    leavers, stayers = _hull(y, s)
    d, f, pi = incentive / customer_value, contact_cost / customer_value, float(y.mean())
    with np.errstate(divide="ignore"):
        slope = (d + f) * (1 - pi) * np.diff(stayers) / (pi * np.diff(leavers))
    # From the left: between two cuts the same corner of the hull is the best one.
    cuts = np.r_[0.0, np.clip((slope + f) / (1 - d), 0, 1), 1.0]
    below = np.array([betainc(alpha, beta, cuts), betainc(alpha + 1, beta, cuts)], dtype="float64")
    mass, mean = np.diff(below) * [[1.0], [alpha / (alpha + beta)]]
    targeted = pi * leavers + (1 - pi) * stayers
    profit = (1 - d) * pi * leavers * mean
    profit -= (f * pi * leavers + (d + f) * (1 - pi) * stayers) * mass
    return MaximumProfit(float(customer_value * profit.sum()), float(targeted @ mass))


def treatment_gain(
    if_untreated: pd.Series, if_treated: pd.Series, customer_value: Any,
    incentive: float, contact_cost: float,
) -> pd.Series:  # fmt: skip
    """What treating each customer brings: p1 (CLV - δ) - c - p0 CLV, in money.

    The causal rule: treat where it is above 0. p1 and p0 are the chances to stay (or to buy) with
    and without the treatment, δ is paid to all treated who do, c to everybody treated.
    """
    value = _values(customer_value, if_treated.index)
    return (if_treated * (value - incentive) - contact_cost - if_untreated * value).rename("gain")


def targeting_rules(
    predicted: pd.DataFrame, customer_value: Any, *, incentive: float, contact_cost: float
) -> pd.DataFrame:
    """Whom each rule treats: one row a customer, one column a rule, true to treat.

    ``effect times value`` treats where :func:`treatment_gain` is above 0. ``highest risk`` treats
    as many, those least likely to stay or buy by themselves; ``highest value`` as many, those worth
    most; ``everybody`` all. ``predicted`` is what two learners answer.
    """
    value = _values(customer_value, predicted.index)
    pair = predicted["if_untreated"], predicted["if_treated"]
    best = treatment_gain(*pair, value, incentive, contact_cost) > 0
    many = int(best.sum())
    rules = {
        "effect times value": best,
        "highest risk": _first(-predicted["if_untreated"], many),
        "highest value": _first(value, many),
        "everybody": pd.Series(True, predicted.index),
    }
    return pd.DataFrame(rules)


def top_shares(score: pd.Series, steps: int = 20) -> pd.DataFrame:
    """Treat the best 5%, 10%, ... of a score: rules for :func:`rule_profit`, named by the share."""
    shares = np.arange(1, steps + 1) / steps
    return pd.DataFrame({s: _first(score, round(s * len(score))) for s in shares})


def rule_profit(
    trial: Experiment | pd.DataFrame,
    rules: pd.DataFrame,
    treatment: str,
    customer_value: Any,
    *,
    incentive: float,
    contact_cost: float,
    control: str | None = None,
    against: Any = None,
) -> pd.DataFrame:
    """What each rule would have earned over treating nobody, from the experiment itself.

    Among the customers whom a rule treats, both arms were drawn by chance; the difference of their
    mean profit (value times outcome, less the offer's cost) times their share of all is what the
    rule adds per customer of the base. Nothing but the choice of people comes from a model.

    Returns
    -------
    One row a rule: ``treated`` (share of the base), ``profit`` per customer of the base with its
    90% interval ``low`` to ``high``; missing where a rule leaves an arm with fewer than two people.
    With ``against`` (a rule's name), ``ahead``, ``ahead_low`` and ``ahead_high``: how far that rule
    is ahead of each.
    """
    rows, control = two_arms(measured(trial, "outcome")[0], treatment, control)
    rows = rows.set_index("customer_id")
    if not rows.index.isin(rules.index).all():
        raise DataError("rules must have a row for every customer of the two arms.")
    treats = rules.reindex(rows.index).to_numpy(bool)
    treated = (rows["arm"] == treatment).to_numpy()
    y, value = rows["outcome"].to_numpy("float64"), _values(customer_value, rows.index).to_numpy()
    money = np.where(treated, y * (value - incentive) - contact_cost, y * value)
    people = len(rows)
    parts = np.stack([_contribution(money, treated, chosen) for chosen in treats.T], axis=1)
    mean, error = parts.mean(axis=0), parts.std(axis=0) / np.sqrt(people)
    table = pd.DataFrame(
        {"treated": treats.mean(axis=0), "profit": mean}, index=pd.Index(rules.columns, name="rule")
    )
    table["low"], table["high"] = mean - Z90 * error, mean + Z90 * error
    if against is not None:
        gap = parts[:, [list(rules).index(against)]] - parts
        half = Z90 * gap.std(axis=0) / np.sqrt(people)
        table["ahead"] = gap.mean(axis=0)
        table["ahead_low"], table["ahead_high"] = table["ahead"] - half, table["ahead"] + half
    table.attrs = {"control": control, "treatment": treatment, "people": people, "level": 0.9}
    return table


def best_incentive(
    if_untreated: float, if_treated: float, incentive: float, *,
    customer_value: float, contact_cost: float, people: tuple[int, int] | None = None,
    seed: int = 1,
) -> pd.DataFrame:  # fmt: skip
    """The price of the offer that earns most, up to twice the one tested.

    Two points are known: nothing offered, ``if_untreated``; ``incentive`` offered, ``if_treated``.
    Between them and up to twice the offer log odds are taken to rise in a straight line, which is
    an assumption: a test with a second offer replaces it. Further out nothing is claimed. Profit
    per customer contacted is p(δ) (CLV - δ) - c - p0 CLV.

    Returns
    -------
    One row an ``incentive``: ``chance``, ``profit`` per customer; ``attrs``: ``best`` and its
    ``profit``, ``at_edge`` (the best is the largest looked at: try a larger one), with
    ``best_low`` and ``best_high`` where the number of ``people`` (control, treated) behind the two
    shares is given (90%, beta draws).
    """
    from scipy.special import expit, logit

    p0, p1 = share(if_untreated, "if_untreated"), share(if_treated, "if_treated")
    if not (0 < p0 < 1 and 0 < p1 < 1 and incentive > 0 and customer_value > 0):
        raise UndefinedError(
            f"if_untreated={p0:g}, if_treated={p1:g}, incentive={incentive:g}, customer_value="
            f"{customer_value:g}: shares strictly between 0 and 1 and amounts above 0 are needed."
        )
    offers = np.linspace(0, min(2 * incentive, customer_value), 401)

    def curve(low: Any, high: Any) -> tuple[Array, Array]:
        slope = (logit(high) - logit(low)) / incentive
        chance = expit(np.asarray(logit(low))[..., None] + np.asarray(slope)[..., None] * offers)
        kept = chance * (customer_value - offers)
        return chance, kept - contact_cost - np.asarray(low)[..., None] * customer_value

    chance, profit = curve(p0, p1)
    table = pd.DataFrame({"chance": chance, "profit": profit}, pd.Index(offers, name="incentive"))
    table.attrs = {"best": float(offers[profit.argmax()]), "profit": float(profit.max())}
    table.attrs["at_edge"] = bool(profit.argmax() == len(offers) - 1)
    if people is not None:
        random = np.random.default_rng(seed)
        low, high = (
            random.beta(n * p + 0.5, n * (1 - p) + 0.5, 1000)
            for n, p in zip(people, (p0, p1), strict=True)
        )
        best = offers[curve(low, high)[1].argmax(axis=1)]
        table.attrs["best_low"], table.attrs["best_high"] = np.quantile(best, [0.05, 0.95])
    return table


def booked_value(
    trial: Experiment | pd.DataFrame, *, gross_margin: float, control: str | None = None
) -> pd.DataFrame:
    """What each treatment has brought so far, booked back: margin caused, less what it cost.

    Counts the ``value`` in the table and nothing to come, so it can be held against the accounts;
    ``cost`` is 0 where it is missing.

    Returns
    -------
    One row an arm: ``people`` treated, ``margin`` and ``cost`` per person over the control's,
    ``net`` with its 90% interval ``low`` to ``high``, and ``total`` (net times people) with
    ``total_low`` and ``total_high``.
    """
    if "value" not in (found := measured(trial, "outcome")[0]):
        raise DataError("Booking back needs a column value: what each customer left in the test.")
    rows = measured(trial, "value")[0]
    cost = rows["cost"].fillna(0.0) if "cost" in rows else pd.Series(0.0, rows.index)
    margin = share(gross_margin, "gross_margin") * rows["value"]
    rows = rows.assign(margin=margin, cost=cost, net=margin - cost)
    control = control_arm(rows, control)
    facts = {name: arm_facts(rows, name) for name in ("margin", "cost", "net")}
    lines = {}
    for arm in facts["net"]:
        if arm == control:
            continue
        net = compare_arms(facts["net"][control], facts["net"][arm], False, "difference", 0.9)
        line = {"people": net["people"]}
        for name in ("margin", "cost"):
            line[name] = facts[name][arm].mean - facts[name][control].mean
        line |= {"net": net["effect"], "low": net["low"], "high": net["high"]}
        totals = {
            f"total{k}": line["people"] * line[n]
            for k, n in (("", "net"), ("_low", "low"), ("_high", "high"))
        }
        lines[arm] = line | totals
    table = pd.DataFrame.from_dict(lines, orient="index").rename_axis("arm")
    table.attrs = {"control": control, "level": 0.9, "left_out": len(found) - len(rows)}
    return table


def _values(customer_value: Any, index: pd.Index) -> pd.Series:
    """One value a customer; a number stands for all."""
    if not isinstance(customer_value, pd.Series):
        return pd.Series(floats(customer_value, "customer_value").item(), index)
    value = customer_value.reindex(index).astype("float64")
    if value.isna().any():
        raise DataError(
            f"customer_value: {int(value.isna().sum()):,} customers have none. Fill them, or give "
            "one number for all."
        )
    return value


def _first(score: pd.Series, many: int) -> pd.Series:
    """The ``many`` highest; among equals the order of the ids decides, not that of the rows."""
    order = np.lexsort((score.index.to_numpy(str), -score.to_numpy("float64")))
    chosen = np.zeros(len(score), dtype=bool)
    chosen[order[:many]] = True
    return pd.Series(chosen, score.index)


def _contribution(money: Array, treated: Any, chosen: Any) -> Array:
    """Per customer, numbers whose mean is the rule's profit and whose spread is its error."""
    if not chosen.any():
        return np.zeros(len(money))
    one, none = chosen & treated, chosen & ~treated
    if min(one.sum(), none.sum()) < 2:
        return np.full(len(money), np.nan)
    gap = money[one].mean() - money[none].mean()
    parts = np.where(chosen, gap, 0.0)
    for group, sign in ((one, 1), (none, -1)):
        parts[group] += sign * (money[group] - money[group].mean()) * chosen.sum() / group.sum()
    return parts


def _hull(y: Array, s: Array) -> tuple[Array, Array]:
    """Corners of the ROC curve's convex hull: shares of leavers and of stayers targeted."""
    order = np.argsort(-s, kind="stable")
    last = np.r_[np.diff(s[order]) != 0, True]
    up = np.r_[0.0, np.cumsum(y[order])[last] / y.sum()]
    right = np.r_[0.0, np.cumsum(1 - y[order])[last] / (1 - y).sum()]
    corners: list[int] = []
    for point in range(len(up)):
        while len(corners) > 1:
            a, b = corners[-2:]
            if (up[b] - up[a]) * (right[point] - right[a]) > (up[point] - up[a]) * (
                right[b] - right[a]
            ):
                break
            corners.pop()
        corners.append(point)
    return up[corners], right[corners]
