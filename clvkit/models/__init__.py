"""The models: each declares its maths once; :mod:`clvkit.models.base` does the rest."""

from clvkit.models.bdw import BetaDiscreteWeibull
from clvkit.models.bgbb import BetaGeoBetaBinomial
from clvkit.models.bgnbd import BetaGeoNBD
from clvkit.models.contracts import ContractModel
from clvkit.models.gammagamma import GammaGamma
from clvkit.models.mbgnbd import ModifiedBetaGeoNBD
from clvkit.models.paretonbd import ParetoNBD
from clvkit.models.purchases import PurchaseModel
from clvkit.models.sbg import ShiftedBetaGeometric

__all__ = [
    "BetaDiscreteWeibull",
    "BetaGeoBetaBinomial",
    "BetaGeoNBD",
    "ContractModel",
    "GammaGamma",
    "ModifiedBetaGeoNBD",
    "ParetoNBD",
    "PurchaseModel",
    "ShiftedBetaGeometric",
]
