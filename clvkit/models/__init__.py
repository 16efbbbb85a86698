"""The models: each declares its maths once; :mod:`clvkit.models.base` does the rest."""

from clvkit.models.bgnbd import BetaGeoNBD
from clvkit.models.gammagamma import GammaGamma

__all__ = ["BetaGeoNBD", "GammaGamma"]
