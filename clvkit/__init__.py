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
    from clvkit.campaigns import (
        best_incentive,
        booked_value,
        breakeven_probability,
        campaign_profit,
        expected_maximum_profit,
        rule_profit,
        targeting_rules,
        top_shares,
        treatment_gain,
    )
    from clvkit.channels import channel_ratio, channel_value
    from clvkit.churn import churn_rate, compare_churn
    from clvkit.cohorts import cohort_table, cohort_value
    from clvkit.evaluation import compare_predictions, evaluate
    from clvkit.experiments import (
        ab_test,
        check_experiment,
        detectable_effect,
        sample_size,
        segment_tests,
    )
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
    from clvkit.monitoring import control_chart, monthly_metrics, prediction_drift, scorecard
    from clvkit.othertables import read_customers, read_experiment, read_spend, read_subscriptions
    from clvkit.pricing import annual_plan, price_breakeven
    from clvkit.revenue import mrr_by_cohort, mrr_movements, quick_ratio, revenue_retention
    from clvkit.scan import scan_transactions
    from clvkit.scoring import score
    from clvkit.segments import (
        concentration,
        early_value,
        rfm,
        segment_sizes,
        tier_movements,
        trend,
        value_tiers,
    )
    from clvkit.sequential import sequential_test
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
    from clvkit.uplift import predict_uplift, uplift_curve
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
    "ab_test": "clvkit.experiments",
    "acquisition_cost": "clvkit.acquisition",
    "acquisition_or_retention": "clvkit.unit_economics",
    "allocate_budget": "clvkit.budget",
    "annual_plan": "clvkit.pricing",
    "basket_rules": "clvkit.baskets",
    "best_incentive": "clvkit.campaigns",
    "booked_value": "clvkit.campaigns",
    "breakeven_probability": "clvkit.campaigns",
    "campaign_profit": "clvkit.campaigns",
    "channel_ratio": "clvkit.channels",
    "channel_value": "clvkit.channels",
    "check_experiment": "clvkit.experiments",
    "churn_effects": "clvkit.leaving",
    "churn_rate": "clvkit.churn",
    "churn_reasons": "clvkit.leaving",
    "clv_to_cac": "clvkit.unit_economics",
    "cohort_table": "clvkit.cohorts",
    "cohort_value": "clvkit.cohorts",
    "compare_churn": "clvkit.churn",
    "compare_predictions": "clvkit.evaluation",
    "concentration": "clvkit.segments",
    "control_chart": "clvkit.monitoring",
    "cost_to_serve": "clvkit.serving",
    "customer_features": "clvkit.features",
    "customers_at_risk": "clvkit.leaving",
    "detectable_effect": "clvkit.experiments",
    "early_value": "clvkit.segments",
    "evaluate": "clvkit.evaluation",
    "expected_maximum_profit": "clvkit.campaigns",
    "ideal_customer": "clvkit.attributes",
    "learn_clv": "clvkit.learning",
    "lever_map": "clvkit.levers",
    "lifetime_value": "clvkit.valuation",
    "loyalty_effect": "clvkit.loyalty",
    "marginal_cac": "clvkit.budget",
    "maximum_cac": "clvkit.unit_economics",
    "monthly_metrics": "clvkit.monitoring",
    "mrr_by_cohort": "clvkit.revenue",
    "mrr_movements": "clvkit.revenue",
    "new_customers": "clvkit.acquisition",
    "next_best_offer": "clvkit.baskets",
    "payback": "clvkit.unit_economics",
    "predict_uplift": "clvkit.uplift",
    "prediction_drift": "clvkit.monitoring",
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
    "rule_profit": "clvkit.campaigns",
    "sample_size": "clvkit.experiments",
    "scan_transactions": "clvkit.scan",
    "score": "clvkit.scoring",
    "scorecard": "clvkit.monitoring",
    "segment_sizes": "clvkit.segments",
    "segment_tests": "clvkit.experiments",
    "sequential_test": "clvkit.sequential",
    "split": "clvkit.summary",
    "summarize": "clvkit.summary",
    "survival_curves": "clvkit.survival",
    "targeting_rules": "clvkit.campaigns",
    "threshold_test": "clvkit.thresholds",
    "tier_movements": "clvkit.segments",
    "top_shares": "clvkit.campaigns",
    "treatment_gain": "clvkit.campaigns",
    "trend": "clvkit.segments",
    "uplift_curve": "clvkit.uplift",
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
    "ab_test",
    "acquisition_cost",
    "acquisition_or_retention",
    "allocate_budget",
    "annual_plan",
    "basket_rules",
    "best_incentive",
    "booked_value",
    "breakeven_probability",
    "campaign_profit",
    "channel_ratio",
    "channel_value",
    "charts",
    "check_experiment",
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
    "control_chart",
    "cost_to_serve",
    "customer_features",
    "customers_at_risk",
    "datasets",
    "detectable_effect",
    "early_value",
    "evaluate",
    "expected_maximum_profit",
    "formulas",
    "ideal_customer",
    "learn_clv",
    "lever_map",
    "lifetime_value",
    "loyalty_effect",
    "marginal_cac",
    "maximum_cac",
    "monthly_metrics",
    "mrr_by_cohort",
    "mrr_movements",
    "new_customers",
    "next_best_offer",
    "payback",
    "predict_uplift",
    "prediction_drift",
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
    "rule_profit",
    "sample_size",
    "scan_transactions",
    "score",
    "scorecard",
    "segment_sizes",
    "segment_tests",
    "sequential_test",
    "simulate",
    "split",
    "summarize",
    "survival_curves",
    "targeting_rules",
    "threshold_test",
    "tier_movements",
    "top_shares",
    "treatment_gain",
    "trend",
    "uplift_curve",
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
