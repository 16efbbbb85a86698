"""Customer lifetime value on your own data: the package behind the CLV Playbook.

``import clvkit as clv`` loads nothing heavy; each verb brings in its module on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from clvkit.errors import DataError, UndefinedError

if TYPE_CHECKING:
    from clvkit import charts, datasets, formulas
    from clvkit.cohorts import cohort_table, cohort_value
    from clvkit.evaluation import evaluate
    from clvkit.models import BetaGeoNBD, GammaGamma
    from clvkit.summary import split, summarize
    from clvkit.tables import Transactions, read_transactions
    from clvkit.valuation import lifetime_value

_HOME = {
    "BetaGeoNBD": "clvkit.models",
    "GammaGamma": "clvkit.models",
    "Transactions": "clvkit.tables",
    "cohort_table": "clvkit.cohorts",
    "cohort_value": "clvkit.cohorts",
    "evaluate": "clvkit.evaluation",
    "lifetime_value": "clvkit.valuation",
    "read_transactions": "clvkit.tables",
    "split": "clvkit.summary",
    "summarize": "clvkit.summary",
}
_MODULES = ("charts", "datasets", "formulas")

__all__ = [
    "BetaGeoNBD",
    "DataError",
    "GammaGamma",
    "Transactions",
    "UndefinedError",
    "charts",
    "cohort_table",
    "cohort_value",
    "datasets",
    "evaluate",
    "formulas",
    "lifetime_value",
    "read_transactions",
    "split",
    "summarize",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"clvkit.{name}")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'clvkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
