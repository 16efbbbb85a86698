"""Look at finished pages as a careful editor would: is everything there, and does it stay home?"""

import json
import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_PAGE_BYTES = 2_000_000
_CSS_URL = re.compile(r"""url\(\s*["']?([^"')]+)["']?\s*\)|@import\s+["']([^"']+)["']""")
_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
# What a browser fetches by itself. A plain link waits for the reader to click.
_FETCHED = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src", "srcset"),
    "input": ("src",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
_IDLE_LINKS = {"author", "canonical", "help", "index", "license", "next", "prev", "search"}


class _Page(HTMLParser):
    """What one page fetches, links to and shows."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.charts: list[str] = []
        self.problems: list[str] = []
        self._element = ""
        self._in_chart = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._element = tag
        classes = values.get("class", "").split()
        if tag == "link" and not set(values.get("rel", "").split()) & _IDLE_LINKS:
            self.fetched.append(values.get("href", ""))
        for name in _FETCHED.get(tag, ()):
            text = values.get(name, "")
            addresses = text.split(",") if name == "srcset" else [text]
            self.fetched += [part.strip().split(" ")[0] for part in addresses if part.strip()]
        self.fetched += _css_addresses(values.get("style", ""))
        if tag == "a":
            self.links.append(values.get("href", ""))
        # Sphinx writes the address where there is no description; an empty one is decoration.
        if tag == "img" and values.get("alt", values.get("src")) == values.get("src"):
            self.problems.append(f"a picture without a description: {values.get('src')}")
        if "traceback" in classes:
            self.problems.append("it shows a traceback")
        if "vega-chart" in classes:
            self._in_chart = True

    def handle_data(self, data: str) -> None:
        if self._element == "style":
            self.fetched += _css_addresses(data)
        if self._element == "script" and self._in_chart:
            self.charts.append(data)
            self._in_chart = False

    def handle_endtag(self, tag: str) -> None:
        self._element = ""


def check_book(pages: Path, names: Iterable[str]) -> list[str]:
    """Check a folder of pages against the names of ``_toc.yml``; returns what is wrong.

    Every page exists, nothing is fetched from outside the folder, local links lead somewhere,
    every chart and picture is described, no page shows a traceback or is larger than 2 MB.
    """
    problems = [f"{name}.html is missing" for name in names if not _exists(pages, name)]
    for path in sorted(pages.rglob("*.html")):
        where = path.relative_to(pages).as_posix()
        if "_static" not in path.parts:
            problems += [f"{where}: {problem}" for problem in _page_problems(path, pages)]
    for path in sorted(pages.rglob("*.css")):
        where = path.relative_to(pages).as_posix()
        for address in _css_addresses(path.read_text(encoding="utf-8")):
            if reason := _astray(address, path, pages):
                problems.append(f"{where}: {reason}")
    return problems


def _exists(pages: Path, name: str) -> bool:
    return (pages / f"{name}.html").is_file()


def _page_problems(path: Path, pages: Path) -> Iterator[str]:
    size = path.stat().st_size
    if size > _PAGE_BYTES:
        yield f"it has {size / 1e6:.1f} MB; a page may have {_PAGE_BYTES / 1e6:.0f}"
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    yield from page.problems
    for address in page.fetched:
        if reason := _astray(address, path, pages):
            yield reason
    for address in page.links:
        if not _is_remote(address) and (reason := _astray(address, path, pages)):
            yield reason
    for number, text in enumerate(page.charts, 1):
        spec = json.loads(text)
        if not str(spec.get("description") or "").strip():
            yield f"chart {number} has no description"
        yield from (f"chart {number} fetches {url}" for url in _data_addresses(spec))


def _is_remote(address: str) -> bool:
    parts = urlsplit(address.strip())
    return bool(parts.netloc) or parts.scheme not in ("", "data", "javascript", "blob", "about")


def _astray(address: str, path: Path, pages: Path) -> str | None:
    """Why an address does not lead to a file of the book, if so."""
    if _is_remote(address):
        return f"it refers to {address}, which is outside the book"
    parts = urlsplit(address.strip())
    if parts.scheme or not parts.path:
        return None
    target = (path.parent / unquote(parts.path)).resolve()
    if not target.is_relative_to(pages.resolve()):
        return f"it refers to {address}, which is outside the book"
    return None if target.exists() else f"it refers to {address}, which does not exist"


def _css_addresses(css: str) -> list[str]:
    found = _CSS_URL.findall(_CSS_COMMENT.sub("", css))
    return [first or second for first, second in found]


def _data_addresses(spec: object) -> Iterator[str]:
    """Addresses from which a chart would load its data or pictures."""
    if isinstance(spec, list):
        for part in spec:
            yield from _data_addresses(part)
    elif isinstance(spec, dict):
        for name, part in spec.items():
            if name == "datasets":
                continue
            if name == "url" and isinstance(part, str):
                yield part
            yield from _data_addresses(part)
