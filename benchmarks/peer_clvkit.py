"""The registry's `clvkit` (no relation to this one) on the common tasks."""

import warnings

import clock
import pandas as pd
from clvkit.clv.bgnbd import BGNBD
from clvkit.clv.gamma_gamma import GammaGamma
from clvkit.customer_base import CustomerBase

warnings.filterwarnings("ignore")


def base(table):
    """The summary as this peer wants it."""
    return CustomerBase(
        table, time_unit="W", collapse="D", observation_period_end=pd.Timestamp("1997-09-30"),
        has_monetary=True, on_negative="net",
    )  # fmt: skip


sample, million = map(base, clock.tables())
known = BGNBD().fit(sample)
clock.report(
    {
        "sample: BG/NBD fit": lambda: BGNBD().fit(sample),
        "sample: Gamma-Gamma fit": lambda: GammaGamma().fit(sample),
        "million: BG/NBD expected purchases": lambda: known.predict(52, million),
        "million: Gamma-Gamma fit": lambda: GammaGamma().fit(million),
        "million: BG/NBD fit": lambda: BGNBD().fit(million),
    }
)
