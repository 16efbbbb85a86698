"""A book of two small chapters, and the real one, each built once for all tests."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from clvkit.book.build import build
from clvkit.book.settings import BookSettings
from clvkit.cli import app

REPOSITORY = Path(__file__).resolve().parents[2]

FRONT = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
"""
ALPHA = (
    FRONT
    + """# Alpha

```{code-cell} python
:tags: [parameters, hide-input]
transactions: str = "cdnow"  # a file, or the name of a bundled table
gross_margin: float = 0.3  # gross margin, 0-1
horizon_months: int = 36  # months
```

```{code-cell} python
import altair as alt
from clvkit.charts.theme import setup

setup()
orders = 100
orders * gross_margin
```

{numref}`fig-alpha` draws $m r^t$. See {doc}`beta`.

```{code-cell} python
---
mystnb:
  figure:
    name: fig-alpha
    caption: It rises.
tags: [hide-input]
---
alt.Chart(alt.Data(values=[{"a": 1}, {"a": 2}])).mark_bar().encode(x="a:O").properties(
    description="Two bars.")
```

+++ {"tags": ["bundled"]}

Only true of CDNOW.

+++ {"tags": ["exercises"]}

## Exercises

Only for learners.

+++

## Key ideas

The end.
"""
)
BETA = (
    FRONT
    + """# Beta

```{code-cell} python
:tags: [parameters]
currency: str = "USD"  # three letters
```

```{code-cell} python
sorted({"b", "a"})
```

```{code-cell} python
import pandas as pd

pd.DataFrame({"a": [1]}).style.format("{:.1f}")
```
"""
)
TOC = """format: jb-book
root: index
parts:
  - caption: Chapters
    numbered: 1
    chapters:
      - file: chapters/alpha
      - file: chapters/beta
"""


def write_mini(folder: Path) -> Path:
    """Write the small book into ``folder``, in the frame of the real one."""
    (folder / "chapters").mkdir(parents=True)
    shutil.copy(REPOSITORY / "_config.yml", folder)
    shutil.copytree(REPOSITORY / "assets", folder / "assets")
    (folder / "_toc.yml").write_text(TOC, encoding="utf-8")
    (folder / "index.md").write_text("# Mini\n\nStart with {doc}`chapters/alpha`.\n", "utf-8")
    (folder / "references.bib").write_text("", "utf-8")
    (folder / "chapters/alpha.md").write_text(ALPHA, "utf-8")
    (folder / "chapters/beta.md").write_text(BETA, "utf-8")
    (folder / "data").mkdir()
    (folder / "data/table.csv").write_text("a,b\n1,2\n", "utf-8")
    return folder


def digests(folder: Path) -> dict[str, str]:
    """Digest of every file below ``folder``."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="session")
def built_mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small book, built; not to be changed."""
    source = write_mini(tmp_path_factory.mktemp("mini") / "book")
    report = build(BookSettings.in_folder(source))
    assert report.ok, (report.failures, report.problems)
    assert report.ran == ["chapters/alpha", "chapters/beta"]
    return source


@pytest.fixture
def mini(built_mini: Path, tmp_path: Path) -> Path:
    """A copy of the small book, built, with its cache."""
    return shutil.copytree(built_mini, tmp_path / "book")


@pytest.fixture
def clvkit(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command line in a folder."""

    def run(folder: Path, *arguments: str) -> Result:
        monkeypatch.chdir(folder)
        return CliRunner().invoke(app, list(arguments))

    return run


@pytest.fixture(scope="session")
def real_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of the real book, built from the repository."""
    out = tmp_path_factory.mktemp("real")
    settings = BookSettings(
        source=REPOSITORY,
        pages=out / "html",
        notebooks=out / "notebooks",
        cache=REPOSITORY / "_build" / ".cache",
    )
    report = build(settings)
    assert report.ok, [str(f) for f in report.failures] + report.problems
    return settings.pages
