"""The models: each declares its maths once; :mod:`clvkit.models.base` does the rest."""

from clvkit.models.bgnbd import BetaGeoNBD
from clvkit.models.gammagamma import GammaGamma
from clvkit.models.mbgnbd import ModifiedBetaGeoNBD
from clvkit.models.paretonbd import ParetoNBD

__all__ = ["BetaGeoNBD", "GammaGamma", "ModifiedBetaGeoNBD", "ParetoNBD"]
