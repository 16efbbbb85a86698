"""Every kind of file and frame gives the same table; what is no table is refused by name."""

import datetime as dt
import sqlite3
import sys
from decimal import Decimal

import duckdb
import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from tables_of import KINDS, table_of

import clvkit as clv

ORDERS = pd.DataFrame(
    {
        "customer_id": ["007", "01", "007", "x, \"y\"", "é漢", "01", "z"],
        "date": ["2025-01-02", "2024-12-31", "2025-01-05", "2025-01-05", "2025-02-01", "2025-02-02",
                 "soon"],
        "amount": [10.5, 3.0, 1234.56, 0.1, 7.0, -1.0, 99.0],
        "channel": ["web", "shop", None, "web", "web", "shop", "web"],
        "quantity": [1.0, 2.0, 3.0, None, 1.0, 1.0, 1.0],
    }
)  # fmt: skip


def orders(*rows):
    return pd.DataFrame(rows, columns=["customer_id", "date", "amount"])


GOOD = orders(("a", "2025-01-01", 1.0), ("b", "2025-01-02", 2.0))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_purchases_from_everywhere(kind, tmp_path):
    read = clv.read_transactions(table_of(kind, ORDERS, tmp_path))
    expected = clv.read_transactions(ORDERS)
    pd.testing.assert_frame_equal(read.table, expected.table, check_exact=True)
    assert read.receipt.money_in == Decimal("1353.16")
    assert read.receipt.money_used == Decimal("1254.16")
    pd.testing.assert_frame_equal(read.receipt.summary(), expected.receipt.summary())
    assert read.receipt.notes == expected.receipt.notes
    assert len(clv.summarize(read)) == 4
    both = clv.summarize(read), clv.summarize(expected)
    pd.testing.assert_frame_equal(*both, check_exact=True)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_set_aside_can_be_found_again(kind, tmp_path):
    aside = clv.read_transactions(table_of(kind, ORDERS, tmp_path)).receipt.rows_set_aside
    in_a_file_with_lines = kind in ("csv", "tsv", "semicolons", "utf-16", "excel")
    place, number = ("line", 8) if in_a_file_with_lines else ("row", 6)
    assert aside[place].tolist() == [number]
    assert aside["customer_id"].tolist() == ["z"]
    assert aside["money"].tolist() == [99.0]


def test_typed_columns_of_every_frame(tmp_path):
    """Dates, moments, exact decimals, categories, whole numbers with a hole."""
    typed = pl.DataFrame(
        {
            "customer_id": [1, None, 9007199254740993, 9007199254740992],
            "date": [dt.date(2025, 1, day) for day in (1, 2, 3, 4)],
            "amount": [Decimal("0.10"), Decimal("5.00"), Decimal("0.20"), Decimal("0.30")],
            "channel": pl.Series(["web", "shop", None, "web"], dtype=pl.Categorical),
        }
    )
    typed.write_parquet(tmp_path / "typed.parquet")
    with duckdb.connect(str(tmp_path / "typed.duckdb")) as database:
        arrow = typed.to_arrow()
        assert arrow.num_rows == 4
        database.execute("CREATE TABLE t AS SELECT * FROM arrow")
    sources = [typed, typed.to_arrow(), tmp_path / "typed.parquet", tmp_path / "typed.duckdb"]
    for source in sources:
        read = clv.read_transactions(source)
        assert read.table["customer_id"].tolist() == ["1", "9007199254740993", "9007199254740992"]
        assert read.receipt.money_used == Decimal("0.6")
        assert read.receipt.set_aside["money"].tolist() == [5]
        assert read.table["date"].dt.day.tolist() == [1, 3, 4]
        assert read.table["channel"].isna().tolist() == [False, True, False]
    moment = dt.datetime(2025, 1, 1, 23, 30, tzinfo=dt.UTC)
    moments = pl.DataFrame({"customer_id": ["a", "b"], "date": [moment] * 2, "amount": [1, 2]})
    late = clv.read_transactions(moments, timezone="Europe/Amsterdam")
    assert late.table["date"].dt.day.tolist() == [2, 2]


# CSV: encodings, separators, lines

HEADER = "customer_id,date,amount,channel\n"
NAMES = HEADER + "1,2025-01-01,2,café\n2,2025-01-01,3,“x”\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be",
                                      "utf-32", "cp1252"])  # fmt: skip
def test_encodings(encoding, tmp_path):
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    path = tmp_path / "orders.csv"
    path.write_bytes(mark + NAMES.encode(encoding))
    read = clv.read_transactions(path)
    assert read.table["channel"].tolist() == ["café", "“x”"]
    told = [note for note in read.receipt.notes if "is not UTF-8" in note]
    assert len(told) == (encoding == "cp1252")
    if told:
        assert "(line 2 has the byte 0xe9)" in told[0]
        assert "read as Windows-1252" in told[0]


def test_latin_1_is_the_last_resort(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_bytes((HEADER + "1,2025-01-01,2,é\x81\n2,2025-01-01,3,b\n").encode("latin-1"))
    read = clv.read_transactions(path)
    assert read.table["channel"].tolist() == ["é\x81", "b"]
    assert "read as Latin-1" in read.receipt.notes[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_lines_are_right_in_every_encoding(encoding, tmp_path):
    path = tmp_path / "orders.csv"
    text = 'sep=;\r\ncustomer_id;"da\nte";amount;date\r\n1;"ü\n\n";2;2025-01-01\r\n2;x;3;bad\r\n'
    path.write_bytes((text + "3;y;bad;2025-01-01\r\n4;z;5;2025-01-02\r\n").encode(encoding))
    read = clv.read_transactions(path)
    assert read.receipt.rows_set_aside["line"].tolist() == [7, 8]
    assert read.table["customer_id"].tolist() == ["1", "4"]


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;"])
def test_the_line_in_which_excel_names_the_separator(first, tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(f"{first}\ncustomer_id;date;amount\n1;2025-01-01;2,50\n2;2025-01-01;3\n")
    assert clv.read_transactions(path).table["amount"].tolist() == [2.5, 3.0]
    path.write_text(f"{first}\ncustomer_id;date;amount\n1;2025-01-01;2;50\n")
    with pytest.raises(clv.DataError, match=r"orders\.csv .* line 3 has 4 cells"):
        clv.read_transactions(path)


# Databases


@pytest.fixture
def shop(tmp_path):
    """A DuckDB and an SQLite file with two tables, a view and a schema."""
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as database:
        assert len(GOOD) == 2
        database.execute("CREATE TABLE orders AS SELECT * FROM GOOD; CREATE TABLE other (a INT)")
        database.execute("CREATE SCHEMA eu; CREATE TABLE eu.orders AS SELECT * FROM GOOD")
        database.execute("CREATE VIEW recent AS SELECT * FROM orders")
    database = sqlite3.connect(tmp_path / "shop.sqlite")
    GOOD.to_sql("orders", database, index=False)
    GOOD.to_sql('odd "name', database, index=False)
    database.execute("CREATE VIEW recent AS SELECT * FROM orders")
    database.close()
    return tmp_path


@pytest.mark.parametrize(
    ("file", "query", "name"),
    [
        ("shop.duckdb", "orders", "orders"),
        ("shop.duckdb", "ORDERS", "orders"),
        ("shop.duckdb", "eu.orders", "eu.orders"),
        ("shop.duckdb", "recent", "recent"),
        ("shop.duckdb", "SELECT * FROM orders ORDER BY date;", "a query"),
        ("shop.duckdb", "from orders", "a query"),
        ("shop.duckdb", "WITH x AS (SELECT * FROM orders) SELECT * FROM x", "a query"),
        ("shop.sqlite", "orders", "orders"),
        ("shop.sqlite", "recent", "recent"),
        ("shop.sqlite", 'odd "name', 'odd "name'),
        ("shop.sqlite", " select customer_id, date, amount from orders ; ", "a query"),
    ],
)
def test_a_table_or_a_select(shop, file, query, name):
    read = clv.read_transactions(shop / file, query=query)
    assert read.table["customer_id"].tolist() == ["a", "b"]
    assert read.receipt.source == f"{file}: {name}"


def test_a_select_may_name_the_columns(shop):
    query = "SELECT customer_id, date, 2 * amount AS amount FROM orders"
    assert clv.read_transactions(shop / "shop.duckdb", query=query).receipt.money_in == 6


@pytest.mark.parametrize("file", ["shop.duckdb", "shop.sqlite"])
@pytest.mark.parametrize(
    ("query", "message"),
    [
        (None, r"holds [34] tables: name one with query='...'. Tables: .*orders"),
        ("odrers", "has no table 'odrers'. Give the name of a table or a SELECT. Tables: "),
        ("DROP TABLE orders", "has no table 'DROP TABLE orders'"),
        ("SELECT nothing FROM orders", "the query 'SELECT nothing FROM orders' cannot be answered"),
        ("SELECT * FROM orders; DROP TABLE orders", "not one SELECT|cannot be answered"),
        ("WITH x AS (SELECT 1) INSERT INTO orders SELECT 'c', '2025-01-01', 1",
         "not one SELECT|cannot be answered"),
        ("SELECT * FROM orders WHERE", "cannot be answered"),
        ("", "has no table ''"),
        (5, "give the name of a table or sheet, or a SELECT"),
    ],
)  # fmt: skip
def test_queries_that_cannot_be_used(shop, file, query, message):
    content = (shop / file).read_bytes()
    with pytest.raises(clv.DataError, match=message) as caught:
        clv.read_transactions(shop / file, query=query)
    assert query == 5 or file in str(caught.value)
    assert (shop / file).read_bytes() == content, "read only"


def test_a_query_reads_its_own_file_only(shop):
    GOOD.to_csv(shop / "secret.csv", index=False)
    query = f"SELECT * FROM '{shop / 'secret.csv'}'"
    with pytest.raises(clv.DataError, match="cannot be answered"):
        clv.read_transactions(shop / "shop.duckdb", query=query)


def test_reading_leaves_nothing_beside_the_database(tmp_path):
    """SQLite with a write-ahead log would leave two files beside the table."""
    database = sqlite3.connect(tmp_path / "shop.db")
    database.execute("PRAGMA journal_mode = WAL")
    GOOD.to_sql("orders", database, index=False)
    database.close()
    assert len(clv.read_transactions(tmp_path / "shop.db").table) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["shop.db"]
    database = sqlite3.connect(tmp_path / "shop.db")
    GOOD.to_sql("orders", database, index=False, if_exists="append")
    read = clv.read_transactions(tmp_path / "shop.db")
    assert len(read.table) == 4, "what is still in the log is read too"
    database.close()


def test_databases_by_any_name(tmp_path):
    with duckdb.connect(str(tmp_path / "a.db")) as database:
        database.execute("CREATE TABLE t AS SELECT * FROM GOOD")
    assert clv.read_transactions(tmp_path / "a.db").receipt.source == "a.db: t"
    sqlite3.connect(tmp_path / "empty.sqlite").execute("CREATE TABLE t (a)").connection.close()
    with pytest.raises(clv.DataError, match=r"empty\.sqlite: t: there is no column 'customer_id'"):
        clv.read_transactions(tmp_path / "empty.sqlite")


def test_sqlite_cells_of_any_type(tmp_path):
    database = sqlite3.connect(tmp_path / "odd.sqlite")
    database.execute("CREATE TABLE t (customer_id, date, amount)")
    rows = [(1, "2025-01-01", 2), ("01", "2025-01-01", "3.5"), (b"\xff", "2025-01-01", 1.25),
            (None, "2025-01-01", 4), ("x", 20250101, b"5"), ("y", 1735689600, 7)]  # fmt: skip
    database.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    database.execute("INSERT INTO t VALUES (CAST(x'e9' AS TEXT), '2025-01-01', 1)")
    database.commit()
    database.close()
    read = clv.read_transactions(tmp_path / "odd.sqlite")
    assert read.table["customer_id"].tolist()[:2] == ["1", "01"]
    assert "\\xe9" in read.table["customer_id"].tolist()
    assert read.receipt.set_aside["rows"].to_dict()["date not readable"] == 1
    assert read.receipt.rows_in == 7


# Excel


def workbook(path, **sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(row)
    book.save(path)
    return path


ROWS = [["customer_id", "date", "amount"], ["007", dt.datetime(2025, 1, 1), 2.5],
        [8, dt.date(2025, 1, 2), 3]]  # fmt: skip


def test_a_sheet_with_dates_and_numbers(tmp_path):
    read = clv.read_transactions(workbook(tmp_path / "a.xlsx", Orders=ROWS))
    assert read.table["customer_id"].tolist() == ["007", "8"]
    assert read.table["date"].dt.day.tolist() == [1, 2]
    assert read.receipt.money_used == Decimal("5.5")
    assert read.receipt.source == "a.xlsx"


def test_empty_rows_above_and_below_and_cells_that_are_wrong(tmp_path):
    rows = [[], [], *ROWS, [], ["9", "x", 4], ["9", "2025-01-03", "#N/A"],
            ["9", "2025-01-03", True], [None, dt.datetime(2025, 1, 1), 5], [None, None, None],
            [None, None, None]]  # fmt: skip
    read = clv.read_transactions(workbook(tmp_path / "a.xlsx", Orders=rows))
    assert read.receipt.rows_set_aside["line"].tolist() == [6, 7, 8, 9, 10]
    assert read.receipt.set_aside["rows"].to_dict() == {
        "empty row": 1, "date not readable": 1, "amount not a number": 2, "no customer id": 1,
    }  # fmt: skip
    assert read.receipt.money_in == Decimal("14.5")


def test_numbers_beside_text_in_a_sheet(tmp_path):
    """A number has one reading; the text beside it is read by its own marks."""
    rows = [["customer_id", "date", "amount"], ["a", "2025-01-01", 1234.567],
            ["b", "2025-01-01", "1.234,50"], ["c", "2025-01-01", "2 EUR"]]  # fmt: skip
    read = clv.read_transactions(workbook(tmp_path / "a.xlsx", Orders=rows))
    assert read.table["amount"].tolist() == [1234.567, 1234.5, 2.0]


def test_the_sheet_with_rows_is_taken_and_two_are_asked_about(tmp_path):
    path = workbook(tmp_path / "a.xlsx", Notes=[], Orders=ROWS)
    assert clv.read_transactions(path).receipt.source == "a.xlsx: Orders"
    path = workbook(tmp_path / "b.xlsx", Orders=ROWS, Old=ROWS[:1])
    with pytest.raises(clv.DataError, match=r"b\.xlsx has 2 sheets with rows: .*Orders, Old"):
        clv.read_transactions(path)
    assert len(clv.read_transactions(path, query="Orders").table) == 2
    with pytest.raises(clv.DataError, match=r"has no sheet 'orders'\. Sheets: Orders, Old"):
        clv.read_transactions(path, query="orders")
    with pytest.raises(clv.DataError, match=r"c\.xlsx is empty: the first row must name"):
        clv.read_transactions(workbook(tmp_path / "c.xlsx", Orders=[]))


def test_without_openpyxl(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(clv.DataError, match=r"a\.xlsx: Excel files need the package openpyxl"):
        clv.read_transactions(path)


# What is no table

PARQUET = b"PAR1 and nothing else"
NO_TABLES = [
    ("a.csv", b"", r"a\.csv is empty \(0 bytes\): export the table anew"),
    ("a.parquet", b"", r"a\.parquet is empty \(0 bytes\)"),
    ("a.xlsx", b"", r"a\.xlsx is empty \(0 bytes\)"),
    ("a.duckdb", b"", r"a\.duckdb is empty \(0 bytes\)"),
    ("a.sqlite", b"", r"a\.sqlite is empty \(0 bytes\)"),
    ("a.parquet", PARQUET, r"a\.parquet is not a Parquet file that can be read .*export it anew"),
    ("a.pq", b"customer_id,date\n", r"a\.pq is not a Parquet file"),
    ("a.xlsx", b"customer_id,date\n", r"a\.xlsx is not an Excel workbook .*save it as \.xlsx"),
    ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"a\.xls is an old Excel workbook, or one with"),
    ("a.duckdb", b"x" * 5000, r"a\.duckdb is not a DuckDB file that can be read"),
    ("a.db", b"customer_id,date\n", r"a\.db is not a DuckDB file"),
    ("a.sqlite", b"x" * 5000, r"a\.sqlite is not a SQLite file that can be read"),
    ("a.sqlite", b"SQLite format 3\x00" + b"x" * 5000, r"a\.sqlite is not a SQLite file"),
    ("a.csv", b"PK\x03\x04rest", r"a\.csv is an Excel workbook or a zip archive, not text: save"),
    ("a.csv", b"PAR1rest", r"a\.csv is a Parquet file, not text"),
    ("a.csv", b"SQLite format 3\x00", r"a\.csv is an SQLite file, not text"),
    ("a.csv", b"%PDF-1.7", r"a\.csv is a PDF, not text"),
    ("a.csv", b"\x1f\x8b\x08", r"a\.csv is a gzip archive, not text"),
    ("a.csv", b"\x89PNG\r\n\x1a\n\x00\x00", r"a\.csv is a binary file, or UTF-16 text without"),
    ("a.csv", HEADER.encode("utf-16-le"), r"a\.csv is a binary file, or UTF-16 text without"),
    ("a.csv", b"\xff\xd8\xff\xe0\x01\x02", r"a\.csv is a binary file \(line 1 has the byte 0xff"),
    ("a.csv", b"\xff\xfea\x00b", r"a\.csv begins as UTF-16 text and has a byte at position"),
    ("a.csv", b"\xef\xbb\xbfa\xff", r"a\.csv begins as UTF-8-SIG text"),
    ("a.json", b"{}", r"a\.json: files that end in \.json are not known\. Give a CSV"),
    ("a.csv.gz", b"\x1f\x8b\x08", r"a\.csv\.gz: files that end in \.gz are not known"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "message"), NO_TABLES)
def test_files_that_are_no_table(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(clv.DataError, match=message):
        clv.read_transactions(tmp_path / name)


@pytest.mark.parametrize("kind", ["parquet", "duckdb", "sqlite", "excel"])
def test_files_cut_short(kind, tmp_path):
    path = table_of(kind, pd.concat([ORDERS] * 500), tmp_path)
    content = path.read_bytes()
    for size in (16, 1000, len(content) * 2 // 3):
        path.write_bytes(content[:size])
        with pytest.raises(clv.DataError, match=path.name):
            clv.read_transactions(path)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".xlsx", ".duckdb"])
def test_a_folder_and_a_file_that_is_not_there(suffix, tmp_path):
    (tmp_path / f"a{suffix}").mkdir()
    with pytest.raises(clv.DataError, match="is a folder, not a file: give the path of a CSV"):
        clv.read_transactions(tmp_path / f"a{suffix}")
    with pytest.raises(clv.DataError, match=r"b\..* does not exist"):
        clv.read_transactions(tmp_path / f"b{suffix}")


def test_a_query_where_there_is_nothing_to_choose(tmp_path):
    GOOD.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(clv.DataError, match=r"a\.csv holds one table; leave query out"):
        clv.read_transactions(tmp_path / "a.csv", query="orders")
    with pytest.raises(clv.DataError, match="a frame is taken whole"):
        clv.read_transactions(GOOD, query="orders")


def test_a_frame_whose_query_fails():
    broken = pl.DataFrame({"customer_id": ["a"]}).lazy().select(pl.col("nothing"))
    with pytest.raises(clv.DataError, match="The frame cannot be read"):
        clv.read_transactions(broken)
    for nothing in (pl.Series([1]), pa.array([1]), {"customer_id": [1]}, 5):
        with pytest.raises(clv.DataError, match="cannot be read from a"):
            clv.read_transactions(nothing)


# The end of the observation


def test_an_observation_end_stays_with_the_table(tmp_path):
    rows = orders(("a", "2025-01-01", 1.0), ("b", "2025-01-02", 2.0), ("a", "2025-03-01", 4.0))
    read = clv.read_transactions(rows, observation_end="2025-01-31")
    assert read.receipt.set_aside["rows"].to_dict() == {"after the observation end": 1}
    assert read.receipt.set_aside["money"].tolist() == [4]
    assert clv.summarize(read, "D")["T"].tolist() == [30, 29]
    assert clv.summarize(read, "D", "2025-01-11")["T"].tolist() == [10, 9], "unless told otherwise"
    assert clv.cohort_table(read).attrs["observation_end"] == "2025-01-31"
    assert clv.cohort_table(read).attrs["unfinished"] is None
    assert clv.summarize(read.table, "D")["T"].tolist() == [30, 29], "a frame keeps it"
    read.table.to_parquet(tmp_path / "clean.parquet")
    again = clv.read_transactions(tmp_path / "clean.parquet")
    assert again.table.attrs == {"observation_end": "2025-01-31"}, "and so does a Parquet file"
    assert clv.summarize(clv.read_transactions(rows), "D")["T"].tolist() == [59, 58]
    fit_on, holdout = clv.split(read, "2025-01-10", "D")
    assert fit_on["T"].tolist() == [9, 8]
    assert holdout["duration"].tolist() == [21, 21]
    assert holdout.attrs["observation_end"] == "2025-01-31"


def test_a_refund_after_the_end_does_not_reach_back():
    rows = orders(("a", "2025-01-01", 5.0), ("b", "2025-01-02", 2.0), ("a", "2025-03-01", -5.0))
    read = clv.read_transactions(rows, observation_end="2025-01-31")
    assert read.table["amount"].tolist() == [5, 2]
    assert read.receipt.money_in == 2
    assert read.receipt.money_used == 7


@pytest.mark.parametrize(
    ("end", "message"),
    [("31/01/2025", "not a date"), ("2999-01-01", "yet to come"), (5, "not a calendar day"),
     ("2024-01-01", r"none of the 2 rows can be used \(row 0: after the observation end")],
)  # fmt: skip
def test_observation_ends_that_cannot_be_used(end, message):
    with pytest.raises(clv.DataError, match=message):
        clv.read_transactions(GOOD, observation_end=end)
