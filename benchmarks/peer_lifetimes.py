"""The package `lifetimes` 0.11.3 on the common tasks."""

import warnings

import clock
from lifetimes import BetaGeoFitter, GammaGammaFitter, ParetoNBDFitter

warnings.filterwarnings("ignore")
sample, million = clock.tables()


def counts(kind, table):
    """One fit of purchase counts."""
    return kind().fit(table["frequency"], table["recency"], table["T"])


def spend(table):
    """One fit of spend, on repeaters."""
    rows = table[table["frequency"] > 0]
    return GammaGammaFitter().fit(rows["frequency"], rows["monetary_value"])


known = counts(BetaGeoFitter, sample)
clock.report(
    {
        "sample: BG/NBD fit": lambda: counts(BetaGeoFitter, sample),
        "sample: Pareto/NBD fit": lambda: counts(ParetoNBDFitter, sample),
        "sample: Gamma-Gamma fit": lambda: spend(sample),
        "million: BG/NBD fit": lambda: counts(BetaGeoFitter, million),
        "million: Gamma-Gamma fit": lambda: spend(million),
        "million: BG/NBD expected purchases": lambda: (
            known.conditional_expected_number_of_purchases_up_to_time(
                52, million["frequency"], million["recency"], million["T"]
            )
        ),
    }
)
