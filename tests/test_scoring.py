"""Scores: one row a customer, the same from every form of the same purchases."""

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest

import clvkit as clv
from clvkit.receipts import fingerprint
from clvkit.scoring import score

COLUMNS = [
    "frequency", "recency", "T", "probability_alive", "expected_purchases", "expected_spend",
    "clv", "clv_low", "clv_high", "segment", "model", "data_fingerprint",
]  # fmt: skip


@pytest.fixture(scope="module")
def purchases():
    table = clv.datasets.cdnow(sample=True)
    return table[table["customer_id"].isin(table["customer_id"].unique()[:400])]


@pytest.fixture(scope="module")
def scores(purchases):
    return score(clv.read_transactions(purchases))


def test_one_row_a_customer_in_the_order_of_the_file(purchases, scores):
    assert list(scores.columns) == COLUMNS
    assert list(scores.index) == list(purchases["customer_id"].unique())
    assert scores.index.name == "customer_id"


def test_the_numbers_are_those_of_the_models(purchases, scores):
    summary = clv.summarize(clv.read_transactions(purchases))
    model, money = clv.BetaGeoNBD().fit(summary), clv.GammaGamma().fit(summary)
    value = clv.lifetime_value(model, money, summary)
    for column in ("probability_alive", "expected_purchases", "expected_spend", "clv"):
        assert scores[column].to_numpy() == pytest.approx(value[column].to_numpy(), rel=1e-6)
    assert (scores["clv_low"] < scores["clv"]).all()
    assert (scores["clv"] < scores["clv_high"]).all()


def test_segments_say_what_they_promise(scores):
    top = scores["segment"] == "top tenth"
    assert 0.08 <= top.mean() <= 0.10
    assert scores.loc[top, "clv"].min() >= scores.loc[~top, "clv"].max()
    gone = scores[scores["segment"] == "probably gone"]
    assert (gone["frequency"] > 0).all()
    assert (gone["probability_alive"] < 0.5).all()
    assert (scores.loc[scores["segment"] == "bought once", "frequency"] == 0).all()


def test_every_form_of_the_same_purchases_gives_the_same_scores(purchases, scores, tmp_path):
    table = purchases[["customer_id", "date", "amount"]].reset_index(drop=True)
    table.to_csv(tmp_path / "orders.csv", index=False)
    table.to_parquet(tmp_path / "orders.parquet")
    with duckdb.connect(str(tmp_path / "orders.duckdb")) as shop:
        shop.register("frame", table)
        shop.execute("CREATE TABLE orders AS SELECT * FROM frame")
    forms = [
        clv.read_transactions(tmp_path / "orders.csv"),
        clv.read_transactions(tmp_path / "orders.parquet"),
        clv.read_transactions(tmp_path / "orders.duckdb", query="orders"),
        clv.read_transactions(table),
        clv.read_transactions(pl.from_pandas(table)),
    ]
    first = score(forms[0])
    for form in forms[1:]:
        pd.testing.assert_frame_equal(score(form), first, check_exact=True)
    pd.testing.assert_frame_equal(first, scores)
    other = table.copy()
    other.loc[3, "amount"] += 0.01
    changed = score(clv.read_transactions(other))["data_fingerprint"]
    assert set(changed).isdisjoint(first["data_fingerprint"])


def test_permuted_rows_give_the_same_scores(purchases):
    table = purchases[["customer_id", "date", "amount"]]
    one = score(clv.read_transactions(table))
    other = score(clv.read_transactions(table.sample(frac=1, random_state=5)))
    pd.testing.assert_frame_equal(other.reindex(one.index), one, check_exact=True)


def test_where_nothing_can_be_estimated_the_column_model_says_why():
    days = pd.date_range("2025-01-01", periods=30).astype("datetime64[s]")
    once = pd.DataFrame({"customer_id": [str(n) for n in range(30)], "date": days, "amount": 9.0})
    scores = score(clv.read_transactions(once))
    assert scores["clv"].isna().all()
    assert scores["model"].str.startswith("none: Nobody bought a second time").all()
    assert (scores["segment"] == "bought once").all()


def test_a_fingerprint_knows_rows_and_not_their_order(purchases):
    table = purchases[["customer_id", "date", "amount"]].reset_index(drop=True)
    mark = fingerprint(table)
    assert len(mark) == 16
    assert fingerprint(table.sample(frac=1, random_state=1)) == mark
    assert fingerprint(table[["amount", "date", "customer_id"]]) == mark
    other = table.copy()
    other.loc[3, "amount"] += 0.01
    assert fingerprint(other) != mark
    assert fingerprint(table.iloc[1:]) != mark
    assert not np.isnan(table["amount"]).any()
