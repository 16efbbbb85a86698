"""One summary from every path: in memory, from files in pieces, in DuckDB and in Spark."""

import os
import re
import shutil
import sys

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from typer.testing import CliRunner

import clvkit as clv
from clvkit import playbook
from clvkit.cli import app

PREDICTED = ["probability_alive", "expected_purchases", "expected_spend", "clv", "clv_low",
             "clv_high"]  # fmt: skip

# PySpark asks for an older pandas than this project has; what is used of it here works.
pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas")


def spark_session():
    if shutil.which("java") is None:
        if os.environ.get("CLV_REQUIRE_JVM"):
            pytest.fail("CLV_REQUIRE_JVM is set, and there is no Java runtime")
        pytest.skip("needs a Java runtime")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    from pyspark.sql import SparkSession

    return (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.default.parallelism", "2")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )


@pytest.fixture(scope="module")
def spark():
    session = spark_session()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


def typed(rows):
    """Ids, dates and numbers as an engine holds them; some cannot be used, some are refunds."""
    table = rows[["customer_id", "date", "amount"]].copy()
    table["channel"] = np.where(np.arange(len(table)) % 3, "web", " shop ")
    table["margin"] = (table["amount"] / 4).round(2)
    table.loc[[5, 60, 1002], "margin"] = [np.inf, np.nan, 2e13]
    table.loc[61, "margin"] = -3e13
    table["date"] = table["date"].astype("datetime64[us]")
    table.loc[[40, 1500], "customer_id"] = None
    table.loc[41, "customer_id"] = "  "
    table.loc[1000, "date"] = pd.NaT
    table.loc[1001, "date"] = pd.Timestamp("2999-01-01")
    table.loc[1002, "date"] = pd.Timestamp("1970-12-31")
    table.loc[[2000, 2001], "amount"] = [np.inf, np.nan]
    table.loc[2002, "amount"] = 2e13
    table.loc[2003, ["customer_id", "date", "amount"]] = [None, pd.NaT, np.nan]
    table.loc[1600, "amount"] = 0.0
    back = table.iloc[[100, 200, 300, 301]].copy()
    back["date"] = pd.Timestamp("1998-06-30")
    back["amount"] *= [-1, -0.25, -1, -50]
    back["amount"] = back["amount"].round(2)
    back["margin"] = 0.0
    return pd.concat([table, back, table.iloc[[7, 8, 8]]], ignore_index=True)


@pytest.fixture(scope="module")
def dirty():
    rows = clv.datasets.cdnow(sample=True)
    some = rows["customer_id"].drop_duplicates().head(800)
    return typed(rows[rows["customer_id"].isin(set(some))].reset_index(drop=True))


@pytest.fixture(scope="module")
def text(dirty):
    """The same as an export writes it."""
    written = dirty.astype({"amount": "object"})
    written["date"] = dirty["date"].dt.strftime("%Y-%m-%d")
    written["margin"] = ["much" if np.isinf(x) else f"{x:.2f}" for x in dirty["margin"]]
    written.loc[dirty["margin"].isna(), "margin"] = ""
    written["amount"] = [format(x, ".2f") if np.isfinite(x) else "n/a" for x in dirty["amount"]]
    written.loc[2003, "amount"] = ""
    return written.fillna("")


def arrow(frame):
    return pa.Table.from_pandas(frame, preserve_index=False)


def in_files(frame, folder, count, kind):
    """A folder of ``count`` files with the rows of ``frame`` in order."""
    folder.mkdir()
    for place, part in enumerate(np.array_split(np.arange(len(frame)), count)):
        path = folder / f"part-{place:03}.{kind}"
        if kind == "csv":
            frame.iloc[part].to_csv(path, index=False)
        else:
            frame.iloc[part].to_parquet(path, index=False)
    return folder


PATHS = ["polars", "pyarrow", "csv file", "csv folder", "parquet file", "parquet folder",
         "parquet of text", "duckdb", "spark"]  # fmt: skip


@pytest.fixture(scope="module")
def scanned(dirty, text, tmp_path_factory):
    """The same rows by each path."""
    folder = tmp_path_factory.mktemp("scan")
    text.to_csv(folder / "all.csv", index=False)
    dirty.to_parquet(folder / "all.parquet", index=False)
    text.to_parquet(folder / "text.parquet", index=False)
    sources = {
        "csv file": folder / "all.csv",
        "csv folder": in_files(text, folder / "csv", 100, "csv"),
        "parquet file": folder / "all.parquet",
        "parquet folder": in_files(dirty, folder / "parquet", 100, "parquet"),
        "parquet of text": folder / "text.parquet",
    }
    database = duckdb.connect()
    table = arrow(dirty)
    database.register("orders", table)
    made = {}

    def get(path, spark=None):
        if path in ("polars", "pyarrow"):
            return clv.read_transactions(pl.from_pandas(dirty) if path == "polars" else table)
        if path not in made:
            if path == "duckdb":
                source = database.sql("SELECT * FROM orders")
            elif path == "spark":
                source = spark.createDataFrame(table)
            else:
                source = sources[path]
            made[path] = clv.scan_transactions(source)
        return made[path]

    yield get
    for one in made.values():
        one.close()


@pytest.fixture(params=PATHS)
def path(request, scanned):
    if request.param == "spark":
        return scanned("spark", request.getfixturevalue("spark"))
    return scanned(request.param)


def pandas_of(table):
    """An engine's table in memory, as ``clv.summarize`` and ``clv.score`` make it."""
    if isinstance(table, pd.DataFrame):
        return table
    frame = table.toArrow() if hasattr(table, "toArrow") else table.to_arrow_table()
    return frame.to_pandas().set_index("customer_id")


@pytest.fixture(scope="module")
def memory(dirty):
    return clv.read_transactions(dirty)


def test_receipt(path, memory):
    one, other = path.receipt, memory.receipt
    for name in ("rows_in", "rows_used", "money_in", "money_used", "refunds_netted",
                 "purchases_cancelled", "money_column"):  # fmt: skip
        assert getattr(one, name) == getattr(other, name), name
    # A place is a line, a row, or of an engine none.
    assert [re.sub(r" \(the first: .*\)", "", note) for note in one.notes] == [
        re.sub(r" \(the first: .*\)", "", note) for note in other.notes
    ]
    assert one.money_in == one.money_used + one.set_aside["money"].sum()
    pd.testing.assert_frame_equal(
        one.set_aside.sort_index(), other.set_aside.sort_index(), check_dtype=False
    )
    assert len(one.rows_set_aside) == len(other.rows_set_aside) == 11
    if "file" in one.rows_set_aside:
        assert one.set_aside.index.tolist() == other.set_aside.index.tolist()


def test_summary(path, memory):
    here = clv.summarize(memory)
    there = pandas_of(clv.summarize(path)).loc[here.index]
    pd.testing.assert_frame_equal(there, here, check_dtype=False, rtol=1e-13)
    earlier = clv.summarize(memory, "M", "1997-12-31")
    there = pandas_of(clv.summarize(path, "M", "1997-12-31")).loc[earlier.index]
    pd.testing.assert_frame_equal(there, earlier, check_dtype=False, rtol=1e-13)


@pytest.mark.parametrize("period", ["W", "M", "Q", "Y"])
def test_cohorts(path, memory, period):
    here, there = clv.cohort_table(memory, period, "revenue"), clv.cohort_table(
        path, period, "revenue"
    )  # fmt: skip
    pd.testing.assert_frame_equal(there, here, rtol=1e-13)
    assert there.attrs.keys() == here.attrs.keys()
    assert there.attrs["size"] == here.attrs["size"]
    if period == "M":
        for value in ("customers", "orders"):
            here = clv.cohort_table(memory, period, value, "1998-06-15")
            there = clv.cohort_table(path, period, value, "1998-06-15")
            pd.testing.assert_frame_equal(there, here, rtol=1e-13)
            assert there.attrs == here.attrs


def test_parameters(path, memory):
    here, there = clv.summarize(memory), clv.summarize(path)
    for model in (clv.BetaGeoNBD, clv.GammaGamma):
        one, other = model().fit(here), model(time_unit="W").fit(there)
        np.testing.assert_allclose(other.params, one.params, rtol=1e-9)
        assert other.log_likelihood == pytest.approx(one.log_likelihood, rel=1e-12)
        assert other.time_unit == "W"
    assert one.left_out == other.left_out


def test_scores(path, memory):
    here = clv.score(memory)
    there = pandas_of(clv.score(path)).loc[here.index]
    assert list(there) == list(here)
    np.testing.assert_allclose(there[PREDICTED], here[PREDICTED], rtol=1e-9)
    assert there["segment"].tolist() == here["segment"].tolist()
    assert there["model"].tolist() == here["model"].tolist()
    assert there["data_fingerprint"].tolist() == here["data_fingerprint"].tolist()


def test_what_a_receipt_says_of_optional_columns(memory, scanned):
    assert memory.receipt.notes[0] == (
        "Cells of margin that are no number, left empty: 2 (the first: row 5)."
    )
    assert memory.receipt.notes[1].startswith("Purchases refunded in part, whose margin")
    for path, place in (("csv file", "line 7"), ("csv folder", "part-000.csv line 7"),
                        ("parquet file", "row 5"), ("parquet of text", "row 5"),
                        ("parquet folder", "part-000.parquet row 5")):  # fmt: skip
        assert f"left empty: 2 (the first: {place})." in scanned(path).receipt.notes[0]
    assert "left empty: 2." in scanned("duckdb").receipt.notes[0]


@pytest.mark.parametrize("period", ["W", "M", "Q", "Y"])
def test_movements_in_spark(spark, period):
    contracts = clv.read_subscriptions("saas").table
    contracts.attrs = {}
    table = spark.createDataFrame(arrow(contracts))
    edges = {"observation_start": "2023-01-10", "observation_end": "2024-11-20", "grace_days": 9}
    for options in ({}, edges):
        here = clv.mrr_movements(contracts, period, **options)
        there = clv.mrr_movements(table, period, **options)
        pd.testing.assert_frame_equal(there, here)
        assert there.attrs == here.attrs


@pytest.mark.usefixtures("spark")
def test_spark_by_a_connection_string_in_a_playbook(dirty, memory, tmp_path):
    dirty.to_parquet(tmp_path / "sales.parquet", index=False)
    book = tmp_path / "playbook.yml"
    book.write_text(
        "transactions: spark:local[2]\n"
        f"transactions_query: SELECT * FROM parquet.`{tmp_path / 'sales.parquet'}`\n"
    )
    values = playbook.playbook(playbook.load(book))
    orders = playbook.read(values)["transactions"]
    pd.testing.assert_frame_equal(clv.summarize(orders), clv.summarize(memory))
    out = tmp_path / "scores.parquet"
    done = CliRunner().invoke(app, ["score", "-f", str(book), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert sorted(pd.read_parquet(out)["customer_id"]) == sorted(clv.summarize(memory).index)
    book.write_text("transactions: spark:local[2]\ntransactions_query: SELECT * FROM nothing\n")
    done = CliRunner().invoke(app, ["score", "-f", str(book), "--out", str(out)])
    assert done.exit_code == 1
    assert "cannot be answered" in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize("zone", ["UTC", "Europe/Amsterdam", "America/New_York"])
def test_moments_are_days_of_the_zone_asked_for(spark, zone, tmp_path):
    moments = ["2025-01-01T23:30Z", "2025-01-02T03:00Z", "2025-07-01T22:30Z", "2025-07-02T12:00Z"]
    table = pa.table(
        {
            "customer_id": ["a", "a", "b", "b"],
            "date": pa.array(moments).cast(pa.timestamp("us", "UTC")),
            "amount": [1.0, 2.0, 3.0, 4.0],
        }
    )
    here = clv.summarize(clv.read_transactions(table, timezone=zone), "D")
    there = clv.summarize(clv.scan_transactions(spark.createDataFrame(table), timezone=zone), "D")
    there = pandas_of(there).loc[here.index]
    pd.testing.assert_frame_equal(there, here, check_dtype=False)
    database = duckdb.connect(str(tmp_path / "shop.duckdb"))
    database.register("sold", table)
    database.execute("CREATE TABLE sales AS SELECT * FROM sold")
    database.close()
    address = f"duckdb:{tmp_path / 'shop.duckdb'}"
    with clv.scan_transactions(address, query="sales", timezone=zone) as orders:
        there = pandas_of(clv.summarize(orders, "D")).loc[here.index]
    pd.testing.assert_frame_equal(there, here, check_dtype=False)


@pytest.mark.parametrize("engine", ["duckdb", "spark"])
def test_a_clean_table_of_an_engine_needs_no_reading(engine, sample, request):
    table = arrow(sample.table[["customer_id", "date", "amount"]])
    if engine == "spark":
        table = request.getfixturevalue("spark").createDataFrame(table)
    else:
        table = duckdb.from_arrow(table)
    here = clv.summarize(sample)
    there = pandas_of(clv.summarize(table)).loc[here.index]
    pd.testing.assert_frame_equal(there, here, check_dtype=False, rtol=1e-13)
    pd.testing.assert_frame_equal(clv.cohort_table(table), clv.cohort_table(sample))


def test_a_table_that_is_not_clean_has_to_be_read(dirty):
    table = duckdb.from_arrow(arrow(dirty))
    with pytest.raises(clv.DataError, match=r"rows of this table cannot .* clv.scan_transactions"):
        clv.summarize(table)
