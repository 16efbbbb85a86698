"""Retention plays on small and odd tables: the chapter runs to its end, or says why it cannot."""

import pandas as pd
import papermill
import pytest
from odd_tables import ODD, shop
from test_odd_chapters import NO_NUMBER, told

from clvkit.book.chapters import Chapter, prepare
from clvkit.book.settings import find_source

SOURCE = find_source()
REFUSED = {
    "nobody repeats": "Nobody bought a second time",
    "one price": "All customers spend 29 a purchase",
}

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # papermill warns


def run(orders, folder, people=None):
    """Run the chapter about own tables; what its sentences say, after a look at its streams."""
    given = {"transactions": str(folder / "orders.parquet"), "customers": None}
    orders.to_parquet(given["transactions"], index=False)
    if people is not None:
        given["customers"] = str(folder / "people.csv")
        people.to_csv(given["customers"], index=False)
    name = "chapters/retention-plays"
    notebook = papermill.execute_notebook(
        prepare(Chapter(name, SOURCE / f"{name}.md", has_code=True), given),
        None,
        cwd=str(SOURCE),
        progress_bar=False,
        extra_arguments=["--IPKernelApp.log_level=50"],
    )
    streams = [
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream"
    ]
    assert streams == []
    words = told(notebook)
    assert {key: text for key, text in words.items() if NO_NUMBER.search(text)} == {}
    return words


def with_lines(orders, seed=1):
    """Two products a purchase, an order number, margins."""
    lines = pd.concat([orders.assign(product_id=lambda t: "P" + t["date"].str[-1]),
                       orders.assign(product_id=lambda t: "Q" + t["date"].str[-2])])  # fmt: skip
    lines["order_id"] = lines["customer_id"] + lines["date"]
    return lines.assign(margin=0.4 * lines["amount"])


@pytest.mark.parametrize("table", ODD)
def test_three_columns_are_enough_or_the_chapter_says_what_is_missing(table, tmp_path):
    if why := REFUSED.get(table):
        with pytest.raises(papermill.PapermillExecutionError, match=why) as refused:
            run(ODD[table](), tmp_path)
        assert refused.value.ename in ("DataError", "UndefinedError")
        return
    words = run(ODD[table](), tmp_path)
    assert "Without 'product_id' nobody can see" in words["basket_text"]
    assert "Without 'product_id'" in words["offer_text"]
    assert "no column member_since" in words["club_text"]
    assert "not counted: returns, support contacts" in words["served_text"]


def test_with_lines_margins_and_a_club(tmp_path):
    orders = shop(600, 700, 8)
    first = orders.groupby("customer_id")["date"].max()
    people = pd.DataFrame({"customer_id": first.index, "member_since": first.to_numpy()})
    people.loc[::2, "member_since"] = None
    words = run(with_lines(orders), tmp_path, people.assign(returns=1))
    assert "pairs" in words["basket_text"]
    assert "bought their personal offer" in words["offer_text"]
    assert "not counted: support contacts" in words["served_text"]


def test_a_club_that_all_joined_and_empty_columns(tmp_path):
    orders = shop(200, 400, 9)
    people = pd.DataFrame({"customer_id": orders["customer_id"].unique()})
    people = people.assign(member_since="2024-03-01", returns=None, support_contacts=None)
    words = run(with_lines(orders).assign(product_id=None), tmp_path, people)
    assert "cannot be said here" in words["club_text"]
    assert "is empty" in words["basket_text"]
