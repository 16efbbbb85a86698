"""What ``clvkit check`` prints: receipts, the setting, and the chapters that can be built."""

from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from clvkit import playbook
from clvkit.book.chapters import (
    chapters_of,
    declared,
    missing_tables,
    page_title,
    table_of_contents,
)
from clvkit.book.settings import find_source
from clvkit.contracts import CONTRACTS
from clvkit.errors import DataError
from clvkit.scan import Scanned
from clvkit.tables import cross_checks

# Days between two payments of a contract: a week, a month, a quarter, a year.
_REGULAR = ((7, 7), (28, 31), (89, 92), (365, 366))


def report_of(book: playbook.Playbook) -> None:
    """Print the receipts of the tables of ``book``, the setting and what can be built.

    Raises ``DataError`` where a table cannot be used, or where there is none.
    """
    console = Console()
    if not book.tables:
        raise DataError("There is no table to check: give --transactions FILE, or -f playbook.yml.")
    tables = playbook.read(book, scan=True)
    for name, table in tables.items():
        console.print(_receipt(name, table))
        for note in table.receipt.notes:
            console.print(f"  {escape(note)}")
    if isinstance(tables.get("transactions"), Scanned):
        console.print("\nPurchases were left where they are: `clvkit score` is next.")
        return
    for note in cross_checks(tables):
        console.print(f"  {escape(note)}")
    console.print(f"\n[bold]Setting[/]: {escape(setting(tables))}")
    console.print(_chapters({**tables, **book.parameters}))


def setting(tables: dict[str, Any]) -> str:
    """Whether customers of these tables have a contract, in words."""
    if "subscriptions" in tables:
        return "with a contract: the subscriptions say who leaves, and when."
    orders = tables["transactions"].table if "transactions" in tables else pd.DataFrame()
    if orders.empty:
        return "unknown: there are neither purchases nor subscriptions."
    days = orders.drop_duplicates(["customer_id", "date"]).sort_values(["customer_id", "date"])
    gaps = days.groupby("customer_id")["date"].diff().dt.days.dropna()
    regular = max(float(gaps.between(*ends).mean()) for ends in _REGULAR) if len(gaps) else 0.0
    if regular > 0.7:
        return (
            f"purchases as regular as payments of a contract ({regular:.0%} of the gaps are of one "
            "length): give them as subscriptions, or every late payment will look like a loss."
        )
    return "without a contract: customers buy when they like, and nobody sees them leave."


def _receipt(name: str, table: Any) -> Table:
    receipt = table.receipt
    shown = Table(title=f"{CONTRACTS[name].name}: {escape(receipt.source)}", title_justify="left")
    shown.add_column("")
    shown.add_column("rows", justify="right")
    shown.add_column("money", justify="right")
    shown.add_column("what to do")
    remedies = receipt.set_aside["remedy"] if len(receipt.set_aside) else {}
    for line, row in receipt.summary().iterrows():
        money = "" if row["money"] is None or pd.isna(row["money"]) else f"{row['money']:,}"
        reason = str(line).removeprefix("set aside: ")
        remedy = remedies.get(reason, "")
        shown.add_row(escape(str(line)), f"{row['rows']:,}", money, escape(str(remedy)))
    return shown


def _chapters(given: dict[str, Any]) -> Table:
    source = find_source()
    shown = Table(title="Chapters", title_justify="left")
    shown.add_column("chapter")
    shown.add_column("can be about your data?")
    for chapter in chapters_of(source, table_of_contents(source))[1:]:
        if not chapter.has_code:
            continue
        own = declared(chapter.notebook(), chapter.path.name)
        reads = any(name in playbook.TABLES for name in own)
        said = "yes" if reads else "it reads no table: it stays as it is"
        if lacks := missing_tables(own, given):
            said = f"no: it needs {lacks}"
        shown.add_row(escape(page_title(source, chapter.name)), said)
    return shown
