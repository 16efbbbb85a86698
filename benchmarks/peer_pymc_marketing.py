"""pymc-marketing on the common tasks, at its fastest: the posterior's mode, warm."""

import warnings

import clock
from pymc_marketing.clv import BetaGeoModel, GammaGammaModel, ParetoNBDModel

warnings.filterwarnings("ignore")
sample, million = (table.reset_index() for table in clock.tables())


def fit(kind, table):
    """One fit."""
    model = kind(data=table)
    model.fit(method="map", progressbar=False)
    return model


def spend(table):
    """One fit of spend, on repeaters."""
    return fit(GammaGammaModel, table[table["frequency"] > 0])


clock.report(
    {
        "sample: BG/NBD fit": lambda: fit(BetaGeoModel, sample),
        "sample: Gamma-Gamma fit": lambda: spend(sample),
        "sample: Pareto/NBD fit": lambda: fit(ParetoNBDModel, sample),
        "million: BG/NBD fit": lambda: fit(BetaGeoModel, million),
        "million: Gamma-Gamma fit": lambda: spend(million),
    }
)
