"""From numbers to prose: money and percentages as text, and values handed to the page."""

from typing import Any

import numpy as np
from babel import Locale
from babel.numbers import format_currency, format_percent, get_currency_symbol

from clvkit.errors import DataError

_LOCALE = "en_US"


def money(amount: float, currency: str, digits: int = 2) -> str:
    """Write an amount with its currency: ``money(47.2, "USD")`` is ``$47.20``.

    ``currency`` is a three-letter ISO 4217 code; ``digits`` is the number of decimals shown.
    A missing amount is written as an en dash.
    """
    if not isinstance(currency, str) or currency not in Locale.parse(_LOCALE).currencies:
        raise DataError(
            f"currency={currency!r} is not an ISO 4217 code: give three capital letters such as "
            "USD, EUR or JPY."
        )
    if _missing(amount):
        return "–"
    # A currency without a sign of its own is written as its code, apart from the digits.
    sign = "¤" if get_currency_symbol(currency, _LOCALE) != currency else "¤ "
    pattern = f"{sign}#,##0" + ("." + "0" * digits if digits else "")
    text: str = format_currency(amount, currency, pattern, locale=_LOCALE, currency_digits=False)
    return _unsigned_zero(text)


def percent(share: float, digits: int = 1) -> str:
    """Write a share as a percentage: ``percent(0.0534)`` is ``5.3%``; a missing one as a dash."""
    if _missing(share):
        return "–"
    pattern = "#,##0" + ("." + "0" * digits if digits else "") + "%"
    text: str = format_percent(share, pattern, locale=_LOCALE)
    return _unsigned_zero(text)


def _missing(number: Any) -> bool:
    try:
        return bool(np.isnan(float(number)))
    except TypeError:  # None and pandas.NA
        return True
    except ValueError as error:
        raise DataError(f"{number!r} is not a number.") from error


def _unsigned_zero(text: str) -> str:
    """Without the minus of an amount that was rounded to nothing."""
    return text if any(digit in text for digit in "123456789∞") else text.replace("-", "")


def tell(**values: Any) -> None:
    """Hand each value to the page under its name, where ``{glue:text}`` finds it."""
    # Imported here: it belongs to the page, and a script that only computes never needs it.
    from myst_nb import glue

    for name, value in values.items():
        # A numpy scalar would be printed as np.float64(0.5).
        glue(name, value.item() if hasattr(value, "item") else value, display=False)


def verdict(low: float, high: float, *, below: str, unclear: str, above: str) -> str:
    """Choose the words that an interval supports.

    ``below`` where the whole interval ``low`` to ``high`` lies under 0, ``above`` where it lies
    over 0, ``unclear`` where it holds 0 or is missing.
    """
    if high < 0:
        return below
    return above if low > 0 else unclear
