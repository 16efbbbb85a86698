"""Marginal CAC and the budget: known truth, brute force, and histories that teach nothing."""

import json
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import clvkit as clv
from clvkit.responses import carried, fit_response
from clvkit.simulate.marketing import Channel, Market

ROOT = Path(__file__).parents[1]
study = runpy.run_path(str(ROOT / "benchmarks/acquisition.py"))


@pytest.fixture(scope="module")
def saas():
    return clv.read_spend("saas").table


def test_average_and_marginal_of_the_reference():
    """REFERENCE 2.5: 100k, 150k, 200k bring 1,000, 1,300, 1,450: average and marginal."""
    spend, new = np.array([100e3, 150e3, 200e3]), np.array([1000, 1300, 1450])
    months = pd.DataFrame({"month": ["2024-01", "2024-02", "2024-03"], "channel": "all",
                           "spend": spend, "new_customers": new})  # fmt: skip
    average = clv.acquisition_cost(months, by="month")["cac"]
    assert average.round().tolist() == [100, 115, 138]
    assert (np.diff(spend) / np.diff(new)).round().tolist() == [167, 333]


def test_much_data_finds_the_truth():
    """With a hundred times the customers of the firm the median is the marginal CAC."""
    channels = {"good": Channel(5000, 1500, saturation=0.4), "flat": Channel(5000, 2500, 0.65, 0.6)}
    frame = clv.simulate.spend_history(Market("2016-01", 120, 0.15, 3, channels), seed=3)
    cost = clv.marginal_cac(frame)
    truth = pd.DataFrame(frame.attrs["truth"]).T
    assert cost["marginal_cac"].to_numpy() == pytest.approx(
        truth["marginal_cac"].to_numpy(), rel=0.25
    )
    assert cost["average_cac"].to_numpy() == pytest.approx(
        truth["average_cac"].to_numpy(), rel=0.05
    )
    assert (cost["high"] / cost["low"] < 2).all()


def test_one_shape_of_the_grid_is_the_likelihood_maximum_of_another_optimiser():
    """The draws' centre against scipy's search over all parameters at once."""
    from scipy.optimize import minimize

    channel = Channel(5000, 400, saturation=0.5, carry=0.4)
    frame = clv.simulate.spend_history(Market("2018-01", 72, 0.1, 6, {"one": channel}), seed=5)
    spend, came = (frame[c].to_numpy(float) for c in ("spend", "new_customers"))
    month = pd.PeriodIndex(frame["month"], freq="M").month.to_numpy()
    angle, ends = 2 * np.pi * month / 12, np.linspace(-1, 1, 72)

    def loss(p):
        level, cos, sin, trend, logit, carry = p
        e = 1 / (1 + np.exp(-logit))
        z = carried(spend, 1 / (1 + np.exp(-carry))) / 5000
        log = level + cos * np.cos(angle) + sin * np.sin(angle) + trend * ends
        mean = np.exp(log) * z / (e + (1 - e) * z)
        prior = (cos**2 + sin**2 + trend**2) / 2 / 0.3**2
        return (mean - came * np.log(mean)).sum() + prior

    options = {"maxiter": 20000, "maxfev": 20000, "xatol": 1e-6, "fatol": 1e-9}
    best = minimize(loss, [6, 0, 0, 0, 0, 0], method="Nelder-Mead", options=options)
    elasticity = 1 / (1 + np.exp(-best.x[4]))
    fitted = fit_response(spend, came, month, 1)
    at = np.median(5000 * fitted.marginal(5000) / fitted.customers(5000))
    assert at == pytest.approx(elasticity, abs=0.06)


def test_marginal_is_the_slope_and_customers_are_concave(saas):
    rows = saas[saas["channel"] == "social"]
    month = rows["date"].dt.month.to_numpy()
    spend, came = (rows[c].to_numpy(float) for c in ("spend", "new_customers"))
    found = fit_response(spend, came, month, 1)
    slope = (found.customers(4001) - found.customers(3999)) / 2
    assert found.marginal(4000) == pytest.approx(slope, rel=1e-6)
    curve = found.customers(np.linspace(0, 20000, 50))
    assert (np.diff(curve, axis=1) > 0).all()
    assert (np.diff(curve, 2, axis=1) < 1e-9).all()


def test_scale_order_and_rows_without_news(saas):
    cost = clv.marginal_cac(saas)
    assert (cost["low"] < cost["marginal_cac"]).all()
    assert (cost["marginal_cac"] < cost["high"].fillna(np.inf)).all()
    cents = clv.marginal_cac(saas.assign(spend=100 * saas["spend"]))
    money = ["spend", "average_cac", "marginal_cac", "low", "high"]
    pd.testing.assert_frame_equal(cents[money], 100 * cost[money])
    mixed = clv.marginal_cac(saas.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(mixed.loc[cost.index], cost)
    alone = clv.marginal_cac(saas[saas["channel"] == "partner"])
    pd.testing.assert_frame_equal(alone, cost.loc[["partner"]])


def months(spend, came):
    index = pd.period_range("2022-01", periods=len(spend), freq="M").astype(str)
    return pd.DataFrame({"month": index, "channel": "x", "spend": spend, "new_customers": came})


@pytest.mark.parametrize(
    ("spend", "came", "reason"),
    [
        ([100.0] * 24, [5.0] * 24, "spend hardly moved"),
        ([100.0, 101.0] * 12, [5.0, 6.0] * 12, "spend hardly moved"),
        ([100.0, 300.0] * 5, [5.0, 9.0] * 5, "10 months"),
        ([0.0] * 24, [5.0] * 24, "nothing was spent"),
        ([100.0, 300.0] * 12, [0.0] * 24, "nobody came"),
        ([100.0, 110.0, 90.0, 120.0] * 6, [1.0, 0.0, 0.0, 1.0] * 6, "too few customers"),
        ([100.0, 300.0] * 12, [np.nan] * 14 + [5.0] * 10, "10 months"),
    ],
)
def test_histories_that_teach_nothing_are_refused_with_a_reason(spend, came, reason):
    cost = clv.marginal_cac(months(spend, came)).iloc[0]
    assert reason in cost["reason"]
    assert cost[["average_cac", "marginal_cac", "low", "high"]].isna().all()
    with pytest.raises(clv.DataError, match=reason):
        clv.allocate_budget(months(spend, came), 100.0)


def test_spend_that_may_bring_nobody_has_no_upper_end():
    random = np.random.default_rng(3)
    spend = np.exp(random.normal(7, 0.8, 60)).round()
    cost = clv.marginal_cac(months(spend, random.poisson(60, 60))).iloc[0]
    assert np.isnan(cost["high"])
    assert cost["low"] > 3 * cost["average_cac"]


def test_months_without_spend_tell_who_comes_anyway():
    channel, held = Channel(1000, 80, saturation=0.2, anyway=0.5), 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        on = np.arange(60) % 4 >= 2
        spend = np.where(on, 1000.0 + 200 * random.normal(size=60), 0.0).clip(0)
        came = random.poisson(channel.expected(spend))
        cost = clv.marginal_cac(months(spend, came)).iloc[0]
        held += cost["low"] < channel.marginal_cac(spend[-12:].mean()) < cost["high"]
    assert held >= 15


def test_budget_is_spent_and_marginal_returns_meet(saas):
    split = clv.allocate_budget(saas, 900.0, budget=25_000)
    assert split[["then", "goal"]].sum().to_numpy() == pytest.approx(25_000, rel=1e-6)
    level = split.attrs["return"]
    inside = (split["goal"] > 1.01 * split["least"]) & (split["goal"] < 0.99 * split["most"])
    assert inside.sum() >= 3
    assert split.loc[inside, "return_goal"].to_numpy() == pytest.approx(level, rel=0.02)
    assert (split["then"] >= split["least"] - 1e-6).all()
    assert (split["then"] <= split["most"] + 1e-6).all()
    free = clv.allocate_budget(saas, 900.0)
    assert free.attrs["return"] == 1
    pd.testing.assert_series_equal(
        free["then"], (free["now"] + free["goal"]) / 2, check_names=False
    )
    inside = (free["goal"] > 1.01 * free["least"]) & (free["goal"] < 0.99 * free["most"])
    assert free.loc[inside, "return_goal"].to_numpy() == pytest.approx(1, rel=0.02)
    assert free.attrs["gain"] >= split.attrs["gain"]


def test_no_random_split_of_the_same_budget_is_expected_to_earn_more(saas):
    from clvkit.budget import _responses

    split = clv.allocate_budget(saas, 900.0, budget=24_000)
    responses = {c: found[1] for c, found in _responses(saas, 12).items()}

    def worth(then):
        return sum(900 * responses[c].customers(x).mean() for c, x in then.items())

    best, random = worth(split["goal"]), np.random.default_rng(1)
    for _ in range(300):
        share = random.dirichlet(np.ones(len(split)))
        then = pd.Series(24_000 * share, split.index)
        if then.between(split["least"], split["most"]).all():
            assert worth(then) <= best * (1 + 1e-6)
    # Nor is any small shift from one channel to another.
    for one in split.index:
        for two in split.index:
            shifted = split["goal"].copy()
            shifted[one], shifted[two] = shifted[one] - 50, shifted[two] + 50
            if one != two and shifted.between(split["least"], split["most"]).all():
                assert worth(shifted) <= best * (1 + 1e-6)


def test_value_is_by_channel_and_uncertain(saas):
    names = saas["channel"].unique()
    known = pd.DataFrame({"clv": 900.0, "low": 900.0, "high": 900.0}, index=names)
    vague = known.assign(low=300.0, high=1500.0)
    one, two = (clv.allocate_budget(saas, v, budget=24_000) for v in (known, vague))
    plain = clv.allocate_budget(saas, 900.0, budget=24_000)
    pd.testing.assert_frame_equal(one, plain)
    width = [a["return_now_high"] - a["return_now_low"] for a in (one, two)]
    assert (width[1] > width[0]).all()
    dear = pd.Series(900.0, names)
    dear["social"] = 2000.0
    assert (
        clv.allocate_budget(saas, dear, budget=24_000).loc["social", "then"]
        > plain.loc["social", "then"]
    )
    with pytest.raises(clv.DataError, match="there is none for social"):
        clv.allocate_budget(saas, dear.drop("social"))
    for budget in (1_000, 1e6):
        with pytest.raises(clv.DataError, match="outside nobody knows"):
            clv.allocate_budget(saas, 900.0, budget=budget)


def test_a_channel_without_a_response_stays_as_it_is(saas):
    steady = months([700.0] * 48, [4.0] * 48).assign(channel="steady")
    steady["date"] = pd.to_datetime(saas["date"].unique())
    both = pd.concat([saas, steady.drop(columns="month")], ignore_index=True)
    split = clv.allocate_budget(both, 900.0, budget=25_000)
    assert split.loc["steady", ["now", "then"]].tolist() == [700, 700]
    assert split.loc["steady", "verdict"] == "unclear"
    assert "hardly moved" in split.loc["steady", "reason"]
    assert split["then"].sum() == pytest.approx(25_000, rel=1e-6)


def test_the_average_rule_spends_the_same_and_follows_the_average(saas):
    split = clv.allocate_budget(saas, 900.0, rule="average")
    assert split["then"].sum() == pytest.approx(split["now"].sum(), rel=1e-6)
    assert split["then"].drop("referral").idxmax() == "search"
    assert (
        clv.allocate_budget(saas, 900.0, budget=split["now"].sum()).attrs["gain"]
        > split.attrs["gain"]
    )


def test_response_curves_stay_within_what_was_tried(saas):
    curves = clv.response_curves(saas)
    tried = saas.groupby("channel")["spend"].agg(["min", "max"])
    found = curves.groupby("channel")["spend"].agg(["min", "max"])
    pd.testing.assert_frame_equal(found, tried.astype(float))
    assert (curves["low"] <= curves["customers"]).all()
    assert curves.groupby("channel")["now"].sum().eq(1).all()


@pytest.mark.slow
@pytest.mark.parametrize("firm", ["saas", "shop"])
def test_a_hundred_worlds(firm):
    """The true marginal CAC in its interval, and more earned than by average CAC."""
    found = study["study"](firm, "as the model says")
    assert min(found["held"].values()) >= 0.85
    assert found["against_average"]["share"] >= 0.90
    assert found["whole_step_against_average"]["share"] >= 0.90
    told = json.loads((ROOT / "data/benchmarks/acquisition.json").read_text("utf-8"))
    on_the_page = told["firms"][firm]["as the model says"]
    for channel, share in found["held"].items():
        assert on_the_page["held"][channel] == pytest.approx(share, abs=0.03)
    for rule in ("against_average", "against_today"):
        assert on_the_page[rule]["share"] == pytest.approx(found[rule]["share"], abs=0.03)
