"""The integral behind every BG/NBD expectation, against the closed form in many digits."""

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from clvkit.models.quadrature import expected_purchases_alive


def exact(shape, rate, a, b, t):
    """Fader, Hardie and Lee (2005), equation (9), stepping around the pole at a = 1."""
    shape, rate, a, b, t = (mpmath.mpf(v) for v in (shape, rate, a, b, t))
    if a == 1:
        a += mpmath.mpf(10) ** -30
    z = t / (rate + t)
    power = (rate / (rate + t)) ** shape
    return (a + b - 1) / (a - 1) * (1 - power * mpmath.hyp2f1(shape, b, a + b - 1, z))


def ours(shape, rate, a, b, t):
    return expected_purchases_alive(np.array([shape]), np.array([rate]), a, np.array([b]), t)[0]


@settings(max_examples=60)
@given(
    st.floats(0.05, 60), st.floats(0.1, 300), st.floats(0.05, 20), st.floats(0.05, 60),
    st.floats(0.001, 2000),
)  # fmt: skip
def test_agrees_with_the_closed_form(shape, rate, a, b, t):
    assume(a + b != 1)  # There the closed form, not the integral, is 0 times infinity.
    with mpmath.workdps(80):
        truth = float(exact(shape, rate, a, b, t))
    assert ours(shape, rate, a, b, t) == pytest.approx(truth, rel=1e-7)


@pytest.mark.parametrize("a", [1 - 1e-9, 1.0, 1 + 1e-9])
def test_there_is_no_pole(a):
    with mpmath.workdps(80):
        truth = float(exact(0.5, 5.0, a, 2.0, 52.0))
    assert ours(0.5, 5.0, a, 2.0, 52.0) == pytest.approx(truth, rel=1e-10)


def test_no_time_no_purchases():
    assert ours(0.5, 5.0, 0.8, 2.0, 0.0) == 0


def test_one_horizon_a_row():
    one = np.ones(3)
    both = expected_purchases_alive(0.5 * one, 5 * one, 0.8, 2 * one, np.array([1.0, 10.0, 52.0]))
    assert both == pytest.approx([ours(0.5, 5.0, 0.8, 2.0, t) for t in (1.0, 10.0, 52.0)])
