"""mpmath, forty digits and the definitions, at random points of the parameter space."""

import mpmath as mp
import numpy as np
import pandas as pd
import pytest

import clvkit as clv

TOLERANCE = 1e-8
POINTS = range(40)


@pytest.fixture(autouse=True)
def forty_digits():
    with mp.workdps(40):
        yield


def one(x, t_x, T):
    return pd.DataFrame({"frequency": [float(x)], "recency": [t_x], "T": [T]})


def close(got, want):
    want = mp.mpf(want)
    if abs(want) < mp.mpf("1e-290"):
        assert abs(got) < 1e-280
    else:
        assert abs(mp.mpf(float(got)) / want - 1) < TOLERANCE, (got, want)


def draw(seed):
    """Parameters and a history over the whole promised range, the awkward points included."""
    random = np.random.default_rng(seed)
    x = int(random.choice([0, 1, 2, 7, 50, 700, 5000]))
    T = float(random.choice([0.5, 39, 1000, 10_000]))
    t_x = 0.0 if x == 0 else float(T * random.choice([0, 1, random.uniform(), 0.999]))
    periods = float(random.choice([0, 0.01, 1, 52, 10_000]))
    return random, x, t_x, T, periods


def log_uniform(random, low, high):
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def in_log(f, low, high):
    """∫ f over (low, high), in pieces of the logarithm."""
    edges = [low + (high - low) * mp.mpf(k) / 40 for k in range(41)]
    return mp.quad(f, edges)


def purchases_alive(r, alpha, a, b, t):
    """E[(1 - (1+pt/α)^-r) / p] over p ~ Beta(a, b), by quadrature in u = logit p."""
    if t == 0:
        return mp.mpf(0)
    z = t / alpha

    def integrand(u):
        p = 1 / (1 + mp.exp(-u))
        log_q = -mp.log(1 + mp.exp(u))
        return -mp.expm1(-r * mp.log1p(p * z)) / p * mp.exp(a * mp.log(p) + b * log_q)

    edges = [-4000, -800, -200, -80, *range(-50, 51, 2), 80, 200, 800]
    return mp.quad(integrand, edges) / mp.beta(a, b)


def beta_geometric_point(seed, born):
    random, x, t_x, T, periods = draw(seed)
    a = float(random.choice([1, 1 + 1e-12, 1 - 1e-12, log_uniform(random, 0.05, 20)]))
    known = {
        "r": log_uniform(random, 0.02, 20), "alpha": log_uniform(random, 0.01, 5000),
        "a": a, "b": log_uniform(random, 0.1, 5000),
    }  # fmt: skip
    r, alpha, a, b = (mp.mpf(v) for v in known.values())
    n = x + born
    stays = mp.beta(a, b + n) / mp.beta(a, b) * (alpha + T) ** -(r + x)
    gone = mp.mpf(0)
    if n > 0:
        gone = mp.beta(a + 1, b + n - 1) / mp.beta(a, b) * (alpha + t_x) ** -(r + x)
    constant = mp.loggamma(r + x) - mp.loggamma(r) + r * mp.log(alpha)
    return known, one(x, t_x, T), periods, (stays, gone, constant), n


@pytest.mark.parametrize("seed", POINTS)
@pytest.mark.parametrize(("kind", "born"), [(clv.BetaGeoNBD, 0), (clv.ModifiedBetaGeoNBD, 1)])
def test_beta_geometric(kind, born, seed):
    known, row, periods, (stays, gone, constant), n = beta_geometric_point(seed, born)
    model = kind(**known)
    close(model.log_likelihoods(row).iloc[0], constant + mp.log(stays + gone))
    close(model.probability_alive(row).iloc[0], stays / (stays + gone))
    r, alpha, a, b = (mp.mpf(v) for v in known.values())
    x, T = int(row["frequency"].iloc[0]), mp.mpf(row["T"].iloc[0])
    future = purchases_alive(r + x, alpha + T, a, b + n, mp.mpf(periods))
    got = model.expected_purchases(row, periods).iloc[0]
    close(got, stays / (stays + gone) * future)


@pytest.mark.parametrize("seed", POINTS)
def test_bgnbd_closed_form_of_a_new_customer(seed):
    """Equation (9) of Fader, Hardie and Lee (2005), away from its pole."""
    random = np.random.default_rng(seed)
    r, alpha, b = (log_uniform(random, 0.1, 50) for _ in range(3))
    a, t = log_uniform(random, 1.2, 8), log_uniform(random, 0.1, 1e4)
    model = clv.BetaGeoNBD(r=r, alpha=alpha, a=a, b=b)
    z = mp.mpf(t) / (mp.mpf(alpha) + t)
    hyper = mp.hyp2f1(r, b, mp.mpf(a) + b - 1, z)
    want = (mp.mpf(a) + b - 1) / (mp.mpf(a) - 1) * (1 - (1 - z) ** mp.mpf(r) * hyper)
    close(model.expected_purchases_new(t), want)


@pytest.mark.parametrize("seed", POINTS)
def test_pareto(seed):
    random, x, t_x, T, periods = draw(seed)
    s = float(random.choice([1, 1 + 1e-12, 1 - 1e-12, log_uniform(random, 0.05, 20)]))
    known = {
        "r": log_uniform(random, 0.02, 20), "alpha": log_uniform(random, 0.01, 5000),
        "s": s, "beta": log_uniform(random, 0.1, 5000),
    }  # fmt: skip
    model, row = clv.ParetoNBD(**known), one(x, t_x, T)
    r, alpha, s, beta = (mp.mpf(v) for v in known.values())
    least = min(alpha, beta)

    def integrand(y):
        moved = (least + t_x) * mp.exp(y)
        tau = moved - least
        return (
            ((alpha + tau) / (alpha + t_x)) ** -(r + x)
            * ((beta + tau) / (beta + t_x)) ** -(s + 1)
            * moved
        )

    span = mp.log((least + T) / (least + t_x))
    edges = [mp.mpf(0), *(span * mp.mpf(2) ** -k for k in range(18, -1, -1))]
    area = mp.quad(integrand, edges) if span > 0 else mp.mpf(0)
    gone = s * area * (alpha + t_x) ** -(r + x) * (beta + t_x) ** -(s + 1)
    stays = (alpha + T) ** -(r + x) * (beta + T) ** -s
    constant = mp.loggamma(r + x) - mp.loggamma(r) + r * mp.log(alpha) + s * mp.log(beta)
    close(model.log_likelihoods(row).iloc[0], constant + mp.log(stays + gone))
    alive = stays / (stays + gone)
    close(model.probability_alive(row).iloc[0], alive)
    rate = (r + x) / (alpha + T)
    lasts = mp.log1p(periods / (beta + T))
    if s != 1:
        lasts = -mp.expm1((1 - s) * lasts) / (s - 1)
    close(model.expected_purchases(row, periods).iloc[0], alive * rate * (beta + T) * lasts)
    worth = rate * (beta + T) * mp.hyperu(1, 2 - s, mp.mpf("0.002") * (beta + T))
    close(model.discounted_purchases(row, 0.002).iloc[0], alive * worth)


@pytest.mark.parametrize("seed", range(12))
def test_bgnbd_discounted_purchases(seed):
    """Against ∫ e^{-δt} dE(t) with E from the promised (and above checked) expectation."""
    random = np.random.default_rng(seed)
    known = {
        "r": log_uniform(random, 0.1, 10), "alpha": log_uniform(random, 0.1, 1000),
        "a": float(random.choice([1, log_uniform(random, 0.1, 5)])),
        "b": log_uniform(random, 0.3, 100),
    }  # fmt: skip
    model = clv.BetaGeoNBD(**known)
    discount, end = float(random.choice([1e-4, 0.002, 0.05])), float(random.choice([52, 10_000]))
    row = one(*((0, 0.0, 0.0) if seed % 3 == 0 else (5, 20.0, 30.0)))
    got = model.discounted_purchases(row, discount, end).iloc[0]
    point, weight = np.polynomial.legendre.leggauss(250)
    far = min(end, 60 / discount)
    t = np.exp(np.log(1e-14) + (point + 1) / 2 * (np.log(far) - np.log(1e-14)))
    curve = np.array([model.expected_purchases(row, each).iloc[0] for each in t])
    width = (np.log(far) - np.log(1e-14)) / 2
    want = discount * width * (np.exp(-discount * t) * curve * t) @ weight
    want += np.exp(-discount * end) * model.expected_purchases(row, end).iloc[0]
    assert got == pytest.approx(want, rel=TOLERANCE)


@pytest.mark.parametrize("seed", POINTS)
def test_gammagamma(seed):
    random = np.random.default_rng(seed)
    p, q = log_uniform(random, 0.1, 50), log_uniform(random, 0.3, 50)
    scale = float(random.choice([1e-3, 1, 1e6]))
    gamma, mean = (scale * log_uniform(random, 0.5, 200) for _ in range(2))
    x = float(random.choice([1, 2, 30, 5000]))
    row = pd.DataFrame({"frequency": [x], "monetary_value": [mean]})
    model = clv.GammaGamma(p=p, q=q, gamma=gamma)
    P, Q, G, Z, X = map(mp.mpf, (p, q, gamma, mean, x))
    want = (
        mp.loggamma(P * X + Q) - mp.loggamma(P * X) - mp.loggamma(Q) + Q * mp.log(G)
        + (P * X - 1) * mp.log(Z) + P * X * mp.log(X) - (P * X + Q) * mp.log(G + X * Z)
    )  # fmt: skip
    close(model.log_likelihoods(row).iloc[0], want)
    if P * X + Q > 1:
        close(model.expected_spend(row).iloc[0], P * (G + X * Z) / (P * X + Q - 1))


@pytest.mark.parametrize("seed", POINTS)
def test_bgbb(seed):
    random = np.random.default_rng(seed)
    known = {name: log_uniform(random, 0.1, 50) for name in ("alpha", "beta", "gamma", "delta")}
    if seed % 4 == 0:
        known["gamma"] = 1.0
    T = int(random.choice([1, 6, 60]))
    t_x = int(random.integers(0, T + 1))
    x = int(random.integers(1, t_x + 1)) if t_x else 0
    periods = int(random.choice([0, 1, 10, 500]))
    alpha, beta, gamma, delta = (mp.mpf(v) for v in known.values())
    lives = mp.beta(alpha + x, beta + T - x) / mp.beta(alpha, beta)
    whole = lives * mp.beta(gamma, delta + T) / mp.beta(gamma, delta)
    for i in range(T - t_x):
        chance = mp.beta(alpha + x, beta + t_x - x + i) / mp.beta(alpha, beta)
        whole += chance * mp.beta(gamma + 1, delta + t_x + i) / mp.beta(gamma, delta)
    model, row = clv.BetaGeoBetaBinomial(**known), one(x, float(t_x), float(T))
    close(model.log_likelihoods(row).iloc[0], mp.log(whole))
    alive = lives * mp.beta(gamma, delta + T + 1) / mp.beta(gamma, delta) / whole
    close(model.probability_alive(row).iloc[0], alive)
    buys = (alpha + x) / (alpha + beta + T)
    lasts = mp.fsum(
        mp.beta(gamma, delta + T + j) / mp.beta(gamma, delta) for j in range(1, periods + 1)
    )
    close(model.expected_purchases(row, periods).iloc[0], lives / whole * buys * lasts)


@pytest.mark.parametrize("seed", POINTS)
def test_contracts(seed):
    random = np.random.default_rng(seed)
    alpha, beta = log_uniform(random, 0.01, 5000), log_uniform(random, 0.1, 5000)
    c = float(random.choice([1, log_uniform(random, 0.3, 2)]))
    n = float(random.choice([1, 2, 12, 1000]))
    A, B, C, N = map(mp.mpf, (alpha, beta, c, n))

    def curve(t):
        return mp.beta(A, B + t**C) / mp.beta(A, B)

    left = pd.DataFrame({"tenure": [n, n], "ended": [True, False]})
    want = [mp.log(curve(N - 1) - curve(N)), mp.log(curve(N))]
    models = [clv.BetaDiscreteWeibull(alpha=alpha, beta=beta, c=c)]
    if c == 1:
        models.append(clv.ShiftedBetaGeometric(alpha=alpha, beta=beta))
    for model in models:
        for got, right in zip(model.log_likelihoods(left), want, strict=True):
            close(got, right)
        close(np.log(model.survival(n).iloc[0]) if want[1] > -600 else float(want[1]), want[1])
        close(model.retention(n).iloc[0], curve(N) / curve(N - 1))
        short = mp.fsum(curve(N + k) / curve(N) / mp.mpf("1.1") ** (k - 1) for k in range(1, 400))
        close(model.discounted_lifetime(0.1, n, 399).iloc[0], short)
