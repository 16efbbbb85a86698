"""The survivors of Fader and Hardie, tables of one's own, and what a leaver kept is worth."""

import numpy as np
import pandas as pd
import pytest

import clvkit as clv
from clvkit.models import BetaDiscreteWeibull, ShiftedBetaGeometric
from clvkit.survivors import read_survivors, rescued_lifetime


def test_contracts_are_the_published_table():
    """Fader and Hardie (2007), How to project customer retention."""
    table = clv.datasets.contracts()
    assert table.index.tolist() == list(range(13))
    assert table["Regular"].tolist() == [
        1000, 631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173,
    ]  # fmt: skip
    assert table["High End"].tolist() == [
        1000, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394,
    ]  # fmt: skip
    assert read_survivors("contracts").astype("int64").to_numpy().tolist() == table.values.tolist()


def test_a_file_and_a_frame_say_the_same(tmp_path):
    file = tmp_path / "own.csv"
    file.write_text("month;A;B\n0;500;300\n1;400;250\n2;350;200\n3;320;150\n4;300;\n", "utf-8")
    read = read_survivors(file)
    assert list(read.columns) == ["A", "B"]
    assert read["B"].dropna().tolist() == [300, 250, 200, 150]
    frame = pd.DataFrame({"month": range(5), "A": read["A"], "B": read["B"]})
    pd.testing.assert_frame_equal(read_survivors(frame), read)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("period\n0\n1\n2\n3\n", "has 1 column"),
        ("period,A\n1,9\n2,8\n3,7\n4,6\n", "must count the periods 0, 1, 2"),
        ("period,A\n0,9\n1,8\n3,7\n4,6\n", "must count the periods 0, 1, 2"),
        ("period,A\n0,9\n1,8\n2,x\n3,6\n", "'x' in column 'A' is not a number"),
        ("period,A\n0,9\n1,8\n2,8.5\n3,6\n", "grows from 8 to 8.5 in period 2"),
        ("period,A,B\n0,9,9\n1,8,\n2,7,7\n3,6,6\n4,5,5\n", "'B' has an empty cell before"),
        ("period,A\n0,9\n1,8\n2,7\n", "has 3 figures"),
        ("period,A\n0,0\n1,0\n2,0\n3,0\n", "the first above 0"),
        ("period,A\n0,9\n1,8\n2,7\n3,-1\n", "must hold numbers of customers"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(tmp_path, text, complaint):
    file = tmp_path / "own.csv"
    file.write_text(text, "utf-8")
    with pytest.raises(clv.DataError, match=complaint):
        read_survivors(file)


@pytest.mark.parametrize("tenure", [0, 1, 4, 12])
def test_a_leaver_kept_is_an_sbg_customer_with_one_more_loss(tenure):
    """Bayes: who leaves at renewal n has θ ~ Beta(α+1, β+n-1), and pays once more today."""
    model = ShiftedBetaGeometric(alpha=0.7, beta=1.2)
    kept = ShiftedBetaGeometric(alpha=1.7, beta=1.2 + tenure)
    expected = 1 + kept.discounted_lifetime(0.1).iloc[0] / 1.1
    assert rescued_lifetime(model, 0.1, tenure).iloc[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("discount", [0.01, 0.1, 0.3])
def test_ceiling_per_letter_never_exceeds_one_margin_times_the_rescue_rate(discount):
    """Churn x rescued lifetime = (1+d) E[θ/(d+θ)] <= 1 where customers do not change."""
    for alpha, beta in [(0.7, 1.2), (3.8, 15.2), (0.067, 0.267)]:
        model, tenures = ShiftedBetaGeometric(alpha=alpha, beta=beta), np.arange(13)
        leaving = 1 - model.retention(tenures + 1).to_numpy()
        per_letter = leaving * rescued_lifetime(model, discount, tenures).to_numpy()
        assert (per_letter <= 1).all()
        assert (np.diff(per_letter) < 0).all()


@pytest.mark.parametrize("c", [0.7, 1.6])
def test_a_leaver_kept_against_simulated_customers(c):
    """Beta-discrete-Weibull: draw θ, find leavers at renewal 3, let their own hazard run on."""
    random, d, n = np.random.default_rng(5), 0.1, 3
    theta = random.beta(0.8, 2.0, 400_000)
    weight = (1 - theta) ** ((n - 1) ** c) - (1 - theta) ** (n**c)
    t = np.arange(n, 300)[:, None]
    later = np.array([(weight * (1 - theta) ** (k**c - n**c)).sum() for k in t[:, 0]])
    expected = (later / weight.sum()) @ (1 + d) ** -(t[:, 0] - float(n))
    model = BetaDiscreteWeibull(alpha=0.8, beta=2.0, c=c)
    assert rescued_lifetime(model, d, n - 1).iloc[0] == pytest.approx(expected, rel=0.01)


def test_rescued_lifetime_at_c_1_is_the_sbg_and_refuses_nonsense():
    sbg = ShiftedBetaGeometric(alpha=0.7, beta=1.2)
    bdw = BetaDiscreteWeibull(alpha=0.7, beta=1.2, c=1.0)
    tenures = range(6)
    pd.testing.assert_series_equal(
        rescued_lifetime(sbg, 0.1, tenures), rescued_lifetime(bdw, 0.1, tenures)
    )
    with pytest.raises(clv.DataError, match="above 0"):
        rescued_lifetime(sbg, 0.0)
    with pytest.raises(clv.DataError, match="Tenure counts"):
        rescued_lifetime(sbg, 0.1, -1)
