"""The edges of a table of purchases: where it begins in the middle, and where it stops short."""

import altair as alt
import pandas as pd

from clvkit.palette import INK, UNKNOWN_FILL, VALUE


def activity(months: pd.DataFrame) -> alt.TopLevelMixin:
    """Draw how many customers bought in each month: seen for the first time, or known already.

    ``months`` has a row a month (its label the index, in order) and the columns ``new`` and
    ``known`` (customers), and ``whole``: false for a month that the table does not cover to its
    end, whose bar is marked.
    """
    tidy = months.rename_axis("month").reset_index()
    tidy["label"] = tidy["month"].where(tidy["whole"], tidy["month"] + " (unfinished)")
    tidy["told"] = [f"{row.new:,} new, {row.known:,} known" for row in tidy.itertuples()]
    long = tidy.melt(["month", "label", "told"], ["new", "known"], var_name="who")
    order = list(tidy["month"])
    x = alt.X("month:O", sort=order, title=None).axis(labelAngle=-45, labelOverlap=True)
    y = alt.Y("value:Q", title="Customers who bought").axis(format="~s", tickCount=5)
    colour = alt.Color("who:N", title=None).scale(
        domain=["new", "known"], range=[UNKNOWN_FILL, VALUE]
    )
    bars = (
        alt.Chart(long)
        .mark_bar(stroke=INK, strokeWidth=0.4)
        .encode(
            x=x,
            y=y,
            color=colour,
            order=alt.Order("who:N", sort="ascending"),
            tooltip=[alt.Tooltip("label:N", title="month"), alt.Tooltip("told:N", title="bought")],
        )
    )
    short = tidy[~tidy["whole"]].assign(height=lambda rows: rows["new"] + rows["known"], mark="…")
    mark = (
        alt.Chart(short)
        .mark_text(dy=-8, fontWeight=600)
        .encode(x=alt.X("month:O", sort=order), y="height:Q", text="mark:N")
    )
    first, last = tidy.iloc[0], tidy.iloc[-1]
    # Vega warns of a layer without a row.
    return alt.layer(*([bars, mark] if len(short) else [bars])).properties(
        height=280,
        description=f"Customers who bought, by month, {first['month']} to {last['month']}: first "
        f"month {first['told']}; last month {last['told']}"
        + (", not covered to its end." if len(short) else "."),
    )
