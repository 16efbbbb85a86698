"""Numbers as the pages write them."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from clvkit.errors import DataError
from clvkit.words import money, percent, tell, verdict


@pytest.mark.parametrize(
    ("amount", "currency", "digits", "text"),
    [
        (47.2, "USD", 2, "$47.20"),
        (-47.2, "USD", 2, "-$47.20"),
        (1234567.891, "EUR", 2, "€1,234,567.89"),
        (1234.5, "GBP", 0, "£1,234"),
        (98000, "JPY", 0, "¥98,000"),
        (5, "SEK", 2, "SEK 5.00"),
        (0.001234, "USD", 4, "$0.0012"),
        (Decimal("2500315.63"), "USD", 2, "$2,500,315.63"),
        (np.float64(3.5), "EUR", 2, "€3.50"),
        (-0.001, "USD", 2, "$0.00"),
        (float("nan"), "USD", 2, "–"),
        (None, "USD", 2, "–"),
        (pd.NA, "USD", 2, "–"),
    ],
)
def test_money(amount, currency, digits, text):
    # A code stands apart from its number by a space that does not break.
    assert money(amount, currency, digits).replace("\u00a0", " ") == text


@pytest.mark.parametrize("currency", ["usd", "$", "", None, "dollar", ["USD"]])
def test_a_currency_that_is_none(currency):
    with pytest.raises(DataError, match="is not an ISO 4217 code"):
        money(5, currency)


def test_an_amount_that_is_none():
    with pytest.raises(DataError, match="'x' is not a number"):
        money("x", "USD")
    with pytest.raises(DataError, match="'x' is not a number"):
        percent("x")


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [
        (0.0534, 1, "5.3%"), (0.0534, 0, "5%"), (12.5, 0, "1,250%"), (-0.041, 1, "-4.1%"),
        (-1e-9, 1, "0.0%"), (float("nan"), 1, "–"), (None, 1, "–"), (np.float64(0.5), 1, "50.0%"),
    ],
)  # fmt: skip
def test_percent(share, digits, text):
    assert percent(share, digits) == text


def test_tell_hands_over_plain_values(monkeypatch):
    told = {}
    monkeypatch.setattr("myst_nb.glue", lambda name, value, display: told.update({name: value}))
    tell(customers="2,357", share=np.float64(0.5), count=np.int64(3))
    assert told == {"customers": "2,357", "share": 0.5, "count": 3}
    assert type(told["share"]) is float
    assert type(told["count"]) is int


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (-2, -1, "below"), (1, 2, "above"), (-1, 1, "unclear"), (0, 1, "unclear"),
        (-1, 0, "unclear"), (np.nan, 1, "unclear"), (np.nan, np.nan, "unclear"),
    ],
)  # fmt: skip
def test_verdict(low, high, words):
    assert verdict(low, high, below="below", unclear="unclear", above="above") == words
