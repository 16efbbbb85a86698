"""Every chapter on small and odd purchases: it runs to its end, or says why it cannot."""

import re
import warnings

import papermill
import pytest
from odd_tables import ODD, ODDER

from clvkit.book.chapters import Chapter, prepare
from clvkit.book.settings import find_source

SOURCE = find_source()
CHAPTERS = [
    "index",
    "chapters/what-is-clv",
    "chapters/historical-clv",
    "chapters/your-data",
    "chapters/predicting-purchases",
]
REFUSED = {
    ("chapters/predicting-purchases", "nobody repeats"): "Nobody bought a second time",
    ("chapters/predicting-purchases", "one price"): "All customers spend 29 a purchase",
    ("chapters/predicting-purchases", "two days"): "All purchases fall on 2 days",
}
# What no sentence may show: a number that is none, an amount that is missing.
NO_NUMBER = re.compile(r"\bnan\b|\binf\b|NaN|None|∞|–")

pytestmark = pytest.mark.slow


def run(name, transactions, **others):
    """Run a chapter on a table of purchases as a build does; the executed notebook."""
    return run_with(name, {"transactions": str(transactions), **others})


def run_with(name, parameters):
    """Run a chapter with these parameters."""
    chapter = Chapter(name, SOURCE / f"{name}.md", has_code=True)
    with warnings.catch_warnings():
        # papermill and its parts warn about their own future.
        warnings.simplefilter("ignore")
        return papermill.execute_notebook(
            prepare(chapter, parameters),
            None,
            cwd=str(SOURCE),
            progress_bar=False,
            extra_arguments=["--IPKernelApp.log_level=50"],
        )


def told(notebook):
    """What the sentences of a chapter are given, by name."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return {
        output.metadata.scrapbook.name: str(next(iter(output.data.values())))
        for output in outputs
        if "scrapbook" in output.get("metadata", {})
    }


@pytest.mark.parametrize("name", CHAPTERS)
@pytest.mark.parametrize("table", ODD)
def test_a_chapter_runs_without_a_warning_or_says_why_not(name, table, tmp_path):
    path = tmp_path / "orders.csv"
    ODD[table]().to_csv(path, index=False)
    if why := REFUSED.get((name, table)):
        with pytest.raises(papermill.PapermillExecutionError, match=why) as refused:
            run(name, path)
        assert refused.value.ename in ("DataError", "UndefinedError")
        return
    notebook = run(name, path)
    said = [
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == "stderr"
    ]
    assert said == []
    assert {key: words for key, words in told(notebook).items() if NO_NUMBER.search(words)} == {}


@pytest.mark.parametrize("name", CHAPTERS[1:])
@pytest.mark.parametrize("table", ODDER)
def test_what_is_too_short_for_any_chapter_is_refused_by_name(name, table, tmp_path):
    path = tmp_path / "orders.csv"
    ODDER[table]().to_csv(path, index=False)
    with pytest.raises(
        papermill.PapermillExecutionError, match=r"Export a longer|Nobody"
    ) as refused:
        run(name, path)
    assert refused.value.ename == "DataError"


def test_sentences_follow_the_data(tmp_path):
    path = tmp_path / "orders.csv"
    ODD["nobody repeats"]().to_csv(path, index=False)
    words = told(run("chapters/historical-clv", path))
    assert "Nobody has bought again" in words["faded"]
    assert "too small to show one" in words["stripe"]
    ODD["thirty customers"]().to_csv(path, index=False)
    words = told(run("chapters/what-is-clv", path))
    assert "Hardly any has reached 12" in words["old_enough"]
    words = told(run("chapters/predicting-purchases", path))
    assert "The model warns: a = " in words["warned_now"]
    assert "24 customers every figure below is rough" in words["warned"]
