"""Customer lifetime value on your own data: the package behind the CLV Playbook.

``import clvkit as clv`` loads nothing heavy; each verb brings in its module on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from clvkit.errors import DataError, UndefinedError

if TYPE_CHECKING:
    from clvkit import charts, checks, datasets, formulas, simulate
    from clvkit.churn import churn_rate, compare_churn
    from clvkit.cohorts import cohort_table, cohort_value
    from clvkit.evaluation import evaluate
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
    from clvkit.othertables import (
        read_customers,
        read_experiment,
        read_spend,
        read_subscriptions,
    )
    from clvkit.revenue import (
        mrr_by_cohort,
        mrr_movements,
        quick_ratio,
        revenue_retention,
    )
    from clvkit.summary import split, summarize
    from clvkit.survival import survival_curves, value_of_churn
    from clvkit.tables import Transactions, read_transactions
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
    "churn_effects": "clvkit.leaving",
    "churn_rate": "clvkit.churn",
    "churn_reasons": "clvkit.leaving",
    "cohort_table": "clvkit.cohorts",
    "cohort_value": "clvkit.cohorts",
    "compare_churn": "clvkit.churn",
    "customers_at_risk": "clvkit.leaving",
    "evaluate": "clvkit.evaluation",
    "lifetime_value": "clvkit.valuation",
    "mrr_by_cohort": "clvkit.revenue",
    "mrr_movements": "clvkit.revenue",
    "quick_ratio": "clvkit.revenue",
    "read_customers": "clvkit.othertables",
    "read_experiment": "clvkit.othertables",
    "read_spend": "clvkit.othertables",
    "read_subscriptions": "clvkit.othertables",
    "read_transactions": "clvkit.tables",
    "revenue_retention": "clvkit.revenue",
    "split": "clvkit.summary",
    "summarize": "clvkit.summary",
    "survival_curves": "clvkit.survival",
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
    "charts",
    "checks",
    "churn_effects",
    "churn_rate",
    "churn_reasons",
    "cohort_table",
    "cohort_value",
    "compare_churn",
    "customers_at_risk",
    "datasets",
    "evaluate",
    "formulas",
    "lifetime_value",
    "mrr_by_cohort",
    "mrr_movements",
    "quick_ratio",
    "read_customers",
    "read_experiment",
    "read_spend",
    "read_subscriptions",
    "read_transactions",
    "revenue_retention",
    "simulate",
    "split",
    "summarize",
    "survival_curves",
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
