"""Every declared gradient and Hessian is the derivative of the declared likelihood."""

import numpy as np
import pytest

import clvkit as clv

HISTORIES = (
    np.array([0.0, 0, 1, 2, 7, 0, 30]),
    np.array([0, 0, 1.71, 30.43, 38, 0, 20]),
    np.array([0, 38.86, 38.86, 38.86, 38.86, 20, 20]),
)
OPPORTUNITIES = (
    np.array([0.0, 1, 2, 6]),
    np.array([0.0, 1, 4, 6]),
    np.array([6.0, 6, 6, 6]),
)
SPENDING = np.array([1.0, 4, 25]), np.array([12.0, 35, 8])
RECORDS = np.array([1.0, 3, 5, 5]), np.array([1.0, 1, 1, 0])
CASES = [
    (clv.BetaGeoNBD, (0.24, 4.4, 0.8, 2.4), HISTORIES),
    (clv.BetaGeoNBD, (3.0, 0.2, 1.0, 40.0), HISTORIES),
    (clv.ModifiedBetaGeoNBD, (0.5, 6.2, 0.9, 1.6), HISTORIES),
    (clv.ParetoNBD, (0.55, 10.6, 0.6, 11.7), HISTORIES),
    (clv.ParetoNBD, (0.8, 60.0, 1.7, 3.0), HISTORIES),
    (clv.BetaGeoBetaBinomial, (1.2, 0.75, 0.66, 2.8), OPPORTUNITIES),
    (clv.GammaGamma, (6.25, 3.74, 15.44), SPENDING),
    (clv.ShiftedBetaGeometric, (0.7, 1.2), RECORDS),
    (clv.BetaDiscreteWeibull, (0.5, 0.8, 1.3), RECORDS),
]


@pytest.mark.parametrize(("kind", "theta", "columns"), CASES)
def test_derivatives(kind, theta, columns):
    model, theta = kind(), np.array(theta)
    data = model._arrange(*columns)
    weights = np.linspace(0.5, 2, len(columns[0]))
    _, gradient, hessian = model._terms(theta, weights, *data)
    for place, width in enumerate(1e-5 * theta):
        step = np.zeros(len(theta))
        step[place] = width
        up, down = (model._terms(theta + sign * step, weights, *data) for sign in (1, -1))
        slope = weights @ (up.values - down.values) / (2 * width)
        assert gradient[place] == pytest.approx(slope, rel=1e-5, abs=1e-6)
        if hessian is not None:
            curve = (up.gradient - down.gradient) / (2 * width)
            assert hessian[place] == pytest.approx(curve, rel=1e-5, abs=1e-6)
