"""A careful reader with a real browser: what is wrong with a page as it is seen?"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from playwright.sync_api import TimeoutError as TooLong

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_HOME = ("file:", "data:", "blob:", "about:")
_MILLISECONDS = 15_000
_AXE: dict[str, Any] = {
    # Without this option axe fetches the stylesheets again, which a browser refuses for files.
    "preload": False,
    "rules": {"label-content-name-mismatch": {"enabled": True}},
    # What is right is not listed, which takes longer than all checks.
    "resultTypes": ["violations"],
}
_SETTLED = """() => {
  const drawn = [...document.querySelectorAll(".vega-chart")]
    .every((chart) => chart.classList.contains("drawn"));
  const set = [...document.querySelectorAll(".math")]
    .every((math) => math.querySelector("mjx-container"));
  return document.readyState === "complete" && drawn && set;
}"""
_LOOK = """() => {
  const problems = [];
  const say = (text, what) => problems.push(text + ": " + what.slice(0, 120));
  for (const chart of document.querySelectorAll(".vega-chart")) {
    const svg = chart.querySelector("svg.marks");
    const name = chart.textContent.slice(0, 60);
    if (!chart.classList.contains("drawn") || !svg) { say("chart not drawn", name); continue; }
    if (!(svg.getAttribute("aria-label") || "").trim()) say("chart without a name", name);
    if (chart.checkVisibility() && chart.scrollWidth > chart.clientWidth + 1)
      say("chart wider than its column", `${chart.scrollWidth} > ${chart.clientWidth} ${name}`);
  }
  for (const math of document.querySelectorAll(".math"))
    if (!math.querySelector("mjx-container")) say("mathematics not set", math.textContent);
  const wrong = ["mjx-merror", "[data-mml-node=merror]", "mjx-container [fill=red]",
    "mjx-container [mathcolor=red]"].join();
  for (const node of document.querySelectorAll(wrong))
    say("wrong TeX", node.closest("mjx-container").textContent);
  const page = document.scrollingElement;
  if (page.scrollWidth > innerWidth) {
    const wide = [...document.querySelectorAll("main *")]
      .filter((node) => node.getBoundingClientRect().right > innerWidth + 1);
    say("sideways scroll", `${page.scrollWidth} > ${innerWidth} ${wide[0]?.outerHTML || ""}`);
  }
  return problems;
}"""


def executable() -> str | None:
    """Path of the browser, if there is one."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser; without one the test is skipped, or fails if CLV_REQUIRE_BROWSER is set."""
    path = executable()
    if path is None:
        reason = "no Chromium on PATH (chromium, chromium-browser or google-chrome)"
        if os.environ.get("CLV_REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def visit(context: BrowserContext, page: Path, query: str = "") -> Iterator[tuple[Page, list[str]]]:
    """Open a page from its file; the list fills with what goes wrong while it is open."""
    problems: list[str] = []
    tab = context.new_page()
    tab.on(
        "console", lambda m: problems.append(f"console: {m.text}") if m.type == "error" else None
    )
    tab.on("pageerror", lambda error: problems.append(f"script: {error}"))
    tab.on(
        "request",
        lambda r: None if r.url.startswith(_HOME) else problems.append(f"request: {r.url}"),
    )
    try:
        tab.goto(page.as_uri() + query, wait_until="load")
        yield tab, problems
    finally:
        tab.close()


def look(
    context: BrowserContext, page: Path, patience: int = _MILLISECONDS, contrast: bool = True
) -> list[str]:
    """Everything that is wrong with a page at the size and in the colours of the context.

    Without ``contrast`` colours are not compared, which takes longer than everything else.
    """
    with visit(context, page) as (tab, problems):
        try:
            tab.wait_for_function(_SETTLED, timeout=patience)
        except TooLong:
            problems.append("the page is not ready")
        problems += tab.evaluate(_LOOK)
        problems += _axe(tab, contrast)
    return problems


def _axe(tab: Page, contrast: bool) -> list[str]:
    rules = {**_AXE["rules"], "color-contrast": {"enabled": contrast}}
    result: dict[str, Any] = Axe().run(tab, options={**_AXE, "rules": rules}).response
    return [
        f"axe {found['impact']} {found['id']}: {found['nodes'][0]['html'][:120]}"
        for found in result["violations"]
        if found["impact"] in ("serious", "critical")
    ]
