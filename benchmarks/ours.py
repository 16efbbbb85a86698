"""The package of this repository on the common tasks."""

import clock

import clvkit as clv

sample, million = clock.tables()
for table in (sample, million):
    table.attrs["time_unit"] = "W"
large = clv.BetaGeoNBD().fit(million)
money = clv.GammaGamma().fit(sample)
small = clv.BetaGeoNBD().fit(sample)
pareto = clv.ParetoNBD().fit(million)
clock.report(
    {
        "sample: BG/NBD fit": lambda: clv.BetaGeoNBD().fit(sample),
        "sample: Pareto/NBD fit": lambda: clv.ParetoNBD().fit(sample),
        "sample: Gamma-Gamma fit": lambda: clv.GammaGamma().fit(sample),
        "sample: 500 bootstraps of BG/NBD, Gamma-Gamma and CLV": lambda: clv.lifetime_value(
            small, money, sample, interval="bootstrap", replicates=500
        ),
        "million: BG/NBD fit": lambda: clv.BetaGeoNBD().fit(million),
        "million: Pareto/NBD fit": lambda: clv.ParetoNBD().fit(million),
        "million: Gamma-Gamma fit": lambda: clv.GammaGamma().fit(million),
        "million: BG/NBD expected purchases": lambda: large.expected_purchases(million, 52),
        "million: Pareto/NBD expected purchases": lambda: pareto.expected_purchases(million, 52),
        "million: CLV of 36 months": lambda: clv.lifetime_value(
            large, money, million, interval=None
        ),
    }
)
