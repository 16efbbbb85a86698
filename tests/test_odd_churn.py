"""The chapters on churn and recurring revenue on small and odd tables, as in a report of one's own.

Cells that speak of the bundled tables only are left out, as the report does.
"""

import re
import warnings

import numpy as np
import pandas as pd
import papermill
import pytest
from odd_tables import ODD

from clvkit.book.chapters import OWN_DATA_DROPS, Chapter, prepare
from clvkit.book.settings import find_source

SOURCE = find_source()
CHURN, REVENUE = "chapters/churn", "chapters/recurring-revenue"
NO_NUMBER = re.compile(r"\bnan\b|\binf\b|NaN|None|∞|–")

pytestmark = pytest.mark.slow


def contracts(customers=200, months=24, leave=0.05, price=(10.0, 20.0), seed=1):
    random = np.random.default_rng(seed)
    start = random.integers(0, 30 * months, customers)
    stay = 30 * random.geometric(leave, customers) if leave else np.full(customers, 99999)
    day = pd.Timestamp("2022-01-01") + pd.to_timedelta(start, "D")
    end = day + pd.to_timedelta(np.minimum(stay, 9999), "D")
    last = pd.Timestamp("2022-01-01") + pd.Timedelta(days=30 * months)
    rows = pd.DataFrame({"customer_id": np.arange(customers).astype(str), "start": day})
    rows["end"] = pd.Series(end).where(end <= last)
    return rows.assign(mrr=random.choice(price, customers))


TABLES = {
    "required columns only": contracts(),
    "twelve customers": contracts(12, 6, 0.3),
    "one price, no money": contracts(60, 12, 0.1, price=(0.01,)),
    "everybody leaves": contracts(60, 12, 0.2).assign(
        end=lambda x: x["end"].fillna(pd.Timestamp("2022-12-27"))
    ),
    "yearly only, odd names": contracts(80, 30, 0.1).assign(
        billing_months=12, plan="Ünïcode – plan", end_reason=None, channel="x"
    ),
    "large money": contracts(100, 24, 0.05, price=(4e6, 9e6)),
}
REFUSED = {
    "nobody leaves": (contracts(50, 12, 0), CHURN, "Nobody has left"),
    "one month": (contracts(50, 1, 0.5), REVENUE, "less than two complete months"),
    "no money at all": (contracts(50, 12, 0.1, (0.0,)), REVENUE, "mrr above 0"),
    "a few days": (contracts(50, 12, 0.1).assign(
        start="2024-01-03", end=[None, "2024-01-05"] * 25), CHURN, "from end to end"),
}  # fmt: skip


def run(name, **parameters):
    """Run a chapter as a report does; what its sentences are given, and what it warned of."""
    notebook = prepare(Chapter(name, SOURCE / f"{name}.md", has_code=True), parameters)
    notebook.cells = [
        cell for cell in notebook.cells if not OWN_DATA_DROPS & set(cell.metadata.get("tags", []))
    ]
    with warnings.catch_warnings():
        # papermill and its parts warn about their own future.
        warnings.simplefilter("ignore")
        done = papermill.execute_notebook(
            notebook, None, cwd=str(SOURCE), progress_bar=False,
            extra_arguments=["--IPKernelApp.log_level=50"],
        )  # fmt: skip
    outputs = [output for cell in done.cells for output in cell.get("outputs", [])]
    told = {
        output.metadata.scrapbook.name: str(next(iter(output.data.values())))
        for output in outputs
        if "scrapbook" in output.get("metadata", {})
    }
    said = [o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"]
    assert said == []
    assert {key: words for key, words in told.items() if NO_NUMBER.search(words)} == {}
    return told


@pytest.mark.parametrize("name", [CHURN, REVENUE])
@pytest.mark.parametrize("table", TABLES)
def test_a_chapter_runs_and_says_what_it_cannot(name, table, tmp_path):
    path = tmp_path / "contracts.csv"
    TABLES[table].to_csv(path, index=False)
    given = {"subscriptions": str(path)}
    if name == CHURN:
        given |= {"transactions": None, "customers": None}
    told = run(name, **given)
    if name == CHURN:
        assert "no table of purchases" in told["silence"]
        assert "No reason is on record" in told["reason"]


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_told_is_refused_by_name(case, tmp_path):
    table, name, why = REFUSED[case]
    path = tmp_path / "contracts.csv"
    table.to_csv(path, index=False)
    given = {"subscriptions": str(path)}
    with pytest.raises(papermill.PapermillExecutionError, match=why) as refused:
        run(name, **given)
    assert refused.value.ename in ("DataError", "UndefinedError")


@pytest.mark.parametrize("table", ["thirty customers", "one price"])
def test_purchases_alone_say_what_is_lost(table, tmp_path):
    path = tmp_path / "orders.csv"
    ODD[table]().to_csv(path, index=False)
    told = run(CHURN, subscriptions=None, customers=None, transactions=str(path), inactive_days=60)
    assert "nobody sees a customer leave" in told["kind"]
    assert "days of silence" in told["silence"] or "too short" in told["silence"]


def test_without_any_table_the_chapter_says_what_it_needs():
    with pytest.raises(papermill.PapermillExecutionError, match="needs a table of subscriptions"):
        run(CHURN, subscriptions=None, transactions=None, customers=None)
