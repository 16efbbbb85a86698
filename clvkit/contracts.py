"""The five tables that the playbook understands: their columns, and what each holds."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["id", "text", "date", "money", "number"]


@dataclass(frozen=True)
class Column:
    """One column: ``name``, ``kind`` of cell, whether it is ``required``, and an ``example``."""

    name: str
    kind: Kind
    required: bool
    meaning: str
    example: str


@dataclass(frozen=True)
class Contract:
    """One table: what a ``row`` of it is, and its columns, the required ones first."""

    name: str
    row: str
    columns: tuple[Column, ...]

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns without which the table cannot be read."""
        return tuple(column.name for column in self.columns if column.required)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns."""
        return tuple(column.name for column in self.columns)


def _customer(example: str = "00417") -> Column:
    meaning = "Who: the same text in every table. Leading zeros count; it is never read as a number"
    return Column("customer_id", "id", True, meaning, example)


_CONTRACTS = (
    Contract(
        "transactions",
        "One purchase, or one line of it; a refund is a row with a negative amount.",
        (
            _customer(),
            Column("date", "date", True, "The day of the purchase or the refund", "2025-04-03"),
            Column("amount", "money", True, "What the customer paid; refunds below 0", "49.90"),
            Column("order_id", "id", False, "Lines of one order have the same", "SO-10231"),
            Column("product_id", "id", False, "What was bought", "TEE-M-BLUE"),
            Column("category", "text", False, "The kind of product", "shirts"),
            Column("channel", "text", False, "Where the order came from", "newsletter"),
            Column("margin", "money", False, "What is left of the amount after costs", "15.20"),
            Column("quantity", "number", False, "Pieces in the row", "2"),
        ),
    ),
    Contract(
        "subscriptions",
        "One contract of one customer; a change of price or plan ends a row and starts another.",
        (
            _customer(),
            Column("start", "date", True, "The first day that is paid for", "2024-11-01"),
            Column(
                "end",
                "date",
                True,
                "The first day that is no longer paid for; empty while the contract runs",
                "2025-05-01",
            ),
            Column("mrr", "money", True, "Recurring revenue a month: a year's fee / 12", "25.00"),
            Column("subscription_id", "id", False, "The contract", "SUB-881"),
            Column("plan", "text", False, "What was sold", "Team"),
            Column("billing_months", "number", False, "Months that one invoice covers", "12"),
            Column("end_reason", "text", False, "Why it ended", "payment failed"),
            Column("channel", "text", False, "Where the customer came from", "partner"),
        ),
    ),
    Contract(
        "spend",
        "What was spent on winning customers in one channel on one day, or in one month.",
        (
            Column("date", "date", True, "The day of the spend", "2025-04-01"),
            Column("channel", "text", True, "Where: spelled as in the other tables", "search"),
            Column(
                "spend", "money", True, "All costs of the channel, fees and people too", "1200.00"
            ),
            Column(
                "month",
                "date",
                False,
                "In place of date: the month that the spend is for",
                "2025-04",
            ),
            Column("new_customers", "number", False, "Customers won, if counted elsewhere", "38"),
        ),
    ),
    Contract(
        "customers",
        "One customer. Any further column is kept as an attribute.",
        (
            _customer(),
            Column("channel", "text", False, "Where the customer came from", "search"),
            Column("segment", "text", False, "A group that you use", "business"),
            Column("acquired_on", "date", False, "The day of becoming a customer", "2024-10-17"),
        ),
    ),
    Contract(
        "experiment",
        "One customer who took part, whatever happened to them afterwards.",
        (
            _customer(),
            Column("arm", "text", True, "Which version chance gave the customer", "control"),
            Column(
                "outcome",
                "number",
                True,
                "What was measured: yes or no (1 or 0), a count, or money",
                "1",
            ),
            Column("value", "money", False, "Money the customer left during the test", "32.50"),
            Column("pre_value", "money", False, "The same, before the test began", "18.00"),
            Column("cost", "money", False, "What treating the customer cost", "0.35"),
            Column("assigned_at", "date", False, "When chance decided", "2025-02-01"),
        ),
    ),
)

CONTRACTS: dict[str, Contract] = {contract.name: contract for contract in _CONTRACTS}
