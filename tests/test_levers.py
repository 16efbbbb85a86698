"""lever_map against brute force over the customers that each model imagines."""

import numpy as np
import pandas as pd
import pytest

import clvkit as clv

KNOWN = {"time_unit": "W"}
BG = clv.BetaGeoNBD(r=0.6, alpha=5.0, a=0.9, b=2.5, **KNOWN)
PARETO = clv.ParetoNBD(r=0.6, alpha=10.0, s=0.7, beta=12.0, **KNOWN)
TERMS = {"horizon_months": 24, "annual_discount_rate": 0.12, "gross_margin": 0.4}
WEEKS = 24 * 30.4375 / 7
DELTA = np.log(1.12) / (365.25 / 7)


@pytest.fixture
def base():
    summary = pd.DataFrame(
        {
            "frequency": [0, 3, 12, 1], "recency": [0.0, 20.0, 60.0, 5.0],
            "T": [30.0, 40.0, 61.0, 80.0], "monetary_value": [np.nan, 20.0, 35.0, 80.0],
        },
        index=pd.Index(["007", "b", "c", "d"], name="customer_id"),
    )  # fmt: skip
    summary.attrs["time_unit"] = "W"
    return summary


@pytest.fixture(scope="module")
def shop():
    orders = clv.read_transactions(clv.datasets.cdnow(sample=True))
    summary = clv.summarize(orders)
    return clv.BetaGeoNBD().fit(summary), clv.GammaGamma().fit(summary), summary


def purchases_expected(rate, leaving, span, delta):
    """Discounted purchases of customers alive now: ∫ rate · exp(-(delta + leaving) t) dt."""
    both = delta + leaving
    return (rate * -np.expm1(-both * span) / both).mean()


def bg_brute(row, span, delta, faster=1.0, stays=1.0, n=400_000):
    """Draw the rate and the chance to leave of one customer, moved, from what is known of her."""
    random = np.random.default_rng(3)
    x, age = row["frequency"], row["T"]
    r, alpha, a, b = BG.params
    rate = random.gamma(r + x, 1 / (alpha + age), n) * faster
    leaves = random.beta(a, b + x, n) * stays
    return purchases_expected(rate, rate * leaves, span, delta)


@pytest.mark.parametrize(("lever", "moved"), [("frequency", (1.2, 1)), ("retention", (1, 0.8))])
def test_bg_nbd_levers_agree_with_brute_force(base, lever, moved):
    table = clv.lever_map(BG, 50.0, base, change=0.2, **TERMS)
    alive = BG.probability_alive(base)
    for measure, span, delta in (("base", WEEKS, DELTA), ("next_year", WEEKS / 2, 0.0)):
        gain = [
            alive[i] * (bg_brute(row, span, delta, *moved) - bg_brute(row, span, delta))
            for i, row in base.iterrows()
        ]
        assert table.loc[lever, measure] == pytest.approx(20.0 * sum(gain), rel=0.02)
    new = {"frequency": 0, "T": 0}
    gain = bg_brute(new, WEEKS, DELTA, *moved) - bg_brute(new, WEEKS, DELTA)
    assert table.loc[lever, "clv"] == pytest.approx(20.0 * gain, rel=0.02)


@pytest.mark.parametrize(("lever", "moved"), [("frequency", (1.2, 1)), ("retention", (1, 0.8))])
def test_pareto_nbd_levers_agree_with_brute_force(base, lever, moved):
    table = clv.lever_map(PARETO, 50.0, base, change=0.2, **TERMS)
    random = np.random.default_rng(4)
    r, alpha, s, beta = PARETO.params
    rate = random.gamma(r, 1 / alpha, 400_000)
    leaving = random.gamma(s, 1 / beta, 400_000)
    today = purchases_expected(rate, leaving, WEEKS, DELTA)
    later = purchases_expected(rate * moved[0], leaving * moved[1], WEEKS, DELTA)
    assert table.loc[lever, "clv"] == pytest.approx(20.0 * (later - today), rel=0.03)


def test_buying_faster_is_worth_less_than_its_share_where_leaving_follows_purchases(base):
    bg = clv.lever_map(BG, 50.0, base, **TERMS)
    pareto = clv.lever_map(PARETO, 50.0, base, **TERMS)
    assert bg.loc["frequency", "base"] < 0.1 * bg.attrs["base"]
    assert pareto.loc["frequency", "base"] == pytest.approx(0.1 * pareto.attrs["base"])


def test_contract_churn_falls_at_every_tenure():
    model = clv.ShiftedBetaGeometric(alpha=0.764, beta=1.296, time_unit="Y")
    summary = pd.DataFrame({"tenure": [0.0, 2.0, 5.0], "ended": [0.0, 0.0, 1.0]})
    table = clv.lever_map(
        model, 100.0, summary, change=0.1, horizon_months=48, annual_discount_rate=0.1,
        gross_margin=1.0,
    )  # fmt: skip
    churn = 1 - model.retention(range(1, 8)).to_numpy()

    def worth(tenure, factor):
        kept = np.cumprod(1 - factor * churn[tenure : tenure + 4])
        return 100 * (kept / 1.1 ** np.arange(1, 5)).sum()

    gain = sum(worth(n, 0.9) - worth(n, 1.0) for n in (0, 2))
    assert table.loc["retention", "base"] == pytest.approx(gain)
    assert table.loc["retention", "clv"] == pytest.approx(worth(0, 0.9) - worth(0, 1.0))
    assert table.attrs["clv"] == pytest.approx(100 + worth(0, 1.0))
    assert "frequency" not in table.index
    now, then = table.loc["retention", ["now", "then"]]
    assert (now, then) == pytest.approx((0.764 / 2.06, 0.9 * 0.764 / 2.06))


def test_money_levers_are_arithmetic(base):
    table = clv.lever_map(
        BG, 50.0, base, change=0.1, discount=0.2, cost_to_serve=3.0, acquisition_cost=40.0, **TERMS
    )
    plain = clv.lifetime_value(BG, 50.0, base, interval=None, **TERMS)
    revenue = plain.attrs["total"] / 0.4
    count = revenue / 50
    assert table.attrs["base"] == pytest.approx(plain.attrs["total"] - 3 * count)
    assert table.loc["order value", "base"] == pytest.approx(0.1 * 0.4 * revenue)
    assert table.loc["margin", "base"] == table.loc["order value", "base"]
    # The list price is 62.50 and two less of it are given away.
    assert table.loc["discount", "base"] == pytest.approx(0.02 * 62.5 * count)
    assert table.loc["cost to serve", "base"] == pytest.approx(0.3 * count)
    cac = table.loc["acquisition cost"]
    assert cac[["now", "then", "clv", "base", "at_most"]].tolist() == [40, 36, 4, 0, 4]
    assert cac["next_year"] == 4 * 2  # two of the four began in the last 52 weeks
    first = clv.lifetime_value(
        BG, 50.0, pd.DataFrame({"frequency": [0], "recency": [0], "T": [0]}).assign(),
        interval=None, **TERMS,
    )["clv"].iloc[0]  # fmt: skip
    new = (first / 20 + 1) * (0.4 * 50 - 3)
    assert table.attrs["clv"] == pytest.approx(new)


def test_nothing_moved_is_nothing_gained_and_more_gains_more(base):
    none = clv.lever_map(BG, 50.0, base, change=0.0, **TERMS)
    assert np.abs(none[["clv", "base", "next_year"]]).to_numpy().max() < 1e-9
    some, more = (clv.lever_map(BG, 50.0, base, change=x, **TERMS)["base"] for x in (0.1, 0.3))
    assert (more > some).all()
    one = clv.lever_map(BG, 50.0, base, change={"retention": 0.1}, **TERMS)
    assert one.loc["retention", "base"] == pytest.approx(some["retention"])
    assert one.loc["frequency", "base"] == 0


def test_whole_life_is_the_limit_of_long_horizons(base):
    terms = TERMS | {"horizon_months": None}
    whole = clv.lever_map(BG, 50.0, base, **terms)
    long = clv.lever_map(BG, 50.0, base, **(terms | {"horizon_months": 1200}))
    assert whole["base"].to_numpy() == pytest.approx(long["base"].to_numpy(), rel=1e-4)


def test_intervals_hold_the_estimate_and_money_scales(shop):
    model, money, summary = shop
    table = clv.lever_map(model, money, summary, replicates=40)
    for name in ("clv", "base", "next_year"):
        assert (table[f"{name}_low"] < table[name]).all()
        assert (table[name] < table[f"{name}_high"]).all()
    assert table["at_most"].tolist() == pytest.approx((table["base_low"] / len(summary)).tolist())
    total = clv.lifetime_value(model, money, summary, interval=None).attrs["total"]
    assert table.attrs["base"] == pytest.approx(total)
    cents = summary.assign(monetary_value=100 * summary["monetary_value"])
    in_cents = clv.lever_map(model, clv.GammaGamma().fit(cents), cents, replicates=40)
    assert in_cents["base"].to_numpy() == pytest.approx(100 * table["base"].to_numpy(), rel=1e-3)
    shuffled = summary.sample(frac=1, random_state=1)
    again = clv.lever_map(model, money, shuffled, replicates=40)
    assert again["base_low"].to_numpy() == pytest.approx(table["base_low"].to_numpy())


def test_known_parameters_have_no_interval(base):
    table = clv.lever_map(BG, 50.0, base, **TERMS)
    assert table[["clv_low", "base_high", "at_most"]].isna().all(axis=None)


def test_a_row_counts_as_often_as_its_weight(base):
    twice = clv.lever_map(BG, 50.0, base.assign(weights=2.0), **TERMS)
    once = clv.lever_map(BG, 50.0, base, **TERMS)
    assert twice["base"].to_numpy() == pytest.approx(2 * once["base"].to_numpy())
    assert twice["clv"].to_numpy() == pytest.approx(once["clv"].to_numpy())


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"change": 1.0}, "share from 0 to below 1"),
        ({"change": {"referral": 0.1}}, "'referral' is no lever"),
        ({"gross_margin": 40}, "share between 0 and 1"),
        ({"discount": 1.0}, "gives everything away"),
        ({"cost_to_serve": -1.0}, "0 or more"),
        ({"acquisition_cost": -1.0}, "0 or more"),
        ({"change": "much"}, "not a number"),
    ],
)
def test_what_cannot_be_is_refused(base, terms, message):
    with pytest.raises(clv.DataError, match=message):
        clv.lever_map(BG, 50.0, base, **terms)


def test_where_the_mean_spend_does_not_exist(base):
    with pytest.raises(clv.UndefinedError, match="q <= 1"):
        clv.lever_map(BG, clv.GammaGamma(p=2.0, q=0.9, gamma=10.0), base)
    with pytest.raises(clv.DataError, match="not BG/BB"):
        clv.lever_map(clv.BetaGeoBetaBinomial(alpha=1, beta=1, gamma=1, delta=1), 50.0, base)
