"""Customer lifetime value on your own data: the package behind the CLV Playbook.

``import clvkit as clv`` loads nothing heavy; each verb brings in its module on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from clvkit.errors import DataError, UndefinedError

if TYPE_CHECKING:
    from clvkit import charts, checks, datasets, formulas, simulate
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
    from clvkit.churn import churn_rate, compare_churn
    from clvkit.cohorts import cohort_table, cohort_value
    from clvkit.evaluation import evaluate
    from clvkit.experiments import (
        ab_test,
        check_experiment,
        detectable_effect,
        sample_size,
        segment_tests,
    )
    from clvkit.leaving import churn_effects, churn_reasons, customers_at_risk
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
    from clvkit.revenue import mrr_by_cohort, mrr_movements, quick_ratio, revenue_retention
    from clvkit.sequential import sequential_test
    from clvkit.summary import split, summarize
    from clvkit.survival import survival_curves, value_of_churn
    from clvkit.tables import Transactions, read_transactions
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
    "best_incentive": "clvkit.campaigns",
    "booked_value": "clvkit.campaigns",
    "breakeven_probability": "clvkit.campaigns",
    "campaign_profit": "clvkit.campaigns",
    "check_experiment": "clvkit.experiments",
    "churn_effects": "clvkit.leaving",
    "churn_rate": "clvkit.churn",
    "churn_reasons": "clvkit.leaving",
    "cohort_table": "clvkit.cohorts",
    "cohort_value": "clvkit.cohorts",
    "compare_churn": "clvkit.churn",
    "control_chart": "clvkit.monitoring",
    "customers_at_risk": "clvkit.leaving",
    "detectable_effect": "clvkit.experiments",
    "evaluate": "clvkit.evaluation",
    "expected_maximum_profit": "clvkit.campaigns",
    "lifetime_value": "clvkit.valuation",
    "monthly_metrics": "clvkit.monitoring",
    "mrr_by_cohort": "clvkit.revenue",
    "mrr_movements": "clvkit.revenue",
    "predict_uplift": "clvkit.uplift",
    "prediction_drift": "clvkit.monitoring",
    "quick_ratio": "clvkit.revenue",
    "read_customers": "clvkit.othertables",
    "read_experiment": "clvkit.othertables",
    "read_spend": "clvkit.othertables",
    "read_subscriptions": "clvkit.othertables",
    "read_transactions": "clvkit.tables",
    "revenue_retention": "clvkit.revenue",
    "rule_profit": "clvkit.campaigns",
    "sample_size": "clvkit.experiments",
    "scorecard": "clvkit.monitoring",
    "segment_tests": "clvkit.experiments",
    "sequential_test": "clvkit.sequential",
    "split": "clvkit.summary",
    "summarize": "clvkit.summary",
    "survival_curves": "clvkit.survival",
    "targeting_rules": "clvkit.campaigns",
    "top_shares": "clvkit.campaigns",
    "treatment_gain": "clvkit.campaigns",
    "uplift_curve": "clvkit.uplift",
    "value_of_churn": "clvkit.survival",
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
    "ab_test",
    "best_incentive",
    "booked_value",
    "breakeven_probability",
    "campaign_profit",
    "charts",
    "check_experiment",
    "checks",
    "churn_effects",
    "churn_rate",
    "churn_reasons",
    "cohort_table",
    "cohort_value",
    "compare_churn",
    "control_chart",
    "customers_at_risk",
    "datasets",
    "detectable_effect",
    "evaluate",
    "expected_maximum_profit",
    "formulas",
    "lifetime_value",
    "monthly_metrics",
    "mrr_by_cohort",
    "mrr_movements",
    "predict_uplift",
    "prediction_drift",
    "quick_ratio",
    "read_customers",
    "read_experiment",
    "read_spend",
    "read_subscriptions",
    "read_transactions",
    "revenue_retention",
    "rule_profit",
    "sample_size",
    "scorecard",
    "segment_tests",
    "sequential_test",
    "simulate",
    "split",
    "summarize",
    "survival_curves",
    "targeting_rules",
    "top_shares",
    "treatment_gain",
    "uplift_curve",
    "value_of_churn",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"clvkit.{name}")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'clvkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
