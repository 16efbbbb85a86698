"""The check of finished pages finds each thing that must not be published."""

import json
from pathlib import Path

import pytest

from clvkit.book.check import check_book
from clvkit.book.markup import mend_page, mend_table

CHART = '<div class="vega-chart"><script type="application/json">{}</script></div>'


def book(folder: Path, body: str = "", head: str = "", css: str = "") -> Path:
    (folder / "_static").mkdir()
    (folder / "_static/book.css").write_text(css)
    (folder / "_static/fine.js").write_text("")
    (folder / "index.html").write_text(
        f"<html><head><link rel='stylesheet' href='_static/book.css?v=1'>{head}</head>"
        f"<body>{body}</body></html>"
    )
    return folder


@pytest.mark.parametrize(
    "body",
    [
        '<a href="https://example.org">elsewhere</a>',
        '<script src="_static/fine.js"></script>',
        '<img src="data:image/png;base64,AA" alt="A picture">',
        '<img src="_static/fine.js" alt="">',
        '<a href="#top">up</a><a href="mailto:a@example.org">write</a>',
        CHART.format(json.dumps({"description": "Bars.", "datasets": {"d": [{"url": "x"}]}})),
    ],
)
def test_a_good_page_passes(tmp_path: Path, body: str) -> None:
    assert check_book(book(tmp_path, body, css="a{background:url(fine.js)}"), ["index"]) == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<script src="https://example.org/a.js"></script>', "https://example.org/a.js"),
        ('<script src="//example.org/a.js"></script>', "//example.org/a.js"),
        ('<img src="http://example.org/a.png" alt="x">', "http://example.org/a.png"),
        ('<img srcset="_static/fine.js 1x, https://e.org/b.png 2x" alt="x">', "https://e.org/b"),
        ('<iframe src="https://example.org"></iframe>', "https://example.org"),
        ("<style>@import 'https://example.org/a.css';</style>", "https://example.org/a.css"),
        ('<p style="background:url(https://example.org/b.png)">', "https://example.org/b.png"),
        ('<img src="../secret.png" alt="x">', "../secret.png, which is outside"),
        ('<img src="absent.png" alt="x">', "absent.png, which does not exist"),
        ('<a href="absent.html">x</a>', "absent.html, which does not exist"),
        ('<img src="_static/fine.js">', "a picture without a description"),
        ('<div class="output traceback highlight">Error</div>', "it shows a traceback"),
        (CHART.format("{}"), "chart 1 has no description"),
        (
            CHART.format('{"description":"x","data":{"url":"https://example.org/d.csv"}}'),
            "chart 1 fetches https://example.org/d.csv",
        ),
        ("x" * 2_000_001, "it has 2.0 MB; a page may have 2"),
    ],
)
def test_a_bad_page_is_reported(tmp_path: Path, body: str, problem: str) -> None:
    found = check_book(book(tmp_path, body), ["index"])
    assert len(found) == 1
    assert found[0].startswith("index.html: ")
    assert problem in found[0]


@pytest.mark.parametrize(
    "head",
    [
        '<link rel="stylesheet" href="https://example.org/a.css">',
        '<link rel="preconnect" href="https://fonts.example.org">',
        '<link rel="icon" href="https://example.org/a.ico">',
    ],
)
def test_the_head_fetches_nothing(tmp_path: Path, head: str) -> None:
    assert "outside the book" in check_book(book(tmp_path, head=head), ["index"])[0]


@pytest.mark.parametrize(
    "css",
    ["@font-face{src:url('https://example.org/f.woff2')}", '@import "https://example.org/a.css";'],
)
def test_stylesheets_fetch_nothing(tmp_path: Path, css: str) -> None:
    assert "_static/book.css: it refers to https" in check_book(book(tmp_path, css=css), [])[0]


def test_a_comment_in_a_stylesheet_fetches_nothing(tmp_path: Path) -> None:
    assert check_book(book(tmp_path, css="/* url(https://example.org) */"), []) == []


def test_a_page_of_the_contents_that_is_missing_is_reported(tmp_path: Path) -> None:
    assert check_book(book(tmp_path), ["index", "chapters/x"]) == ["chapters/x.html is missing"]


def test_numbers_go_to_the_right_and_words_do_not() -> None:
    table = (
        '<table border="1" class="dataframe"><thead><tr style="text-align: right;"><th></th>'
        "<th>sum</th><th>name</th><th>share</th></tr></thead><tbody>"
        "<tr><th>1</th><td>-1,200.50</td><td>Eva 2</td><td>5.3%</td></tr>"
        "<tr><th>2</th><td>NaN</td><td>7</td><td>$4.20</td></tr></tbody></table>"
    )
    mended = mend_table(table)
    assert '<tr><td></td><th class="number">sum</th><th>name</th><th class="number">' in mended
    assert '<td class="number">-1,200.50</td><td>Eva 2</td><td class="number">5.3%</td>' in mended


def test_a_page_is_mended_where_screen_readers_stumble() -> None:
    page = '<table><th class="head text-left"><p></p></th></table><p>x</p>'
    assert mend_page(page) == '<table><td class="head text-left"></td></table><p>x</p>'
    assert mend_page("<p>nothing to do</p>") == "<p>nothing to do</p>"
