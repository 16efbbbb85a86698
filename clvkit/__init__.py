"""Customer lifetime value on your own data: the package behind the CLV Playbook.

``import clvkit as clv`` loads nothing heavy; each verb brings in its module on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from clvkit.errors import DataError, UndefinedError

if TYPE_CHECKING:
    from clvkit import charts, checks, datasets, formulas, simulate
    from clvkit.backlog import rank_plays
    from clvkit.baskets import basket_rules, next_best_offer
    from clvkit.cohorts import cohort_table, cohort_value
    from clvkit.evaluation import evaluate
    from clvkit.levers import lever_map
    from clvkit.loyalty import loyalty_effect
    from clvkit.models import (
        BetaDiscreteWeibull,
        BetaGeoBetaBinomial,
        BetaGeoNBD,
        GammaGamma,
        ModifiedBetaGeoNBD,
        ParetoNBD,
        ShiftedBetaGeometric,
    )
    from clvkit.othertables import (
        read_customers,
        read_experiment,
        read_spend,
        read_subscriptions,
    )
    from clvkit.pricing import annual_plan, price_breakeven
    from clvkit.serving import cost_to_serve
    from clvkit.summary import split, summarize
    from clvkit.tables import Transactions, read_transactions
    from clvkit.thresholds import threshold_test
    from clvkit.valuation import lifetime_value

_HOME = {
    "BetaDiscreteWeibull": "clvkit.models",
    "BetaGeoBetaBinomial": "clvkit.models",
    "BetaGeoNBD": "clvkit.models",
    "GammaGamma": "clvkit.models",
    "ModifiedBetaGeoNBD": "clvkit.models",
    "ParetoNBD": "clvkit.models",
    "ShiftedBetaGeometric": "clvkit.models",
    "Transactions": "clvkit.tables",
    "annual_plan": "clvkit.pricing",
    "basket_rules": "clvkit.baskets",
    "cohort_table": "clvkit.cohorts",
    "cohort_value": "clvkit.cohorts",
    "cost_to_serve": "clvkit.serving",
    "evaluate": "clvkit.evaluation",
    "lever_map": "clvkit.levers",
    "lifetime_value": "clvkit.valuation",
    "loyalty_effect": "clvkit.loyalty",
    "next_best_offer": "clvkit.baskets",
    "price_breakeven": "clvkit.pricing",
    "rank_plays": "clvkit.backlog",
    "read_customers": "clvkit.othertables",
    "read_experiment": "clvkit.othertables",
    "read_spend": "clvkit.othertables",
    "read_subscriptions": "clvkit.othertables",
    "read_transactions": "clvkit.tables",
    "split": "clvkit.summary",
    "summarize": "clvkit.summary",
    "threshold_test": "clvkit.thresholds",
}
_MODULES = ("charts", "checks", "datasets", "formulas", "simulate")

__all__ = [
    "BetaDiscreteWeibull",
    "BetaGeoBetaBinomial",
    "BetaGeoNBD",
    "DataError",
    "GammaGamma",
    "ModifiedBetaGeoNBD",
    "ParetoNBD",
    "ShiftedBetaGeometric",
    "Transactions",
    "UndefinedError",
    "annual_plan",
    "basket_rules",
    "charts",
    "checks",
    "cohort_table",
    "cohort_value",
    "cost_to_serve",
    "datasets",
    "evaluate",
    "formulas",
    "lever_map",
    "lifetime_value",
    "loyalty_effect",
    "next_best_offer",
    "price_breakeven",
    "rank_plays",
    "read_customers",
    "read_experiment",
    "read_spend",
    "read_subscriptions",
    "read_transactions",
    "simulate",
    "split",
    "summarize",
    "threshold_test",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"clvkit.{name}")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'clvkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
