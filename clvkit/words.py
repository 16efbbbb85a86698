"""From numbers to prose: money and percentages as text, and values handed to the page."""

from typing import Any

from babel import Locale
from babel.numbers import format_currency, format_percent, get_currency_symbol

from clvkit.errors import DataError

_LOCALE = "en_US"


def money(amount: float, currency: str, digits: int = 2) -> str:
    """Write an amount with its currency: ``money(47.2, "USD")`` is ``$47.20``.

    ``currency`` is a three-letter ISO 4217 code; ``digits`` is the number of decimals shown.
    A missing amount is written as an en dash.
    """
    if currency not in Locale.parse(_LOCALE).currencies:
        raise DataError(
            f"currency={currency!r} is not an ISO 4217 code: give three capital letters such as "
            "USD, EUR or JPY."
        )
    if amount != amount:
        return "–"
    # A currency without a sign of its own is written as its code, apart from the digits.
    sign = "¤" if get_currency_symbol(currency, _LOCALE) != currency else "¤ "
    pattern = f"{sign}#,##0" + ("." + "0" * digits if digits else "")
    text: str = format_currency(amount, currency, pattern, locale=_LOCALE, currency_digits=False)
    return text


def percent(share: float, digits: int = 1) -> str:
    """Write a share as a percentage: ``percent(0.0534)`` is ``5.3%``; a missing one as a dash."""
    if share != share:
        return "–"
    pattern = "#,##0" + ("." + "0" * digits if digits else "") + "%"
    text: str = format_percent(share, pattern, locale=_LOCALE)
    return text


def tell(**values: Any) -> None:
    """Hand each value to the page under its name, where ``{glue:text}`` finds it."""
    # Imported here: it belongs to the page, and a script that only computes never needs it.
    from myst_nb import glue

    for name, value in values.items():
        # A numpy scalar would be printed as np.float64(0.5).
        glue(name, value.item() if hasattr(value, "item") else value, display=False)
