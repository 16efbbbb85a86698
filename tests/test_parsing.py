"""Cells that can be read one way are read; cells that can be read two ways are refused."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clvkit import parsing
from clvkit.errors import DataError


def days(cells, date_format=None, timezone="UTC"):
    read = parsing.days(pd.Series(cells), "date", date_format, timezone)
    assert read.dtype == "datetime64[s]"
    return [None if pd.isna(d) else d.date().isoformat() for d in read]


def amounts(cells, decimal=None):
    read = parsing.amounts(pd.Series(cells), "amount", decimal)
    return [None if np.isnan(a) else a for a in read]


# Dates


def test_iso_dates_and_their_like():
    assert (
        days(["2025-04-03", " 2025-04-03 ", "2025-04-03T23:59:59.999", "20250403"])
        == ["2025-04-03"] * 4
    )


@pytest.mark.parametrize(
    "cell",
    ["2025-02-30", "2025-4-3", "2025/04/03", "3 April 2025", "20250230", "45000", "2025-04", "",
     "2025-04-03Z", "٢٠٢٥-٠٤-٠٣"],
)  # fmt: skip
def test_other_cells_are_missing(cell):
    assert days([cell, "2025-01-01"]) == [None, "2025-01-01"]


def test_numbers_as_dates():
    assert days([19970101, 19970230]) == ["1997-01-01", None]
    assert days([19970101.0, np.nan]) == ["1997-01-01", None]


def test_dates_of_every_type():
    day = pd.Timestamp("2025-04-03 10:00")
    expected = ["2025-04-03", None]
    assert days([day.date(), None]) == expected
    assert days(pd.Series([day, pd.NaT])) == expected
    assert days(pd.Series([day, None], dtype="timestamp[us][pyarrow]")) == expected
    assert days(pd.Series([day.date(), None], dtype="date32[pyarrow]")) == expected
    assert days(pd.Categorical(["2025-04-03", None])) == expected


EVENING = "2025-01-01 23:30"


@pytest.mark.parametrize(
    ("zone", "expected"),
    [("UTC", "2025-01-01"), ("Europe/Amsterdam", "2025-01-02"), ("America/Lima", "2025-01-01")],
)
def test_moments_are_converted_to_one_zone(zone, expected):
    """Half past eleven at night in London is tomorrow in Amsterdam."""
    written = [f"{EVENING}Z", f"{EVENING}:00+00", "2025-01-02T00:30+01:00", f"{EVENING}:00.5 +0000"]
    assert days(written, timezone=zone) == [expected] * 4
    moments = pd.Series(pd.to_datetime([EVENING])).dt.tz_localize("UTC")
    assert days(moments, timezone=zone) == [expected]
    assert days(moments.astype("timestamp[us, tz=UTC][pyarrow]"), timezone=zone) == [expected]
    lima = moments.dt.tz_convert("America/Lima")
    assert days(lima, timezone=zone) == [expected]
    formatted = ["01/01/2025 23:30 +0000"]
    assert days(formatted, "%d/%m/%Y %H:%M %z", zone) == [expected]
    assert days([EVENING], timezone=zone) == ["2025-01-01"], "without an offset it is local"


@pytest.mark.parametrize(
    ("cell", "readings"),
    [
        ("03/04/2025", ["2025-04-03 with date_format='%d/%m/%Y'",
                        "2025-03-04 with date_format='%m/%d/%Y'"]),
        ("03.04.25", ["2025-04-03 with date_format='%d.%m.%y'",
                      "2025-03-04 with date_format='%m.%d.%y'"]),
        ("3-4-2025 14:05", ["2025-04-03 with date_format='%d-%m-%Y %H:%M'",
                            "2025-03-04 with date_format='%m-%d-%Y %H:%M'"]),
        ("03/04/2025 02:05:30 PM", ["2025-04-03 with date_format='%d/%m/%Y %I:%M:%S %p'",
                                    "2025-03-04 with date_format='%m/%d/%Y %I:%M:%S %p'"]),
        ("13/04/2025", ["2025-04-13 with date_format='%d/%m/%Y'"]),
        ("04/13/2025", ["2025-04-13 with date_format='%m/%d/%Y'"]),
        ("32/13/2025", []),
    ],
)  # fmt: skip
def test_two_readings_are_shown_and_the_advice_works(cell, readings):
    with pytest.raises(DataError) as caught:
        days(["2025-01-01", cell])
    message = str(caught.value)
    assert repr(cell) in message
    assert "(1 of 2 cells)" in message
    assert message.count("with date_format=") == len(readings)
    for reading in readings:
        assert reading in message
        day, date_format = reading.split(" with date_format=")
        assert days([cell], date_format.strip("'")) == [day]


def test_one_declared_format():
    assert days(["03/04/2025", "13/04/2025", "04/13/2025"], "%d/%m/%Y") == [
        "2025-04-03", "2025-04-13", None
    ]  # fmt: skip
    with pytest.raises(DataError, match=r"No cell of column 'date' fits .*; the first is '03/04"):
        days(["03/04/2025"], "%Y-%m-%d")


@given(st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1)), st.sampled_from(["%Y-%m-%d", "%Y%m%d"]))
def test_written_days_come_back(day, date_format):
    assert days([day.strftime(date_format)]) == [day.isoformat()]


@pytest.mark.parametrize(
    "value", ["2025-04-03", "20250403", "2025-04-03 12:00", dt.date(2025, 4, 3),
              dt.datetime(2025, 4, 3, 9), pd.Timestamp("2025-04-03 09:00"),
              np.datetime64("2025-04-03")]
)  # fmt: skip
def test_a_day_as_a_parameter(value):
    assert parsing.day(value, "calibration_end") == pd.Timestamp("2025-04-03")


@pytest.mark.parametrize(
    "value", ["03/04/2025", "now", "", "2025-04", "2025-13-01", 5, None, pd.NaT, float("nan"), [1],
              pd.Timestamp("2025-04-03", tz="UTC"), np.datetime64("NaT")]
)  # fmt: skip
def test_no_day_as_a_parameter(value):
    with pytest.raises(DataError, match=r"calibration_end=.* YYYY-MM-DD"):
        parsing.day(value, "calibration_end")


# Amounts


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1.5", "2", "-3", "+4", "1e2", ".5", "5."], [1.5, 2, -3, 4, 100, 0.5, 5]),
        (["1,5", "2,25"], [1.5, 2.25]),
        (["1.234,56", "7"], [1234.56, 7]),
        (["1,234.56", "7"], [1234.56, 7]),
        (["1.234.567", "2.500"], [1234567, 2500]),
        (["1,234,567", "2,500"], [1234567, 2500]),
        (["12,34,567.50", "1"], [1234567.5, 1]),
        (["1 234,50", "2\u202f000,00", "3\u00a0000,00"], [1234.5, 2000, 3000]),
        (["1'234.50", "2’000.00"], [1234.5, 2000]),
        (["$1,234.50", "$ -4.50", "-$3.00", "($2.00)", "2.00-", "$5"],
         [1234.5, -4.5, -3, -2, -2, 5]),
        (["5,00 €", "€ 6,50", "-7,25€"], [5, 6.5, -7.25]),
        (["5.00 USD", "USD 6.50", "7"], [5, 6.5, 7]),
        (["\u22125.25", "1"], [-5.25, 1]),
        (["0.500", "0.125"], [0.5, 0.125]),
        (["1.234", "2.5"], [1.234, 2.5]),
        (["1,234", "2,5"], [1.234, 2.5]),
        (["nan", "inf", "-Infinity", "1e400", "", "x", "--5", "0x10", "1_0", "5)", "3²", "1"],
         [None] * 11 + [1]),
    ],
)  # fmt: skip
def test_amounts_with_one_reading(cells, expected):
    assert amounts(cells) == expected


@pytest.mark.parametrize(
    "cells",
    [["1,234"], ["1,234", "2,000"], ["1.234"], ["1.234", "999", "850"], ["1.234", "2", "x"],
     ["1.234,5", "2,345.6"], ["1,234,567", "2,50"], ["2,5", "2.5"], ["$1,234", "$5"]],
)  # fmt: skip
def test_amounts_with_two_readings(cells):
    """1.234 beside 999 may be a thousand: nobody but the owner knows."""
    with pytest.raises(DataError, match=r"decimal point or a decimal comma .* decimal='\.'"):
        amounts(cells)


def test_a_declared_mark():
    assert amounts(["1.234", "999"], ".") == [1.234, 999]
    assert amounts(["1.234", "999"], ",") == [1234, 999]
    assert amounts(["1,234"], ".") == [1234]
    assert amounts(["1,234"], ",") == [1.234]
    assert amounts(["12.50", "1,50"], ".") == [12.5, None], "1,50 is no group of thousands"


@pytest.mark.parametrize(
    ("cells", "shown"),
    [(["$5.00", "€4.50"], "'\\$5.00', '€4.50'"), (["5 USD", "4.50 EUR"], "'5 USD'"),
     (["5 usd", "4 eur"], "'4 eur'"), (["£5", "5", "¥5"], "'¥5'")],
)  # fmt: skip
def test_two_currencies(cells, shown):
    with pytest.raises(DataError, match=f"mixes currencies .*{shown}"):
        amounts(cells)


def test_words_without_a_number_are_no_currency():
    assert amounts(["nan", "5 EUR", "EUR 6", "inf"]) == [None, 5, 6, None]
    assert amounts(["5 usd", "6 USD"]) == [5, 6]


def test_amounts_of_every_type():
    from decimal import Decimal

    assert amounts([Decimal("1.234"), Decimal("2.345"), None]) == [1.234, 2.345, None]
    assert amounts(pd.Series([1.234, 2.345], dtype="object")) == [1.234, 2.345]
    assert amounts(pd.array([1, None], dtype="Int64")) == [1, None]
    assert amounts(np.array([0.1, 0.2], dtype="float32")) == [0.1, 0.2]
    assert amounts([10**400, 1]) == [None, 1]
    assert amounts([1.0, np.inf, -np.inf, np.nan]) == [1, None, None, None]
    for wrong in ([True, False], [1j], pd.to_datetime(["2025-01-01"]), pd.to_timedelta([1])):
        with pytest.raises(DataError, match="where amounts are expected"):
            amounts(wrong)


@settings(max_examples=60)
@given(st.integers(-(10**9), 10**9), st.sampled_from([",", "."]), st.booleans())
def test_written_amounts_come_back(cents, mark, grouped):
    text = f"{cents / 100:{',' if grouped else ''}.2f}"
    if mark == ",":
        text = text.translate(str.maketrans(",.", ".,"))
    assert amounts([text, f"0{mark}50"]) == [cents / 100, 0.5]
