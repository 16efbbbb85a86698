"""The face stays small, light and used; imports point downwards."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import clvkit as clv

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "clvkit"
MODULES = sorted(path.relative_to(ROOT) for path in PACKAGE.rglob("*.py"))

# From the top down; a module may import what stands below it, and its own kind within a package.
LEVELS = [
    ("clvkit.cli",), ("clvkit.book",), ("clvkit.guess", "clvkit.playbook", "clvkit.scoring"),
    ("clvkit.charts",), ("clvkit.reportpages",),
    ("clvkit.report", "clvkit.subscriptionreport"), ("clvkit.figures",),
    ("clvkit.words",),
    ("clvkit.budget", "clvkit.channels"),
    ("clvkit.acquisition", "clvkit.responses", "clvkit.unit_economics"),
    ("clvkit.levers", "clvkit.thresholds", "clvkit.loyalty", "clvkit.serving", "clvkit.pricing",
     "clvkit.backlog"),
    ("clvkit.baskets",),
    ("clvkit.learning",), ("clvkit.features",), ("clvkit.monitoring",),
    ("clvkit.valuation", "clvkit.evaluation", "clvkit.checks", "clvkit.simulate",
     "clvkit.survivors", "clvkit.churn", "clvkit.leaving", "clvkit.revenue",
     "clvkit.survival", "clvkit.experiments", "clvkit.sequential", "clvkit.uplift",
     "clvkit.campaigns"),
    ("clvkit.lazyspans",), ("clvkit.spans", "clvkit.intervals", "clvkit.arms"),
    ("clvkit.models",),
    ("clvkit.attributes",), ("clvkit.cohorts", "clvkit.segments"), ("clvkit.summary",),
    ("clvkit.compressed", "clvkit.scan"), ("clvkit.pieces", "clvkit.batches"),
    ("clvkit.lazy", "clvkit.workspace"),
    ("clvkit.tables", "clvkit.othertables", "clvkit.expressions"),
    ("clvkit.reading",), ("clvkit.files",),
    ("clvkit.csvfiles", "clvkit.databases", "clvkit.engines", "clvkit.workbooks"),
    ("clvkit.parsing", "clvkit.receipts"), ("clvkit.formulas",),
    ("clvkit.datasets", "clvkit.units", "clvkit.contracts"),
    ("clvkit.arguments",), ("clvkit.privacy",), ("clvkit.errors", "clvkit.palette"),
]  # fmt: skip

# Not verbs that a page calls: what they answer, and what they raise.
NO_VERBS = {"DataError", "UndefinedError", "Transactions"}


def modules_after(code):
    answer = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(answer.stdout.split())


def test_import_is_light():
    loaded = modules_after("import clvkit")
    heavy = {"pandas", "numpy", "scipy", "altair", "babel", "pyarrow", "IPython", "jupyter_book",
             "myst_nb", "papermill", "pydantic", "typer", "sphinx"}  # fmt: skip
    assert loaded & heavy == set()


def test_reading_and_summarizing_load_no_models_and_no_charts():
    loaded = modules_after("import clvkit as clv; clv.read_transactions; clv.summarize; clv.split")
    assert loaded & {"scipy", "altair", "babel", "myst_nb", "papermill", "clvkit.models"} == set()


def test_models_load_no_charts():
    loaded = modules_after("import clvkit as clv; clv.BetaGeoNBD; clv.lifetime_value; clv.evaluate")
    assert loaded & {"altair", "babel", "myst_nb", "papermill"} == set()


def test_every_name_is_there():
    assert clv.__all__ == sorted(clv.__all__)
    assert dir(clv) == clv.__all__
    for name in clv.__all__:
        assert getattr(clv, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'fit_everything'"):
        _ = clv.fit_everything


def test_every_verb_has_a_docstring():
    for name in clv.__all__:
        assert len(getattr(clv, name).__doc__) > 30, name


def test_every_verb_is_called_by_a_page_or_the_command_line():
    pages = [*ROOT.glob("chapters/**/*.md"), ROOT / "index.md"]
    cells = re.compile(r"^`{3,}\{code-cell\}.*?^`{3,}$", re.MULTILINE | re.DOTALL)
    calls = {
        name
        for page in pages
        for cell in cells.findall(page.read_text())
        for name in re.findall(r"\bclv\.(\w+)|from clvkit import (\w+)", cell)
    }
    called = {name for pair in calls for name in pair}
    commands = (PACKAGE / "cli.py", PACKAGE / "playbook.py", *PACKAGE.glob("book/*.py"))
    for path in (*commands, *PACKAGE.glob("charts/*.py")):
        called |= {name.split(".")[-1] for name in imports(path)}
        called |= set(from_imports(path))
    assert set(clv.__all__) - NO_VERBS - called == set(), "called by no page"


def test_every_check_is_called_by_a_page():
    pages = " ".join(page.read_text() for page in ROOT.glob("chapters/*.md"))
    public = {
        name
        for name, value in vars(clv.checks).items()
        if inspect.isfunction(value) and value.__module__ == "clvkit.checks" and name[0] != "_"
    }
    assert len(public) > 5
    assert {name for name in public if f"clv.checks.{name}(" not in pages} == set()


def from_imports(path):
    """Names that a file takes from other modules."""
    return [
        alias.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]


def level(module):
    for height, names in enumerate(LEVELS):
        if any(module == name or module.startswith(f"{name}.") for name in names):
            return height
    raise AssertionError(f"{module} has no level in this test")


def imports(path):
    """Modules of this package that a file imports, in functions too, but not for types only."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                inner = (ROOT / full.replace(".", "/")).with_suffix(".py").exists()
                yield full if inner else node.module


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_point_downwards(path):
    module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    if module == "clvkit":
        return
    for name in imports(ROOT / path):
        if name.split(".")[0] != "clvkit" or name == "clvkit":
            continue
        same_package = name.split(".")[:2] == module.split(".")[:2]
        assert same_package or level(name) > level(module), f"{module} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_file_can_be_read_in_one_sitting(path):
    assert len((ROOT / path).read_text().splitlines()) <= 400
