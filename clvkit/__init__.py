"""Customer lifetime value on your own data: the package behind the CLV Playbook.

``import clvkit as clv`` loads nothing heavy; each verb brings in its module on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from clvkit.errors import DataError, UndefinedError

if TYPE_CHECKING:
    from clvkit import charts, checks, datasets, formulas, simulate
    from clvkit.acquisition import acquisition_cost, new_customers
    from clvkit.attributes import ideal_customer
    from clvkit.backlog import rank_plays
    from clvkit.baskets import basket_rules, next_best_offer
    from clvkit.budget import allocate_budget, marginal_cac, response_curves
    from clvkit.channels import channel_ratio, channel_value
    from clvkit.churn import churn_rate, compare_churn
    from clvkit.cohorts import cohort_table, cohort_value
    from clvkit.evaluation import compare_predictions, evaluate
    from clvkit.features import customer_features
    from clvkit.learning import learn_clv, rival_predictions, rolling_predictions
    from clvkit.leaving import churn_effects, churn_reasons, customers_at_risk
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
    from clvkit.othertables import read_customers, read_experiment, read_spend, read_subscriptions
    from clvkit.pricing import annual_plan, price_breakeven
    from clvkit.revenue import mrr_by_cohort, mrr_movements, quick_ratio, revenue_retention
    from clvkit.segments import (
        concentration,
        early_value,
        rfm,
        segment_sizes,
        tier_movements,
        trend,
        value_tiers,
    )
    from clvkit.serving import cost_to_serve
    from clvkit.summary import split, summarize
    from clvkit.survival import survival_curves, value_of_churn
    from clvkit.tables import Transactions, read_transactions
    from clvkit.thresholds import threshold_test
    from clvkit.unit_economics import (
        acquisition_or_retention,
        clv_to_cac,
        maximum_cac,
        payback,
        referral_value,
    )
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
    "acquisition_cost": "clvkit.acquisition",
    "acquisition_or_retention": "clvkit.unit_economics",
    "allocate_budget": "clvkit.budget",
    "annual_plan": "clvkit.pricing",
    "basket_rules": "clvkit.baskets",
    "channel_ratio": "clvkit.channels",
    "channel_value": "clvkit.channels",
    "churn_effects": "clvkit.leaving",
    "churn_rate": "clvkit.churn",
    "churn_reasons": "clvkit.leaving",
    "clv_to_cac": "clvkit.unit_economics",
    "cohort_table": "clvkit.cohorts",
    "cohort_value": "clvkit.cohorts",
    "compare_churn": "clvkit.churn",
    "compare_predictions": "clvkit.evaluation",
    "concentration": "clvkit.segments",
    "cost_to_serve": "clvkit.serving",
    "customer_features": "clvkit.features",
    "customers_at_risk": "clvkit.leaving",
    "early_value": "clvkit.segments",
    "evaluate": "clvkit.evaluation",
    "ideal_customer": "clvkit.attributes",
    "learn_clv": "clvkit.learning",
    "lever_map": "clvkit.levers",
    "lifetime_value": "clvkit.valuation",
    "loyalty_effect": "clvkit.loyalty",
    "marginal_cac": "clvkit.budget",
    "maximum_cac": "clvkit.unit_economics",
    "mrr_by_cohort": "clvkit.revenue",
    "mrr_movements": "clvkit.revenue",
    "new_customers": "clvkit.acquisition",
    "next_best_offer": "clvkit.baskets",
    "payback": "clvkit.unit_economics",
    "price_breakeven": "clvkit.pricing",
    "quick_ratio": "clvkit.revenue",
    "rank_plays": "clvkit.backlog",
    "read_customers": "clvkit.othertables",
    "read_experiment": "clvkit.othertables",
    "read_spend": "clvkit.othertables",
    "read_subscriptions": "clvkit.othertables",
    "read_transactions": "clvkit.tables",
    "referral_value": "clvkit.unit_economics",
    "response_curves": "clvkit.budget",
    "revenue_retention": "clvkit.revenue",
    "rfm": "clvkit.segments",
    "rival_predictions": "clvkit.learning",
    "rolling_predictions": "clvkit.learning",
    "segment_sizes": "clvkit.segments",
    "split": "clvkit.summary",
    "summarize": "clvkit.summary",
    "survival_curves": "clvkit.survival",
    "threshold_test": "clvkit.thresholds",
    "tier_movements": "clvkit.segments",
    "trend": "clvkit.segments",
    "value_of_churn": "clvkit.survival",
    "value_tiers": "clvkit.segments",
}
_MODULES = (
    "charts",
    "checks",
    "datasets",
    "formulas",
    "simulate",
)

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
    "acquisition_cost",
    "acquisition_or_retention",
    "allocate_budget",
    "annual_plan",
    "basket_rules",
    "channel_ratio",
    "channel_value",
    "charts",
    "checks",
    "churn_effects",
    "churn_rate",
    "churn_reasons",
    "clv_to_cac",
    "cohort_table",
    "cohort_value",
    "compare_churn",
    "compare_predictions",
    "concentration",
    "cost_to_serve",
    "customer_features",
    "customers_at_risk",
    "datasets",
    "early_value",
    "evaluate",
    "formulas",
    "ideal_customer",
    "learn_clv",
    "lever_map",
    "lifetime_value",
    "loyalty_effect",
    "marginal_cac",
    "maximum_cac",
    "mrr_by_cohort",
    "mrr_movements",
    "new_customers",
    "next_best_offer",
    "payback",
    "price_breakeven",
    "quick_ratio",
    "rank_plays",
    "read_customers",
    "read_experiment",
    "read_spend",
    "read_subscriptions",
    "read_transactions",
    "referral_value",
    "response_curves",
    "revenue_retention",
    "rfm",
    "rival_predictions",
    "rolling_predictions",
    "segment_sizes",
    "simulate",
    "split",
    "summarize",
    "survival_curves",
    "threshold_test",
    "tier_movements",
    "trend",
    "value_of_churn",
    "value_tiers",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"clvkit.{name}")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'clvkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
