"""Files larger than memory: bad rows found again, what has to be declared, and no traces."""

import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import clvkit as clv
from clvkit import batches, engines, pieces, playbook
from clvkit.cli import app
from clvkit.expressions import day_number

GOOD = ["007,2025-01-05,10.00", "007,2025-02-01,5.50", "b,2025-01-09,7.25", "c,2025-03-01,1.00"]


def csv(path, rows, header="customer_id,date,amount"):
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def small_pieces(monkeypatch):
    """Pieces of three rows: what happens between pieces happens here."""
    monkeypatch.setattr(pieces, "PIECE", 3)
    monkeypatch.setattr(batches, "PIECE", 3)


@pytest.fixture(autouse=True)
def own_temporary(tmp_path, monkeypatch):
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    yield place
    assert list(place.iterdir()) == [], "the temporary folder is left behind"


def receipt_of(source, **options):
    with clv.scan_transactions(source, **options) as orders:
        return orders.receipt


@pytest.mark.usefixtures("small_pieces")
def test_bad_rows_of_a_hundred_files_have_their_file_and_line(tmp_path):
    bad = {
        "part-041.csv": (2, ",2025-01-01,3.00", "no customer id"),
        "part-057.csv": (4, "x,someday,4.00", "date not readable"),
        "part-058.csv": (1, "x,2025-01-01,lots", "amount not a number"),
        "part-099.csv": (5, "c,2024-01-01,-9.99", "refund without an earlier purchase"),
    }
    for number in range(100):
        name = f"part-{number:03}.csv"
        # A cell that spans two lines moves the lines of all rows below it.
        rows = [f'"n {number}\nm",2025-01-02,1.00', *GOOD]
        if name in bad:
            rows.insert(bad[name][0] - 1, bad[name][1])
        csv(tmp_path / "orders" / name, rows)
    receipt = receipt_of(tmp_path / "orders")
    aside = receipt.rows_set_aside
    assert aside["file"].tolist() == list(bad)
    # One line for the names, one more for the long cell above.
    assert aside["line"].tolist() == [4, 6, 2, 7]
    assert aside["reason"].tolist() == [reason for *_, reason in bad.values()]
    assert (receipt.rows_in, receipt.rows_used) == (504, 500)
    assert receipt.money_in == Decimal("2475.00") + Decimal("3.00") + 4 - Decimal("9.99")
    assert receipt.money_in == receipt.money_used + receipt.set_aside["money"].sum()


@pytest.mark.usefixtures("small_pieces")
def test_bad_rows_of_parquet_files_have_their_file_and_row(tmp_path):
    (tmp_path / "orders" / "2025").mkdir(parents=True)
    frame = pd.DataFrame(
        [row.split(",") for row in GOOD], columns=["customer_id", "date", "amount"]
    )
    frame = frame.astype({"date": "datetime64[us]", "amount": "float64"})
    for number in range(5):
        part = frame.copy()
        if number == 3:
            part.loc[2, "amount"] = np.nan
        part.to_parquet(tmp_path / f"orders/2025/part-{number}.parquet", index=False)
    aside = receipt_of(tmp_path / "orders").rows_set_aside
    assert aside[["file", "row", "reason"]].values.tolist() == [
        ["2025/part-3.parquet", 2, "amount not a number"]
    ]


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (["a,2025-01-01,5", "b,03/04/2025,5"], {}, "all.csv: .*date_format.* See line 3"),
        (["a,2025-01-01,5"] * 4 + ["b,2025-01-01,\"1,234\""], {}, "decimal='.' or .* See line 6"),
        (["a,2025-01-01,5"] * 4 + ["b,2025-01-01,1.234"], {}, "decimal='.' or .* See line 6"),
        (["a,2025-01-01,$5"] * 4 + ["b,2025-01-01,€5"], {}, "mixes currencies .'\\$5', '€5'"),
        (["a,2025-01-01,5"] * 4 + ["b,2025-01-01,5,6"], {}, "line 6 has 4 cells"),
        (["a,2025-01-01,5"] * 4, {}, "all purchases are of one customer"),
        (["a,2025-01-01,5", "a,2025-01-01,-5"], {}, "refunds cancel every one of the 1 purchases"),
        (["a,never,5", "b,never,5"], {}, "none of the 2 rows can be used .most: date not read"),
        ([], {}, "no rows"),
        (["a,2025-01-01,5"], {"refunds": "some"}, "give 'net' or 'set_aside'"),
        (["a,2025-01-01,5"], {"timezone": "Mars"}, "is not a time zone"),
        (["a,2025-01-01,5"], {"query": "SELECT 1"}, "belongs to a connection string"),
        (["a,2025-01-01,5"], {"columns": {"customer_id": "who"}}, "there is no column 'who'"),
        (["a,2025-01-01,5"], {"observation_end": "2999-01-01"}, "yet to come"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_what_to_do(tmp_path, rows, options, message):
    with pytest.raises(clv.DataError, match=message):
        clv.scan_transactions(csv(tmp_path / "all.csv", rows), **options)


def test_what_is_no_table_is_refused(tmp_path):
    folder = tmp_path / "mixed"
    csv(folder / "a.csv", GOOD)
    (folder / "b.parquet").write_bytes(b"PAR1")
    with pytest.raises(clv.DataError, match=r"folder of 2 files .*CSV files only"):
        clv.scan_transactions(folder)
    for name, content, message in (
        ("broken.parquet", b"PAR1nothing", "broken.parquet: no Parquet files that can be read"),
        ("latin.csv", b"customer_id,date,amount\nJos\xe9,2025-01-01,5\n", "not UTF-8"),
        ("empty.csv", b"", "empty .0 bytes"),
        ("zip.csv", b"PK\x03\x04", "a zip archive"),
        ("book.xlsx", b"PK\x03\x04", "cannot be scanned: give CSV or Parquet"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(clv.DataError, match=message):
            clv.scan_transactions(tmp_path / name)
    with pytest.raises(clv.DataError, match="does not exist"):
        clv.scan_transactions(tmp_path / "nowhere.csv")
    with pytest.raises(clv.DataError, match="A list cannot be scanned"):
        clv.scan_transactions([1, 2])
    csv(tmp_path / "two" / "a.csv", GOOD)
    csv(tmp_path / "two" / "b.csv", ["a,2025-01-01,5,x"], "customer_id,date,amount,channel")
    with pytest.raises(clv.DataError, match="the files before it"):
        clv.scan_transactions(tmp_path / "two")


@pytest.mark.usefixtures("small_pieces")
def test_declared_formats_in_every_file(tmp_path):
    for name, day in (("a", "31/01/2025"), ("b", "32/13/2025"), ("c", "01/02/2025")):
        csv(tmp_path / "f" / f"{name}.csv", [f"{name};{day};1.234,50"], "customer_id;date;amount")
    receipt = receipt_of(tmp_path / "f", date_format="%d/%m/%Y", decimal=",")
    assert receipt.money_used == Decimal("2469.00")
    assert receipt.set_aside.index.tolist() == ["date not readable"]


@settings(max_examples=12)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 4), st.integers(-900, 900)),
        min_size=1, max_size=25,
    ),
    st.sampled_from(["net", "set_aside"]),
)  # fmt: skip
def test_refunds_are_netted_as_in_memory(tmp_path_factory, rows, refunds):
    day = pd.Timestamp("2025-01-01")
    table = pd.DataFrame(
        [("a", day, 3.0), ("b", day, 2.0),
         *((who, day + pd.Timedelta(days=d), cents / 100) for who, d, cents in rows)],
        columns=["customer_id", "date", "amount"],
    )  # fmt: skip
    path = tmp_path_factory.mktemp("net") / "all.parquet"
    table.to_parquet(path)
    try:
        there = clv.read_transactions(table, refunds=refunds)
    except clv.DataError:
        return
    with clv.scan_transactions(path, refunds=refunds) as here:
        summary = clv.summarize(here).df().set_index("customer_id")
        for name in ("rows_in", "rows_used", "money_in", "money_used", "refunds_netted",
                     "purchases_cancelled", "notes"):  # fmt: skip
            assert getattr(here.receipt, name) == getattr(there.receipt, name), name
    expected = clv.summarize(there)
    pd.testing.assert_frame_equal(summary.loc[expected.index], expected, check_dtype=False)


def test_order_of_rows_does_not_change_a_receipt():
    rows = [("a", "2025-01-01", 5), ("a", "2025-01-01", 10), ("a", "2025-01-01", -5),
            ("a", "2025-01-01", -10), ("b", "2025-01-01", 1),
            ("c", "2025-01-01", 1)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["customer_id", "date", "amount"])
    receipts = [
        clv.read_transactions(frame.sample(frac=1, random_state=seed)).receipt for seed in range(6)
    ]
    assert {(r.purchases_cancelled, r.refunds_netted, r.money_used) for r in receipts} == {
        (2, 2, Decimal(2))
    }


def test_fractions_of_a_cent(tmp_path):
    """Amounts that are no whole cents take the way over floating point, and add up as exactly."""
    rows = [("a", "2025-01-01", 0.125), ("a", "2025-01-05", 1 / 8), ("b", "2025-01-01", 0.333)]
    frame = pd.DataFrame(rows, columns=["customer_id", "date", "amount"])
    frame["date"] = frame["date"].astype("datetime64[us]")
    frame.to_parquet(tmp_path / "all.parquet")
    with clv.scan_transactions(tmp_path / "all.parquet") as orders:
        assert orders.receipt.money_used == Decimal("0.583")
        summary = clv.summarize(orders).df().set_index("customer_id")
    assert summary.loc["a"].tolist() == clv.summarize(frame).loc["a"].tolist()


@pytest.mark.parametrize("late", [0.125, -0.125])
def test_fractions_of_a_cent_far_down(tmp_path, late):
    """Whoever looked at the first rows only would take the amounts for whole cents."""
    rows = 12_000
    frame = pd.DataFrame({"customer_id": np.arange(rows) % 700, "amount": 2.0})
    frame["date"] = np.datetime64("2024-01-01", "us") + np.arange(rows) // 100 * 86_400_000_000
    frame.loc[rows - 1, "amount"] = late
    frame.to_parquet(tmp_path / "all.parquet")
    there = clv.read_transactions(frame)
    with clv.scan_transactions(tmp_path / "all.parquet") as here:
        assert here.receipt.money_used == there.receipt.money_used == 2 * (rows - 1) + Decimal(late)
        assert here.receipt.notes == there.receipt.notes
        summary = clv.summarize(here).df().set_index("customer_id")
    expected = clv.summarize(there)
    pd.testing.assert_frame_equal(summary.loc[expected.index], expected, check_dtype=False)


def test_purchases_of_one_day_for_nothing_repeated_and_refunded(tmp_path):
    """What a receipt says of them, by hand, from memory and from a file."""
    rows = [("a", 0.0, 0.0), ("a", 5.0, 1.0), ("a", 5.0, 1.0), ("b", 0.0, 0.0), ("b", 9.0, 2.0),
            ("c", 10.0, 4.0), ("c", 8.0, 4.0), ("c", -3.0, 0.0),
            ("d", 10.0, 4.0), ("d", 5.0, 4.0), ("d", -5.0, 0.0)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["customer_id", "amount", "margin"])
    frame["date"] = pd.Timestamp("2024-01-01")
    frame.loc[[4], "date"] = pd.Timestamp("2024-02-01")
    frame.to_parquet(tmp_path / "all.parquet")
    here, there = receipt_of(tmp_path / "all.parquet"), clv.read_transactions(frame).receipt
    assert here.notes == there.notes
    said = " ".join(here.notes)
    assert "cut in proportion: 2." in said
    assert "amount of 0, kept as purchases: 2." in said
    # One of a. Of d 5 and 5 are left, with margins of 2 and 4: no repetition.
    assert "in every column, kept: 1." in said


def test_a_query_that_cuts_moments_to_days_does_so_in_the_zone_asked_for(tmp_path):
    database = duckdb.connect(str(tmp_path / "shop.duckdb"))
    database.execute(
        "CREATE TABLE sales AS SELECT * FROM (VALUES "
        "('a', TIMESTAMPTZ '2025-01-01 23:30:00+00', 1.0), "
        "('b', TIMESTAMPTZ '2025-01-05 12:00:00+00', 2.0)) t(customer_id, moment, amount)"
    )
    database.close()
    query = "SELECT customer_id, CAST(moment AS DATE) AS date, amount FROM sales"
    for zone, age in (("UTC", 4.0), ("Europe/Amsterdam", 3.0)):
        address = f"duckdb:{tmp_path / 'shop.duckdb'}"
        with clv.scan_transactions(address, query=query, timezone=zone) as orders:
            summary = clv.summarize(orders, "D").df().set_index("customer_id")
        assert summary["T"].to_dict() == {"a": age, "b": 0.0}


def test_days_are_counted_as_the_calendar_has_them():
    import narwhals as nw

    days = pd.date_range("1971-01-01", "2105-12-31", freq="D")
    frame = nw.from_native(duckdb.from_arrow(pa.table({"date": days.date})))
    found = frame.select(n=day_number(nw.col("date"))).collect("pyarrow").to_native()["n"]
    assert np.array_equal(found.to_numpy(), (days - pd.Timestamp(0)).days)


def test_zones_and_kinds_of_columns_of_an_engine():
    """A day is a day in the zone asked for; ids that became floats are whole numbers."""
    table = pa.table(
        {
            "customer_id": pa.array([7.0, None, 8.0]),
            "date": pa.array(["2025-01-01T23:30Z"] * 3).cast(pa.timestamp("us", "UTC")),
            "amount": pa.array([0.1, 5, 6], pa.float32()),
        }
    )
    with clv.scan_transactions(
        duckdb.from_arrow(table), timezone="Europe/Amsterdam", observation_end="2025-01-02"
    ) as orders:
        assert orders.receipt.money_used == Decimal("6.1")
        summary = clv.summarize(orders, "D").df().set_index("customer_id")
    assert summary["T"].to_dict() == {"7": 0.0, "8": 0.0}
    odd = table.set_column(0, "customer_id", pa.array([7.5, 1.0, 2.0]))
    with pytest.raises(clv.DataError, match="write the ids as text"):
        clv.scan_transactions(duckdb.from_arrow(odd))
    written = table.set_column(1, "date", pa.array(["03/04/2025"] * 3))
    with pytest.raises(clv.DataError, match="not dates: cast it"):
        clv.scan_transactions(duckdb.from_arrow(written))


KILLED = """
import sys, time, clvkit as clv
orders = clv.scan_transactions(sys.argv[1])
print("ready", flush=True)
time.sleep(60)
"""


def test_a_killed_run_leaves_nothing_that_the_next_one_trips_over(tmp_path, own_temporary):
    path = csv(tmp_path / "all.csv", GOOD)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"TMPDIR": str(own_temporary)},
    )  # fmt: skip
    assert process.stdout.readline().strip() == "ready"
    (left,) = own_temporary.iterdir()
    with clv.scan_transactions(path):
        assert left.exists(), "a run that goes on keeps its folder"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with clv.scan_transactions(path) as orders:
        assert not left.exists()
        assert orders.receipt.rows_used == 4


def shop(folder):
    """A folder with the sample in ten CSV files."""
    rows = clv.datasets.cdnow(sample=True)
    for part in range(10):
        some = rows.iloc[part::10]
        (folder / "shop").mkdir(exist_ok=True)
        some.to_csv(folder / f"shop/{part}.csv", index=False)
    return folder / "shop"


@pytest.mark.parametrize("name", ["scores.csv", "scores.parquet"])
def test_scores_of_a_folder_on_the_command_line(tmp_path, name):
    done = CliRunner().invoke(
        app, ["score", "--transactions", str(shop(tmp_path)), "--out", str(tmp_path / name)]
    )
    assert done.exit_code == 0, done.output
    assert "2,357 customers (BG/NBD and Gamma-Gamma)" in done.output
    if name.endswith("parquet"):
        scores = pd.read_parquet(tmp_path / name)
    else:
        scores = pd.read_csv(tmp_path / name, dtype={"customer_id": str})
    memory = clv.score(clv.read_transactions("cdnow-sample"))
    assert sorted(scores["customer_id"]) == sorted(memory.index)
    assert scores["clv"].sum() == pytest.approx(memory["clv"].sum(), rel=1e-9)
    assert list(scores) == ["customer_id", *memory]


def test_a_connection_string_in_a_playbook(tmp_path):
    database = duckdb.connect(str(tmp_path / "shop.duckdb"))
    database.register("orders", clv.datasets.cdnow(sample=True))
    database.execute("CREATE TABLE sales AS SELECT customer_id AS who, date, amount FROM orders")
    database.close()
    book = tmp_path / "playbook.yml"
    book.write_text(
        "transactions: duckdb:shop.duckdb\ntransactions_query: sales\n"
        "transactions_columns: {customer_id: who}\n"
    )
    done = CliRunner().invoke(app, ["check", "-f", str(book)])
    assert done.exit_code == 0, done.output
    assert "6,919" in done.output or "6919" in done.output
    out = tmp_path / "scores.parquet"
    done = CliRunner().invoke(app, ["score", "-f", str(book), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert len(pd.read_parquet(out)) == 2357
    memory = playbook.read(playbook.playbook(playbook.load(book)))["transactions"]
    assert memory.receipt.rows_used == 6919
    assert clv.summarize(memory).equals(clv.summarize(clv.read_transactions("cdnow-sample")))
    for text, message in (
        ("transactions: duckdb:shop.duckdb\n", "say which table with query"),
        ("transactions: duckdb:none.duckdb\ntransactions_query: sales\n", "there is no such file"),
        ("transactions: duckdb:shop.duckdb\ntransactions_query: DROP TABLE sales\n", "one SELECT"),
        ("transactions: duckdb:shop.duckdb\ntransactions_query: nothing\n", "cannot be answered"),
        ("spend: duckdb:shop.duckdb\n", "Scores need purchases"),
    ):
        book.write_text(text)
        done = CliRunner().invoke(app, ["score", "-f", str(book), "--out", str(out)])
        assert done.exit_code == 1
        assert message in done.output


def test_any_table_can_come_by_a_connection_string(tmp_path, monkeypatch):
    database = duckdb.connect(str(tmp_path / "firm.duckdb"))
    database.register("contracts", clv.read_subscriptions("saas").table)
    database.execute("CREATE TABLE contracts_of AS SELECT * FROM contracts")
    database.close()
    address = f"duckdb:{tmp_path / 'firm.duckdb'}"
    read = clv.read_subscriptions(address, query="contracts_of")
    assert read.receipt.rows_in == len(clv.read_subscriptions("saas").table)
    monkeypatch.setattr(engines, "_MOST", 100)
    with pytest.raises(clv.DataError, match="too many for a report"):
        clv.read_subscriptions(address, query="contracts_of")
    with pytest.raises(clv.DataError, match="say which table with query"):
        clv.read_subscriptions(address)


def test_a_report_does_not_read_a_folder(tmp_path):
    done = CliRunner().invoke(
        app, ["build", "--transactions", str(shop(tmp_path)), "--out", str(tmp_path / "report")]
    )
    assert done.exit_code == 1
    assert "a report needs the rows in memory" in done.output


IDS = [[7, 8, 7], ["007", "8", "007"], [2**60, 5, 2**60], [-3, 0, -3]]


@pytest.mark.parametrize("ids", IDS, ids=str)
@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame, pa.table])
def test_frames_of_any_library_with_ids_of_any_type(ids, library):
    days = pd.to_datetime(["2025-01-05", "2025-01-01", "2025-02-01"]).to_numpy()
    columns = {"customer_id": ids, "date": days.astype("datetime64[us]"), "amount": [1.0, 2.0, 3.5]}
    summary = clv.summarize(library(columns), "D")
    assert summary.index.tolist() == [str(ids[0]), str(ids[1])]
    assert summary["frequency"].tolist() == [1, 0]
    assert summary["monetary_value"].tolist()[0] == 3.5
    assert clv.cohort_table(library(columns)).attrs["size"] == {"2025-01": 2}


@pytest.mark.parametrize(
    "kind",
    [
        pd.CategoricalDtype(),
        pd.CategoricalDtype(["nobody", "a", " a", "b"]),
        "object",
        "string",
    ],
    ids=["categories", "categories in another order", "objects", "strings"],
)
def test_labels_as_ids(kind):
    """Categories have an order of their own, values that nobody has, and blanks like any text."""
    frame = pd.DataFrame({"customer_id": ["b", "a", "b", " a"], "amount": [1.0, 2.0, 3.5, 4.0]})
    frame["date"] = pd.to_datetime(["2025-01-05", "2025-01-01", "2025-02-01", "2025-03-01"])
    expected = clv.summarize(frame, "D")
    typed = frame.astype({"customer_id": kind})
    for given_ in (typed, pa.Table.from_pandas(typed), pl.from_pandas(typed)):
        pd.testing.assert_frame_equal(clv.summarize(given_, "D"), expected)
    assert expected["frequency"].to_dict() == {"b": 1, "a": 1}


def test_blanks_around_ids_do_not_make_customers():
    frame = pd.DataFrame({"customer_id": ["a", " a", "b"], "amount": 1.0})
    frame["date"] = pd.to_datetime(["2025-01-01", "2025-01-02", "2025-01-03"])
    assert clv.summarize(frame)["frequency"].to_dict() == {"a": 1, "b": 0}


def test_a_typed_frame_that_is_not_clean_is_refused_as_any_other():
    frame = pl.DataFrame({"customer_id": [1, 2, None, 3], "date": [pd.Timestamp("2025-01-01")] * 4,
                          "amount": [1.0, -2.0, 3.0, 4.0]})  # fmt: skip
    with pytest.raises(clv.DataError, match="2 of 4 rows of this frame"):
        clv.summarize(frame)
    with pytest.raises(clv.DataError, match="of one customer"):
        clv.summarize(frame.head(1))


def test_speed_is_that_of_a_counting_sort_and_not_of_text():
    """Half a million rows in well under the second that writing their ids as text would take."""
    random = np.random.default_rng(1)
    frame = pd.DataFrame({"customer_id": random.integers(0, 50_000, 500_000), "amount": 1.0})
    frame["date"] = np.datetime64("2025-01-01") + random.integers(0, 300, 500_000)
    clv.summarize(frame.head(1000))
    started = time.process_time()
    clv.summarize(frame)
    assert time.process_time() - started < 0.5


def test_the_bundled_table_can_be_scanned():
    with clv.scan_transactions(Path(clv.datasets.path("cdnow/transactions.csv"))) as orders:
        assert orders.receipt.rows_in == 69_659


def test_what_needs_memory_says_so(tmp_path):
    with clv.scan_transactions(csv(tmp_path / "all.csv", GOOD)) as orders:
        with pytest.raises(clv.DataError, match="needs them in memory"):
            clv.split(orders)
        with pytest.raises(clv.DataError, match="with a receipt, not of a"):
            clv.score(orders.table)
