"""An experiment with two offers and a control, whose effects on everybody are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from clvkit.arguments import whole_number
from clvkit.models.base import Array


@dataclass(frozen=True)
class Margins:
    """What was published of one arm: people, visitors, buyers, mean spend."""

    people: int
    visits: int
    buyers: int
    spend: float


HILLSTROM = {
    "control": Margins(21_306, 2_262, 122, 0.6528),
    "mens": Margins(21_307, 3_894, 267, 1.4226),
    "womens": Margins(21_387, 3_238, 189, 1.0772),
}
"""The arms of Hillstrom's e-mail test (2008): counts behind the published shares."""
CONTACT_COST, INCENTIVE = 0.25, 5.0
_SMALLEST = 29.99  # the smallest order
_DAYS = 20


def emails(
    scale: float = 1.0, *, published: bool = True, seed: int = 2008
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Customers of a mail-order house, two e-mails with an offer, and a control group.

    Whether somebody buys in the two weeks after depends on what they are and on the e-mail:
    *persuadables* buy because of it, *sleeping dogs* (customers of long standing who order by
    telephone) buy less. Both are found from attributes that the firm knows.

    Parameters
    ----------
    scale
        People, as a multiple of the 64,000 of the published test.
    published
        Fill every arm with exactly the published counts of visitors and buyers and the published
        mean spend. Otherwise the counts vary as chance has it.

    Returns
    -------
    The experiment (``visit`` beside the columns of the contract; ``outcome``: has bought;
    ``value``: spent in the two weeks; ``pre_value``: spent in the year before; ``cost``), and the
    customers with their attributes, ``clv`` (margin expected of them if they come back) and the
    truth: ``true_control``, ``true_mens``, ``true_womens``, their chances to buy.
    """
    # A stream of its own: a reader who draws with the same seed gets other numbers.
    random = np.random.default_rng([seed, len(HILLSTROM)])
    sizes = {arm: whole_number(round(m.people * scale), "people") for arm, m in HILLSTROM.items()}
    customers = _customers(sum(sizes.values()), random)
    arms = np.repeat(list(sizes), list(sizes.values()))
    random.shuffle(arms)
    trial = pd.DataFrame({"customer_id": customers["customer_id"], "arm": arms})
    trial[["visit", "outcome"]] = 0
    trial["value"] = 0.0
    for arm, facts in HILLSTROM.items():
        lean = _leaning(customers, arm)
        chance = expit(lean + _intercept(lean, facts.buyers / facts.people))
        customers[f"true_{arm}"] = chance
        here = np.flatnonzero(arms == arm)
        bought = _buyers(chance[here], facts.buyers if published else None, random)
        trial.loc[here[bought], "outcome"] = 1
        curious = expit(0.4 * lean + _intercept(0.4 * lean, facts.visits / facts.people))[here]
        other = facts.visits - int(bought.sum()) if published else None
        came = _buyers(np.where(bought, 1e-12, curious), other, random) | bought
        trial.loc[here[came], "visit"] = 1
        mean = facts.spend * facts.people if published else None
        trial.loc[here[bought], "value"] = _orders(int(bought.sum()), mean, random)
    trial["pre_value"] = customers.pop("spent")
    treated = trial["arm"] != "control"
    trial["cost"] = treated * (CONTACT_COST + INCENTIVE * trial["outcome"])
    days = pd.to_timedelta(np.sort(random.integers(0, _DAYS, len(trial))), unit="D")
    trial["assigned_at"] = (pd.Timestamp("2025-03-03") + days).strftime("%Y-%m-%d")
    return trial, customers


def _customers(people: int, random: np.random.Generator) -> pd.DataFrame:
    newbie = random.uniform(size=people) < 0.5
    channel = random.choice(["phone", "web", "both"], people, p=[0.44, 0.44, 0.12])
    bought = random.choice(["mens", "womens", "both"], people, p=[0.45, 0.45, 0.10])
    spent = _SMALLEST + random.gamma(1.2, 170.0, people) * np.where(newbie, 0.8, 1.2)
    # Worth to come: past spend tells half of it, and the loyal are worth more.
    clv = 0.35 * spent * random.gamma(4.0, 0.25, people) + np.where(newbie, 20.0, 50.0)
    width = len(str(people))
    return pd.DataFrame(
        {
            "customer_id": [f"{i:0{width}d}" for i in range(1, people + 1)],
            "recency": random.integers(1, 13, people),
            "channel": channel,
            "bought": bought,
            "newbie": newbie.astype(int),
            "area": random.choice(["urban", "suburb", "rural"], people, p=[0.40, 0.45, 0.15]),
            "clv": clv.round(2),
            "spent": spent.round(2),
        }
    )


def _leaning(customers: pd.DataFrame, arm: str) -> Array:
    """Log odds to buy, up to a constant."""
    dog = (customers["channel"] == "phone") & (customers["newbie"] == 0)
    lean = 0.2 * np.log(customers["spent"] / 200) - 0.06 * customers["recency"] + 0.8 * dog
    if arm != "control":
        kind = customers["bought"].isin([arm, "both"])
        online = customers["channel"] != "phone"
        moved = kind & (online if arm == "mens" else customers["newbie"] == 1)
        lean = lean + 1.9 * moved - 1.6 * dog
    return np.asarray(lean, dtype="float64")


def _intercept(lean: Array, share: float) -> float:
    return float(brentq(lambda at: expit(lean + at).mean() - share, -30, 30))


def _buyers(chance: Array, exactly: int | None, random: np.random.Generator) -> NDArray[np.bool_]:
    """Who does it: everybody with their own chance; ``exactly`` so many, if a number is given."""
    urge = np.log(chance) - np.log1p(-chance) + random.logistic(size=len(chance))
    if exactly is None:
        return np.asarray(urge > 0)
    return np.asarray(urge >= np.sort(urge)[-exactly])


def _orders(count: int, total: float | None, random: np.random.Generator) -> Array:
    """Amounts of ``count`` orders, to the cent; with a ``total`` they add up to it."""
    over = random.gamma(1.1, 80.0, count)
    if total is not None:
        over *= (total - _SMALLEST * count) / over.sum()
    orders = (_SMALLEST + over).round(2)
    if total is not None:
        orders[over.argmax()] += round(total - orders.sum(), 2)
    return np.asarray(orders.round(2))
