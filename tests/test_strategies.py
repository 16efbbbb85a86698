"""Every strategy, factor and case has its card or its sentence in the chapter where it belongs."""

from pathlib import Path

import pytest
from strategies import CHAPTERS, PLAYS, missing

FOLDER = Path(__file__).parents[1] / "chapters"
WORDS = {path.stem: path.read_text("utf-8") for path in FOLDER.glob("*.md")}
GROUPS = [pytest.param(*group, id=group[0][0]) for group in CHAPTERS]


@pytest.mark.parametrize(("chapters", "items"), GROUPS)
def test_every_item_is_in_its_chapter(chapters, items):
    assert missing(WORDS, chapters, items) == []


def test_an_item_without_its_sentence_is_missed():
    bare = WORDS["retention-plays"].replace("Social proof", "Praise")
    assert missing({"retention-plays": bare}, ("retention-plays",), PLAYS) == ["social proof"]
    assert missing({}, ("retention-plays",), PLAYS) == list(PLAYS)


def test_each_of_the_seven_strategies_has_a_whole_card():
    text = WORDS["retention-plays"]
    cards = text.split("\n| card | ")[1:]
    assert len(cards) == 7
    for card in cards:
        rows = [line.split(" | ")[0] for line in card.split("\n\n")[0].splitlines()[2:]]
        assert rows == ["| lever", "| metric", "| table", "| honest test", "| trap",
                        "| worth here"]  # fmt: skip
