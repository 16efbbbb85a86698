"""What several tests read: the published sample, cut as in the papers, and the models fitted on it.

Nobody may change a shared frame: take a copy.
"""

import pandas as pd
import pytest

import clvkit as clv


@pytest.fixture(scope="session")
def cdnow():
    return clv.read_transactions("cdnow")


@pytest.fixture(scope="session")
def sample():
    """The 2,357 customers of the published tables."""
    return clv.read_transactions("cdnow-sample")


@pytest.fixture(scope="session")
def calibration(sample):
    """Summary of 1 January to 30 September 1997, in weeks."""
    return clv.split(sample, "1997-09-30")[0]


@pytest.fixture(scope="session")
def holdout(sample):
    """What happened from 1 October 1997 to 30 June 1998."""
    return clv.split(sample, "1997-09-30")[1]


@pytest.fixture(scope="session")
def bgnbd(calibration):
    return clv.BetaGeoNBD().fit(calibration)


@pytest.fixture(scope="session")
def gammagamma(calibration):
    return clv.GammaGamma().fit(calibration)


@pytest.fixture(scope="session")
def published_bgnbd():
    """The estimates as printed in Fader, Hardie and Lee (2005)."""
    return clv.BetaGeoNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, time_unit="W")


@pytest.fixture(scope="session")
def published_gammagamma():
    """The estimates as printed in Fader and Hardie (2013)."""
    return clv.GammaGamma(p=6.25, q=3.74, gamma=15.44)


@pytest.fixture(scope="session")
def five(calibration):
    """Published customers 1 to 5: the sample file's own numbers are in order of sample_id."""
    ids = pd.read_csv("data/cdnow/sample.csv", dtype=str).sort_values("sample_id")["customer_id"]
    return calibration.loc[ids.head(5)]
