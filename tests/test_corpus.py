"""A corpus of bad and odd tables: each is refused by a named message or counted on the receipt.

Whatever the table, rows and money of the receipt add up to the cent.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import clvkit as clv

READERS = {
    "transactions": clv.read_transactions,
    "subscriptions": clv.read_subscriptions,
    "spend": clv.read_spend,
    "customers": clv.read_customers,
    "experiment": clv.read_experiment,
}


@dataclass
class Counted:
    """Rows and money in, rows and money used, rows by reason, pieces of notes, ids of the table."""

    rows: int
    money: str
    used: int
    money_used: str
    aside: dict = field(default_factory=dict)
    notes: tuple = ()
    lines: tuple = ()
    ids: tuple = ()


@dataclass
class Refused:
    """Pieces of the message: where it is, what is wrong, what to do."""

    pieces: tuple

    def __init__(self, *pieces):
        self.pieces = pieces


def all_add_up(read):
    """In = used + set aside, for rows and for every cent; nothing without reason and remedy."""
    receipt = read.receipt
    aside = receipt.rows_set_aside
    assert receipt.rows_in == receipt.rows_used + len(aside)
    assert receipt.set_aside["rows"].sum() == len(aside)
    by_row = sum((Fraction(repr(float(m))) for m in aside["money"].dropna()), Fraction(0))
    by_reason = sum(map(Fraction, receipt.set_aside["money"]), Fraction(0))
    assert by_row == by_reason
    assert Fraction(receipt.money_in) == Fraction(receipt.money_used) + by_reason
    gone = receipt.refunds_netted + receipt.purchases_cancelled
    assert len(read.table) == receipt.rows_used - gone
    column = receipt.money_column
    kept = [] if column is None else read.table[column].dropna()
    total = sum((Fraction(repr(float(m))) for m in kept), Fraction(0))
    assert float(total) == pytest.approx(float(receipt.money_used), abs=1e-9)
    assert all(aside["reason"])
    assert all(receipt.set_aside["remedy"])
    summary = receipt.summary()
    assert summary["rows"].iloc[0] == summary["rows"].iloc[1:].sum()
    assert Fraction(summary["money"].iloc[0]) == sum(map(Fraction, summary["money"].iloc[1:]))


def check(name, source, options, expected, file="orders.csv"):
    reader = READERS[name]
    if isinstance(expected, Refused):
        with pytest.raises(clv.DataError) as caught:
            reader(source, **options)
        message = str(caught.value)
        for piece in (file, *expected.pieces):
            assert piece in message, message
        return None
    read = reader(source, **options)
    all_add_up(read)
    receipt = read.receipt
    assert receipt.set_aside["rows"].to_dict() == expected.aside
    assert (receipt.rows_in, receipt.rows_used) == (expected.rows, expected.used)
    assert receipt.money_in == Decimal(expected.money)
    assert receipt.money_used == Decimal(expected.money_used)
    for piece in expected.notes:
        assert any(piece in note for note in receipt.notes), receipt.notes
    if not expected.notes:
        assert receipt.notes == ()
    if expected.lines:
        assert tuple(receipt.rows_set_aside["line"]) == expected.lines
    if expected.ids:
        assert tuple(read.table["customer_id"]) == expected.ids
    return read


# Transactions: two good rows worth 30.50, and what each case adds to them

TOP = "customer_id,date,amount\n"
TWO = "a,2025-01-01,10.00\nb,2025-01-02,20.50\n"
WIDE = "customer_id,date,amount,channel,margin,quantity\n"


def row(text, money, reason=None, **more):
    """One row more: used, or set aside for ``reason``."""
    used, kept = (3, money) if reason is None else (2, "0")
    total, kept = (str(Decimal("30.50") + Decimal(m)) for m in (money, kept))
    return TOP + TWO + text + "\n", {}, Counted(3, total, used, kept, {reason: 1} if reason else {},
                                                lines=(4,) if reason else (), **more)  # fmt: skip


def refuse(text, *pieces, **options):
    return text, options, Refused(*pieces)


SAME_DAY = "Purchases on a day on which their customer had bought already: 1."
REPEATS = "Rows that repeat another row in every column, kept: "
TRANSACTIONS = {
    # Ids
    "no id": row(",2025-01-03,5", "5", "no customer id"),
    "an id of blanks": row("  ,2025-01-03,5", "5", "no customer id"),
    "NULL for an id": row("NULL,2025-01-03,5", "5", "no customer id"),
    "nan for an id": row("nan,2025-01-03,5", "5", "no customer id"),
    "leading zeros": row("007,2025-01-03,5", "5", ids=("a", "b", "007")),
    "an id in two cases is two": row("A,2025-01-03,5", "5", ids=("a", "b", "A")),
    "a script as an id": row("<script>alert(1)</script>,2025-01-03,5", "5",
                             ids=("a", "b", "<script>alert(1)</script>")),
    "a formula as an id": row("=HYPERLINK(1),2025-01-03,5", "5", ids=("a", "b", "=HYPERLINK(1)")),
    "an id of every script": row("é漢🙂عر,2025-01-03,5", "5", ids=("a", "b", "é漢🙂عر")),
    "an id of 10,000 letters": row("x" * 10_000 + ",2025-01-03,5", "5"),
    "an id over two lines": (TOP + TWO + '"x\ny",2025-01-03,5\nc,bad,1\n', {},
                             Counted(4, "36.50", 3, "35.50", {"date not readable": 1}, lines=(6,))),
    "quotes within quotes": row('"x, ""y""",2025-01-03,5', "5", ids=("a", "b", 'x, "y"')),
    "a scientific id": row("1E+10,2025-01-03,5", "5", ids=("a", "b", "1E+10")),
    "e-mail as an id": row("eva@example.org,2025-01-03,5", "5"),
    # Dates
    "no date": row("a,,5", "5", "date not readable"),
    "a date in words": row("a,yesterday,5", "5", "date not readable"),
    "30 February": row("a,2025-02-30,5", "5", "date not readable"),
    "year first with strokes": row("a,2025/01/03,5", "5", "date not readable"),
    "a spreadsheet's day number": row("a,45000,5", "5", "date not readable"),
    "seconds since 1970": row("a,1735689600,5", "5", "date not readable"),
    "a month": row("a,2025-01,5", "5", "date not readable"),
    "a date in the future": row("a,2999-01-01,5", "5", "date in the future"),
    "the day 0 of a spreadsheet": row("a,1899-12-30,5", "5", "date before 1971"),
    "the day 0 of a computer": row("a,1970-01-01,5", "5", "date before 1971"),
    "the year 1": row("a,0001-01-01,5", "5", "date before 1971"),
    "a leap day": row("a,2024-02-29,5", "5"),
    "an hour": row("a,2025-01-03 23:59:59.999,5", "5"),
    "an hour with an offset": row("a,2025-01-01T23:30:00-05:00,5", "5"),
    "two orders of day and month": refuse(
        TOP + TWO + "a,03/04/2025,5\n", "Column 'date'", "'03/04/2025' (1 of 3 cells)",
        "2025-04-03 with date_format='%d/%m/%Y' or 2025-03-04 with date_format='%m/%d/%Y'",
        "See line 4."),
    "a year of two digits": refuse(TOP + "a,3.4.25,5\nb,5.4.25,5\n", "2025-04-03 with date_format="
                                   "'%d.%m.%y'", "See line 2, 3."),
    "mixed orders, one declared": (
        TOP + "a,13/04/2025,5\nb,04/13/2025,6\nc,01/02/2025,7\n", {"date_format": "%d/%m/%Y"},
        Counted(3, "18", 2, "12", {"date not readable": 1}, lines=(3,))),
    "a format that fits nothing": refuse(TOP + TWO, "No cell of column 'date' fits",
                                         "Give the format of your dates", date_format="%d/%m/%Y"),
    "all dates in the future": refuse(
        TOP + "a,2999-01-01,5\nb,2999-01-02,5\n", "none of the 2 rows can be used",
        "line 2: date in the future", "Correct the date"),
    "after the observation end": (
        TOP + TWO + "a,2025-02-03,5\n", {"observation_end": "2025-01-31"},
        Counted(3, "35.50", 2, "30.50", {"after the observation end": 1}, lines=(4,))),
    # Amounts
    "no amount": row("a,2025-01-03,", "0", "amount not a number"),
    "a word": row("a,2025-01-03,free", "0", "amount not a number"),
    "NaN": row("a,2025-01-03,NaN", "0", "amount not a number"),
    "infinity": row("a,2025-01-03,inf", "0", "amount not a number"),
    "minus infinity": row("a,2025-01-03,-Infinity", "0", "amount not a number"),
    "too large for a number": row("a,2025-01-03,1e400", "0", "amount not a number"),
    "ten trillion": row("a,2025-01-03,10000000000000", "10000000000000", "amount too large"),
    "a spreadsheet's error": row("a,2025-01-03,#REF!", "0", "amount not a number"),
    "a formula": row("a,2025-01-03,=SUM(A1:A9)", "0", "amount not a number"),
    "a percentage": row("a,2025-01-03,5%", "0", "amount not a number"),
    "a tenth of a cent": row("a,2025-01-03,0.001", "0.001"),
    "zero": row("a,2025-01-03,0", "0", notes=("with an amount of 0, kept as purchases: 1.",)),
    "minus zero": row("a,2025-01-03,-0.00", "0", notes=("with an amount of 0",)),
    "a sign of currency": row("a,2025-01-03,$5.25", "5.25"),
    "an ISO currency": row("a,2025-01-03,5.25 EUR", "5.25"),
    "accounting brackets without a purchase": row("c,2025-01-03,(5.25)", "-5.25",
                                                  "refund without an earlier purchase"),
    "a minus behind": row("c,2025-01-03,5.25-", "-5.25", "refund without an earlier purchase"),
    "a printer's minus": row("c,2025-01-03,\u22125.25", "-5.25",
                             "refund without an earlier purchase"),
    "thousands": row('a,2025-01-03,"1,234.50"', "1234.50"),
    "thousands with blanks": row("a,2025-01-03,1\u00a0234.50", "1234.50"),
    "thousands with apostrophes": row("a,2025-01-03,1'234.50", "1234.50"),
    "decimal commas": ("customer_id;date;amount\na;2025-01-01;1.234,50\nb;2025-01-01;2,25\n", {},
                       Counted(2, "1236.75", 2, "1236.75")),
    "one point or comma, two readings": refuse(
        "customer_id;date;amount\na;2025-01-01;1,234\nb;2025-01-01;7\n", "Column 'amount'",
        "('1,234')", "decimal='.' or decimal=','", "See line 2."),
    "points and commas mixed": refuse(
        "customer_id;date;amount\na;2025-01-01;2,5\nb;2025-01-01;2.5\n", "See line 2, 3.",
        "decimal='.' or decimal=','"),
    "two currencies": refuse(TOP + "a,2025-01-01,$5\nb,2025-01-01,€6\n", "Column 'amount'",
                             "mixes currencies ('$5', '€6')", "convert", "See line 2, 3."),
    # Refunds
    "a refund before the purchase": row("c,2024-01-03,-5", "-5",
                                        "refund without an earlier purchase"),
    "a refund larger than all before": row("a,2025-01-03,-11", "-11",
                                           "refund without an earlier purchase"),
    "a refund of a part": row("a,2025-01-03,-4", "-4", notes=("earlier purchases: 1.",)),
    "a refund in full": (
        TOP + TWO + "c,2025-01-01,5\na,2025-01-03,-10\n", {},
        Counted(4, "25.50", 4, "25.50", notes=("cancelled in full: 1.",), ids=("b", "c"))),
    "refunds left out": (TOP + TWO + "a,2025-01-03,-4\n", {"refunds": "set_aside"},
                         Counted(3, "26.50", 2, "30.50", {"refund": 1})),
    "everything given back": refuse(
        TOP + TWO + "a,2025-02-01,-10\nb,2025-02-01,-20.50\n", "refunds cancel every one of the 2",
        "refunds='set_aside'"),
    "signs the wrong way round": refuse(
        TOP + "a,2025-01-01,-5\nb,2025-01-01,-6\n", "none of the 2 rows can be used",
        "line 2: refund without an earlier purchase"),
    # Rows
    "a row twice": (TOP + TWO + "a,2025-01-01,10.00\n", {},
                    Counted(3, "40.50", 3, "40.50", notes=(SAME_DAY, REPEATS + "1."))),
    "a file twice": (TOP + TWO + TOP + TWO, {},
                     Counted(5, "61", 4, "61", {"repeats the names of the columns": 1},
                             notes=(REPEATS + "2.",), lines=(4,))),
    "an order in two lines": (
        "order_id,customer_id,date,amount\n1,a,2025-01-01,5\n1,a,2025-01-01,6\n2,b,2025-01-01,7\n",
        {}, Counted(3, "18", 3, "18", notes=(SAME_DAY,))),
    "empty rows": (TOP + "\n" + TWO + ",,\n\n", {},
                   Counted(5, "30.50", 2, "30.50", {"empty row": 3}, lines=(2, 5, 6))),
    "a line of totals": row("Total,,30.50", "30.50", "date not readable"),
    "a short row": row("a,2025-01-03", "0", "amount not a number"),
    "a long row": refuse(TOP + TWO + "a,2025-01-03,5,25\n", "line 4 has 4 cells",
                         "must stand in quotes"),
    "an open quotation mark": refuse(TOP + TWO + 'a,"2025-01-03,5\n', "quotation mark is opened"),
    "one customer": refuse(TOP + "a,2025-01-01,5\na,2025-01-02,5\n", "all 2 purchases are of one",
                           "Is customer_id the right column?"),
    "names and no rows": refuse(TOP, "column names but no rows", "filter of the export"),
    # Columns
    "a wrong column": refuse("customer,date,amount\na,2025-01-01,5\n",
                             "there is no column 'customer_id' (found: customer, date, amount)",
                             "columns={'customer_id': 'customer'}"),
    "a column twice": refuse("customer_id,date,amount,amount\na,2025-01-01,5,6\n",
                             "the column 'amount' is there 2 times; keep one"),
    "no names": refuse(TWO, "there is no column 'customer_id' (found: a, 2025-01-01, 10.00)"),
    "a title above the names": refuse("Sales 2025\n" + TOP + TWO, "line 2 has 3 cells",
                                      "first line names 1"),
    "a mapping that misses": refuse(TOP + TWO, "there is no column 'CustomerNo'",
                                    columns={"customer_id": "CustomerNo"}),
    "a mapping of nothing": refuse(TOP + TWO, "columns: 'client' is not a column of the "
                                   "transactions table", columns={"client": "x"}),
    "blanks around names": (" customer_id ,date , amount\n" + TWO, {},
                            Counted(2, "30.50", 2, "30.50")),
    "columns nobody asked for": (
        "customer_id,note,date,amount\na,=1+1,2025-01-01,1\nb,<b>,2025-01-01,2\n", {},
        Counted(2, "3", 2, "3")),
    "a margin that is none": (
        WIDE + "a,2025-01-01,1,web,n/a,\nb,2025-01-01,2,,1e99,2\nc,2025-01-01,3,x,0.5,\n", {},
        Counted(3, "6", 3, "6",
                notes=("Cells of margin that are no number, left empty: 2 (the first: line 2).",))),
    "margins with two readings": refuse(WIDE + "a,2025-01-01,1,web,1.234,\nb,2025-01-01,2,,,\n",
                                        "Column 'margin'", "decimal=", "See line 2."),
    # Files
    "CRLF": ((TOP + TWO).replace("\n", "\r\n"), {}, Counted(2, "30.50", 2, "30.50")),
    "CR": ((TOP + TWO).replace("\n", "\r"), {}, Counted(2, "30.50", 2, "30.50")),
    "BOM": ("\ufeff" + TOP + TWO, {}, Counted(2, "30.50", 2, "30.50")),
    "UTF-16": ((TOP + TWO).encode("utf-16"), {}, Counted(2, "30.50", 2, "30.50")),
    "Windows-1252": ((TOP + TWO + "é,2025-01-01,1\n").encode("cp1252"), {},
                     Counted(3, "31.50", 3, "31.50", notes=("was read as Windows-1252",),
                             ids=("a", "b", "é"))),
    "nothing": refuse("", "is empty (0 bytes)", "export the table anew"),
    "a line feed": refuse("\n\n", "the first line is empty", "must name the columns"),
    "a page": refuse("<!DOCTYPE html>\n<html>Sign in</html>\n", "there is no column 'customer_id'"),
    "JSON": refuse('[{"customer_id": 1, "date": 2}]\n', "there is no column 'customer_id'"),
    "an archive": refuse(b"PK\x03\x04\x14", "an Excel workbook or a zip archive", "save it as CSV"),
    "a picture": refuse(b"\x89PNG\r\n\x1a\n\x00\x00\x00", "a binary file", "save it as CSV"),
}  # fmt: skip


@pytest.mark.parametrize("name", TRANSACTIONS)
def test_transactions(name, tmp_path):
    content, options, expected = TRANSACTIONS[name]
    path = tmp_path / "orders.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    check("transactions", path, options, expected)


def frame(ids="ab", dates=("2025-01-01", "2025-01-02"), amounts=(1.0, 2.0)):
    return pd.DataFrame({"customer_id": list(ids), "date": dates, "amount": amounts})


FRAMES = {
    "floating-point ids": (frame(ids=[5e18, 6e18]), Refused("'customer_id'", "ids as text")),
    "true and false": (frame(amounts=[True, False]), Refused("'amount' holds true/false")),
    "dates for amounts": (frame(amounts=pd.to_datetime(["2025-01-01"] * 2)),
                          Refused("'amount' holds dates")),
    "complex amounts": (frame(amounts=[1j, 2j]), Refused("'amount' holds complex numbers")),
    "no columns": (pd.DataFrame(), Refused("there is no column 'customer_id'")),
    "no rows": (frame().iloc[:0], Refused("column names but no rows")),
    "two columns of one name": (pd.concat([frame(), frame()], axis=1), Refused("is there 2 times")),
    "bytes for ids": (frame(ids=[b"\xff", b"x"]), Counted(2, "3", 2, "3")),
    "missing everything": (frame(ids=["a", "b"], amounts=[np.nan, None]),
                           Refused("none of the 2 rows", "row 0: amount not a number")),
    "single precision": (frame(amounts=np.array([0.1, 0.2], dtype="float32")),
                         Counted(2, "0.3", 2, "0.3")),
    "moments without a zone": (frame(dates=pd.to_datetime(["2025-01-01 23:59"] * 2)),
                               Counted(2, "3", 2, "3")),
    "numbers beyond integers": (frame("abc", ["2025-01-01"] * 3, [10**400, 1, 2]),
                                Counted(3, "3", 2, "3", {"amount not a number": 1})),
}  # fmt: skip


@pytest.mark.parametrize("name", FRAMES)
def test_frames(name):
    source, expected = FRAMES[name]
    check("transactions", source, {}, expected, "the frame")


# The other four tables

SUBS = "customer_id,start,end,mrr\na,2024-01-01,,10\nb,2024-01-01,2024-06-01,20.50\n"
SPEND = "date,channel,spend\n2025-01-01,search,10\n2025-01-02,mail,20.50\n"
PEOPLE = "customer_id,channel,acquired_on,name\n01,search,2024-01-01,Eva\n02,mail,2024-01-02,Ben\n"
TRIAL = ("customer_id,arm,outcome,value\na,test,1,10\nb,test,0,0\nc,control,1,20.50\n"
         "d,control,0,\n")  # fmt: skip
BASE = {"subscriptions": (SUBS, 2), "spend": (SPEND, 2), "customers": (PEOPLE, 2),
        "experiment": (TRIAL, 4)}  # fmt: skip


def one(table, text, money, reason=None, more=1, notes=()):
    """The good rows and ``text``; ``more`` rows of it, all used or all set aside for ``reason``."""
    content, rows = BASE[table]
    good = Decimal(0) if table == "customers" else Decimal("30.50")
    used = rows if reason else rows + more
    kept = good if reason else good + Decimal(money)
    counted = Counted(rows + more, str(good + Decimal(money)), used, str(kept),
                      {reason: more} if reason else {}, notes)  # fmt: skip
    return table, content + text + "\n", {}, counted


def no(table, content, *pieces, **options):
    return table, content, options, Refused(*pieces)


OTHERS = {
    "subscription ends before it starts": one("subscriptions", "c,2024-02-01,2024-01-01,5", "5",
                                              "end before start"),
    "subscription of no length": one("subscriptions", "c,2024-02-01,2024-02-01,5", "5"),
    "subscription starts in the future": one("subscriptions", "c,2999-02-01,,5", "5",
                                             "start in the future"),
    "subscription ends in the future": one(
        "subscriptions", "c,2024-02-01,2999-12-31,5", "5", notes=("running until then: 1.",)),
    "subscription without a start": one("subscriptions", "c,,,5", "5", "start not readable"),
    "subscription before computers": one("subscriptions", "c,0001-01-01,,5", "5",
                                         "start before 1971"),
    "an end in words": one("subscriptions", "c,2024-02-01,soon,5", "5", "end not readable"),
    "overlapping subscriptions": one(
        "subscriptions", "b,2024-05-01,,5", "5",
        notes=("began while another one of their customer ran, kept: 1.",)),
    "subscriptions one after the other": one("subscriptions", "b,2024-06-01,,5", "5"),
    "a subscription within another": one(
        "subscriptions", "a,2024-05-01,2024-06-01,5\na,2024-08-01,2024-09-01,5", "10", more=2,
        notes=("began while another one of their customer ran, kept: 2.",)),
    "a negative mrr": one("subscriptions", "c,2024-01-01,,-5", "-5", "mrr negative"),
    "no mrr": one("subscriptions", "c,2024-01-01,,", "0", "mrr not a number"),
    "an mrr of 0": one("subscriptions", "c,2024-01-01,,0", "0", notes=("mrr of 0, kept: 1.",)),
    "a subscription of nobody": one("subscriptions", ",2024-01-01,,5", "5", "no customer id"),
    "a subscription twice": one("subscriptions", "b,2024-01-01,2024-06-01,20.50", "20.50",
                                notes=("kept: 1. If your export", "kept: 1.")),
    "an empty subscription": one("subscriptions", ",,,", "0", "empty row"),
    "two files of subscriptions": one("subscriptions", "customer_id,start,end,mrr", "0",
                                      "repeats the names of the columns"),
    "subscriptions without ends": no("subscriptions", SUBS.replace(",end", ",stop"),
                                     "there is no column 'end'", "columns={'end': '...'}"),
    "an end of two readings": no("subscriptions", SUBS + "c,2024-01-01,03/04/2024,5\n",
                                 "Column 'end'", "date_format='%d/%m/%Y'", "See line 4."),
    "one subscriber": no("subscriptions", "customer_id,start,end,mrr\na,2024-01-01,,10\n",
                         "all 1 subscriptions are of one customer"),
    "odd billing": (
        "subscriptions", "customer_id,start,end,mrr,billing_months\na,2024-01-01,,10,0\n"
        "b,2024-01-01,,20,yearly\nc,2024-01-01,,5,12\n", {},
        Counted(3, "35", 3, "35", notes=("billing_months not above 0, left empty: 1.",
                                         "billing_months that are no number, left empty: 1"))),
    "negative spend": one("spend", "2025-01-03,search,-5", "-5", "spend negative"),
    "no spend": one("spend", "2025-01-03,search,", "0", "spend not a number"),
    "spend of 0": one("spend", "2025-01-03,search,0", "0"),
    "spend without a channel": one("spend", "2025-01-03,,5", "5", "no channel"),
    "spend without a day": one("spend", ",search,5", "5", "date not readable"),
    "spend in the future": one("spend", "2999-01-03,search,5", "5", "date in the future"),
    "a channel twice a day": one("spend", "2025-01-01,search,5", "5",
                                 notes=("date and channel of an earlier row, kept: 1.",)),
    "a formula for a channel": one("spend", "2025-01-03,=cmd|' /C calc'!A0,5", "5"),
    "months": ("spend", "month,channel,spend\n2025-01,search,1\n2025-02,search,2\n", {},
               Counted(2, "3", 2, "3")),
    "months of other kinds": (
        "spend", "month,channel,spend\n2025-01-15,search,1\n2025-13,mail,2\n02/2025,x,3\n", {},
        Counted(3, "6", 1, "1", {"month not readable": 2}, lines=(3, 4))),
    "no day and no month": no("spend", "day,channel,spend\n2025-01-01,search,1\n",
                              "there is no column 'date'", "columns={'date': "),
    "new customers that are none": (
        "spend", "date,channel,spend,new_customers\n2025-01-01,a,1,-2\n2025-01-01,b,2,many\n", {},
        Counted(2, "3", 2, "3", notes=("new_customers below 0, left empty: 1.",
                                       "new_customers that are no number, left empty: 1"))),
    "a customer twice, alike": one("customers", "01,search,2024-01-01,Eva", "0",
                                   "repeats an earlier row"),
    "a customer twice, unlike": (
        "customers", PEOPLE + "03,a,,x\n03,b,,x\n", {},
        Counted(4, "0", 2, "0", {"rows of one customer differ": 2}, lines=(4, 5))),
    "a customer thrice, twice alike": (
        "customers", PEOPLE + "03,a,,x\n03,a,,x\n03,b,,x\n", {},
        Counted(5, "0", 2, "0", {"rows of one customer differ": 3})),
    "attributes alone differ": (
        "customers", PEOPLE + "03,a,,x\n03,a,,y\n", {},
        Counted(4, "0", 2, "0", {"rows of one customer differ": 2})),
    "a customer without an id": one("customers", ",mail,2024-01-01,Zoe", "0", "no customer id"),
    "markup for a name": one("customers", "03,mail,2024-01-01,<img src=x onerror=alert(1)>", "0"),
    "acquired in the future": one("customers", "03,mail,2999-01-01,Zoe", "0",
                                  notes=("acquired_on that are no day that has been",)),
    "acquired some day": one("customers", "03,mail,spring,Zoe", "0",
                             notes=("left empty: 1 (the first: line 4).",)),
    "two files of customers": one("customers", "customer_id,channel,acquired_on,name", "0",
                                  "repeats the names of the columns"),
    "one customer alone": no("customers", "customer_id\na\n", "all 1 rows are of one customer"),
    "an attribute twice": no("customers", "customer_id,x,x\na,1,2\nb,1,2\n", "'x' is there twice"),
    "an arm of one": no("experiment", TRIAL + "e,tset,1,5\n", "column 'arm': 'tset' has one person",
                        "Is it a spelling of another arm?"),
    "one arm": no("experiment", TRIAL.replace("control", "test"), "has one arm only ('test': 4)",
                  "control group"),
    "a customer in two arms": one("experiment", "e,test,1,5\ne,control,1,5", "10",
                                  "customer in two arms", 2),
    "a participant twice, alike": one("experiment", "c,control,1,20.50", "20.50",
                                      "repeats an earlier row"),
    "a participant twice, unlike": one("experiment", "e,control,1,5\ne,control,0,5", "10",
                                       "rows of one customer differ", 2),
    "no arm": one("experiment", "e,,1,5", "5", "no arm"),
    "no outcome": one("experiment", "e,test,,5", "5", "outcome not a number"),
    "yes for an outcome": one("experiment", "e,test,Yes,5", "5"),
    "perhaps for an outcome": one("experiment", "e,test,perhaps,5", "5", "outcome not a number"),
    "money for an outcome": (
        "experiment", "customer_id,arm,outcome\na,x,5.25\nb,x,0\nc,y,1\nd,y,\ne,y,0\n", {},
        Counted(5, "6.25", 4, "6.25", {"outcome not a number": 1}, lines=(5,))),
    "no money at all": ("experiment", "customer_id,arm,outcome\na,x,1\nb,x,0\nc,y,1\nd,y,0\n", {},
                        Counted(4, "0", 4, "0")),
    "a value that is none": one("experiment", "e,test,1,lots", "0",
                                notes=("Cells of value that are no number, left empty: 1",)),
    "assigned next year": (
        "experiment", TRIAL.replace("value", "assigned_at").replace(",10\n", ",2999-01-01\n")
        .replace(",20.50", ",2024-01-01").replace("0,0", "0,"), {},
        Counted(4, "0", 4, "0", notes=("assigned_at that are no day that has been",))),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_tables(name, tmp_path):
    table, content, options, expected = OTHERS[name]
    path = tmp_path / "table.csv"
    path.write_text(content, encoding="utf-8")
    check(table, path, options, expected, "table.csv")


def test_the_corpus_is_large():
    assert len(TRANSACTIONS) + len(FRAMES) + len(OTHERS) >= 150
