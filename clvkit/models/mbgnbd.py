"""MBG/NBD: as BG/NBD, with a chance to leave after the very first purchase too."""

from __future__ import annotations

from typing import ClassVar

from clvkit.models.bgnbd import BetaGeoNBD


class ModifiedBetaGeoNBD(BetaGeoNBD):
    """The modified BG/NBD model: a one-time buyer may be gone already.

    Parameters and meaning as in :class:`~clvkit.models.bgnbd.BetaGeoNBD`; a customer has one more
    chance to leave, right after the first purchase, so silence counts against everybody.

    Source: Batislam, Denizel and Filiztekin (2007), Empirical validation and comparison of models
    for customer base analysis, International Journal of Research in Marketing 24(3).
    """

    _chances_at_birth: ClassVar = 1
