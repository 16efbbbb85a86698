"""The made experiment is what its read-me says, to the byte, and its truth is known."""

import csv
import hashlib
import re
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import clvkit as clv
from clvkit.simulate import emails

FOLDER = Path(__file__).parents[1] / "data" / "experiment"
NAMES = ("experiment", "customers")


@pytest.mark.parametrize("name", NAMES)
def test_checksums(name):
    path = FOLDER / f"{name}.csv"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    read_me = (FOLDER / "README.md").read_text("utf-8")
    rows, expected = re.search(rf"\| `{name}.csv` \| ([\d,]+) \| `(\w+)` \|", read_me).groups()
    assert digest == expected
    assert f"{path.read_text().count(chr(10)) - 1:,}" == rows
    assert path.stat().st_size < 3_000_000


def test_made_again_byte_for_byte(tmp_path):
    runpy.run_path(str(FOLDER / "make.py"))["main"](tmp_path)
    for name in NAMES:
        assert (tmp_path / f"{name}.csv").read_bytes() == (FOLDER / f"{name}.csv").read_bytes()


@pytest.mark.parametrize(
    ("arm", "people", "visit", "conversion", "spend"),
    [
        ("control", 21_306, "10.6167", "0.5726", "0.6528"),
        ("mens", 21_307, "18.2757", "1.2531", "1.4226"),
        ("womens", 21_387, "15.1400", "0.8837", "1.0772"),
    ],
)
def test_published_margins_counted_without_pandas(arm, people, visit, conversion, spend):
    with (FOLDER / "experiment.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["arm"] == arm]
    assert len(rows) == people
    assert f"{100 * sum(row['visit'] == '1' for row in rows) / people:.4f}" == visit
    assert f"{100 * sum(row['outcome'] == '1' for row in rows) / people:.4f}" == conversion
    assert f"{sum(float(row['value']) for row in rows) / people:.4f}" == spend
    for row in rows:
        bought = row["outcome"] == "1"
        assert bought <= (row["visit"] == "1")
        assert (float(row["value"]) >= 29.99) == bought
        assert float(row["cost"]) == (0 if arm == "control" else 0.25 + 5 * bought)


def test_read_as_described():
    trial = clv.read_experiment("emails")
    assert trial.receipt.rows_used == 64_000
    assert trial.table["customer_id"].iloc[0] == "00001"
    assert trial.table["outcome"].sum() == 578
    visits = clv.read_experiment("email-visits").table
    assert visits["outcome"].sum() == 2_262 + 3_894 + 3_238
    people = clv.read_customers("emails").table
    assert list(people["customer_id"]) == list(trial.table["customer_id"])
    assert not [name for name in people if name.startswith("true_")]


@pytest.fixture(scope="module")
def truth():
    return emails()[1]


def test_known_effects(truth):
    dogs = (truth["channel"] == "phone") & (truth["newbie"] == 0)
    moved = truth["bought"].isin(["mens", "both"]) & (truth["channel"] != "phone")
    effect = truth["true_mens"] - truth["true_control"]
    assert effect[dogs].max() < 0
    assert effect[moved].mean() > 0.02
    assert abs(effect[~dogs & ~moved]).max() < 0.01
    shares = {"control": 122 / 21_306, "mens": 267 / 21_307, "womens": 189 / 21_387}
    for arm, share in shares.items():
        assert truth[f"true_{arm}"].mean() == pytest.approx(share, rel=1e-9)


@pytest.mark.parametrize("arm", ["mens", "womens"])
def test_the_true_effect_lies_in_the_interval(truth, arm):
    found = clv.ab_test(clv.read_experiment("emails")).loc[arm]
    effect = (truth[f"true_{arm}"] - truth["true_control"]).mean()
    assert found["low"] < effect < found["high"]


def test_true_effects_of_segments_lie_in_their_intervals(truth):
    effect = (truth["true_mens"] - truth["true_control"]).set_axis(truth["customer_id"])
    people = clv.read_customers("emails").table.set_index("customer_id")
    found = clv.segment_tests(clv.read_experiment("emails"), "emails", "mens")
    inside = []
    for name in ("channel", "bought", "newbie", "area"):
        for label, true in effect.groupby(people[name].astype(str)).mean().items():
            row = found.loc[(name, label)]
            inside.append(row["low"] < true < row["high"])
    assert np.mean(inside) >= 0.9


def test_without_published_margins_chance_decides():
    trial, people = emails(0.25, published=False, seed=3)
    assert len(trial) == len(people) == pytest.approx(16_000, abs=2)
    again = emails(0.25, published=False, seed=3)[0]
    pd.testing.assert_frame_equal(trial, again)
    other = emails(0.25, published=False, seed=4)[0]
    assert other["outcome"].sum() != trial["outcome"].sum()
    share = trial.groupby("arm")["outcome"].mean()
    assert share["mens"] == pytest.approx(0.01253, abs=0.005)


@pytest.mark.slow
def test_the_true_effect_lies_in_nine_and_a_half_of_ten_intervals():
    inside = 0
    for seed in range(100):
        trial, people = emails(0.2, published=False, seed=seed)
        effect = (people["true_mens"] - people["true_control"]).mean()
        found = clv.ab_test(trial).loc["mens"]
        inside += found["low"] < effect < found["high"]
    assert inside >= 89
