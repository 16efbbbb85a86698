"""Chart of the definitions chapter: the questions that turn one customer value into several."""

import altair as alt
import pandas as pd

from clvkit.errors import DataError
from clvkit.palette import INK, PAPER, QUIET_INK, UNKNOWN, VALUE
from clvkit.words import money

_COLUMNS = ["question", "answer", "per_customer", "chosen"]
# In pixels: a heading with the gap above it, an answer with the bar under it.
_HEADING, _ANSWER = 34, 36
# The path runs at the left; words and bars start to the right of it.
_PATH, _TEXT = 7, 22


def definition_tree(answers: pd.DataFrame, currency: str) -> alt.LayerChart:
    """Draw the way through the definitions, with the value per customer at every fork.

    One column of lines rather than a spreading tree, so that it can be read on a phone.

    Parameters
    ----------
    answers
        One row an answer, in reading order: ``question``, ``answer``, ``per_customer`` (money per
        customer if this answer is given after the answers chosen above it; missing where nobody
        can know it yet) and ``chosen`` (true for one answer to each question).
    currency
        ISO 4217 code in which the values are labelled.

    Raises
    ------
    DataError
        If a column is missing, a question has not exactly one chosen answer, or no value is known.
    """
    _refuse(answers)
    rows = _laid_out(answers, currency)
    bottom = len(rows) * _ANSWER + int(rows["fork"].max() + 1) * _HEADING
    down = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[0, bottom], reverse=True, nice=False))
    longest = alt.Scale(
        domain=[0, float(rows["per_customer"].max())],
        range=[_TEXT, alt.ExprRef("width")],
        nice=False,
    )
    colour = alt.condition("datum.chosen", alt.value(VALUE), alt.value(UNKNOWN))
    filled = alt.condition("datum.chosen", alt.value(VALUE), alt.value(PAPER))
    chart = alt.Chart(rows)
    words = chart.mark_text(align="left", baseline="middle").encode(x=alt.value(_TEXT), y=down)
    known = chart.transform_filter("isValid(datum.per_customer)").mark_bar(height=5, yOffset=14)
    layers = [
        chart.transform_filter("datum.chosen")
        .mark_line(strokeWidth=2, color=VALUE)
        .encode(x=alt.value(_PATH), y=down, order="y:Q"),
        chart.mark_point(size=80, opacity=1).encode(
            x=alt.value(_PATH), y=down, stroke=colour, fill=filled
        ),
        known.encode(
            x=alt.X("per_customer:Q", axis=None, scale=longest),
            x2=alt.datum(0),
            y=down,
            color=colour,
        ),
        words.encode(text="answer:N", color=alt.value(INK)),
        chart.mark_text(align="right", baseline="middle", fontWeight=600, color=INK).encode(
            x=alt.value("width"), y=down, text="amount:N"
        ),
        words.transform_filter("datum.first")
        .mark_text(align="left", baseline="middle", fontWeight=600, color=QUIET_INK, dy=-26)
        .encode(text="question:N"),
    ]
    return alt.LayerChart(layer=layers, height=bottom, description=_description(rows))


def _refuse(answers: pd.DataFrame) -> None:
    missing = [name for name in _COLUMNS if name not in answers]
    if missing:
        raise DataError(f"answers has no column {missing[0]!r}; it needs {', '.join(_COLUMNS)}.")
    chosen = answers.groupby("question", sort=False)["chosen"].sum()
    if (chosen != 1).any():
        raise DataError(f"{chosen.index[chosen != 1][0]!r} needs exactly one chosen answer.")
    if answers["per_customer"].isna().all():
        raise DataError("answers: no value per customer is known, so there is nothing to draw.")


def _laid_out(answers: pd.DataFrame, currency: str) -> pd.DataFrame:
    """The answers with ``y`` in pixels from the top and the label of their amount."""
    rows = answers[_COLUMNS].reset_index(drop=True)
    rows["first"] = ~rows["question"].duplicated()
    rows["fork"] = rows["first"].cumsum() - 1
    rows["y"] = rows.index * _ANSWER + (rows["fork"] + 1) * _HEADING + 10
    labels = rows["per_customer"].map(lambda value: money(value, currency))
    rows["amount"] = labels.where(rows["per_customer"].notna(), "not yet known")
    return rows


def _description(rows: pd.DataFrame) -> str:
    mark = rows["chosen"].map({True: " (chosen)", False: ""})
    told = "; ".join(rows["answer"] + ", " + rows["amount"] + mark)
    return (
        "A path through the questions of the definition, with the value per customer after each "
        f"answer: {told}."
    )
