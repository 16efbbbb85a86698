"""A made subscription business: customers, contracts, and why they end, with known effects."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvkit.errors import DataError
from clvkit.models.base import Array
from clvkit.units import DAYS

Ints = NDArray[np.int64]

PRICES = {"Basic": (29.0, 35.0), "Team": (79.0, 92.0), "Business": (199.0, 229.0)}
"""Money a month by plan, before and after the price change."""
ANNUAL_DISCOUNT = 0.15
CHANNELS = {
    "search": 1.0, "social": 1.5, "partner": 0.7, "referral": 0.65, "content": 0.85, "events": 0.9,
}  # fmt: skip
PLANS = {"Basic": 1.25, "Team": 1.0, "Business": 0.7}
CONTACT = 1.2
PRICE_CHANGE = 2.0
PRICE_MONTHS = 6
RENEWAL = 6.0
REASONS = {
    "no longer needed": 0.33, "missing features": 0.2, "too expensive": 0.15,
    "payment failed": 0.15, "paused": 0.1, "bad support": 0.07,
}  # fmt: skip
_BASE, _ENGAGED, _UNSEEN = 0.023, 0.35, 0.45
_RETURN = {"paused": (0.85, 3), "payment failed": (0.3, 2)}
_CHANGE_MONTH, _BEFORE, _BOUNCED = 27, 18, 0.08


class Business(NamedTuple):
    """``subscriptions`` and ``customers`` as the contracts of these names want them."""

    subscriptions: pd.DataFrame
    customers: pd.DataFrame


def subscriptions(new_customers: pd.DataFrame, *, seed: int = 1) -> Business:
    """Contracts of a business whose customers differ, and what makes them leave.

    At every renewal, monthly or yearly, a customer leaves with the chance 1 - exp(-h). The hazard
    h is a product: a base, the customer's own factor (partly seen in ``active_days``, partly in
    nothing), and the effects in ``attrs["truth"]``: of the channel, the plan, each contact with
    support in the first month, yearly billing, and the price change for six months after it, which
    is felt by those who joined before. What the price change adds, leaves for the price. Webinars
    attract engaged customers and do nothing else.

    Parameters
    ----------
    new_customers
        One row a month (its first day), one column a channel, known to ``CHANNELS``: how many
        join. As many as in 30% of the first year's average month join in each of the 18 months
        before; those of them who have not left by then are in the tables too (the left edge).

    Returns
    -------
    ``subscriptions``, by start and customer, up to the last day of the last month; ``customers``,
    by customer. ``subscriptions.attrs`` has the observed days and ``truth``: ``hazard_ratios``, by
    effect, and ``reasons``, the leavings to expect for each, a customer and month, given who was
    there.
    """
    if unknown := set(new_customers.columns) - set(CHANNELS):
        raise DataError(f"Channels {sorted(unknown)} are not among {list(CHANNELS)}.")
    months = pd.DatetimeIndex(new_customers.index)
    random = np.random.default_rng(seed)
    people = _people(new_customers, random)
    calendar = pd.date_range(
        months[0] - pd.DateOffset(months=_BEFORE), periods=_BEFORE + len(months) + 13, freq="MS"
    )
    anchor, joined = people["anchor"].to_numpy(), people["joined"].to_numpy()

    def date(month: Ints, who: Ints) -> NDArray[np.datetime64]:
        first = calendar[month + _BEFORE]
        day = np.minimum(anchor[who], first.days_in_month.to_numpy()) - 1
        dates: NDArray[np.datetime64] = first.to_numpy() + day.astype("timedelta64[D]")
        return dates

    plans, prices = [*PRICES], np.array([*PRICES.values()])
    plan, each = people["plan"].to_numpy().copy(), people["billing"].to_numpy()
    back = joined.copy()  # The month in which the customer comes, again and again.
    due, since = np.full(len(people), -1000), np.full(len(people), -1000)
    paid = np.zeros(len(people))
    rows: list[pd.DataFrame] = []
    expected, names = np.zeros(len(REASONS)), np.array([*REASONS])
    mix = np.array([*REASONS.values()])
    extra = (names == "too expensive").astype("float64")

    def close(who: Ints, month: int, why: Any) -> None:
        at = np.full(len(who), month)
        rows.append(_rows(who, date(since[who], who), date(at, who), paid, plan, each, why))

    for month in range(-_BEFORE, len(months)):
        price = prices[:, int(month >= _CHANGE_MONTH)]
        asked = price[plan] * np.where(each == 12, 1 - ANNUAL_DISCOUNT, 1.0)
        renewing = np.flatnonzero(due == month)
        felt = (joined < _CHANGE_MONTH) & (0 <= month - _CHANGE_MONTH < PRICE_MONTHS)
        hazard = people["hazard"].to_numpy() * np.array([*PLANS.values()])[plan]
        hazard = (hazard * np.where(felt, PRICE_CHANGE, 1.0))[renewing]
        share = (mix + np.where(felt, PRICE_CHANGE - 1, 0.0)[renewing, None] * extra) / (
            np.where(felt, PRICE_CHANGE, 1.0)[renewing, None]
        )
        chance = -np.expm1(-hazard)
        leaves = random.uniform(size=len(renewing)) < chance
        why = (random.uniform(size=(len(renewing), 1)) > np.cumsum(share, axis=1)).sum(1)
        why = np.minimum(why, len(names) - 1)
        if month >= 0:
            expected += chance @ share
        gone = renewing[leaves]
        close(gone, month, names[why[leaves]])
        due[gone] = -1000
        odds, wait = (
            np.array([_RETURN.get(name, (0.04, 9))[i] for name in names])[why[leaves]]
            for i in (0, 1)
        )
        again = (random.uniform(size=len(gone)) < odds) & (month >= 0)
        back[gone] = np.where(again, month + random.integers(1, wait + 1), -1000)
        stay = renewing[~leaves]
        step = random.choice([1, -1, 0], len(stay), p=[0.012, 0.006, 0.982])
        step = np.clip(plan[stay] + step, 0, len(plans) - 1) - plan[stay]
        asked[stay] = price[plan[stay] + step] * np.where(each[stay] == 12, 1 - ANNUAL_DISCOUNT, 1)
        change = (step != 0) | (asked[stay].round(2) != paid[stay].round(2))
        moved = stay[change]
        close(moved, month, np.where(step != 0, "plan change", "price change")[change])
        plan[stay] += step
        paid[moved], since[moved] = asked[moved], month
        due[stay] += each[stay]
        come = np.flatnonzero(back == month)
        paid[come], since[come], due[come] = asked[come], month, month + each[come]
        # A first charge that fails is found out within days, early in the month of joining.
        early = come[(joined[come] == month) & (anchor[come] <= 15)]
        expected[names == "payment failed"] += _BOUNCED * len(early) * (month >= 0)
        early = early[random.uniform(size=len(early)) < _BOUNCED]
        begun = date(np.full(len(early), month), early)
        end = begun + random.integers(2, 14, len(early)).astype("timedelta64[D]")
        rows.append(_rows(early, begun, end, paid, plan, each, "payment failed"))
        due[early] = -1000
    running = np.flatnonzero(due >= 0)
    never = np.full(len(running), np.datetime64("NaT"), dtype="datetime64[ns]")
    rows.append(_rows(running, date(since[running], running), never, paid, plan, each, None))
    table = pd.concat(rows, ignore_index=True)
    table = table[~(table["end"] <= months[0])].sort_values(["start", "who"], ignore_index=True)
    return _finished(table, people, months, date, dict(zip(names, expected, strict=True)))


def _people(new_customers: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Who joins when, what is known of them after a month, and their own hazard."""
    before = np.repeat(0.3 * new_customers.head(12).mean().to_numpy()[None], _BEFORE, axis=0)
    counts = np.vstack([random.poisson(before), new_customers.to_numpy("int64")]).astype("int64")
    month, channel = (
        np.repeat(index.ravel(), counts.ravel()) for index in np.indices(counts.shape)
    )
    size = len(month)
    team = np.ceil(np.exp(random.normal(1.3, 1.1, size))).astype("int64")
    engaged = random.normal(size=size)
    contacts = random.poisson(np.exp(random.normal(-0.5, 0.6, size)))
    plan = (team > 4).astype("int64") + (team > 25)
    plan = np.clip(plan + random.choice([-1, 0, 1], size, p=[0.15, 0.7, 0.15]), 0, 2)
    annual = random.uniform(size=size) < np.array([0.15, 0.3, 0.45])[plan]
    names = np.array(new_customers.columns)[channel]
    own = np.exp(-_ENGAGED * engaged + _UNSEEN * random.normal(size=size))
    effect = np.array([CHANNELS[name] for name in new_customers.columns])[channel]
    return pd.DataFrame(
        {
            "joined": month - _BEFORE,
            "anchor": random.integers(1, 32, size),
            "channel": names,
            "plan": plan,
            "billing": np.where(annual, 12, 1),
            "team_size": team,
            "active_days": random.binomial(30, 1 / (1 + np.exp(0.2 - 0.7 * engaged))),
            "support_contacts": contacts,
            "webinar": np.where(
                random.uniform(size=size) < 1 / (1 + np.exp(1 - 1.2 * engaged)), "yes", "no"
            ),
            "hazard": _BASE * own * effect * CONTACT**contacts * np.where(annual, RENEWAL, 1.0),
        }
    )


def _rows(
    who: Ints, start: Any, end: Any, paid: Array, plan: Ints, each: Ints, why: Any
) -> pd.DataFrame:
    columns = {"who": who, "start": start, "end": end, "mrr": paid[who].round(2)}
    plans = np.array([*PRICES])[plan[who]]
    return pd.DataFrame(columns | {"plan": plans, "billing_months": each[who], "end_reason": why})


def _finished(
    table: pd.DataFrame, people: pd.DataFrame, months: pd.DatetimeIndex, date: Any,
    expected: dict[str, float],
) -> Business:  # fmt: skip
    """The two tables of the customers who are seen, and the truth about them."""
    last = months[-1] + pd.offsets.MonthEnd()
    ends = table["end"].fillna(last + pd.Timedelta(days=1))
    stayed = float(
        (ends - table["start"].where(table["start"] > months[0], months[0])).dt.days.sum()
        / DAYS["M"]
    )
    seen = np.unique(table["who"])
    everyone = np.arange(len(people))
    acquired = pd.Series(date(people["joined"].to_numpy(), everyone))
    order = acquired[seen].sort_values(kind="stable").index
    ids = pd.Series([f"{number:05d}" for number in range(1, len(order) + 1)], index=order)
    subs = table.assign(
        customer_id=table["who"].map(ids), channel=table["who"].map(people["channel"])
    )
    subs["subscription_id"] = [f"S{number:06d}" for number in range(1, len(subs) + 1)]
    subs = subs[
        ["customer_id", "start", "end", "mrr", "subscription_id", "plan", "billing_months",
         "end_reason", "channel"]
    ]  # fmt: skip
    subs.attrs = {
        "observation_start": months[0].date().isoformat(),
        "observation_end": last.date().isoformat(),
        "truth": {
            "hazard_ratios": {
                "price change": PRICE_CHANGE,
                "support_contacts": CONTACT,
                "webinar": 1.0,
                "channel": dict(CHANNELS),
                "plan": dict(PLANS),
            },
            "reasons": {
                str(name): float(value / stayed) for name, value in expected.items()
            },
            "price_change_on": months[_CHANGE_MONTH].date().isoformat()
            if len(months) > _CHANGE_MONTH else None,
        },
    }  # fmt: skip
    known = people.loc[order]
    size = known["team_size"]
    customers = pd.DataFrame(
        {
            "customer_id": ids.to_numpy(),
            "channel": known["channel"].to_numpy(),
            "segment": np.select([size < 5, size < 26], ["small", "medium"], "large"),
            "acquired_on": acquired[order].to_numpy(),
        }
    )
    for name in ("team_size", "active_days", "support_contacts", "webinar"):
        customers[name] = known[name].to_numpy()
    return Business(subs, customers)
