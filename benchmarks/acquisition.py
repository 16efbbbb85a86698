"""Does marginal CAC find the truth, and does its budget earn more?  ``benchmarks/acquisition.py``.

100 worlds of each made firm, and the same with other truths than the model's: demand that grows by
itself, responses that follow a power of spend, arrivals that vary more than Poisson. The answer is
``data/benchmarks/acquisition.json``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import clvkit as clv
from clvkit.models.base import Array
from clvkit.simulate.marketing import MARKETS, Channel, Market

WORLDS = 100
VALUE = {"saas": 900.0, "shop": 60.0}


class Power(Channel):
    """A response that never nears a ceiling: spend to the power of its elasticity."""

    def expected(self, spend: Array | float) -> Array:
        """As :class:`Channel`, with the same elasticity at the usual spend."""
        answer: Array = self.customers * (np.asarray(spend) / self.spend) ** self._elasticity
        return answer

    def marginal_cac(self, spend: float) -> float:
        """As :class:`Channel`."""
        return float(spend / self.expected(spend) / self._elasticity)

    @property
    def _elasticity(self) -> float:
        return (1 - self.anyway) * (1 - self.saturation)


def powers(market: Market) -> Market:
    """The same market, in which the channels respond by a power."""
    channels = {name: Power(**vars(channel)) for name, channel in market.channels.items()}
    return replace(market, channels=channels)


def growing(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Demand grows by a quarter over the history, whatever is spent; the last month is as told."""
    months = frame["month"].rank(method="dense").to_numpy()
    keep = 0.75 + 0.25 * months / months.max()
    return frame.assign(new_customers=random.binomial(frame["new_customers"], keep))


def restless(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Every month of a channel has its own luck, of 20%, on top of the luck of arrivals."""
    luck = random.gamma(25, 1 / 25, len(frame))
    return frame.assign(new_customers=random.poisson(frame["new_customers"] * luck))


TRUTHS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "as the model says": (lambda market: market, lambda frame, _: frame),
    "power response": (powers, lambda frame, _: frame),
    "growing demand": (lambda market: market, growing),
    "restless months": (lambda market: market, restless),
}


def earned(market: Market, value: float, split: pd.Series) -> float:
    """What a monthly split of spend truly earns."""
    came = sum(float(market.channels[str(c)].expected(x)) for c, x in split.items())
    return value * came - float(split.sum())


def world(firm: str, truth: str, seed: int) -> dict[str, Any]:
    """One world: by channel whether the interval held, and what the two rules earn."""
    make, disturb = TRUTHS[truth]
    market = make(MARKETS[firm])
    made = clv.simulate.spend_history(market, seed=seed)
    facts = made.attrs["truth"]
    frame = disturb(made, np.random.default_rng(seed))
    cost = clv.marginal_cac(frame)
    marginal = pd.Series({name: fact["marginal_cac"] for name, fact in facts.items()})
    high = cost["high"].fillna(np.inf).where(cost["reason"] == "", np.nan)
    now = cost["spend"]
    answer = {"held": ((cost["low"] < marginal) & (marginal < high)).to_dict()}
    answer["refused"] = (cost["reason"] != "").to_dict()
    money = {"budget": float(now.sum())}
    split = clv.allocate_budget(frame, VALUE[firm], rule="marginal", **money)
    other = clv.allocate_budget(frame, VALUE[firm], rule="average", **money)
    splits = {"marginal": split["then"], "whole_step": split["goal"], "average": other["then"]}
    answer |= {name: earned(market, VALUE[firm], then) for name, then in splits.items()}
    answer["today"] = earned(market, VALUE[firm], now)
    return answer


def study(firm: str, truth: str) -> dict[str, Any]:
    """Shares of worlds."""
    worlds = [world(firm, truth, 1000 + seed) for seed in range(WORLDS)]
    held = pd.DataFrame([w["held"] for w in worlds]).mean()
    refused = pd.DataFrame([w["refused"] for w in worlds]).mean()
    money = pd.DataFrame(worlds)[["marginal", "whole_step", "average", "today"]]

    def against(one: str, other: str) -> dict[str, float]:
        more = money[one] - money[other]
        return {"share": round(float((more > 0).mean()), 3), "more": round(float(more.mean()), 1)}

    return {
        "held": held.round(3).to_dict(),
        "refused": refused.round(3).to_dict(),
        "against_average": against("marginal", "average"),
        "against_today": against("marginal", "today"),
        "whole_step_against_average": against("whole_step", "average"),
        "whole_step_against_today": against("whole_step", "today"),
    }


if __name__ == "__main__":
    found = {firm: {truth: study(firm, truth) for truth in TRUTHS} for firm in MARKETS}
    text = json.dumps({"worlds": WORLDS, "value": VALUE, "firms": found}, indent=2)
    home = Path(__file__).parents[1] / "data/benchmarks"
    (home / "acquisition.json").write_text(text + "\n", encoding="utf-8")
    print(text)
