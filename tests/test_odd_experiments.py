"""The chapters on experiments and monitoring on small and odd tables: they run, or say why not."""

import re
import warnings

import numpy as np
import pandas as pd
import papermill
import pytest
from odd_tables import ODD

from clvkit.book.chapters import Chapter, prepare
from clvkit.book.settings import find_source

SOURCE = find_source()
NO_NUMBER = re.compile(r"\bnan\b|\binf\b|NaN|None|∞|–")
PLAIN = ["customer_id", "arm", "outcome"]

pytestmark = pytest.mark.slow


def run(name, **parameters):
    chapter = Chapter(f"chapters/{name}", SOURCE / f"chapters/{name}.md", has_code=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        notebook = prepare(chapter, parameters)
        # What is true of the bundled data only is no part of a book about others.
        notebook.cells = [
            cell
            for cell in notebook.cells
            if not {"bundled", "exercises"} & set(cell.metadata.get("tags", []))
        ]
        return papermill.execute_notebook(
            notebook, None, cwd=str(SOURCE), progress_bar=False,
            extra_arguments=["--IPKernelApp.log_level=50"],
        )  # fmt: skip


def told(notebook):
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [o for o in outputs if o.output_type == "stream" and o.name == "stderr"]
    words = {
        output.metadata.scrapbook.name: str(next(iter(output.data.values())))
        for output in outputs
        if "scrapbook" in output.get("metadata", {})
    }
    assert {key: text for key, text in words.items() if NO_NUMBER.search(text)} == {}
    return words


def people(sizes, chances, seed=1):
    random = np.random.default_rng(seed)
    arm = np.repeat(list(sizes), list(sizes.values()))
    rows = pd.DataFrame({"customer_id": [f"K{i:05d}" for i in range(len(arm))], "arm": arm})
    rows["outcome"] = (random.uniform(size=len(arm)) < np.vectorize(chances.get)(arm)).astype(int)
    return rows.sample(frac=1, random_state=seed)


def three_columns():
    return people({"control": 600, "mail": 600}, {"control": 0.1, "mail": 0.14})


def unequal():
    return people({"holdout": 200, "mail": 1800}, {"holdout": 0.1, "mail": 0.16})


def no_conversions():
    return people({"control": 80, "mail": 90}, {"control": 0.2, "mail": 0.0})


def control_without_conversions():
    return people({"control": 80, "mail": 90}, {"control": 0.0, "mail": 0.2})


def nobody():
    return people({"control": 30, "mail": 30}, {"control": 0.0, "mail": 0.0})


def three_arms():
    return people({"control": 300, "a": 300, "b": 310}, {"control": 0.2, "a": 0.2, "b": 0.25})


def tiny():
    return people({"control": 3, "mail": 2}, {"control": 0.4, "mail": 0.6})


def money():
    rows = three_columns()
    random = np.random.default_rng(3)
    rows["outcome"] = rows["outcome"] * random.gamma(2, 20, len(rows)).round(2)
    rows["value"], rows["pre_value"] = rows["outcome"], random.gamma(2, 20, len(rows)).round(2)
    return rows


TABLES = {
    "three columns": three_columns,
    "unequal": unequal,
    "no conversions": no_conversions,
    "control without conversions": control_without_conversions,
    "nobody": nobody,
    "three arms": three_arms,
    "tiny": tiny,
    "money": money,
}


@pytest.mark.parametrize("table", TABLES)
def test_an_experiment_alone(table, tmp_path):
    path = tmp_path / "trial.csv"
    TABLES[table]().to_csv(path, index=False)
    words = told(run("retention-experiments", experiment=str(path), customers=None))
    assert "no attribute" in words["order_helps"] or table == "money"
    assert "Without attributes" in words["by_segment"]
    if table == "unequal":
        assert "if unequal arms were planned" in words["fair"]
    if table in ("three columns", "three arms"):
        assert "looks like chance" in words["fair"]
    if table == "no conversions":
        assert "did harm" in words["worked"]
    if table == "nobody":
        assert "is open" in words["worked"]


def test_planned_arms_and_a_baseline_that_differs(tmp_path):
    rows = unequal()
    rows["pre_value"] = np.where(rows["arm"] == "mail", 50.0, 40.0) + rows.index % 17
    rows.to_csv(tmp_path / "trial.csv", index=False)
    kinds = pd.DataFrame({"customer_id": rows["customer_id"], "kind": rows.index % 3})
    kinds.to_csv(tmp_path / "customers.csv", index=False)
    words = told(
        run(
            "retention-experiments", experiment=str(tmp_path / "trial.csv"),
            customers=str(tmp_path / "customers.csv"), planned_shares="holdout:1, mail:9",
        )
    )  # fmt: skip
    assert words["fair"].startswith("'An alarm: pre_value") or "pre_value" in words["fair"]
    assert "sizes" not in words["fair"]


def test_a_control_that_nobody_named_is_asked_for(tmp_path):
    rows = three_columns().replace({"arm": {"control": "x"}})
    rows.to_csv(tmp_path / "trial.csv", index=False)
    with pytest.raises(papermill.PapermillExecutionError, match="Which arm is the control"):
        run("retention-experiments", experiment=str(tmp_path / "trial.csv"), customers=None)
    words = told(
        run(
            "retention-experiments", experiment=str(tmp_path / "trial.csv"),
            customers=None, control="x",
        )
    )  # fmt: skip
    assert "mail" in words["worked"]


TOO_SHORT = {"two hundred, six months", "two days", "nobody repeats"}


@pytest.mark.parametrize("table", ODD)
def test_monitoring_of_odd_purchases(table, tmp_path):
    path = tmp_path / "orders.csv"
    ODD[table]().to_csv(path, index=False)
    refused = (papermill.PapermillExecutionError,)
    if table in TOO_SHORT:
        with pytest.raises(refused, match=r"whole months|no whole month") as why:
            run("monitoring", transactions=str(path), subscriptions=None, watch_months=3)
        assert why.value.ename in ("DataError", "UndefinedError")
        return
    words = told(run("monitoring", transactions=str(path), subscriptions=None, watch_months=3))
    assert words["name"]


def test_monitoring_of_subscriptions_alone_and_of_nothing():
    words = told(run("monitoring", transactions=None, subscriptions="saas"))
    assert "cannot be followed here: there are no purchases" in words["held"]
    with pytest.raises(papermill.PapermillExecutionError, match="purchases or subscriptions"):
        run("monitoring", transactions=None, subscriptions=None)
