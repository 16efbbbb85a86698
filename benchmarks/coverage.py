"""How often 90% intervals hold the truth: ``python benchmarks/coverage.py``.

200 simulated worlds a model, each fitted anew. The answer is ``data/benchmarks/coverage.json``: the
share of worlds in which the interval held the truth, by model, kind of interval and question.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import clvkit as clv

WORLDS = 200
SPEND = clv.GammaGamma(p=6.0, q=4.0, gamma=15.0)
PURCHASES = {
    "BG/NBD": clv.BetaGeoNBD(r=0.8, alpha=6.0, a=0.9, b=2.5, time_unit="W"),
    "Pareto/NBD": clv.ParetoNBD(r=0.8, alpha=8.0, s=0.7, beta=12.0, time_unit="W"),
}
# Models of which only the parameters are looked at, with the periods that are watched.
OTHERS: dict[str, tuple[Any, int]] = {
    "MBG/NBD": (clv.ModifiedBetaGeoNBD(r=0.8, alpha=6.0, a=0.9, b=2.5), 60),
    "BG/BB": (clv.BetaGeoBetaBinomial(alpha=1.2, beta=0.75, gamma=0.66, delta=2.8), 12),
    "Shifted beta-geometric": (clv.ShiftedBetaGeometric(alpha=0.7, beta=1.2), 8),
    "Beta-discrete-Weibull": (clv.BetaDiscreteWeibull(alpha=0.7, beta=1.2, c=1.3), 8),
}


def held(report: pd.DataFrame, truth: pd.Series) -> dict[str, bool]:
    """Whether each parameter's interval holds it."""
    inside = (report["low"] < truth) & (truth < report["high"])
    return {str(name): bool(value) for name, value in inside.items()}


def between(low: float, truth: float, high: float) -> dict[str, bool]:
    """Whether an interval of the value of the whole base holds it."""
    return {"value of the base": bool(low < truth < high)}


def purchase_world(name: str, world: int) -> dict[str, dict[str, bool]]:
    """One world without contracts: parameters, and the value of all its customers."""
    truth = PURCHASES[name]
    rows = clv.simulate.purchases(truth, 1500, 60, seed=1000 + world)
    rows = clv.simulate.spending(SPEND, rows, seed=5000 + world)
    rows.attrs["time_unit"] = "W"
    model, money = type(truth)().fit(rows), clv.GammaGamma().fit(rows)
    worth = clv.lifetime_value(truth, SPEND, rows, interval=None)["clv"].sum()
    answer = {"parameters, delta method": held(model.summary(), truth.params)}
    for kind in ("draws", "bootstrap") if name == "BG/NBD" else ("draws",):
        value = clv.lifetime_value(
            model, money, rows, interval=kind, replicates=200 if kind == "draws" else 60
        )
        low, high = value.attrs["total_low"], value.attrs["total_high"]
        answer[kind] = between(low, worth, high)
    if name == "BG/NBD":
        answer["Gamma-Gamma, delta method"] = held(money.summary(), SPEND.params)
    return answer


def other_world(name: str, world: int) -> dict[str, dict[str, bool]]:
    """One world of 1,500 customers or contracts: the parameters."""
    truth, periods = OTHERS[name]
    make: Any = clv.simulate.purchases if "/" in name else clv.simulate.contracts
    rows = make(truth, 1500, periods, seed=9000 + world)
    return {"parameters, delta method": held(type(truth)().fit(rows).summary(), truth.params)}


def shares(worlds: list[dict[str, dict[str, bool]]]) -> dict[str, dict[str, float]]:
    """The share of worlds in which each question's interval held."""
    return {
        kind: {
            question: round(float(np.mean([world[kind][question] for world in worlds])), 3)
            for question in worlds[0][kind]
        }
        for kind in worlds[0]
    }


if __name__ == "__main__":
    found = {
        name: shares([purchase_world(name, world) for world in range(WORLDS)]) for name in PURCHASES
    }
    for name in OTHERS:
        found[name] = shares([other_world(name, world) for world in range(WORLDS)])
    text = json.dumps({"worlds": WORLDS, "covered": found}, indent=2)
    home = Path(__file__).parents[1] / "data/benchmarks"
    (home / "coverage.json").write_text(text + "\n", encoding="utf-8")
    print(text)
