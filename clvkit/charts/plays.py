"""Charts of retention plays: what levers are worth, a limit's heap, who joins, the backlog."""

from typing import Any

import altair as alt
import pandas as pd

from clvkit.charts.labels import apart
from clvkit.charts.rows import FOOT, ROW_HEIGHT, bar_x, bar_y, row_axis, row_text, rows_of
from clvkit.palette import CHURN, INK, PREDICTION, UNKNOWN, UNKNOWN_FILL, VALUE
from clvkit.words import money, percent


def lever_worth(levers: pd.DataFrame, currency: str) -> alt.TopLevelMixin:
    """Draw what moving each lever adds to the value of today's base, with 90% intervals.

    ``levers`` comes from ``clvkit.lever_map``; the acquisition cost, which today's customers have
    been won with already, is left out.
    """
    told = levers[levers.index != "acquisition cost"].sort_values("base", ascending=False)
    return _spans(
        list(told.index), told[["base", "base_low", "base_high"]], currency, PREDICTION,
        "What moving each lever adds to the value of today's customers",
    )  # fmt: skip


def backlog(ranked: pd.DataFrame, currency: str) -> alt.TopLevelMixin:
    """Draw what each play may bring per day of work, as ``clvkit.rank_plays`` answers."""
    names = [f"{place}. {name}" for place, name in enumerate(ranked["play"], 1)]
    return _spans(
        names, ranked[["per_day", "per_day_low", "per_day_high"]], currency, VALUE,
        "What each play may bring per day of work",
    )  # fmt: skip


def _spans(
    names: list[str], values: pd.DataFrame, currency: str, colour: str, about: str
) -> alt.TopLevelMixin:
    """A row a name: a band from low to high, with a tick at the estimate."""
    ends = values.set_axis(["clv", "low", "high"], axis=1).reset_index(drop=True)
    known = ends[["low", "high"]].notna().all(axis=1)
    shown = [
        money(clv, currency, 0)
        + (f" ({money(low, currency, 0)} to {money(high, currency, 0)})" if sure else "")
        for (clv, low, high), sure in zip(ends.to_numpy("float64"), known, strict=True)
    ]
    table = pd.concat([rows_of(names), ends], axis=1).assign(shown=shown, zero=0.0)
    table[["low", "high"]] = table[["low", "high"]].apply(lambda each: each.fillna(table["clv"]))
    rows, base = len(table), alt.Chart(table)
    y = row_axis("top", 0, rows + FOOT)
    return alt.layer(
        base.mark_rect(color=colour, opacity=0.35).encode(
            x=bar_x("low"), x2="high:Q", y=y, y2="bottom:Q"
        ),
        row_text(base, "label", "left"),
        row_text(base, "shown", "right"),
        base.mark_rule(color=colour, strokeWidth=3).encode(
            x=bar_x("clv"), y=bar_y("top"), y2="bottom:Q"
        ),
        base.mark_rule(color=INK).encode(x=bar_x("zero"), y=bar_y("top"), y2="bottom:Q"),
    ).properties(
        height=ROW_HEIGHT * (rows + FOOT),
        description=f"{about}, with 90% intervals: "
        + "; ".join(f"{name}: {text}" for name, text in zip(names, shown, strict=True))
        + ".",
    )


def order_values(
    classes: pd.DataFrame, threshold: float, excess: float, currency: str
) -> alt.TopLevelMixin:
    """Draw orders by value around a limit, and the smooth curve without it.

    ``classes`` is ``orders`` of ``clvkit.threshold_test``, ``excess`` its estimate.
    """
    bars = alt.Chart(classes.assign(middle=(classes["low"] + classes["high"]) / 2))
    x = alt.X("low:Q", title=f"Value of the order ({currency})", scale=alt.Scale(nice=False))
    y = alt.Y("orders:Q", title="Orders")
    limit = alt.Chart(pd.DataFrame({"at": [threshold], "label": [money(threshold, currency)]}))
    return alt.layer(
        bars.mark_rect(stroke=None, xOffset=0.5).encode(
            x=x, x2="high:Q", y=y, y2=alt.datum(0),
            color=alt.Color("near:N", legend=None).scale(
                domain=[False, True], range=[UNKNOWN_FILL, VALUE]
            ),
        ),
        bars.mark_line(color=UNKNOWN, strokeDash=[5, 3]).encode(x="middle:Q", y="expected:Q"),
        limit.mark_rule(color=CHURN, strokeWidth=2).encode(x="at:Q"),
        limit.mark_text(color=CHURN, align="left", dx=5, fontWeight=600).encode(
            x="at:Q", y=alt.value(6), text="label:N"
        ),
    ).properties(
        description=f"Orders by value around the limit of {money(threshold, currency)}, with the "
        "smooth curve expected without it. Beyond the curve there are as many orders just above "
        f"the limit as {percent(excess)} of those expected just below."
    )  # fmt: skip


def around_joining(by_month: pd.DataFrame, currency: str) -> alt.TopLevelMixin:
    """Draw spend a month of members, of others who bought then too, and of everybody.

    ``by_month`` comes with ``clvkit.loyalty_effect``; its index counts months from joining.
    """
    names = {"members": VALUE, "others": INK, "everybody": UNKNOWN}
    tidy = by_month.reset_index().melt("month", var_name="who", value_name="spend")
    ends = tidy[tidy["month"] == tidy["month"].max()]
    ends = ends.assign(at=apart(ends["spend"], 0.08 * float(tidy["spend"].max())))
    colour: Any = alt.Color("who:N", legend=None).scale(
        domain=list(names), range=list(names.values())
    )
    base = alt.Chart(tidy)
    means = {
        name: [money(float(side.mean()), currency)
               for side in (by_month.loc[:-1, name], by_month.loc[1:, name])]
        for name in names
    }  # fmt: skip
    return alt.layer(
        alt.Chart(pd.DataFrame({"month": [0], "label": ["joined"]}))
        .mark_rule(color=CHURN, strokeDash=[4, 3])
        .encode(x="month:Q"),
        base.mark_line(point=True).encode(
            x=alt.X("month:Q", title="Months from joining").axis(format="+d", tickMinStep=1),
            y=alt.Y("spend:Q", title=f"Spend a month ({currency})"),
            color=colour,
        ),
        alt.Chart(ends).mark_text(align="left", dx=8, fontWeight=600).encode(
            x="month:Q", y="at:Q", text="who:N", color=colour
        ),
    ).properties(
        padding={"left": 5, "top": 5, "right": 72, "bottom": 5},
        description="Spend a month around the month of joining. "
        + " ".join(
            f"{name.capitalize()}: {before} before, {after} after."
            for name, (before, after) in means.items()
        ),
    )  # fmt: skip
