"""Every chapter has the shape that readers and teachers rely on."""

import re
from pathlib import Path

import jupytext
import pytest

from clvkit.book.chapters import declared, page_names, table_of_contents

REPOSITORY = Path(__file__).resolve().parents[2]
LINES, COLUMNS = 15, 85
SECTIONS = ("Where it misleads", "Exercises", "Run it on your data", "Key ideas", "Further reading")


def shape_problems(text: str) -> list[str]:
    """What a chapter lacks; empty if it has everything."""
    return _apparatus(text) + _exercises(text) + _figures(text) + _code(text)


def _box(text: str, title: str) -> str | None:
    found = re.search(rf"^([`:]{{3,}})\{{admonition\}} {title}\n(.*?)^\1", text, re.M | re.S)
    return found.group(2) if found else None


def _section(text: str, title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    return found.group(1) if found else ""


def _apparatus(text: str) -> list[str]:
    problems = [f"no section {title!r}" for title in SECTIONS if not _section(text, title).strip()]
    goals = _box(text, "You will be able to")
    if goals is None:
        problems.append("no goals")
    else:
        count = len(re.findall(r"^- ", goals, re.M))
        if not 3 <= count <= 5:
            problems.append(f"{count} goals; 3 to 5 are wanted")
        if not re.search(r"\d+ minutes to read", goals):
            problems.append("no reading time")
    problems += [f"no box {name!r}" for name in ("Definition", "Check") if not _box(text, name)]
    if "clvkit build" not in _section(text, "Run it on your data"):
        problems.append("'Run it on your data' does not name `clvkit build`")
    return problems


def _exercises(text: str) -> list[str]:
    blocks = re.findall(
        r"^```\{exercise-start\}[^\n]*\n:label: (\S+)\n.*?^```\{exercise-end\}", text, re.M | re.S
    )
    problems = [] if 2 <= len(blocks) <= 4 else [f"{len(blocks)} exercises; 2 to 4 are wanted"]
    solutions = dict(
        re.findall(r"^```\{solution-start\} (\S+)\n(.*?)^```\{solution-end\}", text, re.M | re.S)
    )
    problems += [f"exercise {label} has no solution" for label in set(blocks) - set(solutions)]
    problems += [f"solution {label} has no exercise" for label in set(solutions) - set(blocks)]
    for label, body in solutions.items():
        if not re.sub(r"^:.*$|^```$", "", body, flags=re.M).strip():
            problems.append(f"solution {label} is empty")
    return problems


def _figures(text: str) -> list[str]:
    names = re.findall(r"^ *name: (fig-\S+)$", text, re.M)
    if not names:
        return ["no numbered figure"]
    return [f"figure {n} is not referred to" for n in names if f"{{numref}}`{n}`" not in text]


def _code(text: str) -> list[str]:
    notebook = jupytext.reads(text, fmt="md:myst")
    problems = []
    for number, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        lines = cell.source.splitlines()
        if len(lines) > LINES:
            problems.append(f"code cell {number} has {len(lines)} lines")
        long = [line for line in lines if len(line) > COLUMNS]
        problems += [f"code cell {number} has a line of {len(line)} characters" for line in long]
        if "parameters" in cell.metadata.get("tags", []):
            problems += _parameters(lines)
    return problems if declared(notebook, "it") else [*problems, "no parameters"]


def _parameters(lines: list[str]) -> list[str]:
    wanted = re.compile(r"^\w+: [\w| ]+ = .+  # \S")
    return [f"parameter without type or comment: {x}" for x in lines if not wanted.match(x)]


def chapters_with_code() -> list[str]:
    toc = table_of_contents(REPOSITORY)
    parts = [part for part in toc["parts"] if part["caption"] != "Reference"]
    names = [name for part in parts for name in page_names(part)]
    return [n for n in names if "{code-cell}" in (REPOSITORY / f"{n}.md").read_text("utf-8")]


@pytest.mark.parametrize("name", chapters_with_code())
def test_a_chapter_has_its_shape(name: str) -> None:
    assert shape_problems((REPOSITORY / f"{name}.md").read_text("utf-8")) == []


def test_there_are_chapters_to_check() -> None:
    assert len(chapters_with_code()) >= 4


GOOD = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
# Title

```{admonition} You will be able to
:class: tip
- do one thing;
- do another;
- and a third.

25 minutes to read, 20 for the exercises.
```

```{code-cell} python
:tags: [parameters]
gross_margin: float = 0.3  # gross margin, 0-1
```

:::{admonition} Definition
:class: note
**A word** is a word.
:::

:::::{admonition} Check
:class: hint
Is it?
:::::

```{code-cell} python
---
mystnb:
  figure:
    name: fig-one
    caption: It rises.
---
draw()
```

{numref}`fig-one` shows it.

## Where it misleads

Here.

## Exercises

```{exercise-start} First
:label: ex-1
```
How much?
```{exercise-end}
```

```{solution-start} ex-1
:class: dropdown
```
Much.
```{solution-end}
```

```{exercise-start} Second
:label: ex-2
```
Why?
```{exercise-end}
```

```{solution-start} ex-2
:class: dropdown
```
Therefore.
```{solution-end}
```

## Run it on your data

`clvkit build --transactions orders.csv`

## Key ideas

One.

## Further reading

Something, because.
"""


def test_a_good_chapter_has_no_problems() -> None:
    assert shape_problems(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("You will be able to", "Goals", "no goals"),
        ("- and a third.\n", "", "2 goals; 3 to 5 are wanted"),
        ("25 minutes to read", "A while", "no reading time"),
        ("} Definition", "} Remark", "no box 'Definition'"),
        ("} Check", "} Remark", "no box 'Check'"),
        ("## Where it misleads", "## Limits", "no section 'Where it misleads'"),
        ("\nOne.\n", "\n", "no section 'Key ideas'"),
        ("## Further reading", "## More", "no section 'Further reading'"),
        ("clvkit build", "make", "'Run it on your data' does not name `clvkit build`"),
        ("{exercise-start} Second\n:label: ex-2", "{note}", "1 exercises; 2 to 4 are wanted"),
        ("{solution-start} ex-2", "{note}", "exercise ex-2 has no solution"),
        ("Therefore.\n", "", "solution ex-2 is empty"),
        ("    name: fig-one\n", "", "no numbered figure"),
        ("{numref}`fig-one`", "This", "figure fig-one is not referred to"),
        ("draw()", "draw()\n" * 16, "code cell 2 has 16 lines"),
        ("draw()", "x" * 86, "code cell 2 has a line of 86 characters"),
        (
            "  # gross margin, 0-1",
            "",
            "parameter without type or comment: gross_margin: float = 0.3",
        ),
        (
            ": float",
            "",
            "parameter without type or comment: gross_margin = 0.3  # gross margin, 0-1",
        ),
        (":tags: [parameters]\n", "", "no parameters"),
    ],
)
def test_each_thing_that_is_missing_is_reported(old: str, new: str, problem: str) -> None:
    assert old in GOOD
    assert problem in shape_problems(GOOD.replace(old, new))


@pytest.mark.parametrize("path", sorted((REPOSITORY / "chapters").glob("*.md")), ids=lambda p: p.stem)
def test_the_box_of_a_check_closes_after_its_answer(path: Path) -> None:
    """An inner fence as long as the outer closes it early, and later headings are lost."""
    boxes = re.compile(r"^(:{3,})\{admonition\} Check\n.*?^(:{3,})\{dropdown\}", re.M | re.S)
    for outer, inner in boxes.findall(path.read_text("utf-8")):
        assert len(outer) > len(inner)
