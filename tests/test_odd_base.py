"""The customer base and the learner on small and odd tables: to the end, or a reason why not."""

import pandas as pd
import papermill
import pytest
from odd_tables import ODD
from test_odd_chapters import NO_NUMBER, run, told

import clvkit as clv

pytestmark = pytest.mark.slow
BASE, LEARNING = "chapters/customer-base", "chapters/machine-learning"
REFUSED = {
    "nobody repeats": "Nobody bought a second time",
    "two days": "No attribute has two groups",
    "thirty customers": "table of attributes|No attribute has two groups",
}


def write(frame, folder, name="orders"):
    path = folder / f"{name}.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("table", ODD)
def test_customer_base_without_attributes(table, tmp_path):
    path = write(ODD[table](), tmp_path)
    if why := REFUSED.get(table):
        with pytest.raises(papermill.PapermillExecutionError, match=why) as refused:
            run(BASE, path, customers=None)
        assert refused.value.ename in ("DataError", "UndefinedError")
        return
    words = told(run(BASE, path, customers=None))
    assert {key: text for key, text in words.items() if NO_NUMBER.search(text)} == {}
    assert "no table of customers was given" in words["source"]


def test_the_learner_refuses_three_hundred_customers_and_says_why(tmp_path):
    orders = clv.datasets.shop()
    few = sorted(orders["customer_id"].unique())[:300]
    path = write(orders[orders["customer_id"].isin(few)], tmp_path)
    with pytest.raises(papermill.PapermillExecutionError, match="Too few customers") as refused:
        run(LEARNING, path, customers=None)
    assert refused.value.ename == "DataError"


@pytest.mark.parametrize("attributes", [True, False])
def test_the_learner_with_and_without_attributes(attributes, tmp_path):
    """A shop half as large, of people with ids and attributes of their own."""
    spend = clv.datasets.BUNDLED["spend"]["shop"]()
    arrivals = spend.pivot(index="month", columns="channel", values="new_customers") // 2
    made = clv.simulate.shop(arrivals, seed=11)
    path = write(made.transactions, tmp_path)
    people = write(made.customers.drop(columns="channel"), tmp_path, "people")
    words = told(run(LEARNING, path, customers=str(people) if attributes else None))
    assert {key: text for key, text in words.items() if NO_NUMBER.search(text)} == {}
    assert ("no attributes" in words["known"]) != attributes


def test_columns_that_are_all_empty_or_all_alike(tmp_path):
    people = pd.DataFrame({"customer_id": [f"K{i:04d}" for i in range(200)], "plan": "a"})
    people["note"] = None
    path = write(ODD["two hundred, six months"](), tmp_path)
    with pytest.raises(papermill.PapermillExecutionError, match="No attribute has two groups"):
        run(BASE, path, customers=str(write(people, tmp_path, "people")))
