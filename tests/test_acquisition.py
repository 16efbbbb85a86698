"""Who is new, what they cost and what they leave: small tables by hand, and brute force."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clvkit as clv

SPEND = pd.DataFrame(
    [("2024-01", "ads", 100.0), ("2024-02", "ads", 300.0), ("2024-03", "ads", 200.0),
     ("2024-01", "fair", 500.0)],
    columns=["month", "channel", "spend"],
)  # fmt: skip
SUBS = pd.DataFrame(
    [
        ("007", "2024-01-31", "2024-02-15", 10.0, "ads"),
        ("007", "2024-03-01", "", 10.0, "ads"),  # Came back: not new.
        ("008", "2024-02-29", "", 20.0, "ads"),
        ("009", "2023-12-31", "", 20.0, "ads"),  # Was there before.
        ("010", "2024-03-31", "", 20.0, "word of mouth"),  # Costs nothing.
        ("011", "2024-04-01", "", 20.0, "ads"),  # After the last month of spend.
        ("012", "2024-03-05", "", 20.0, ""),
        ("009", "2024-02-01", "2024-02-20", 5.0, "fair"),  # A second contract: not new.
    ],
    columns=["customer_id", "start", "end", "mrr", "channel"],
)


def panel(frame):
    return frame.set_index(["date", "channel"])


def test_first_starts_are_new_and_nothing_is_lost():
    history = clv.new_customers(SPEND, clv.read_subscriptions(SUBS))
    assert history.attrs["counted"] == {
        "new": 4, "before": 1, "after": 1, "again": 2, "undated": 0,
    }  # fmt: skip
    came = history.groupby("channel")["new_customers"].sum()
    assert came.to_dict() == {"ads": 2, "fair": 0, "word of mouth": 1, "(unknown)": 1}
    assert history["spend"].sum() == SPEND["spend"].sum()
    assert len(history) == 3 * 4  # Every channel in every month.
    cost = clv.acquisition_cost(history)
    assert cost["reason"].to_dict() == {
        "ads": "", "fair": "nobody came", "word of mouth": "no spend", "(unknown)": "no spend",
    }  # fmt: skip
    assert cost.loc["ads", "cac"] == 300
    assert cost["cac"].notna().sum() == 1
    kinds = clv.acquisition_cost(history, by="kind", other_costs=500)
    assert kinds["cac"].to_dict() == {"paid": 550, "blended": 275, "fully loaded": 400}


def test_the_same_customers_from_every_table():
    """Subscriptions, purchases, a customers table: who is new does not depend on the table."""
    starts = SUBS.rename(columns={"start": "date", "mrr": "amount"})
    orders = clv.read_transactions(starts[["customer_id", "date", "amount", "channel"]])
    first = SUBS.sort_values("start").drop_duplicates("customer_id")
    people = clv.read_customers(first.rename(columns={"start": "acquired_on"})[
        ["customer_id", "acquired_on", "channel"]])  # fmt: skip
    expected = clv.new_customers(SPEND, SUBS)
    for joined in (orders, people, orders.table, SUBS.sample(frac=1, random_state=3)):
        found = clv.new_customers(SPEND, joined)
        pd.testing.assert_frame_equal(
            panel(found).sort_index(), panel(expected).sort_index(), check_like=True
        )
    # Channels from another table.
    told = people.table[["customer_id", "channel"]]
    apart = clv.new_customers(SPEND, SUBS.drop(columns="channel"), told)
    pd.testing.assert_frame_equal(panel(apart).sort_index(), panel(expected).sort_index())


def test_undated_customers_are_counted_and_ties_do_not_depend_on_order():
    people = pd.DataFrame(
        {"customer_id": ["1", "2", "3"], "acquired_on": ["2024-01-05", "", "2024-02-01"],
         "channel": "ads"}
    )  # fmt: skip
    history = clv.new_customers(SPEND, people)
    assert history.attrs["counted"]["new"] == 2
    assert history.attrs["counted"]["undated"] == 1
    tied = pd.DataFrame(
        {"customer_id": ["1", "1", "2"], "date": "2024-01-05", "amount": 5.0,
         "channel": ["fair", "ads", "ads"]}
    )  # fmt: skip
    one, two = (clv.new_customers(SPEND, t) for t in (tied, tied.iloc[::-1]))
    pd.testing.assert_frame_equal(one, two)


def test_without_channels_only_the_blended_figure_is_left():
    history = clv.new_customers(SPEND, SUBS.drop(columns="channel"))
    cost = clv.acquisition_cost(history)
    assert cost["cac"].isna().all()
    assert cost.loc["(unknown)", "new_customers"] == 4
    kinds = clv.acquisition_cost(history, by="kind")
    assert kinds.loc["blended", "cac"] == 275
    assert kinds.loc["paid", "reason"] == "nobody came"


def test_column_new_customers_and_what_is_missing_from_it():
    own = SPEND.assign(new_customers=[1, np.nan, 4, 2])
    cost = clv.acquisition_cost(own)
    assert cost.loc["ads", ["spend", "new_customers", "cac"]].tolist() == [300, 5, 60]
    assert cost.attrs["not_counted"] == {"rows": 1, "spend": 300.0}
    months = clv.acquisition_cost(own, by="month")
    assert months["reason"].tolist() == ["", "new_customers is missing", ""]
    assert months["cac"].dropna().tolist() == [200, 50]
    with pytest.raises(clv.DataError, match=r"clv\.new_customers"):
        clv.acquisition_cost(SPEND)


def test_lag_sets_spend_against_later_customers():
    own = SPEND.assign(new_customers=[1, 2, 4, 0])
    months = clv.acquisition_cost(own, by="month", lag=1)
    assert months["cac"].tolist()[:2] == [300, 75]
    assert months["reason"].tolist() == ["", "", "its customers are yet to come"]
    channel = clv.acquisition_cost(own, lag=1)
    assert channel.loc["ads", "cac"] == pytest.approx(400 / 6)
    assert channel.loc["fair", "reason"] == "nobody came"
    assert channel.attrs["not_counted"] == {"rows": 0, "spend": 0.0}
    cells = clv.acquisition_cost(own, by="channel_month", lag=2)
    assert (cells["reason"] == "its customers are yet to come").sum() == 4
    for lag in (3, -1, 0.5):
        with pytest.raises(clv.DataError, match="lag="):
            clv.acquisition_cost(own, lag=lag)
    with pytest.raises(clv.DataError, match="by='week'"):
        clv.acquisition_cost(own, by="week")
    with pytest.raises(clv.DataError, match="other_costs"):
        clv.acquisition_cost(own, other_costs=-1)


def test_intervals_are_exact_poisson():
    """Garwood's 90% limits of a count of 10: 5.4254 and 16.9622 (printed in many tables)."""
    own = pd.DataFrame({"month": ["2024-01"], "channel": ["a"], "spend": [1000.0]})
    cost = clv.acquisition_cost(own.assign(new_customers=10)).iloc[0]
    assert (cost["low"], cost["high"]) == pytest.approx((1000 / 16.9622, 1000 / 5.4254), rel=1e-4)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(1, 12), st.sampled_from("abc"), st.integers(0, 500),
                          st.integers(0, 9)), min_size=1, max_size=40))  # fmt: skip
def test_nothing_is_lost_and_order_does_not_matter(rows):
    frame = pd.DataFrame(rows, columns=["month", "channel", "spend", "new_customers"])
    frame["month"] = "2024-" + frame["month"].astype(str).str.zfill(2)
    for by in ("channel", "month", "channel_month"):
        cost = clv.acquisition_cost(frame, by=by)
        assert cost["spend"].sum() == frame["spend"].sum()
        assert cost["new_customers"].sum() == frame["new_customers"].sum()
        assert (cost["cac"].isna() == (cost["reason"] != "")).all()
        assert (cost["low"] <= cost["cac"])[cost["cac"].notna()].all()
        mixed = clv.acquisition_cost(frame.sample(frac=1, random_state=1), by=by)
        pd.testing.assert_frame_equal(mixed.sort_index(), cost.sort_index())
        double = clv.acquisition_cost(frame.assign(spend=2 * frame["spend"]), by=by)
        pd.testing.assert_series_equal(double["cac"], 2 * cost["cac"])


def subscribers(count, seed=1, months=30):
    """Customers of three channels of which one is hardly there, by hand-made chance."""
    random = np.random.default_rng(seed)
    start = pd.Timestamp("2021-01-01") + pd.to_timedelta(random.integers(0, 900, count), unit="D")
    stays = random.geometric(0.08, count)
    end = pd.Series([s + pd.DateOffset(months=int(n)) for s, n in zip(start, stays, strict=True)])
    end = end.where(end <= "2023-12-31")
    return pd.DataFrame(
        {"customer_id": [f"K{i:04d}" for i in range(count)], "start": start, "end": end,
         "mrr": random.choice([20.0, 50.0], count),
         "channel": random.choice(["a", "b", "tiny"], count, p=[0.6, 0.38, 0.02])}
    )  # fmt: skip


def test_channel_value_against_a_loop_over_customers():
    rows = subscribers(150)
    answer = clv.channel_value(
        rows, horizon_months=6, gross_margin=0.5, annual_discount_rate=0.2,
        observation_end="2023-12-31",
    )  # fmt: skip
    for channel in ("a", "b"):
        expected = 0.0
        for age in range(6):
            paid, watched = 0.0, 0
            for _, row in rows[rows["channel"] == channel].iterrows():
                due = row["start"] + pd.DateOffset(months=age)
                if due > pd.Timestamp("2023-12-31"):
                    continue
                watched += 1
                paid += row["mrr"] * (pd.isna(row["end"]) or due < row["end"])
            expected += 0.5 * paid / watched / 1.2 ** (age / 12)
        assert answer.loc[channel, "observed"] == pytest.approx(expected)
    assert answer["customers"].sum() == 150


def test_contracts_in_a_row_and_survivors_from_before():
    """A change of plan pays once a month; who was there before the first day is left out."""
    rows = pd.DataFrame(
        [("1", "2024-01-10", "2024-01-25", 10.0), ("1", "2024-01-25", "2024-03-31", 20.0),
         ("1", "2024-05-01", "", 7.0),  # Came back between two days of paying.
         ("2", "2024-01-31", "2024-02-29", 5.0), ("3", "2020-01-01", "", 999.0)],
        columns=["customer_id", "start", "end", "mrr"],
    ).assign(channel="a")  # fmt: skip
    days = {"observation_start": "2024-01-01", "observation_end": "2024-12-31"}
    answer = clv.channel_value(rows, horizon_months=6, **days).loc["a"]
    assert answer["customers"] == 2
    # Customer 1 pays 10, 20, 20, nothing on 10 April, then 7 and 7; customer 2 pays once.
    assert answer["observed"] == pytest.approx((10 + 20 + 20 + 0 + 7 + 7 + 5) / 2)
    with pytest.raises(clv.DataError, match="Nobody came between 2025-01-01"):
        clv.channel_value(rows, observation_start="2025-01-01", observation_end="2025-02-01")


def test_channel_value_of_purchases_counts_equal_ages_only():
    orders = pd.DataFrame(
        [("1", "2024-01-31", 10.0, "a"), ("1", "2024-02-29", 5.0, "a"),  # One month old.
         ("2", "2024-01-01", 30.0, "a"), ("3", "2024-03-10", 99.0, "a"),
         ("3", "2024-03-20", 1.0, "a"),
         ("4", "2024-01-05", 7.0, "b"), ("5", "2024-01-05", 9.0, "b")],
        columns=["customer_id", "date", "amount", "channel"],
    )  # fmt: skip
    answer = clv.channel_value(orders, horizon_months=2, observation_end="2024-03-31")
    # Customer 3 has not lived through a month yet; who joined on 31 January is a month old on 29
    # February, and so is what is bought on that day.
    first = clv.channel_value(orders, horizon_months=1, observation_end="2024-03-31")
    assert first.loc["a", "observed"] == (10 + 30) / 2
    assert answer.loc["a", "observed"] == (10 + 30) / 2 + (5 + 0) / 2
    assert answer.loc["b", "observed"] == 8
    late = clv.channel_value(orders, horizon_months=3, observation_end="2024-03-20")
    assert late["observed"].isna().all()
    assert set(late["reason"]) == {"nobody has been watched for 3 months"}
    assert late["clv"].isna().all()


def test_small_channels_are_shrunk_and_not_ranked_by_luck():
    rows = subscribers(1500, seed=4)
    lucky = rows["channel"] == "tiny"
    rows.loc[lucky, "mrr"] = 50.0
    answer = clv.channel_value(rows, horizon_months=12, observation_end="2023-12-31")
    tiny = answer.loc["tiny"]
    assert tiny["weight"] < answer.loc["a", "weight"]
    mean = answer.attrs["mean"]
    assert abs(tiny["clv"] - mean) < abs(tiny["observed"] - mean)
    assert (answer["low"] < answer["clv"]).all()
    assert answer["clv"].is_monotonic_decreasing


def test_channels_that_do_not_differ_are_one():
    """Equal channels: in most worlds nothing is left between them but luck."""
    weights = []
    for seed in range(20):
        rows = subscribers(600, seed=seed).assign(
            channel=np.random.default_rng(seed).choice(list("abcdef"), 600)
        )
        answer = clv.channel_value(rows, horizon_months=12, observation_end="2023-12-31")
        weights.append(answer["weight"].mean())
    assert np.median(weights) < 0.5


def test_shrunk_values_are_nearer_the_truth_and_intervals_hold_it():
    """Channels of very different size whose true means differ."""
    random = np.random.default_rng(2)
    held, raw, shrunk = [], 0.0, 0.0
    for _ in range(60):
        truth = random.normal(100, 15, 8)
        size = random.integers(3, 120, 8)
        channel = np.repeat(np.arange(8), size)
        amount = random.gamma(4, truth[channel] / 4)
        orders = pd.DataFrame(
            {"customer_id": np.arange(len(channel)).astype(str), "date": "2024-01-01",
             "amount": amount, "channel": channel.astype(str)}
        )  # fmt: skip
        answer = clv.channel_value(orders, horizon_months=1, observation_end="2024-03-01")
        true = pd.Series(truth, index=[str(c) for c in range(8)]).reindex(answer.index)
        held += ((answer["low"] < true) & (true < answer["high"])).tolist()
        raw += float(((answer["observed"] - true) ** 2).sum())
        shrunk += float(((answer["clv"] - true) ** 2).sum())
    assert 0.84 < np.mean(held) < 0.96
    assert shrunk < 0.9 * raw


def test_channel_ratio_keeps_every_channel_and_both_uncertainties():
    rows = subscribers(800, seed=6)
    spend = pd.DataFrame({"month": ["2021-01", "2023-06"] * 2, "channel": ["a"] * 2 + ["fair"] * 2,
                          "spend": [9000.0, 9000.0, 100.0, 0.0]})  # fmt: skip
    cost = clv.acquisition_cost(clv.new_customers(spend, rows))
    value = clv.channel_value(rows, horizon_months=6, observation_end="2023-12-31")
    answer = clv.channel_ratio(value, cost)
    assert set(answer.index) == {"a", "b", "tiny", "fair"}
    a = answer.loc["a"]
    assert a["ratio"] == pytest.approx(value.loc["a", "clv"] / cost.loc["a", "cac"])
    # Wider than either side alone.
    only_value = (value.loc["a", "high"] - value.loc["a", "low"]) / cost.loc["a", "cac"]
    assert a["high"] - a["low"] > only_value
    assert answer.loc["b", "reason"] == "no spend"
    assert answer.loc["fair", "reason"] == "nobody came"
    assert answer.loc[["b", "tiny", "fair"], ["ratio", "low", "high"]].isna().all(axis=None)


def test_customers_without_dates_or_money_are_refused():
    people = pd.DataFrame({"customer_id": ["1", "2"], "segment": ["x", "y"]})
    with pytest.raises(clv.DataError, match="acquired_on"):
        clv.new_customers(SPEND, people)
    with pytest.raises(clv.DataError, match="no column 'channel'"):
        clv.new_customers(SPEND, SUBS, people)
    dated = people.assign(acquired_on="2024-01-05")
    with pytest.raises(clv.DataError, match="no value to count"):
        clv.channel_value(dated)
