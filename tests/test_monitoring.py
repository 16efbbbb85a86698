"""The monthly review: counted by hand, false alarms counted, known breaks found."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import clvkit as clv


def series(values, start="2021-01", name="sales"):
    months = pd.period_range(start, periods=len(values), freq="M")
    return pd.Series(np.asarray(values, dtype="float64"), months, name=name)


def world(months, seed, *, season=True):
    """Growth, season, and noise with a memory."""
    random = np.random.default_rng(seed)
    at = np.arange(months)
    noise = np.zeros(months)
    for month in range(1, months):
        noise[month] = 0.4 * noise[month - 1] + random.normal(0, 0.05)
    wave = 0.3 * np.sin(2 * np.pi * at / 12) if season else 0
    return series(np.exp(8 + 0.01 * at + wave + noise))


def test_limits_are_the_library_s_prediction_intervals():
    values = world(48, 1)
    found = clv.control_chart(values, watch=6)
    y = np.log(values.to_numpy())
    months = pd.get_dummies(values.index.month, drop_first=True, dtype=float).to_numpy()
    design = np.column_stack([np.ones(48), np.arange(48), months, np.r_[0, y[:-1]]])
    fit = sm.OLS(y[1:42], design[1:42]).fit()
    frame = fit.get_prediction(design[42:]).summary_frame(alpha=1 - 0.9973)
    np.testing.assert_allclose(found["low"].iloc[42:], np.exp(frame["obs_ci_lower"]), rtol=1e-6)
    np.testing.assert_allclose(found["high"].iloc[42:], np.exp(frame["obs_ci_upper"]), rtol=1e-6)
    assert found.attrs["season"] == "months"
    assert found.attrs["scale"] == "ratio"
    assert found["watched"].sum() == 6


@pytest.mark.parametrize(("months", "season"), [(48, "months"), (24, "waves"), (15, "none")])
def test_how_the_season_is_known_depends_on_the_past(months, season):
    found = clv.control_chart(world(months, 2, season=season != "none"))
    assert found.attrs["season"] == season
    assert found.attrs["baseline"] == months - 6


def test_money_scales():
    one, two = (clv.control_chart(world(40, 3) * scale) for scale in (1, 250))
    np.testing.assert_allclose(two["high"], 250 * one["high"])
    assert (one["signal"] == two["signal"]).all()


@pytest.mark.slow
@pytest.mark.parametrize("months", [16, 30, 60])
def test_quiet_worlds_seldom_alarm(months):
    watched = alarms = 0
    for seed in range(400):
        found = clv.control_chart(world(months, seed, season=months > 20))
        watched += found["watched"].sum()
        alarms += (found["signal"] != "").sum()
    assert alarms / watched < 0.01, alarms / watched


def test_a_break_is_seen_when_it_happens():
    values = world(48, 5)
    values.iloc[45:] *= 0.6
    found = clv.control_chart(values)
    assert found.index[found["signal"] == "low"][0] == pd.Period("2024-10")
    assert (found["signal"].iloc[:45] == "").all()


def test_a_season_is_not_an_alarm():
    random = np.random.default_rng(1)
    at = np.arange(48)
    values = series(np.exp(5 + 1.0 * (at % 12 == 11) + random.normal(0, 0.05, 48)))
    assert (clv.control_chart(values)["signal"] == "").all()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.arange(1.0, 13.0), "6 months lie before"),
        (np.full(30, 7.0), "no limits exist"),
        (np.zeros(30), "no limits exist"),
        (np.exp(np.arange(30.0)), "no limits exist"),
    ],
)
def test_no_limits_without_a_past(values, words):
    with pytest.raises(clv.UndefinedError, match=words):
        clv.control_chart(series(values))


def test_other_indexes_are_refused():
    with pytest.raises(clv.DataError, match="indexed by months"):
        clv.control_chart(pd.Series(range(30)))


def test_counts_stay_above_zero_and_holes_are_skipped():
    random = np.random.default_rng(6)
    counts = series(random.poisson(2.0, 40))
    found = clv.control_chart(counts)
    assert found.attrs["scale"] == "plain"
    assert (found["low"].dropna() >= 0).all()
    holes = world(40, 7)
    holes.iloc[10] = np.nan
    assert len(clv.control_chart(holes)) == 39


# The tables


def orders():
    rows = [
        ("01", "2024-01-05", 10.0), ("01", "2024-01-05", 5.0), ("01", "2024-01-31", 5.0),
        ("02", "2024-01-09", 8.0), ("02", "2024-03-01", 6.0), ("03", "2024-03-02", 9.0),
        ("03", "2024-04-10", 1.0),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["customer_id", "date", "amount"])


def test_metrics_counted_by_hand():
    found = clv.monthly_metrics(orders())
    assert list(found.index.astype(str)) == ["2024-01", "2024-02", "2024-03"]
    assert found["customers"].tolist() == [2, 0, 2]
    assert found["new customers"].tolist() == [2, 0, 1]
    assert found["orders"].tolist() == [3, 0, 2]
    assert found["revenue"].tolist() == [28, 0, 15]
    assert found["revenue per customer"].isna().tolist() == [False, True, False]
    assert found.attrs["unfinished"] == ["2024-04"]
    assert found.equals(clv.monthly_metrics(orders().sample(frac=1, random_state=1)))


def test_both_tables_side_by_side():
    both = clv.monthly_metrics(clv.read_transactions("shop"), "saas")
    moves = clv.mrr_movements("saas")
    assert (both["MRR"].dropna() == moves["end"]).all()
    assert len(both) == 48
    assert both["revenue"].notna().sum() == 24
    alone = clv.monthly_metrics(subscriptions="saas")
    assert list(alone) == ["subscribers", "MRR", "subscriber churn"]
    with pytest.raises(clv.DataError, match="purchases or subscriptions"):
        clv.monthly_metrics()


def test_the_scorecard_is_the_charts_latest_month():
    metrics = pd.DataFrame({"good": world(48, 8), "short": world(48, 9)})
    metrics.loc[metrics.index[:38], "short"] = np.nan
    metrics["late"] = metrics["good"].where(metrics.index < metrics.index[-1])
    metrics.iloc[-1, 0] *= 3
    found = clv.scorecard(metrics)
    chart = clv.control_chart(metrics["good"]).iloc[-1]
    assert found.loc["good", ["latest", "expected", "high"]].tolist() == pytest.approx(
        chart[["value", "expected", "high"]].tolist()
    )
    assert found.loc["good", "state"] == "high"
    assert found.loc["good", "alarms"] == 1
    assert found.loc["good", "before"] == metrics["good"].iloc[-2]
    assert found.loc["good", "year_ago"] == metrics["good"].iloc[-13]
    assert "4 months lie before" in found.loc["short", "state"]
    assert found.loc["late", "state"] == "no figure for this month"
    with pytest.raises(clv.DataError, match="no month"):
        clv.scorecard(metrics.iloc[:0])


# Drift


def test_drift_counts_what_came(cdnow):
    found = clv.prediction_drift(cdnow, "1997-09-30")
    summary, holdout = clv.split(cdnow, "1997-09-30", time_unit="D")
    assert found["actual"].sum() == holdout["purchases"].sum()
    model = clv.BetaGeoNBD().fit(summary)
    expected = model.expected_purchases(summary, holdout["duration"].iloc[0]).sum()
    assert found["expected"].sum() == pytest.approx(expected)
    assert found["ratio"].iloc[-1] == pytest.approx(found["actual"].sum() / expected)
    assert (found["new_share"] == 0).all()
    assert found.attrs["refit_at"] == str(found.index[found["state"] == "refit"][0])


def history(seed, factor):
    """Purchases of a BG/NBD world, whose rate changes by ``factor`` after the first year."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(3_000):
        rate, day = random.gamma(1.0, 1 / 25), 0.0
        leaves = random.beta(1.5, 6.0)
        while True:
            rows.append((f"{number:04d}", int(day)))
            if random.uniform() < leaves:
                break
            day += max(1.0, random.exponential(1 / (rate * (factor if day > 365 else 1))))
            if day >= 545:
                break
    table = pd.DataFrame(rows, columns=["customer_id", "day"])
    table["date"] = pd.Timestamp("2023-01-01") + pd.to_timedelta(table["day"], unit="D")
    return table.assign(amount=10.0)[["customer_id", "date", "amount"]]


@pytest.mark.slow
def test_a_world_as_modelled_keeps_its_model_and_a_changed_one_does_not():
    kept = [clv.prediction_drift(history(seed, 1.0), "2023-12-31") for seed in range(6)]
    assert sum((each["state"] == "refit").any() for each in kept) <= 1
    changed = [clv.prediction_drift(history(seed, 0.6), "2023-12-31") for seed in range(3)]
    assert all(each["state"].iloc[-1] == "refit" for each in changed)
    assert all(each["ratio"].iloc[-1] < 0.9 for each in changed)


def test_drift_needs_a_month_after_the_fit(cdnow):
    with pytest.raises(clv.DataError, match="no whole month follows"):
        clv.prediction_drift(cdnow, "1998-06-30")
