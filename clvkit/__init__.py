"""Customer lifetime value on your own data: the package behind the CLV Playbook.

``import clvkit as clv`` loads nothing heavy; each verb brings in its module on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from clvkit.errors import DataError, UndefinedError

if TYPE_CHECKING:
    from clvkit import charts, checks, datasets, formulas, simulate
    from clvkit.attributes import ideal_customer
    from clvkit.cohorts import cohort_table, cohort_value
    from clvkit.evaluation import compare_predictions, evaluate
    from clvkit.features import customer_features
    from clvkit.learning import learn_clv, rival_predictions, rolling_predictions
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
    from clvkit.segments import (
        concentration,
        early_value,
        rfm,
        segment_sizes,
        tier_movements,
        trend,
        value_tiers,
    )
    from clvkit.summary import split, summarize
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
    "cohort_table": "clvkit.cohorts",
    "cohort_value": "clvkit.cohorts",
    "compare_predictions": "clvkit.evaluation",
    "concentration": "clvkit.segments",
    "customer_features": "clvkit.features",
    "early_value": "clvkit.segments",
    "evaluate": "clvkit.evaluation",
    "ideal_customer": "clvkit.attributes",
    "learn_clv": "clvkit.learning",
    "lifetime_value": "clvkit.valuation",
    "read_customers": "clvkit.othertables",
    "read_experiment": "clvkit.othertables",
    "read_spend": "clvkit.othertables",
    "read_subscriptions": "clvkit.othertables",
    "read_transactions": "clvkit.tables",
    "rfm": "clvkit.segments",
    "rival_predictions": "clvkit.learning",
    "rolling_predictions": "clvkit.learning",
    "segment_sizes": "clvkit.segments",
    "split": "clvkit.summary",
    "summarize": "clvkit.summary",
    "tier_movements": "clvkit.segments",
    "trend": "clvkit.segments",
    "value_tiers": "clvkit.segments",
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
    "cohort_table",
    "cohort_value",
    "compare_predictions",
    "concentration",
    "customer_features",
    "datasets",
    "early_value",
    "evaluate",
    "formulas",
    "ideal_customer",
    "learn_clv",
    "lifetime_value",
    "read_customers",
    "read_experiment",
    "read_spend",
    "read_subscriptions",
    "read_transactions",
    "rfm",
    "rival_predictions",
    "rolling_predictions",
    "segment_sizes",
    "simulate",
    "split",
    "summarize",
    "tier_movements",
    "trend",
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
