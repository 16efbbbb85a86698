"""Chapters as notebooks: which there are, and what each one lets the reader set."""

import ast
import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import yaml

from clvkit.errors import DataError
from clvkit.playbook import TABLES

OWN_DATA_DROPS = {"bundled", "exercises"}
"""Cells with one of these tags speak about the bundled tables only."""

_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "float": (float, int),
    "int": (int,),
    "bool": (bool,),
    "None": (type(None),),
}


@dataclass(frozen=True)
class Parameter:
    """A value that a chapter lets the reader set, as its parameters cell declares it."""

    name: str
    types: tuple[str, ...]
    default: Any
    span: tuple[int, int]
    """Where the default stands in the cell (characters)."""

    @property
    def optional(self) -> bool:
        """Whether it may be ``None``."""
        return "None" in self.types


@dataclass(frozen=True)
class Chapter:
    """One page of the book."""

    name: str
    """Path in the source without suffix: ``chapters/what-is-clv``."""
    path: Path
    has_code: bool

    def notebook(self) -> nbformat.NotebookNode:
        """Read the chapter as a notebook whose cells have the same ids in every run."""
        notebook: nbformat.NotebookNode = jupytext.read(self.path)
        for number, cell in enumerate(notebook.cells):
            cell["id"] = f"cell-{number:03d}"
        return notebook


def table_of_contents(source: Path) -> dict[str, Any]:
    """Read ``_toc.yml``."""
    toc = yaml.safe_load((source / "_toc.yml").read_text(encoding="utf-8"))
    if not isinstance(toc, dict) or "root" not in toc:
        raise DataError(f"{source / '_toc.yml'} has no `root:`; see CONTRIBUTING.md.")
    return toc


def page_names(toc: Any) -> Iterator[str]:
    """Names of all pages of a table of contents, in reading order."""
    if isinstance(toc, list):
        for entry in toc:
            yield from page_names(entry)
    elif isinstance(toc, dict):
        for key in ("root", "file"):
            if key in toc:
                yield str(toc[key])
        for key in ("parts", "chapters", "sections", "subtrees", "entries"):
            yield from page_names(toc.get(key))


def chapters_of(source: Path, toc: dict[str, Any]) -> list[Chapter]:
    """All pages of the book; a page without a file is an error."""
    found = []
    for name in page_names(toc):
        path = source / f"{name}.md"
        if not path.exists():
            raise DataError(f"_toc.yml lists {name}, but there is no {path}.")
        has_code = "{code-cell}" in path.read_text(encoding="utf-8")
        found.append(Chapter(name, path, has_code))
    return found


def page_title(source: Path, name: str) -> str:
    """The first heading of a page."""
    text = (source / f"{name}.md").read_text(encoding="utf-8")
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found[1].strip() if found else name


def choose(chapters: list[Chapter], only: Iterable[str], *, root: bool = True) -> list[Chapter]:
    """Keep the chapters asked for (``clv-formulas`` or ``chapters/clv-formulas``), in book order.

    The root, if it is among them, and the pages without code stay: they cost nothing, and the
    others refer to them.
    """
    short = {name.rsplit("/", 1)[-1]: name for name in (chapter.name for chapter in chapters)}
    full = set(short.values())
    wanted = set()
    for name in only:
        plain = name.removesuffix(".md")
        if plain not in full and plain not in short:
            raise DataError(f"There is no chapter {name!r}.{_suggestion(plain, short)}")
        wanted.add(short.get(plain, plain))
    return [
        c for i, c in enumerate(chapters) if (root and i == 0) or not c.has_code or c.name in wanted
    ]


def prune(toc: Any, kept: set[str]) -> Any:
    """Copy a table of contents with the pages in ``kept`` only; parts left empty go too."""
    if isinstance(toc, list):
        pruned = [prune(entry, kept) for entry in toc]
        return [entry for entry in pruned if entry]
    if not isinstance(toc, dict):
        return toc
    if "file" in toc and toc["file"] not in kept:
        return None
    copy = {key: prune(value, kept) for key, value in toc.items()}
    return None if copy.get("chapters") == [] else copy


def parameters_cell(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    """The cell tagged ``parameters``, if there is one."""
    cells: list[nbformat.NotebookNode] = notebook.cells
    return next((c for c in cells if "parameters" in c.metadata.get("tags", [])), None)


def declared(notebook: nbformat.NotebookNode, where: str) -> dict[str, Parameter]:
    """What the notebook's parameters cell declares, by name."""
    cell = parameters_cell(notebook)
    if cell is None:
        return {}
    found = {}
    for statement in ast.parse(cell.source).body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name = statement.target.id
            types = tuple(t.strip() for t in ast.unparse(statement.annotation).split("|"))
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name, types = statement.targets[0].id, ()
        else:
            continue
        value = statement.value
        try:
            default = ast.literal_eval(value) if value is not None else None
        except ValueError:
            default = None
        if default is None and not isinstance(value, ast.Constant):
            raise DataError(f"{where}: the default of the parameter {name} is not a plain value.")
        found[name] = Parameter(name, types, default, _span(cell.source, value))
    return found


def check_parameters(
    values: dict[str, Any], by_chapter: dict[str, dict[str, Parameter]]
) -> dict[str, dict[str, Any]]:
    """Give each chapter the values it declares, converted to the declared type.

    Raises ``DataError`` for a name that no chapter declares (with the nearest one that exists),
    and for a value of the wrong type.
    """
    known = {name: p for chapter in by_chapter.values() for name, p in chapter.items()}
    for name in values:
        if name not in known:
            raise DataError(
                f"No chapter has a parameter {name!r}.{_suggestion(name, known)} "
                f"Parameters are: {', '.join(sorted(known)) or 'none'}."
            )
    return {
        chapter: {name: _convert(p, values[name]) for name, p in own.items() if name in values}
        for chapter, own in by_chapter.items()
    }


def missing_tables(own: Mapping[str, Parameter], given: Iterable[str]) -> str:
    """The tables that a chapter lacks to be about ``given``, in words; empty if it lacks none.

    A table whose type admits ``None`` may be absent, but where a chapter needs no other, one of
    them must be there.
    """
    wanted = [parameter for name, parameter in own.items() if name in TABLES]
    needed = [parameter.name for parameter in wanted if not parameter.optional]
    if needed:
        return " and ".join(name for name in needed if name not in given)
    names = [parameter.name for parameter in wanted]
    return "" if not names or set(names) & set(given) else " or ".join(names)


def prepare(
    chapter: Chapter, values: dict[str, Any], *, with_exercises: bool = False
) -> nbformat.NotebookNode:
    """The chapter as it will run: with these values, and without what speaks of other data."""
    notebook = chapter.notebook()
    own = declared(notebook, chapter.path.name)
    if is_own_data(own, values):
        drops = OWN_DATA_DROPS - ({"exercises"} if with_exercises else set())
        notebook.cells = [c for c in notebook.cells if not drops & set(c.metadata.get("tags", []))]
    cell = parameters_cell(notebook)
    if cell is not None:
        # From the last to the first, so that the earlier spans stay true.
        for p in sorted(own.values(), key=lambda p: p.span, reverse=True):
            if p.name in values and values[p.name] != p.default:
                start, end = p.span
                cell.source = cell.source[:start] + _literal(values[p.name]) + cell.source[end:]
    return notebook


def is_own_data(own: dict[str, Parameter], values: dict[str, Any]) -> bool:
    """Whether a chapter reads another table than the one its words are about."""
    return any(
        name in own and name in values and values[name] != own[name].default for name in TABLES
    )


def _convert(parameter: Parameter, value: Any) -> Any:
    """Read text by the declared type; refuse a value of another type."""
    types = parameter.types or (type(parameter.default).__name__,)
    # Every text is a str, so that reading comes last.
    for declared_type in sorted(types, key="str".__eq__):
        read = _from_text(value, declared_type) if isinstance(value, str) else value
        if _fits(read, declared_type):
            return float(read) if declared_type == "float" else read
    raise DataError(
        f"The parameter {parameter.name} must be {' | '.join(types)} "
        f"(such as {parameter.default!r}), not {value!r}."
    )


def _fits(value: Any, declared_type: str) -> bool:
    # True is an int in Python, but not what anybody means by a number of months.
    if isinstance(value, bool) and declared_type in ("int", "float"):
        return False
    return declared_type not in _TYPES or isinstance(value, _TYPES[declared_type])


def _from_text(text: str, declared_type: str) -> Any:
    try:
        if declared_type in ("int", "float"):
            return {"int": int, "float": float}[declared_type](text)
    except ValueError:
        return text
    if declared_type in ("bool", "None"):
        return {"true": True, "false": False, "none": None}.get(text.lower(), text)
    return text


def _literal(value: Any) -> str:
    # Text with double quotes, as the chapters write it.
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _span(source: str, node: ast.expr) -> tuple[int, int]:
    lines = source.splitlines(keepends=True)

    def position(line: int, byte: int) -> int:
        before = sum(len(text) for text in lines[: line - 1])
        return before + len(lines[line - 1].encode()[:byte].decode())

    end = position(node.end_lineno or node.lineno, node.end_col_offset or 0)
    return position(node.lineno, node.col_offset), end


def _suggestion(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""
