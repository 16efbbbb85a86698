"""What must hold whatever the data: metamorphic tests."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clvkit as clv
from clvkit import simulate
from clvkit.models.grouping import distinct

TRUTH = {
    clv.BetaGeoNBD: {"r": 0.5, "alpha": 6.0, "a": 0.9, "b": 2.0},
    clv.ModifiedBetaGeoNBD: {"r": 0.7, "alpha": 6.0, "a": 0.9, "b": 2.0},
    clv.ParetoNBD: {"r": 0.7, "alpha": 8.0, "s": 0.8, "beta": 12.0},
}
COUNTS = list(TRUTH)
positive = st.floats(0.05, 20)


def sample(kind, customers=400, seed=5):
    rows = simulate.purchases(kind(**TRUTH[kind]), customers, 60, seed=seed)
    # Days, so that rows repeat.
    T = np.ceil(rows["T"] * 7) / 7
    return rows.assign(recency=np.floor(rows["recency"] * 7) / 7, T=T)


@pytest.mark.parametrize("kind", COUNTS)
def test_permuted_rows_give_permuted_answers(kind):
    rows = sample(kind)
    mixed = rows.sample(frac=1, random_state=2)
    one, two = kind().fit(rows), kind().fit(mixed)
    assert two.params.to_numpy() == pytest.approx(one.params.to_numpy(), rel=1e-7)
    for question in ("probability_alive", "log_likelihoods"):
        got = getattr(one, question)(mixed)
        pd.testing.assert_series_equal(got.loc[rows.index], getattr(one, question)(rows))
    got = one.expected_purchases(mixed, 30).loc[rows.index]
    pd.testing.assert_series_equal(got, one.expected_purchases(rows, 30))
    table = one.purchase_probabilities(mixed, 30).loc[rows.index]
    pd.testing.assert_frame_equal(table, one.purchase_probabilities(rows, 30))


@pytest.mark.parametrize("kind", COUNTS)
@pytest.mark.parametrize("scale", [1e-3, 7.0, 1e6])
def test_scaled_time_scales_what_is_in_time(kind, scale):
    rows = sample(kind)
    scaled = rows.assign(recency=rows["recency"] * scale, T=rows["T"] * scale)
    one, two = kind().fit(rows), kind().fit(scaled)
    in_time = [scale if name in ("alpha",) or name == "beta" else 1.0 for name in kind.names]
    assert two.params.to_numpy() == pytest.approx(one.params.to_numpy() * in_time, rel=1e-5)
    assert two.summary().attrs["warnings"] == one.summary().attrs["warnings"]
    left = two.expected_purchases(scaled, 30 * scale)
    assert left.to_numpy() == pytest.approx(one.expected_purchases(rows, 30).to_numpy(), rel=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 100.0, 1e6])
def test_scaled_money_scales_money(scale):
    rows = simulate.spending(clv.GammaGamma(p=6, q=4, gamma=15), sample(clv.BetaGeoNBD))
    one = clv.GammaGamma().fit(rows)
    two = clv.GammaGamma().fit(rows.assign(monetary_value=rows["monetary_value"] * scale))
    assert two.params.to_numpy() == pytest.approx(one.params.to_numpy() * [1, 1, scale], rel=1e-6)
    assert two.summary().attrs["warnings"] == one.summary().attrs["warnings"] == []


@pytest.mark.parametrize("kind", COUNTS)
def test_weights_are_repeated_rows(kind):
    rows = sample(kind, 120)
    times = np.arange(len(rows)) % 4
    weighted = kind().fit(rows.assign(weights=times))
    repeated = kind().fit(rows.loc[rows.index.repeat(times)])
    assert weighted.params.to_numpy() == pytest.approx(repeated.params.to_numpy(), rel=1e-6)
    assert weighted.log_likelihood == pytest.approx(repeated.log_likelihood)
    error = "standard_error"
    assert weighted.summary()[error].to_numpy() == pytest.approx(
        repeated.summary()[error].to_numpy(), rel=1e-4, nan_ok=True
    )


histories = st.tuples(
    st.integers(0, 300), st.floats(0, 1), st.floats(0.01, 2000), st.floats(0, 2000)
)


@settings(deadline=None, max_examples=60)
@given(kind=st.sampled_from(COUNTS), known=st.tuples(*[positive] * 4), point=histories)
def test_probabilities_and_horizons(kind, known, point):
    model = kind(**dict(zip(kind.names, known, strict=True)))
    x, share, T, periods = point
    row = pd.DataFrame({"frequency": [x], "recency": [T * share if x else 0.0], "T": [T]})
    table = model.purchase_probabilities(row, periods, 25)
    assert (table >= -1e-12).all(axis=None)
    assert table.sum(axis=1)[0] == pytest.approx(1, abs=1e-9)
    assert model.expected_purchases(row, 0)[0] == 0
    assert model.purchase_probabilities(row, 0, 3)[0][0] == pytest.approx(1, abs=1e-12)
    now, soon = model.probability_alive(row)[0], model.probability_alive(row, later=periods)[0]
    assert 0 <= soon <= now * (1 + 1e-12) <= 1 + 1e-9
    worth = model.discounted_purchases(row, 0.001, periods)[0]
    assert 0 <= worth <= model.expected_purchases(row, periods)[0] * (1 + 1e-9)


@settings(deadline=None, max_examples=40)
@given(kind=st.sampled_from(COUNTS), known=st.tuples(*[positive] * 4), x=st.integers(1, 200))
def test_longer_silence_lowers_the_chance_to_be_alive(kind, known, x):
    model = kind(**dict(zip(kind.names, known, strict=True)))
    rows = pd.DataFrame({"frequency": x, "recency": 10.0, "T": np.linspace(10, 400, 40)})
    assert (np.diff(model.probability_alive(rows)) <= 1e-13).all()


@settings(deadline=None, max_examples=25)
@given(kind=st.sampled_from(COUNTS), known=st.tuples(*[st.floats(0.3, 5)] * 4))
def test_the_mean_of_the_distribution_is_the_expectation(kind, known):
    model = kind(**dict(zip(kind.names, known, strict=True)))
    row = pd.DataFrame({"frequency": [2, 0], "recency": [5.0, 0], "T": [8.0, 8.0]})
    table = model.purchase_probabilities(row, 2.0, 300)
    mean = table.iloc[:, :300].to_numpy() @ np.arange(300)
    expected = model.expected_purchases(row, 2.0).to_numpy()
    assert mean == pytest.approx(expected, rel=1e-5, abs=300 * table.iloc[:, 300].max())


def test_one_time_buyers_are_alive_for_certain_only_under_bgnbd():
    row = pd.DataFrame({"frequency": [0], "recency": [0.0], "T": [500.0]})
    assert clv.BetaGeoNBD(**TRUTH[clv.BetaGeoNBD]).probability_alive(row)[0] == 1
    for kind in COUNTS[1:]:
        assert kind(**TRUTH[kind]).probability_alive(row)[0] < 0.5


def test_mbgnbd_of_a_new_customer_counts_the_first_chance_to_leave():
    model = clv.ModifiedBetaGeoNBD(**TRUTH[clv.ModifiedBetaGeoNBD])
    new = pd.DataFrame({"frequency": [0], "recency": [0.0], "T": [0.0]})
    assert model.probability_alive(new)[0] == pytest.approx(2.0 / 2.9)
    assert model.expected_purchases_new(20.0) == pytest.approx(model.expected_purchases(new, 20)[0])


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=40))
def test_distinct_rows_give_the_table_back(rows):
    columns = [np.array(column, dtype="float64") for column in zip(*rows, strict=True)]
    found, back = distinct(columns)
    for column, values in zip(columns, found, strict=True):
        assert (values[back] == column).all()
    assert len(set(zip(*found, strict=True))) == len(found[0]) == len(set(rows))


def test_distinct_rows_of_many_values():
    """Beyond what a table of codes, and beyond what one integer, can hold."""
    random = np.random.default_rng(1)
    for size, width in ((3000, 3), (3000, 8)):
        columns = [random.uniform(size=size) for _ in range(width)]
        columns = [np.concatenate([column, column[::-1]]) for column in columns]
        found, back = distinct(columns)
        assert len(found[0]) == size
        for column, values in zip(columns, found, strict=True):
            assert (values[back] == column).all()


def test_many_ages_of_one_frequency_are_interpolated_exactly():
    random = np.random.default_rng(2)
    T = random.uniform(0, 3000, 5000)
    rows = pd.DataFrame({"frequency": 0.0, "recency": 0.0, "T": T})
    few = rows.iloc[:20]
    model = clv.BetaGeoNBD(**TRUTH[clv.BetaGeoNBD])
    for answer in (
        lambda part: model.expected_purchases(part, 100),
        lambda part: model.discounted_purchases(part, 0.002),
        lambda part: model.probability_alive(part, 50),
    ):
        assert answer(rows)[:20].to_numpy() == pytest.approx(answer(few).to_numpy(), rel=1e-10)
