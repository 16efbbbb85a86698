"""Repairs of the pages' HTML: what the theme and pandas leave out for screen readers."""

import re

from bs4 import BeautifulSoup, Tag

_NUMBER = re.compile(
    r"^[-+−–]?[^\w\s]?\s?\(?[\d.,]+\)?\s?(%|[A-Z]{3}|[^\w\s])?$|^[A-Z]{3}\s[\d.,]+$"
)
# Characters from which a cell is read as words, which may break, and not as a value.
_SENTENCE = 32
_MISSING = {"", "NaN", "nan", "NaT", "None", "<NA>", "–", "-"}

_REPAIRS = [
    (re.compile(wrong), right)
    for wrong, right in (
        # The first column of a table often has no heading.
        (r"<th((?: class=\"[^\"]*\")?)\s*>(?:<p></p>|&nbsp;|\xa0)?</th>", r"<td\1></td>"),
        # A list's children must be list items.
        (r'role="doc-biblioentry"', 'role="listitem"'),
        # The logo lies outside every landmark.
        (
            r'<div id="pst-primary-sidebar" class="([^"]*)">',
            r'<div id="pst-primary-sidebar" class="\1" role="region" aria-label="Book">',
        ),
        # A name that is not what the eye reads: speech control would not find the button.
        (r'(<button class="[^"]*search-button-field[^"]*"[^>]*?) aria-label="Search"', r"\1"),
        (r'<summary aria-label="Toggle hidden content">', "<summary>"),
        (r'(<i class="theme-switch [^>]*?) title="[^"]*"', r"\1"),
    )
]


def mend_table(html: str) -> str:
    """Mark numbers and sentences of a pandas table; empty header cells become plain ones."""
    soup = BeautifulSoup(html, "html.parser")
    for table in soup.find_all("table"):
        # A styled table has no class of its own.
        table["class"] = "dataframe"
        del table["border"]
        for row in table.find_all("tr"):
            del row["style"]
        _mark_numbers(table)
        for cell in table.find_all("td"):
            if len(cell.get_text(strip=True)) > _SENTENCE:
                cell["class"] = "sentence"
        for header in table.find_all("th"):
            if not header.get_text(strip=True):
                header.name = "td"
    return str(soup)


def _mark_numbers(table: Tag) -> None:
    rows = [row.find_all(["th", "td"], recursive=False) for row in table.select("tbody tr")]
    if not rows:
        return
    width = max(len(row) for row in rows)
    # Rows of a table with several index levels are shorter: count from the right.
    for place in range(1, width + 1):
        cells = [row[-place] for row in rows if len(row) >= place]
        if any(cell.name == "th" for cell in cells) or not _numeric(cells):
            continue
        headers = [row.find_all(["th", "td"]) for row in table.select("thead tr")]
        heads = [row[-place] for row in headers if len(row) == width]
        for cell in [*cells, *heads]:
            cell["class"] = "number"


def _numeric(cells: list[Tag]) -> bool:
    texts = [cell.get_text(strip=True) for cell in cells]
    known = [text for text in texts if text not in _MISSING]
    return bool(known) and all(_NUMBER.match(text) for text in known)


def mend_page(html: str) -> str:
    """Repair a finished page; a page that needs nothing comes back unchanged."""
    for wrong, right in _REPAIRS:
        html = wrong.sub(right, html)
    return html
