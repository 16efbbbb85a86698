"""Tests of experiments: published numbers, second ways to the result, false alarms, refusals."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import tt_ind_solve_power
from statsmodels.stats.proportion import proportion_confint, proportions_ztest

import clvkit as clv
from clvkit.arms import holm
from clvkit.othertables import Experiment
from clvkit.sequential import look_boundaries


@pytest.fixture(scope="module")
def emails():
    return clv.read_experiment("emails")


def trial(counts, **columns):
    """An experiment from {arm: (people, converted)}."""
    arm = np.repeat(list(counts), [n for n, _ in counts.values()])
    outcome = np.concatenate([np.arange(n) < yes for n, yes in counts.values()]).astype(int)
    rows = pd.DataFrame({"arm": arm, "outcome": outcome, **columns})
    rows.insert(0, "customer_id", [f"{i:06d}" for i in range(len(rows))])
    return rows


def test_published_sample_size():
    assert clv.sample_size(0.05, 0.04) == 6_743
    assert clv.sample_size(0.04, 0.05) == 6_743


def test_sample_size_of_means_is_the_library_s():
    ours = clv.sample_size(10, 12, standard_deviation=20)
    theirs = tt_ind_solve_power(2 / 20, alpha=0.05, power=0.8)
    assert ours == pytest.approx(theirs, abs=2)


def test_cuped_scales_people_by_one_minus_the_square_of_the_correlation():
    assert clv.sample_size(0.05, 0.04, correlation=0.5) == int(np.ceil(0.75 * 6742.206))
    assert clv.sample_size(0.05, 0.04, correlation=1.0) == 2


def test_detectable_effect_is_the_way_back():
    assert clv.detectable_effect(0.04, 6_743) == pytest.approx(0.01, rel=1e-4)
    people = clv.sample_size(10, 12, standard_deviation=20)
    assert clv.detectable_effect(10, people, standard_deviation=20) == pytest.approx(2, rel=1e-3)
    assert np.isnan(clv.detectable_effect(0.9, 3)), "no rise is enough"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((0.05, 0.05), clv.UndefinedError, "nothing"),
        ((5, 4), clv.DataError, "For 4% write 0.04|For 5% write 0.05"),
        ((-0.1, 0.4), clv.DataError, "between 0 and 1"),
        (("x", 0.4), clv.DataError, "not a number"),
    ],
)
def test_sample_size_refuses(arguments, error, words):
    with pytest.raises(error, match=words):
        clv.sample_size(*arguments)


def test_published_z(emails):
    found = clv.ab_test(emails).loc["mens"]
    assert found["z"] == pytest.approx(7.39, abs=0.005)
    assert found["effect"] == pytest.approx(0.006805, abs=5e-7)
    assert (found["people"], round(found["control_mean"], 6)) == (21_307, 0.005726)
    theirs = proportions_ztest([267, 122], [21_307, 21_306])
    assert (found["z"], found["p_value"]) == pytest.approx(theirs)


@pytest.mark.parametrize("seed", range(5))
def test_holm_is_the_library_s(seed):
    p = pd.Series(np.random.default_rng(seed).uniform(size=12) ** 3)
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1])
    np.testing.assert_allclose(holm(pd.Series([*p, np.nan])).dropna(), holm(p))


def test_holm_over_two_arms(emails):
    found = clv.ab_test(emails)
    small, large = sorted(found["p_value"])
    assert sorted(found["p_adjusted"]) == pytest.approx([2 * small, max(2 * small, large)])


def test_newcombe_from_wilson():
    found = clv.ab_test(trial({"control": (200, 12), "mail": (150, 21)})).loc["mail"]
    (l0, u0), (l1, u1) = (
        proportion_confint(yes, n, method="wilson") for yes, n in ((12, 200), (21, 150))
    )
    p0, p1 = 0.06, 0.14
    low = p1 - p0 - np.hypot(p1 - l1, u0 - p0)
    high = p1 - p0 + np.hypot(u1 - p1, p0 - l0)
    assert (found["low"], found["high"]) == pytest.approx((low, high))


def test_means_are_welch_s(emails):
    table = emails.table
    found = clv.ab_test(emails, measure="value").loc["womens"]
    groups = [table.loc[table["arm"] == arm, "value"] for arm in ("womens", "control")]
    theirs = stats.ttest_ind(*groups, equal_var=False)
    assert (found["z"], found["p_value"]) == pytest.approx((theirs.statistic, theirs.pvalue))
    interval = theirs.confidence_interval()
    assert (found["low"], found["high"]) == pytest.approx((interval.low, interval.high))


def test_fieller_holds_the_ratios_that_are_not_rejected(emails):
    table = emails.table
    found = clv.ab_test(emails, measure="value", compare="ratio").loc["mens"]
    mens, control = (table.loc[table["arm"] == arm, "value"] for arm in ("mens", "control"))
    for ratio in (found["low"], found["high"]):
        p = stats.ttest_ind(mens, ratio * control, equal_var=False).pvalue
        assert p == pytest.approx(0.05, abs=5e-4)


def test_money_scales_and_rows_may_come_in_any_order(emails):
    table = emails.table
    plain = clv.ab_test(table, measure="value")
    scaled = clv.ab_test(table.assign(value=100 * table["value"]), measure="value")
    for column in ("effect", "low", "high"):
        np.testing.assert_allclose(scaled[column], 100 * plain[column])
    shuffled = clv.ab_test(table.sample(frac=1, random_state=1), measure="value")
    pd.testing.assert_frame_equal(shuffled.loc[plain.index], plain)


def test_swapping_the_arms_turns_the_sign():
    rows = trial({"a": (300, 20), "b": (250, 30)})
    one = clv.ab_test(rows, control="a").loc["b"]
    other = clv.ab_test(rows, control="b").loc["a"]
    assert other["effect"] == -one["effect"]
    assert (other["low"], other["high"]) == pytest.approx((-one["high"], -one["low"]))


@pytest.mark.parametrize("counts", [((50, 0), (40, 6)), ((50, 3), (400, 0)), ((50, 0), (40, 0))])
def test_an_arm_without_conversions_has_an_interval(counts):
    found = clv.ab_test(trial(dict(zip(("control", "mail"), counts, strict=True)))).loc["mail"]
    assert found["high"] - found["low"] > 0.02
    assert found["low"] < found["effect"] < found["high"]
    if sum(yes for _, yes in counts):
        assert 0 < found["p_value"] < 1
    else:
        assert np.isnan(found["p_value"])
        assert "nobody differs" in found["reason"]


def test_few_conversions_are_tested_exactly():
    found = clv.ab_test(trial({"control": (50, 0), "mail": (50, 1)})).loc["mail"]
    assert found["p_value"] == pytest.approx(1.0)


def test_a_ratio_to_nothing_is_undefined_and_says_so():
    rows = trial({"control": (50, 0), "mail": (50, 9)})
    found = clv.ab_test(rows, compare="ratio").loc["mail"]
    assert np.isnan(found["effect"])
    assert np.isnan(found["high"])
    assert "control's mean is 0" in found["reason"]
    rows = trial({"control": (50, 9), "mail": (50, 0)})
    found = clv.ab_test(rows, compare="ratio").loc["mail"]
    assert found["effect"] == found["low"] == 0 < found["high"] < 1


def test_an_arm_that_spent_nothing_has_a_spread():
    rows = trial({"control": (40, 8), "mail": (40, 0)})
    rows["value"] = rows["outcome"] * np.arange(80.0)
    found = clv.ab_test(rows, measure="value").loc["mail"]
    welch = 2 * rows.loc[rows["arm"] == "control", "value"].std() / 40**0.5
    assert found["high"] - found["low"] > 1.9 * welch
    nobody = clv.ab_test(rows.assign(value=5.5), measure="value").loc["mail"]
    assert nobody["effect"] == 0
    assert np.isnan(nobody[["low", "high", "p_value"]].astype(float)).all()
    assert "without spread" in nobody["reason"]


def test_non_inferiority():
    rows = trial({"control": (5_000, 500), "cheap": (5_000, 490)})
    found = clv.ab_test(rows, margin=0.015).loc["cheap"]
    assert found["non_inferior"]
    assert found["p_value"] > 0.5
    assert not clv.ab_test(rows, margin=0.005).loc["cheap", "non_inferior"]
    with pytest.raises(clv.DataError, match="difference"):
        clv.ab_test(rows, margin=0.01, compare="ratio")


def correlated(people, rho, seed):
    random = np.random.default_rng(seed)
    before = random.normal(50, 10, 2 * people)
    after = rho * before + np.sqrt(1 - rho**2) * random.normal(0, 10, 2 * people)
    rows = trial({"control": (people, 0), "mail": (people, 0)})
    return rows.assign(value=after, pre_value=before)


def test_cuped_narrows_the_interval_by_the_root_of_one_minus_rho_squared():
    rows = correlated(4_000, 0.8, 3)
    plain, cuped = (clv.ab_test(rows, measure="value", cuped=c) for c in (False, True))
    width = [float((t["high"] - t["low"]).iloc[0]) for t in (plain, cuped)]
    assert cuped.attrs["correlation"] == pytest.approx(0.8, abs=0.02)
    rho = cuped.attrs["correlation"]
    assert width[1] / width[0] == pytest.approx(np.sqrt(1 - rho**2), rel=0.01)
    holes = rows.assign(pre_value=rows["pre_value"].where(np.arange(len(rows)) % 2 == 0))
    assert np.isfinite(clv.ab_test(holes, measure="value", cuped=True)["low"]).all()


def test_cuped_needs_what_was_before():
    with pytest.raises(clv.DataError, match="pre_value"):
        clv.ab_test(trial({"control": (9, 3), "b": (9, 4)}), cuped=True)


@pytest.mark.parametrize("name", ["control", "Holdout", " CONTROL ", "kontroll"])
def test_the_control_is_known_by_its_name(name):
    found = clv.ab_test(trial({"mail": (90, 9), name: (80, 9), "letter": (70, 9)}))
    assert found.attrs["control"].casefold().strip() == name.casefold().strip()
    assert list(found.index) == ["mail", "letter"]


def test_which_arm_is_control_is_asked_when_unclear():
    with pytest.raises(clv.DataError, match=r"'a' \(90\), 'b' \(80\).*none is called"):
        clv.ab_test(trial({"a": (90, 9), "b": (80, 9)}))
    with pytest.raises(clv.DataError, match="more than one"):
        clv.ab_test(trial({"control": (90, 9), "holdout": (80, 9)}))
    with pytest.raises(clv.DataError, match="There is no arm 'x'"):
        clv.ab_test(trial({"a": (90, 9), "b": (80, 9)}), control="x")


def test_rows_without_a_measure_are_counted():
    rows = trial({"control": (90, 9), "b": (80, 9)})
    rows["value"] = np.where(np.arange(len(rows)) % 10 == 0, np.nan, 1.0 * rows.index)
    assert clv.ab_test(rows, measure="value").attrs["left_out"] == 17
    rows.loc[rows["arm"] == "b", "value"] = np.nan
    with pytest.raises(clv.DataError, match="arm 'b' has 0 number"):
        clv.ab_test(rows, measure="value")
    with pytest.raises(clv.DataError, match="measure='sales'"):
        clv.ab_test(rows, measure="sales")


# Checks of the split


def test_a_fair_split_passes_and_a_lost_arm_is_noticed(emails):
    fair = clv.check_experiment(emails, "emails")
    assert not fair["alarm"].any()
    assert list(fair.index[:2]) == ["sizes of the arms", "pre_value"]
    table = emails.table
    lost = table[(table["arm"] != "mens") | (np.arange(len(table)) % 15 != 0)]
    checks = clv.check_experiment(lost, "emails")
    assert checks.loc["sizes of the arms", "alarm"]
    assert not checks["alarm"].iloc[1:].any()


def test_sample_ratio_is_chi_squared():
    rows = trial({"control": (10_300, 9), "mail": (9_700, 9)})
    found = clv.check_experiment(rows)
    assert found.loc["sizes of the arms", "p_value"] == pytest.approx(
        2 * stats.norm.sf(600 / 141.4213562)
    )
    assert found.loc["sizes of the arms", "largest_gap"] == pytest.approx(0.03)


def test_unequal_arms_are_fine_when_planned():
    rows = trial({"control": (2_000, 9), "mail": (8_000, 9)})
    assert clv.check_experiment(rows).loc["sizes of the arms", "alarm"]
    assert not clv.check_experiment(rows, shares="control: 1, mail: 4")["alarm"].any()
    assert not clv.check_experiment(rows, shares={"control": 20, "mail": 80})["alarm"].any()
    with pytest.raises(clv.DataError, match="give every arm"):
        clv.check_experiment(rows, shares="control: 1")


def test_a_baseline_that_differs_speaks_up(emails):
    table = emails.table.copy()
    table.loc[table["arm"] == "mens", "pre_value"] *= 1.1
    checks = clv.check_experiment(table, "emails")
    assert checks.loc["pre_value", "alarm"]
    chosen = table[(table["arm"] != "womens") | (table["customer_id"] < "55000")]
    people = clv.read_customers("emails").table
    people = people.assign(late=(people["customer_id"] >= "50000").map({True: "yes", False: "no"}))
    assert clv.check_experiment(chosen, people).loc["late", "alarm"]


@pytest.mark.slow
def test_checks_of_fair_splits_seldom_speak():
    spoken = 0
    for seed in range(300):
        random = np.random.default_rng(seed)
        rows = trial({"control": (500, 9), "mail": (500, 9)}, pre_value=random.gamma(2, 30, 1000))
        people = pd.DataFrame(
            {"customer_id": rows["customer_id"], "kind": random.choice([*"abc"], 1000)}
        )
        spoken += clv.check_experiment(rows, people)["alarm"].any()
    assert spoken <= 9


# Segments


def test_segments_agree_with_a_test_of_each(emails):
    people = clv.read_customers("emails").table.set_index("customer_id")
    found = clv.segment_tests(emails, "emails", "mens")
    table = emails.table
    phone = table[table["customer_id"].map(people["channel"]) == "phone"]
    alone = clv.ab_test(phone).loc["mens"]
    columns = ["people", "effect", "low", "high", "p_value"]
    row = found.loc[("channel", "phone"), columns].astype(float)
    pd.testing.assert_series_equal(row, alone[columns].astype(float), check_names=False)
    assert found.loc[("channel", "phone"), "p_adjusted"] < 0.01
    assert found.attrs["differ"]["channel"] < 1e-10 < 0.05 < found.attrs["differ"]["area"] * 10
    sizes = found.groupby("attribute")["people"].sum()
    assert (sizes == 21_307).all()


def test_segments_are_corrected_for_their_number():
    random = np.random.default_rng(5)
    rows = trial({"control": (2_000, 0), "mail": (2_000, 0)})
    rows["outcome"] = (random.uniform(size=4_000) < 0.1).astype(int)
    people = pd.DataFrame({"customer_id": rows["customer_id"]})
    for name in range(10):
        people[f"a{name}"] = random.choice([*"abcd"], 4_000)
    found = clv.segment_tests(rows, people, "mail")
    assert len(found) == 40
    assert (found["p_value"] < 0.05).any(), "somebody always looks special"
    assert not (found["p_adjusted"] < 0.05).any()


def test_segments_that_cannot_be_tested_are_named():
    rows = trial({"control": (20, 3), "mail": (20, 3)})
    people = pd.DataFrame({"customer_id": rows["customer_id"], "kind": ["one", *["many"] * 39]})
    people["name"] = rows["customer_id"] + "x"
    people["same"] = "x"
    people["size"] = np.where(rows.index % 3 == 0, np.nan, rows.index % 20)
    found = clv.segment_tests(rows, people, "mail")
    assert found.attrs["left_out"] == {
        "name": "more than 8 groups",
        "same": "one group only",
        "kind: one": "fewer than two people in an arm",
    }
    assert ("size", "(empty)") in found.index
    with pytest.raises(clv.DataError, match="no attribute 'age'"):
        clv.segment_tests(rows, people, "mail", attributes=["age"])
    with pytest.raises(clv.DataError, match="written alike"):
        clv.segment_tests(rows, people.assign(customer_id=rows["customer_id"] + "0"), "mail")
    with pytest.raises(clv.DataError, match="is the control"):
        clv.segment_tests(rows, people, "control")


# Looks


@pytest.mark.parametrize(
    ("information", "published"),
    [
        # ldbounds and DeMets & Lan's program, two-sided 0.05, O'Brien-Fleming type spending.
        ([0.2, 0.4, 0.6, 0.8, 1.0], [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]),
        ([0.5, 1.0], [2.9626, 1.9686]),
        ([1.0], [1.9600]),
    ],
)
def test_published_boundaries(information, published):
    assert look_boundaries(np.array(information)) == pytest.approx(published, abs=2e-4)


def test_a_look_at_almost_nothing_never_stops():
    boundaries = look_boundaries(np.array([0.001, 1.0]))
    assert np.isinf(boundaries[0])
    assert boundaries[1] == pytest.approx(1.96, abs=1e-3)
    with pytest.raises(clv.DataError, match="each higher"):
        look_boundaries(np.array([0.5, 0.5]))


def test_looks_follow_the_days(emails):
    found = clv.sequential_test(emails, "mens")
    assert found["information"].iloc[-1] == 1
    assert (found["information"].diff().dropna() > 0.1).all()
    last, whole = found.iloc[-1], clv.ab_test(emails).loc["mens"]
    assert last["z"] == pytest.approx(whole["z"])
    assert last["people"] == 42_613
    inside = (found["low"] > 0) | (found["high"] < 0)
    assert (inside == found["stop"]).all()
    shuffled = clv.sequential_test(emails.table.sample(frac=1, random_state=2), "mens")
    pd.testing.assert_frame_equal(shuffled, found)


def test_looks_before_the_end_and_without_days(emails):
    found = clv.sequential_test(emails, "mens", planned=80_000)
    assert found["information"].iloc[-1] == pytest.approx(0.4, abs=0.1)
    with pytest.raises(clv.DataError, match="not even the first"):
        clv.sequential_test(emails, "mens", planned=10_000_000)
    with pytest.raises(clv.DataError, match="assigned_at"):
        clv.sequential_test(trial({"control": (9, 3), "b": (9, 4)}), "b")


def null_worlds(count, people, *, looks=False):
    """Experiments in which nothing works, made without reading each anew."""
    receipt = clv.read_experiment(trial({"control": (9, 3), "mail": (9, 4)})).receipt
    rows = trial({"control": (people, 0), "mail": (people, 0)})
    random = np.random.default_rng(2_026)
    for _ in range(count):
        before = random.gamma(2.0, 20.0, 2 * people)
        rows["pre_value"] = before
        rows["value"] = 0.6 * before + random.gamma(1.5, 20.0, 2 * people)
        rows["outcome"] = (random.uniform(size=2 * people) < 0.1).astype("int64")
        if looks:
            day = pd.to_timedelta(random.permutation(2 * people) * 10 // (2 * people), unit="D")
            rows["assigned_at"] = pd.Timestamp("2025-01-01") + day
        yield Experiment(rows.copy(), receipt)


@pytest.mark.slow
def test_false_alarms_come_in_five_of_a_hundred():
    alarms = dict.fromkeys(["shares", "means", "cuped"], 0)
    for world in null_worlds(2_000, 500):
        tests = {
            "shares": {},
            "means": {"measure": "value"},
            "cuped": {"measure": "value", "cuped": True},
        }
        for name, options in tests.items():
            found = clv.ab_test(world, **options).iloc[0]
            alarms[name] += found["p_value"] < 0.05
    for name, count in alarms.items():
        assert 0.04 <= count / 2_000 <= 0.06, (name, count)


@pytest.mark.slow
def test_looking_five_times_is_safe_with_boundaries_only():
    stopped = naive = 0
    for world in null_worlds(2_000, 500, looks=True):
        found = clv.sequential_test(world, "mail")
        stopped += found["stop"].any()
        naive += found["naive"].any()
    assert 0.04 <= stopped / 2_000 <= 0.06, stopped
    assert naive / 2_000 > 0.11, naive
