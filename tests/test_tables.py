"""Any table in: a clean frame and a receipt that adds up, or a DataError that says what to do."""

import datetime as dt
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clvkit as clv
from clvkit import read_transactions

HEADER = "customer_id,date,amount\n"


@pytest.fixture
def write(tmp_path):
    def file(content, name="orders.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return file


def frame(rows):
    return pd.DataFrame(rows, columns=["customer_id", "date", "amount"])


def aside(read):
    return read.receipt.set_aside["rows"].to_dict()


def adds_up(read):
    """Rows and money in = used + set aside, exactly; and the table holds the money used."""
    receipt = read.receipt
    summary = receipt.summary()
    assert receipt.rows_in == summary["rows"].iloc[1:].sum()
    assert Fraction(receipt.money_in) == sum(map(Fraction, summary["money"].iloc[1:]))
    assert len(receipt.rows_set_aside) == receipt.rows_in - receipt.rows_used
    assert len(read.table) == (
        receipt.rows_used - receipt.refunds_netted - receipt.purchases_cancelled
    )
    table = sum((Fraction(repr(float(a))) for a in read.table["amount"]), Fraction(0))
    assert float(table - Fraction(receipt.money_used)) == pytest.approx(0, abs=1e-9)
    assert all(receipt.rows_set_aside["remedy"])
    assert (read.table["amount"] >= 0).all()
    assert read.table[["customer_id", "date", "amount"]].notna().all(axis=None)
    return table


# What is read


def test_a_file_is_read_as_it_stands(write):
    read = read_transactions(
        write("customer_id,date,amount,channel\n007,2025-01-02,10.50,web\n01,2024-12-31,3,shop\n")
    )
    assert read.table["customer_id"].tolist() == ["007", "01"]
    assert read.table["date"].tolist() == [pd.Timestamp("2025-01-02"), pd.Timestamp("2024-12-31")]
    assert read.table["amount"].tolist() == [10.5, 3.0]
    assert read.table["channel"].tolist() == ["web", "shop"]
    assert read.receipt.money_in == read.receipt.money_used == Decimal("13.5")
    assert read.receipt.source == "orders.csv"
    adds_up(read)


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff" + HEADER + "1,2025-01-01,2\n2,2025-01-01,3\n",
        HEADER.replace(",", ";") + "1;2025-01-01;2,00\n2;2025-01-01;3,00\n",
        HEADER.replace(",", "\t") + "1\t2025-01-01\t2\n2\t2025-01-01\t3\n",
        (HEADER + "1,2025-01-01,2\n2,2025-01-01,3\n").replace("\n", "\r\n"),
        (HEADER + "1,2025-01-01,2\n2,2025-01-01,3").replace("\n", "\r"),
        " customer_id , date, amount\n1,2025-01-01,2\n2, 2025-01-01 , 3 \n",
        '"customer_id";"date";"amount";"a,b,c,d"\n1;2025-01-01;2;x\n2;2025-01-01;3;y\n',
    ],
    ids=["BOM", "semicolon", "tab", "CRLF", "CR", "spaces", "commas in a quoted header"],
)
def test_the_same_table_in_other_clothes(write, content):
    read = read_transactions(write(content))
    assert read.table["customer_id"].tolist() == ["1", "2"]
    assert read.table["amount"].tolist() == [2.0, 3.0]


def test_parquet_frame_and_indexed_frame_agree(write, tmp_path):
    rows = frame([("01", "2025-01-01", 2.0), ("02", "2025-01-03", 3.5)])
    path = tmp_path / "orders.parquet"
    rows.to_parquet(path)
    answers = [read_transactions(s).table for s in (rows, path, rows.set_index("customer_id"))]
    for answer in answers[1:]:
        pd.testing.assert_frame_equal(answer, answers[0])


def test_reading_twice_is_reading_once(sample):
    assert read_transactions(sample) is sample
    again = read_transactions(sample.table)
    pd.testing.assert_frame_equal(again.table, sample.table)


def test_columns_are_renamed(write):
    path = write("KlantNr,Datum,Bedrag\n01,2025-01-01,2\n02,2025-01-02,3\n")
    names = {"customer_id": "KlantNr", "date": "Datum", "amount": "Bedrag"}
    assert read_transactions(path, names).table["customer_id"].tolist() == ["01", "02"]
    numbers = pd.DataFrame([["a", "2025-01-01", 1], ["b", "2025-01-01", 2]])
    assert len(read_transactions(numbers, {"customer_id": 0, "date": 1, "amount": 2}).table) == 2


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([1, 2, 3], ["1", "2", "3"]),
        ([1.0, 2.0, np.nan], ["1", "2"]),
        (["001", "01", "1"], ["001", "01", "1"]),
        ([" a", "a ", None], ["a", "a"]),
        ([1.5, 2.0, 3.0], ["1.5", "2.0", "3.0"]),
        (["x", "nan", "NULL"], ["x"]),
        (pd.array([7, None, 8], dtype="Int64"), ["7", "8"]),
        (pd.Categorical(["b", "a", "b"]), ["b", "a", "b"]),
    ],
)
def test_ids_are_text_in_the_source_order(ids, expected):
    rows = pd.DataFrame({"customer_id": ids, "date": "2025-01-01", "amount": [1.0, 2.0, 4.0]})
    rows = pd.concat([rows, frame([("end", "2025-01-01", 8.0), ("fin", "2025-01-01", 16.0)])])
    if isinstance(ids, list) and not all(isinstance(i, str) for i in ids):
        rows = pd.DataFrame({"customer_id": [*ids, 90, 91], "date": "2025-01-01", "amount": 1.0})
        expected = [*expected, *(["90", "91"] if expected[0] != "1.5" else ["90.0", "91.0"])]
        if expected[0] == "a":
            expected = ["a", "a", "90", "91"]
    else:
        expected = [*expected, "end", "fin"]
    read = read_transactions(rows)
    assert read.table["customer_id"].tolist() == expected
    adds_up(read)


def test_ids_too_large_for_floats_are_refused():
    """A missing cell turns 19-digit ids to floats, and neighbours become one customer."""
    rows = pd.DataFrame(
        {"customer_id": [5123456789012345678.0, 5123456789012345679.0], "date": "2025-01-01",
         "amount": 1.0}
    )  # fmt: skip
    with pytest.raises(clv.DataError, match="too large to tell one from another"):
        read_transactions(rows)


# The receipt


def test_every_reason_has_its_line(write):
    read = read_transactions(
        write(
            HEADER + "1,2025-01-01,10\n2,2025-01-01,0.10\n,2025-01-01,5\n1,soon,6\n"
            "1,2999-01-01,7\n1,2025-01-02,abc\n1,2025-01-02,inf\n1,1900-01-01,8\n"
            "3,2025-01-02,-9\n\n1,2025-01-02,1e300\n"
        )
    )
    assert aside(read) == {
        "no customer id": 1,
        "date not readable": 1,
        "date in the future": 1,
        "amount not a number": 2,
        "date before 1971": 1,
        "refund without an earlier purchase": 1,
        "empty row": 1,
        "amount too large": 1,
    }
    assert read.receipt.rows_set_aside["line"].tolist() == [4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert read.receipt.rows_in == 11
    assert read.receipt.rows_used == 2
    assert read.receipt.money_used == Decimal("10.1")
    assert read.receipt.set_aside.loc["date in the future", "money"] == 7
    adds_up(read)


def test_sums_are_exact_beyond_cents():
    """0.1 added ten times is 1, and a sum of sub-cent prices is what was written."""
    read = read_transactions(frame([("a", "2025-01-01", 0.1)] * 10 + [("b", "2025-01-01", 0)]))
    assert read.receipt.money_used == 1
    tiny = [0.001, 0.0000001, 2, 1234567.8901]
    read = read_transactions(
        frame([(c, "2025-01-01", v) for c, v in zip("abcd", tiny, strict=True)])
    )
    assert read.receipt.money_in == Decimal("1234569.8911001")
    computed = [1.21 * 10.0, 3.3, 1.1 * 1.1]
    read = read_transactions(
        frame([("a", "2025-01-01", computed[0]), ("a", "2025-01-02", -computed[1]),
               ("b", "2025-01-01", computed[2])])
    )  # fmt: skip
    assert read.receipt.money_in == read.receipt.money_used
    single = pd.DataFrame(
        {"customer_id": list("abc"), "date": "2025-01-01",
         "amount": np.array([0.1, 0.2, 0.3], dtype="float32")}
    )  # fmt: skip
    assert read_transactions(single).receipt.money_in == Decimal("0.6")


def test_columns_called_like_the_receipts_own(write):
    path = write("line,money,reason,customer_id,date,amount\n7,8,9,a,x,1\n1,1,1,b,2025-01-01,2\n"
                 "1,1,1,c,2025-01-01,2\n")  # fmt: skip
    read = read_transactions(path)
    row = read.receipt.rows_set_aside.iloc[0]
    assert row["line"] == 2
    assert row["line (source)"] == "7"
    assert row["money (source)"] == "8"
    assert row["reason"] == "date not readable"
    assert row["money"] == 1


def test_line_numbers_survive_quoted_line_breaks(write):
    path = write(
        'customer_id,"no\nte",date,amount\r\n1,"a\nb\n",2025-01-01,3\r\n2,"x, ""y""\n",bad,4\n'
        "3,c,2025-01-01,bad\n4,d,2025-01-01,5\n"
    )
    read = read_transactions(path)
    assert read.receipt.rows_set_aside["line"].tolist() == [6, 8]


def test_notes_say_what_was_kept():
    rows = [("a", "2025-01-01", 5), ("a", "2025-01-01", 5), ("b", "2025-01-01", 0),
            ("b", "2025-01-02", 4), ("b", "2025-01-03", -4)]  # fmt: skip
    notes = " ".join(read_transactions(frame(rows)).receipt.notes)
    assert (
        "Refunds taken off earlier purchases: 1. Purchases that this cancelled in full: 1" in notes
    )
    assert "Purchases with an amount of 0, kept as purchases: 1." in notes
    assert "Rows that repeat another row in every column, kept: 1." in notes
    assert "Purchases on a day on which their customer had bought already: 1." in notes


# Refunds


def amounts_of(rows, **options):
    read = read_transactions(frame([*rows, ("z", "2025-06-01", 1)]), **options)
    adds_up(read)
    table = read.table[read.table["customer_id"] != "z"]
    return list(zip(table["date"].dt.day, table["amount"], strict=True)), read


def test_a_refund_is_no_purchase():
    rows, read = amounts_of([("a", "2025-01-01", 10), ("a", "2025-01-05", -4)])
    assert rows == [(1, 6.0)]
    assert read.receipt.refunds_netted == 1
    assert clv.summarize(read).loc["a", "frequency"] == 0


def test_a_refund_takes_the_same_day_first_then_the_latest():
    day = [("a", "2025-01-01", 10), ("a", "2025-01-03", 20), ("a", "2025-01-05", -5),
           ("a", "2025-01-05", 3)]  # fmt: skip
    assert amounts_of(day)[0] == [(1, 10.0), (3, 18.0)]


def test_a_full_refund_cancels_the_purchase():
    rows, read = amounts_of(
        [("a", "2025-01-01", 10), ("a", "2025-01-02", 7), ("a", "2025-01-03", -7)]
    )
    assert rows == [(1, 10.0)]
    assert read.receipt.purchases_cancelled == 1


def test_a_gift_is_not_cancelled_by_another_purchases_refund():
    rows, read = amounts_of(
        [("a", "2025-01-01", 10), ("a", "2025-01-02", 0), ("a", "2025-01-03", -4)]
    )
    assert rows == [(1, 6.0), (2, 0.0)]
    assert read.receipt.purchases_cancelled == 0


def test_a_refund_of_something_else_is_set_aside():
    rows, read = amounts_of(
        [("a", "2025-01-02", -4), ("a", "2025-01-03", 10), ("b", "2025-01-01", 3),
         ("b", "2025-01-02", -5)]
    )  # fmt: skip
    assert rows == [(3, 10.0), (1, 3.0)]
    assert aside(read) == {"refund without an earlier purchase": 2}


def test_refunds_can_be_set_aside():
    rows, read = amounts_of([("a", "2025-01-01", 10), ("a", "2025-01-05", -4)], refunds="set_aside")
    assert rows == [(1, 10.0)]
    assert aside(read) == {"refund": 1}
    assert read.receipt.set_aside.loc["refund", "money"] == -4


def test_many_refunds_of_one_account_take_no_quadratic_time():
    """All guests under one id: 30,000 purchases and as many refunds."""
    rows = frame([("guest", "2025-01-01", 2.0), ("guest", "2025-01-02", -1.0)] * 30_000
                 + [("b", "2025-01-01", 1.0)])  # fmt: skip
    read = read_transactions(rows)
    assert read.receipt.refunds_netted == 30_000
    assert read.receipt.money_used == 30_001


# Properties on dirty tables

cents = st.integers(-3000, 3000).map(lambda c: c / 100)
dirty_amount = st.one_of(cents, cents, cents, st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -0.0]))
dirty_date = st.one_of(
    st.integers(0, 12).map(lambda d: f"2025-01-{d + 1:02d}"),
    st.sampled_from(["", "2999-01-01", "2025-02-30", "0001-01-01", "gone", None]),
)
dirty_id = st.sampled_from(["1", "01", "001", "b", "c", "", None, "nan"])
dirty_rows = st.lists(st.tuples(dirty_id, dirty_date, dirty_amount), min_size=1, max_size=30)
KEPT = [("k1", "2025-01-01", 5.0), ("k2", "2025-01-02", 6.0)]


@settings(max_examples=60)
@given(dirty_rows, st.sampled_from(["net", "set_aside"]))
def test_every_row_and_every_cent_is_accounted_for(rows, refunds):
    read = read_transactions(frame(rows + KEPT), refunds=refunds)
    assert read.receipt.rows_in == len(rows) + 2
    exact = sum((Fraction(repr(a)) for _, _, a in rows if np.isfinite(a)), Fraction(11))
    assert Fraction(read.receipt.money_in) == exact
    assert adds_up(read) == Fraction(read.receipt.money_used)
    own = set(read.table["customer_id"])
    assert own <= {i for i, _, _ in rows + KEPT}
    left = iter((i, pd.to_datetime(d, errors="coerce")) for i, d, _ in rows + KEPT)
    used = zip(read.table["customer_id"], read.table["date"], strict=True)
    assert all(purchase in left for purchase in used), "the table is in the source's order"


@settings(max_examples=25)
@given(dirty_rows, st.randoms(use_true_random=False))
def test_permuting_the_rows_permutes_the_table(rows, random):
    """Money by customer and day; which of a day's equal rows gave a refund back is nobody's."""
    mixed = rows + KEPT
    random.shuffle(mixed)
    totals = []
    for order in (rows + KEPT, mixed):
        table = read_transactions(frame(order)).table
        by_day = table.groupby(["customer_id", "date"])["amount"].sum().round(6)
        totals.append(by_day[by_day > 0].sort_index())
    pd.testing.assert_series_equal(*totals)


# Refusals

MISTAKES = {
    "is empty": ["", "\n\n", "\ufeff", "   \n1,2,3"],
    "column names but no rows": [HEADER, HEADER.strip()],
    "there is no column 'customer_id'": ["<html>sorry</html>", "customer,date,amount\n1,2,3\n"],
    r"Perhaps columns=\{'amount': 'Amount'\}\?": ["customer_id,date,Amount\n1,2025-01-01,2\n"],
    "the column 'amount' is there 2 times": ["customer_id,date,amount,amount\n1,2025-01-01,2,3\n"],
    "line 2 has 4 cells, and the first line names 3": [HEADER + "1,2025-01-01,2,50\n"],
    "line 3 has 4 cells": [HEADER + "1,2025-01-01,2\n2,2025-01-01,3,25\n"],
    "line 4 has 5 cells": [HEADER + '1,"2025-01-01\n",2\n2,2025-01-01,3,25,7\n'],
    "a quotation mark is opened": [HEADER + '1,"2025-01-01,2\n2,2025-01-01,3\n'],
    "Excel workbook": [b"PK\x03\x04\x14\x00\x06\x00\xff"],
    "of one customer, '1'": [HEADER + "1,2025-01-01,2\n1,2025-01-02,2\n"],
    "none of the 2 rows can be used .line 2: date not readable": [HEADER + "1,x,2\n2,y,3\n"],
    "none of the 1 rows can be used .line 2: date in the future": [HEADER + "1,2999-01-01,2\n"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("message", "content"), [(m, c) for m, contents in MISTAKES.items() for c in contents]
)
def test_a_file_that_cannot_be_used(write, message, content):
    with pytest.raises(clv.DataError, match=message) as caught:
        read_transactions(write(content))
    assert "orders.csv" in str(caught.value)


def test_short_rows_lose_nothing_in_silence(write):
    read = read_transactions(write(HEADER + "1,2025-01-01\n2,2025-01-02,5\n3,2025-01-02,6\n"))
    assert aside(read) == {"amount not a number": 1}


def test_sources_that_are_no_table(tmp_path):
    with pytest.raises(clv.DataError, match="is a folder"):
        read_transactions(tmp_path)
    with pytest.raises(clv.DataError, match="does not exist"):
        read_transactions(tmp_path / "orders.csv")
    with pytest.raises(clv.DataError, match="not the name of a file"):
        read_transactions("x" * 5000)
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(clv.DataError, match="not a Parquet file"):
        read_transactions(tmp_path / "a.parquet")
    for source in (None, [1], b"cdnow", {"customer_id": [1]}, pd.Series([1])):
        with pytest.raises(clv.DataError, match="cannot be read from a"):
            read_transactions(source)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"refunds": "drop"}, "give 'net' or 'set_aside'"),
        ({"columns": {"amout": "x"}}, "Did you mean 'amount'"),
        ({"columns": {"amount": "amuont"}}, r"Perhaps columns=\{'amount': 'amount'\}"),
        ({"columns": ["amount"]}, "give a dict"),
        ({"columns": {"amount": None}}, "there is no column 'None'"),
        ({"columns": {5: "amount"}}, "5 is not a column"),
        ({"timezone": "Mars/Olympus"}, "not a time zone"),
        ({"timezone": "Europe"}, "not a time zone"),
        ({"timezone": None}, "not a time zone"),
        ({"decimal": ";"}, "give '.' or ','"),
        ({"date_format": "%Q"}, "not a strptime format"),
        ({"date_format": 5}, "not a strptime format"),
    ],
)
def test_options_that_cannot_be_used(options, message):
    rows = frame([("a", "2025-01-01", "1"), ("b", "2025-01-02", "2")])
    with pytest.raises(clv.DataError, match=message):
        read_transactions(rows, **options)


def test_frames_that_cannot_be_used():
    good = frame([("a", "2025-01-01", 1.0), ("b", "2025-01-02", 2.0)])
    with pytest.raises(clv.DataError, match="'customer_id' is there 2 times"):
        read_transactions(pd.concat([good, good], axis=1))
    with pytest.raises(clv.DataError, match="no rows"):
        read_transactions(good.iloc[:0])
    with pytest.raises(clv.DataError, match="no column"):
        read_transactions(pd.DataFrame())


def test_a_bare_frame_must_be_clean():
    clean = frame([("a", "2025-01-01", 1.0), ("b", "2025-01-02", 2.0), ("c", "2025-01-02", 2.0)])
    assert len(clv.summarize(clean)) == 3
    for dirty in (("b", "2025-01-03", -1.0), (None, "2025-01-03", 1.0), ("a", "x", 1.0)):
        with pytest.raises(clv.DataError, match=r"1 of 4 rows .* clv\.read_transactions"):
            clv.summarize(pd.concat([clean, frame([dirty])]))


# Fuzzing: whatever comes in, the answer is a table or a DataError


def read_or_refuse(source, **options):
    try:
        read = read_transactions(source, **options)
    except clv.DataError:
        return
    adds_up(read)
    clv.summarize(read)
    clv.cohort_table(read)


cell = st.one_of(
    st.none(), st.text(max_size=8), st.integers(), st.floats(), st.booleans(),
    st.binary(max_size=3), st.dates(dt.date(1960, 1, 1), dt.date(2035, 1, 1)),
    st.datetimes(timezones=st.timezones() | st.none()),
    st.decimals(), st.lists(st.integers(), max_size=2), st.timedeltas(), st.complex_numbers(),
    st.sampled_from(["03/04/2025", "1.234", "1,234.50", "€5", "$5", "5 EUR", "20250101"]),
)  # fmt: skip


@settings(max_examples=100)
@given(
    st.lists(st.tuples(cell, cell, cell), max_size=5),
    st.sampled_from([{}, {"decimal": ","}, {"date_format": "%d/%m/%Y"}, {"refunds": "set_aside"}]),
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_garbage_frames(rows, options):
    read_or_refuse(frame(rows), **options)


@settings(max_examples=100)
@given(
    st.one_of(
        st.binary(max_size=120),
        st.text(alphabet="0123456789,;.\"'\n\r\t -/:$€abc\x00", max_size=120).map(str.encode),
        st.lists(st.text(alphabet='12,."\n\r -ab', max_size=8), max_size=14).map(
            lambda cells: (HEADER + ",".join(cells)).encode()
        ),
        st.lists(
            st.tuples(
                st.sampled_from(["1", "2", "", '"3\n"', " "]),
                st.sampled_from(["2025-01-01", "2025-01-02T10:00Z", "", "3/4/2025", "20250103"]),
                st.sampled_from(["1", "-1", "2,5", "1.234", "x", "", "$3", "(4)", "5\n\n"]),
            ),
            max_size=8,
        ).map(lambda rows: (HEADER + "\n".join(",".join(r) for r in rows)).encode()),
    )
)
def test_garbage_files(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "garbage.csv"
    path.write_bytes(content)
    read_or_refuse(path)


def test_a_refund_in_part_takes_its_share_of_margin_and_quantity():
    rows = pd.DataFrame(
        [
            ("a", "2025-01-10", 40.0, 12.0, 4), ("a", "2025-02-01", -10.0, -6.5, -1),
            ("b", "2025-01-10", 20.0, 5.0, 2), ("b", "2025-01-12", -20.0, -5.0, -2),
            ("c", "2025-01-10", 9.99, 3.0, 1),
        ],
        columns=["customer_id", "date", "amount", "margin", "quantity"],
    )  # fmt: skip
    read = clv.read_transactions(rows)
    assert read.table["amount"].tolist() == [30.0, 9.99]
    assert read.table["margin"].tolist() == [9.0, 3.0]
    assert read.table["quantity"].tolist() == [3.0, 1.0]
    assert "cut in proportion: 1." in " ".join(read.receipt.notes)
    before = read.known_at(pd.Timestamp("2025-01-11"))
    assert before["margin"].tolist() == [12.0, 5.0, 3.0]
