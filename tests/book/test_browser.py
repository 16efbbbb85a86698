"""Every page of the book in a real browser, from the file system, with the network cable out."""

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import launched, look, visit
from conftest import REPOSITORY
from playwright.sync_api import Browser, BrowserContext
from strategies import CHAPTERS, missing

from clvkit.book.chapters import page_names, table_of_contents

pytestmark = pytest.mark.browser
PAGES = list(page_names(table_of_contents(REPOSITORY)))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


# Colours are compared once in the light and once in the dark: no width changes them.
MODES = {
    "light-1280": ("light", 1280, True),
    "light-390": ("light", 390, False),
    "dark-1280": ("dark", 1280, False),
    "dark-390": ("dark", 390, True),
}


@pytest.fixture(scope="session", params=MODES)
def mode(request: pytest.FixtureRequest, browser: Browser) -> Iterator[tuple[BrowserContext, bool]]:
    colours, width, contrast = MODES[request.param]
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=colours, offline=True
    )
    yield context, contrast
    context.close()


@pytest.fixture(scope="session")
def desk(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    yield context
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole(mode: tuple[BrowserContext, bool], real_book: Path, name: str) -> None:
    context, contrast = mode
    assert look(context, real_book / f"{name}.html", contrast=contrast) == []


def test_a_slider_changes_the_chart(desk: BrowserContext, real_book: Path) -> None:
    with visit(desk, real_book / "chapters/clv-formulas.html") as (tab, problems):
        slider = tab.locator(".vega-bind input[type=range]").first
        chart = tab.locator(".vega-chart", has=tab.locator(".vega-bind")).first
        before = chart.locator("svg.marks").inner_html()
        end = "Home" if slider.input_value() == slider.get_attribute("max") else "End"
        slider.press(end)
        tab.wait_for_timeout(300)
        assert chart.locator("svg.marks").inner_html() != before
        moved = slider.input_value()
        tab.evaluate("document.documentElement.dataset.theme = 'dark'")
        tab.wait_for_timeout(600)
        assert slider.input_value() == moved
    assert problems == []


def test_charts_take_the_colours_of_the_page(desk: BrowserContext, real_book: Path) -> None:
    with visit(desk, real_book / "chapters/clv-formulas.html") as (tab, problems):
        charts = tab.locator(".vega-chart.drawn svg.marks")
        charts.first.wait_for()
        light = charts.first.inner_html()
        tab.evaluate("document.documentElement.dataset.theme = 'dark'")
        tab.wait_for_timeout(600)
        assert charts.first.inner_html() != light
    assert problems == []


def test_search_finds_a_page(desk: BrowserContext, real_book: Path) -> None:
    with visit(desk, real_book / "search.html", "?q=cohort") as (tab, problems):
        tab.locator("#search-results li a").first.wait_for()
    assert problems == []


BAD = {
    "an external request": ('<img src="https://example.org/a.png" alt="x">', "request: https"),
    "a chart that is not drawn": ('<div class="vega-chart">c</div>', "chart not drawn"),
    "a chart without a name": (
        '<div class="vega-chart drawn"><svg class="marks"></svg></div>',
        "chart without a name",
    ),
    "a chart that is too wide": (
        '<div class="vega-chart drawn" style="overflow:auto">'
        '<svg class="marks" aria-label="x" width="3000" height="9"></svg></div>',
        "chart wider than its column",
    ),
    "mathematics that is not set": ('<span class="math">\\(x\\)</span>', "mathematics not set"),
    "an unknown macro": ('<span class="math">\\(\\nosuch{x}\\)</span>{tex}', "wrong TeX"),
    "a brace too few": ('<span class="math">\\(\\frac{x}\\)</span>{tex}', "wrong TeX"),
    "wide content": ('<div style="width:3000px">wide</div>', "sideways scroll"),
    "a console error": ("<script>console.error('no')</script>", "console: no"),
    "a script that fails": ("<script>throw Error('no')</script>", "script: no"),
    "a field without a label": ('<input type="text">', "axe critical label"),
    "grey on grey": (
        '<p style="color:#999;background:#aaa">hard to read</p>',
        "axe serious color-contrast",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_the_check_can_fail(desk: BrowserContext, tmp_path: Path, what: str) -> None:
    body, problem = BAD[what]
    mathjax = (REPOSITORY / "assets/mathjax/tex-svg.js").as_uri()
    body = body.replace("{tex}", f'<script src="{mathjax}"></script>')
    page = tmp_path / "bad.html"
    page.write_text(
        f'<html lang="en"><head><meta charset="utf-8"><title>x</title></head>'
        f"<body><main><h1>x</h1>{body}</main></body></html>"
    )
    found = look(desk, page, patience=2_000)
    assert any(text.startswith(problem) for text in found), found


def test_a_good_page_has_no_problems(desk: BrowserContext, tmp_path: Path) -> None:
    page = tmp_path / "good.html"
    page.write_text('<html lang="en"><title>x</title><main><h1>x</h1></main></html>')
    assert look(desk, page) == []


def test_without_a_browser_ci_fails_and_others_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CLV_REQUIRE_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no Chromium"), launched():
        pass
    monkeypatch.setenv("CLV_REQUIRE_BROWSER", "1")
    with pytest.raises(pytest.fail.Exception, match="no Chromium"), launched():
        pass


@pytest.mark.parametrize(
    ("chapters", "items"), [pytest.param(*group, id=group[0][0]) for group in CHAPTERS]
)
def test_every_strategy_is_in_the_built_book(
    real_book: Path, chapters: tuple[str, ...], items: dict[str, str]
) -> None:
    words = {}
    for name in chapters:
        page = (real_book / f"chapters/{name}.html").read_text("utf-8")
        main = page.split("<main", 1)[1].split("</main>", 1)[0]
        words[name] = html.unescape(re.sub("<[^>]+>", " ", main))
    assert missing(words, chapters, items) == []
