"""Guesses about files that nobody has described: only ``clvkit init`` makes them, and says so."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import yaml

from clvkit import files, parsing
from clvkit.contracts import CONTRACTS
from clvkit.errors import DataError

_SYNONYMS = {
    "customer_id": (
        "customer customerno customernumber custid clientid client userid user account accountid "
        "kunde kundennr kundennummer kundenid klant klantnummer memberid subscriberid buyerid "
        "contactid email customeremail"
    ),
    "date": (
        "orderdate day orderedat createdat purchasedate invoicedate transactiondate datum created "
        "bestelldatum rechnungsdatum paidat processedat timestamp orderedon"
    ),
    "amount": (
        "total ordertotal grandtotal totalprice revenue price value netamount sales betrag umsatz "
        "summe bedrag subtotal paid lineamount"
    ),
    "start": "startdate startedat begin begindate subscribedat startsat validfrom",
    "end": "enddate endedat canceledat cancelledat churnedat endsat validto expiredat",
    "mrr": "monthlyrevenue monthlyamount monthlyfee monthlyprice recurringrevenue",
    "spend": "cost adspend marketingspend budget costs kosten ausgaben",
    "channel": "source medium utmsource campaignchannel kanal",
    "arm": "variant treatmentgroup testgroup bucket experimentgroup",
    "outcome": "converted conversion response bought result success",
    "order_id": "ordernumber orderno order invoiceno invoice bestellnummer",
    "product_id": "product sku item itemid stockcode lineitemsku artikel",
    "category": "productcategory producttype kategorie",
    "quantity": "qty units menge aantal",
    "margin": "grossmargin profit contribution marge",
    "plan": "planname tier",
    "end_reason": "cancellationreason reason churnreason",
    "subscription_id": "subscription contractid contract",
    "acquired_on": "acquisitiondate signupdate registeredat signedupat",
    "segment": "group customergroup cluster",
    "month": "monat",
}
_CURRENCY = {"€": "EUR", "£": "GBP", "$": "USD", "¥": "JPY", "₹": "INR"}
_DAYS = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%m.%d.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d",
         "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d %b %Y", "%b %d, %Y")  # fmt: skip
_HOURS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", "T%H:%M:%S")


@dataclass
class Guess:
    """What a file seems to be: its contract, the names of its columns, how to read them."""

    contract: str
    source: Path
    columns: dict[str, str]
    missing: list[str]
    options: dict[str, str] = field(default_factory=dict)
    open_questions: list[str] = field(default_factory=list)


def guess(path: Path) -> Guess:
    """Guess what ``path`` holds. Raises ``DataError`` where the file cannot be read at all."""
    raw = files.load(path).frame
    best = max((_match(name, raw) for name in CONTRACTS), key=_plausible)
    found = Guess(best.contract, path, best.columns, best.missing)
    for column in CONTRACTS[best.contract].columns:
        name = best.columns.get(column.name)
        if name is None:
            continue
        cells = raw.iloc[:, [str(one) for one in raw.columns].index(name)]
        if column.kind == "date" and "date_format" not in found.options:
            _guess_dates(cells, name, found)
        if column.kind == "money":
            _guess_money(cells, name, found)
    return found


def _plausible(found: Guess) -> tuple[bool, int, int]:
    required = sum(column.required for column in CONTRACTS[found.contract].columns)
    return not found.missing, required - len(found.missing), -len(found.missing)


def _match(contract: str, raw: pd.DataFrame) -> Guess:
    plain = {re.sub(r"[^a-z0-9]", "", str(name).lower()): str(name) for name in raw.columns}
    columns: dict[str, str] = {}
    missing = []
    for column in CONTRACTS[contract].columns:
        own = column.name.replace("_", "")
        names = [own, *_SYNONYMS.get(column.name, "").split()]
        hits = [plain[n] for n in names if n in plain and plain[n] not in columns.values()]
        if hits:
            columns[column.name] = hits[0]
        elif column.required:
            missing.append(column.name)
    return Guess(contract, Path(), columns, missing)


def _guess_dates(cells: pd.Series, name: str, found: Guess) -> None:
    try:
        parsing.days(cells, name, None, "UTC")
        return
    except DataError:
        pass
    texts = parsing.text(cells).dropna()
    texts = texts[texts != ""].drop_duplicates()
    fits = [day + hour for hour in _HOURS for day in _DAYS if _all_fit(texts, day + hour)]
    if len(fits) == 1:
        found.options["date_format"] = fits[0]
    else:
        shown = texts.iloc[0] if len(texts) else ""
        choice = " or ".join(fits) if fits else "a strptime format"
        found.open_questions.append(
            f"date_format: dates such as {shown!r} can be read in more than one way; give {choice}"
        )


def _all_fit(texts: pd.Series, date_format: str) -> bool:
    def fits(cell: str) -> bool:
        try:
            dt.datetime.strptime(cell, date_format)
        except ValueError:
            return False
        return True

    return len(texts) > 0 and all(map(fits, texts))


def _guess_money(cells: pd.Series, name: str, found: Guess) -> None:
    try:
        parsing.amounts(cells, name, None)
    except DataError as error:
        found.open_questions.append(f"decimal: {error}")
    texts = parsing.text(cells).fillna("")
    signs = {sign for sign in _CURRENCY if texts.str.contains(sign, regex=False).any()}
    if len(signs) == 1:
        found.options["currency"] = _CURRENCY[signs.pop()]


def draft(guesses: list[Guess], folder: Path) -> str:
    """A commented playbook file of these guesses; paths relative to ``folder``.

    Raises ``DataError`` where two files seem to be the same table.
    """
    kinds = [one.contract for one in guesses]
    if twice := {kind for kind in kinds if kinds.count(kind) > 1}:
        names = ", ".join(str(one.source.name) for one in guesses if one.contract in twice)
        raise DataError(
            f"{names} all look like {twice.pop()}: give one file a table (join parts first)."
        )
    lines = [
        "# The playbook of one firm: which tables there are, how to read them, its own figures.",
        "# Lines marked GUESS were guessed from the files: look at each, then delete the mark.",
        "# Next: clvkit check -f playbook.yml, then clvkit build -f playbook.yml --out report",
    ]
    currency = None
    for one in guesses:
        lines += ["", f"# {CONTRACTS[one.contract].row}"]
        lines.append(_line(one.contract, _relative(one.source, folder), "GUESS from its columns"))
        renamed = {key: name for key, name in one.columns.items() if key != name}
        if renamed:
            lines.append(f"{one.contract}_columns:  # GUESS: the book's name, then your column")
            lines += [f"  {_pair(key, name)}" for key, name in renamed.items()]
        for column in one.missing:
            lines.append(f"# MISSING: no column looks like {column}; name it under columns")
        for option, value in one.options.items():
            if option == "currency":
                currency = value
            else:
                lines.append(_line(f"{one.contract}_{option}", value, "GUESS"))
        lines += [f"# OPEN: {one.contract}_{question}" for question in one.open_questions]
    lines += [
        "",
        "# The firm's own figures",
        _line("currency", currency or "USD", "GUESS" if currency else "CHECK: not in the files"),
        _line("gross_margin", 0.3, "CHECK: share of revenue left after serving, 0-1"),
        _line("annual_discount_rate", 0.1, "CHECK: per year"),
        _line("horizon_months", 36, "how far ahead customers are valued"),
        "# observation_end: 2025-12-31  # if purchases are known beyond the last one",
        "# timezone: Europe/Amsterdam  # whose days count, if moments carry an offset",
        "# refunds: net  # or set_aside",
        "",
    ]
    return "\n".join(lines)


def _line(name: str, value: object, remark: str) -> str:
    return f"{_pair(name, value)}  # {remark}"


def _pair(name: str, value: object) -> str:
    return yaml.safe_dump({name: value}, allow_unicode=True, width=10_000).strip()


def _relative(path: Path, folder: Path) -> str:
    try:
        return path.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        return str(path.resolve())
