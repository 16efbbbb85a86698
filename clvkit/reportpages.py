"""The tables of a report's own pages as HTML: every text from data escaped, every sum shown."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
from IPython.display import HTML

from clvkit.figures import figure_table
from clvkit.othertables import read_subscriptions
from clvkit.report import key_figures
from clvkit.subscriptionreport import subscription_figures
from clvkit.tables import read_transactions

# No currency has more decimals; an amount with more comes from a binary computation.
_MOST_DECIMALS = 6


def figures_of(
    transactions: str | None, subscriptions: str | None, *, horizon_months: float, **terms: Any
) -> pd.DataFrame:
    """The key figures of the tables that are there, purchases first.

    ``horizon_months`` and the other ``terms`` are those of :func:`clvkit.report.key_figures`.
    """
    parts = []
    if transactions is not None:
        orders = read_transactions(transactions)
        parts.append(key_figures(orders, horizon_months=horizon_months, **terms))
    if subscriptions is not None:
        parts.append(subscription_figures(read_subscriptions(subscriptions), **terms))
    return pd.concat(parts, ignore_index=True) if parts else figure_table({})


def figures_table(figures: pd.DataFrame) -> HTML:
    """The answer of :func:`clvkit.report.key_figures`, each figure with its caveat."""
    rows = []
    for name, text, caveat in figures[["name", "text", "caveat"]].itertuples(index=False):
        words = f'{_safe(text)}<span class="caveat">{_safe(caveat)}</span>'
        rows.append(f'<tr><th scope="row">{_safe(name)}</th><td>{words}</td></tr>')
    return _html(_table(["Figure", "What your data say"], rows) if rows else "")


def left_out_table(left_out: str) -> HTML:
    """What is not in the report; ``left_out`` is JSON text of reasons by title."""
    rows = [_row([title, why]) for title, why in json.loads(left_out).items()]
    return _html(_table(["Not in this report", "Why"], rows) if rows else "")


def read_receipts(path: str) -> dict[str, Any]:
    """The receipts in ``receipt.json`` at ``path``, by table; none where there is no file."""
    if not path:
        return {}
    tables: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))["tables"]
    return tables


def receipt_sections(tables: Mapping[str, Any], currency: str) -> HTML:
    """The receipts, one section a table: its lines, their sum, and what was noted."""
    return _html("".join(_section(name, entry, currency) for name, entry in tables.items()))


def receipt_sentences(tables: Mapping[str, Any], currency: str) -> str:
    """The receipts in three sentences a table: what came in, where it went, the sum."""
    if not tables:
        return "No receipt was written for this report."
    told = [_sentences(name, entry, currency, len(tables) > 1) for name, entry in tables.items()]
    return " ".join(told)


def _sentences(name: str, entry: Mapping[str, Any], currency: str, several: bool) -> str:
    rows, amount = _aside(entry)
    aside = f"{rows:,} {_plural('row', rows)} {'were' if rows != 1 else 'was'} set aside"
    came = f"{entry['rows_in']:,} {_plural('row', entry['rows_in'])}"
    came += f" of {name} came in" if several else " came in"
    used, sums, last = f"{entry['rows_used']:,} were used", "to the last row", "row"
    if amount is not None:
        came += f", with amounts of {_money(entry['money_in'], currency)} in all"
        used += f" ({_money(entry['money_used'], currency)})"
        aside += f" ({_money(amount, currency)})" if rows else ""
        last = "row and the last cent"
    sums = f"add up to what came in, to the last {last}."
    if not _adds_up(entry):
        sums = "do not add up to what came in: rely on none of this before that is explained."
    return f"{came}. {used}, {aside}. What was used and what was set aside {sums}"


def _section(name: str, entry: Mapping[str, Any], currency: str) -> str:
    aside = entry["set_aside"]
    amounts = [entry["money_in"], entry["money_used"], *(line["money"] for line in aside.values())]
    digits = max(2, *(_decimals(amount) for amount in amounts))
    lines = [
        ["Used", entry["rows_used"], entry["money_used"], ""],
        *([f"Set aside: {why}", x["rows"], x["money"], x["remedy"]] for why, x in aside.items()),
    ]
    rows, amount = _aside(entry)
    together = None if amount is None else str(Decimal(entry["money_used"]) + Decimal(amount))
    total = ["Sum", entry["rows_used"] + rows, together, ""]
    came = ["Came in", entry["rows_in"], entry["money_in"], _verdict(entry)]
    heads = ["Line", "Rows", f"Amount ({currency})", "What to do"]
    kept = [0, 1, 2, 3] if entry["money_in"] is not None else [0, 1, 3]

    def shown(line: list[Any]) -> str:
        cells = [line[0], f"{line[1]:,}", _plain(line[2], digits), line[3]]
        return _row([cells[i] for i in kept])

    table = _table([heads[i] for i in kept], [shown(line) for line in [*lines, total, came]])
    notes = "".join(f"<li>{_safe(note)}</li>" for note in entry["notes"])
    source = f"<p>Read from <code>{_safe(entry['source'])}</code>.</p>"
    return f"<h2>The table of {_safe(name)}</h2>{source}{table}" + (
        f"<ul>{notes}</ul>" if notes else ""
    )


def _aside(entry: Mapping[str, Any]) -> tuple[int, str | None]:
    """Rows and money set aside, over all reasons; money is missing where a table has none."""
    lines = entry["set_aside"].values()
    rows = sum(line["rows"] for line in lines)
    if entry["money_in"] is None:
        return rows, None
    return rows, str(sum((Decimal(line["money"] or 0) for line in lines), Decimal(0)))


def _adds_up(entry: Mapping[str, Any]) -> bool:
    rows, amount = _aside(entry)
    whole = bool(entry["rows_used"] + rows == entry["rows_in"])
    if amount is None:
        return whole
    return whole and Decimal(entry["money_used"]) + Decimal(amount) == Decimal(entry["money_in"])


def _verdict(entry: Mapping[str, Any]) -> str:
    return "the same as the sum" if _adds_up(entry) else "NOT the same as the sum"


def _decimals(amount: str | None) -> int:
    exponent = Decimal(amount or 0).as_tuple().exponent
    return min(-exponent, _MOST_DECIMALS) if isinstance(exponent, int) else 0


def _plain(amount: str | None, digits: int) -> str:
    return "" if amount is None else f"{Decimal(amount):,.{digits}f}"


def _money(amount: str | None, currency: str) -> str:
    return f"{_plain(amount, max(2, _decimals(amount)))} {currency}"


def _plural(word: str, number: int) -> str:
    return word if number == 1 else f"{word}s"


def _table(heads: list[str], rows: list[str]) -> str:
    head = "".join(f'<th scope="col">{_safe(name)}</th>' for name in heads)
    body = "".join(rows)
    return (
        f'<div class="report-table" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _row(cells: list[str]) -> str:
    first, *others = (_safe(cell) for cell in cells)
    return f'<tr><th scope="row">{first}</th>{"".join(f"<td>{x}</td>" for x in others)}</tr>'


def _html(text: str) -> HTML:
    return HTML(text)  # type: ignore[no-untyped-call]


def _safe(text: Any) -> str:
    return html.escape(str(text))
