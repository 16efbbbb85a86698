"""Campaigns in money: published figures, brute force, known worlds, refusals."""

import numpy as np
import pandas as pd
import pytest
from empulse.metrics import empc_score
from scipy import integrate
from scipy.stats import beta as beta_distribution

import clvkit as clv
from clvkit.simulate import emails
from clvkit.simulate.experiments import CONTACT_COST, INCENTIVE

Y = [0, 1, 0, 1, 0, 1, 0, 1]
SCORE = [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9]
TERMS = {"customer_value": 200, "incentive": 10, "contact_cost": 1}


def test_published_expected_maximum_profit():
    found = clv.expected_maximum_profit(Y, SCORE)
    assert found.profit == pytest.approx(23.875593418348124, rel=1e-14)
    assert found.target_share == pytest.approx(0.87437, abs=5e-6)


@pytest.mark.parametrize("seed", range(12))
def test_empulse_agrees(seed):
    random = np.random.default_rng(seed)
    size = int(random.integers(4, 400))
    y = (random.uniform(size=size) < 0.3).astype(int)
    y[:2] = 0, 1
    score = np.round(random.uniform(size=size) + 0.3 * y, 1 + seed % 3)
    terms = {"incentive": 5.0 + seed, "contact_cost": 0.5 * seed, "alpha": 2.0 + seed, "beta": 9.0}
    ours = clv.expected_maximum_profit(y, score, customer_value=150.0, **terms)
    theirs = empc_score(
        y, score, clv=150.0, incentive_cost=terms["incentive"], contact_cost=terms["contact_cost"],
        alpha=terms["alpha"], beta=terms["beta"],
    )  # fmt: skip
    assert ours.profit == pytest.approx(theirs, rel=1e-10, abs=1e-10)


def test_expected_maximum_profit_by_integration():
    """At each rescue rate the best of all cut-offs, averaged over the beta distribution."""
    y, score = np.array(Y), np.array(SCORE)

    def best(gamma):
        profits = []
        for cut in [2.0, *score]:
            on = score >= cut
            gain = gamma * (200 - 10) - 1
            profits.append((gain * y[on].sum() - 11 * (1 - y[on]).sum()) / len(y))
        return max(profits)

    value = integrate.quad(
        lambda g: best(g) * beta_distribution.pdf(g, 6, 14), 0, 1, limit=400, epsabs=1e-8
    )[0]
    assert clv.expected_maximum_profit(Y, SCORE).profit == pytest.approx(value, abs=1e-5)


def test_ties_and_order_do_not_matter():
    random = np.random.default_rng(4)
    y = np.r_[0, 1, (random.uniform(size=98) < 0.4).astype(int)]
    score = np.round(random.uniform(size=100), 1)
    mixed = random.permutation(100)
    one = clv.expected_maximum_profit(y, score)
    two = clv.expected_maximum_profit(y[mixed], 7 * score[mixed] - 3)
    assert one == pytest.approx(two)
    useless = clv.expected_maximum_profit(y, np.ones(100))
    assert one.profit >= useless.profit - 1e-12


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        (([0, 0], [0.1, 0.2]), {}, clv.UndefinedError, "All customers stayed"),
        (([1, 1], [0.1, 0.2]), {}, clv.UndefinedError, "all left"),
        (([0, 2], [0.1, 0.2]), {}, clv.DataError, "0 or 1"),
        (([0, 1], [0.1, np.nan]), {}, clv.DataError, "a number"),
        (([0, 1], [0.1]), {}, clv.DataError, "one each"),
        (([0, 1], [0.1, 0.2]), {"incentive": 300}, clv.DataError, "between 0 and"),
    ],
)
def test_expected_maximum_profit_refuses(arguments, options, error, words):
    with pytest.raises(error, match=words):
        clv.expected_maximum_profit(*arguments, **options)


def test_published_breakeven():
    assert clv.breakeven_probability(200, 10, 1, 0.3) == pytest.approx(0.1642, abs=5e-5)
    with pytest.raises(clv.UndefinedError, match="pays for nobody"):
        clv.breakeven_probability(20, 10, 30, 0.3)


def test_neslin_s_formula_written_out_person_by_person():
    """1,000 contacted, a fifth of them leaving, 30% of these rescued."""
    found = clv.campaign_profit(
        10_000, 0.1, base_churn=0.05, lift=4, rescue_rate=0.3, fixed_cost=500, **TERMS
    )
    rescued, stayers = 200 * 0.3, 800
    by_person = rescued * (200 - 10) - stayers * 10 - 1_000 * 1 - 500
    assert found == pytest.approx(by_person)
    # The rescued pay for their own incentive; the formula counts δ(1-γ) back for those lost.


def test_profit_is_zero_at_the_breakeven():
    cut = clv.breakeven_probability(200, 10, 1, 0.3)
    at_cut = clv.campaign_profit(100, 0.5, base_churn=cut, lift=1, rescue_rate=0.3, **TERMS)
    assert at_cut == pytest.approx(0, abs=1e-9)
    with pytest.raises(clv.DataError, match="lift=30"):
        clv.campaign_profit(100, 0.5, base_churn=0.05, lift=30, rescue_rate=0.3, **TERMS)


# Targeting


@pytest.fixture(scope="module")
def world():
    trial, people = emails(0.3, published=False, seed=21)
    return trial, people.set_index("customer_id")


def ids(count):
    return pd.Index([f"{i:03d}" for i in range(count)], name="customer_id")


def test_the_causal_rule_by_hand():
    index = ids(3)
    p0, p1 = pd.Series([0.5, 0.2, 0.9], index), pd.Series([0.6, 0.5, 0.85], index)
    gain = clv.treatment_gain(p0, p1, pd.Series([100.0, 40.0, 200.0], index), 5, 1)
    assert gain.tolist() == pytest.approx(
        [0.6 * 95 - 1 - 50, 0.5 * 35 - 1 - 8, 0.85 * 195 - 1 - 180]
    )
    with pytest.raises(clv.DataError, match="1 customers have none"):
        clv.treatment_gain(p0, p1, pd.Series([1.0, 2.0], index[:2]), 5, 1)


def test_rules_treat_as_many_and_ties_do_not_depend_on_the_rows():
    index = ids(6)
    predicted = pd.DataFrame(
        {"if_untreated": [0.1] * 6, "if_treated": [0.5, 0.5, 0, 0, 0, 0]}, index
    )
    rules = clv.targeting_rules(predicted, 100, incentive=5, contact_cost=1)
    assert rules.sum().tolist() == [2, 2, 2, 6]
    mixed = clv.targeting_rules(
        predicted.sample(frac=1, random_state=3), 100, incentive=5, contact_cost=1
    )
    pd.testing.assert_frame_equal(mixed.loc[index], rules)
    shares = clv.top_shares(predicted["if_treated"], 4)
    assert shares.sum().tolist() == [2, 3, 4, 6]


def test_profit_of_a_rule_by_brute_force(world):
    trial, people = world
    rule = (people["channel"] == "web").rename("web").to_frame()
    found = clv.rule_profit(trial, rule, "mens", people["clv"], incentive=5.0, contact_cost=0.25)
    rows = trial[trial["arm"] != "womens"].set_index("customer_id").join(people[["clv", "channel"]])
    web = rows[rows["channel"] == "web"]
    mens, control = web[web["arm"] == "mens"], web[web["arm"] == "control"]
    added = (mens["outcome"] * (mens["clv"] - 5) - 0.25).mean() - (
        control["outcome"] * control["clv"]
    ).mean()
    share = len(web) / len(rows)
    assert found.loc["web", "profit"] == pytest.approx(share * added)
    assert found.loc["web", "treated"] == pytest.approx(share)


def test_treating_nobody_and_odd_rules(world):
    trial, people = world
    rules = pd.DataFrame({"nobody": False, "one": people.index == people.index[0]}, people.index)
    found = clv.rule_profit(trial, rules, "mens", 100, incentive=5, contact_cost=1)
    assert found.loc["nobody", "profit"] == 0
    assert np.isnan(found.loc["one", "profit"])
    with pytest.raises(clv.DataError, match="a row for every customer"):
        clv.rule_profit(trial, rules.iloc[1:], "mens", 100, incentive=5, contact_cost=1)


@pytest.mark.slow
def test_intervals_of_a_rule_hold_its_true_profit():
    inside = 0
    for seed in range(200):
        trial, people = emails(0.1, published=False, seed=seed)
        people = people.set_index("customer_id")
        rule = (people["channel"] == "web").rename("web").to_frame()
        found = clv.rule_profit(
            trial, rule, "mens", people["clv"], incentive=INCENTIVE, contact_cost=CONTACT_COST
        ).loc["web"]
        gain = clv.treatment_gain(
            people["true_control"], people["true_mens"], people["clv"], INCENTIVE, CONTACT_COST
        )
        inside += found["low"] < (gain * rule["web"]).mean() < found["high"]
    assert 168 <= inside <= 195, inside


@pytest.mark.slow
def test_value_based_targeting_earns_most_in_nine_of_ten_worlds():
    """Learned on one experiment, paid out on the truth of the same customers."""
    ahead = dict.fromkeys(["highest risk", "highest value", "everybody"], 0)
    for seed in range(100):
        trial, people = emails(0.3, published=False, seed=seed)
        people = people.set_index("customer_id")
        seen = people.drop(columns=[name for name in people if name.startswith("true_")])
        predicted = clv.predict_uplift(trial, seen.reset_index(), "mens", folds=2)
        here = people.loc[predicted.index]
        rules = clv.targeting_rules(
            predicted, here["clv"], incentive=INCENTIVE, contact_cost=CONTACT_COST
        )
        gain = clv.treatment_gain(
            here["true_control"], here["true_mens"], here["clv"], INCENTIVE, CONTACT_COST
        )
        earned = rules.mul(gain, axis=0).sum()
        for rule in ahead:
            ahead[rule] += earned["effect times value"] > earned[rule]
    assert min(ahead.values()) >= 90, ahead


# The offer's price


def test_the_best_incentive_is_a_maximum():
    found = clv.best_incentive(0.3, 0.7, 20, customer_value=60, contact_cost=0.5)
    best = found.attrs["best"]
    assert 0 < best < 40
    assert not found.attrs["at_edge"]
    slope = (np.log(0.7 / 0.3) - np.log(0.3 / 0.7)) / 20
    chance = found.loc[best, "chance"]
    # First-order condition: slope (1-p)(V-δ) = 1, to the step of the table.
    assert slope * (1 - chance) * (60 - best) == pytest.approx(1, abs=0.02)
    assert found["profit"].iloc[0] == pytest.approx(-0.5)
    assert found.loc[20.0, "chance"] == pytest.approx(0.7)
    assert found.loc[20.0, "profit"] == pytest.approx(0.7 * 40 - 0.5 - 0.3 * 60)


def test_beyond_twice_the_offer_nothing_is_claimed():
    found = clv.best_incentive(0.005, 0.012, 5, customer_value=117, contact_cost=0.25)
    assert found.index[-1] == found.attrs["best"] == 10
    assert found.attrs["at_edge"]


def test_an_offer_that_puts_people_off_is_best_not_made():
    found = clv.best_incentive(0.3, 0.25, 5, customer_value=60, contact_cost=0.5, people=(900, 900))
    assert found.attrs["best"] == found.attrs["best_low"] == 0
    with pytest.raises(clv.UndefinedError, match="strictly between"):
        clv.best_incentive(0.0, 0.25, 5, customer_value=60, contact_cost=0.5)


def test_few_people_leave_the_best_offer_open():
    few, many = (
        clv.best_incentive(0.3, 0.45, 5, customer_value=60, contact_cost=0.5, people=(n, n)).attrs
        for n in (100, 10_000)
    )
    assert (
        few["best_low"] <= many["best_low"] <= many["best"] <= many["best_high"] <= few["best_high"]
    )
    assert many["best_high"] - many["best_low"] < few["best_high"] - few["best_low"]


# Booked back


def test_booked_back_adds_up():
    trial = clv.read_experiment("emails")
    found = clv.booked_value(trial, gross_margin=0.4)
    mens = found.loc["mens"]
    assert mens["margin"] == pytest.approx(0.4 * (1.4226 - 0.6528), abs=1e-4)
    assert mens["cost"] == pytest.approx(0.25 + 5 * 267 / 21_307)
    assert mens["net"] == pytest.approx(mens["margin"] - mens["cost"])
    assert mens["total"] == pytest.approx(21_307 * mens["net"])
    assert mens["total_low"] < mens["total"] < mens["total_high"]
    free = clv.booked_value(trial.table.drop(columns="cost"), gross_margin=0.4)
    assert (free["cost"] == 0).all()
    with pytest.raises(clv.DataError, match="column value"):
        clv.booked_value(trial.table.drop(columns="value"), gross_margin=0.4)
