"""Charts of the customer base: concentration, segments, moves between tiers, attributes."""

import altair as alt
import numpy as np
import pandas as pd

from clvkit.palette import CHURN, INK, PAPER, PREDICTION, UNKNOWN, UNKNOWN_FILL, VALUE, VALUE_RAMP
from clvkit.words import money, percent

_POINTS = 200


def lorenz(curve: pd.DataFrame) -> alt.TopLevelMixin:
    """Draw the Lorenz curve of :func:`clvkit.concentration`, the best customers first.

    The share of value of the best customers; a straight line would say that all are alike.
    """
    share = np.linspace(0, 1, _POINTS + 1)
    value = 1 - np.interp(1 - share, curve["customers"], curve["value"])
    line = pd.DataFrame({"customers": share, "value": value})
    facts = curve.attrs
    marks = pd.DataFrame(
        {
            "customers": [0.1, facts["for_80_percent"]],
            "value": [facts["top_tenth"], 0.8],
            "told": [
                f"best 10%: {percent(facts['top_tenth'], 0)} of value",
                f"80% of value: best {percent(facts['for_80_percent'], 0)}",
            ],
        }
    )
    x = alt.X("customers:Q", title="Share of customers, the best first")
    y = alt.Y("value:Q", title="Share of value")
    x = x.axis(format=".0%", grid=False).scale(domain=[0, 1])
    y = y.axis(format=".0%", tickCount=5).scale(domain=[0, 1])
    alike = pd.DataFrame({"customers": [0.0, 1.0], "value": [0.0, 1.0]})
    dots = alt.Chart(marks).encode(x=x, y=y)
    name = pd.DataFrame({"customers": [0.62], "value": [0.55], "told": ["if all were alike"]})
    return alt.layer(
        alt.Chart(alike).mark_line(color=UNKNOWN, strokeDash=[4, 3]).encode(x=x, y=y),
        alt.Chart(line).mark_line(color=VALUE).encode(x=x, y=y),
        dots.mark_point(color=INK, size=60, opacity=1),
        dots.mark_text(align="left", dx=10, dy=12, fontWeight=600).encode(text="told:N"),
        alt.Chart(name).mark_text(align="left", color=UNKNOWN).encode(x=x, y=y, text="told:N"),
    ).properties(
        height=320,
        description=f"Lorenz curve: the best tenth of customers bring "
        f"{percent(facts['top_tenth'])} of the value, the best fifth "
        f"{percent(facts['top_fifth'])}; 80% come from the best "
        f"{percent(facts['for_80_percent'])}. Gini {facts['gini']:.2f}.",
    )


def segment_bars(sizes: pd.DataFrame) -> alt.TopLevelMixin:
    """Draw each segment's share of customers and of revenue (:func:`clvkit.segment_sizes`)."""
    rows = sizes.rename_axis("segment").reset_index().fillna({"share_of_revenue": 0.0})
    rows = rows.rename(columns={"share_of_customers": "customers ", "share_of_revenue": "revenue "})
    long = rows.melt("segment", ["customers ", "revenue "], var_name="share of")
    long["share of"] = long["share of"].str.strip()
    long["told"] = [percent(share, 0) for share in long["value"]]
    base = alt.Chart(long).encode(
        y=alt.Y("segment:N", sort=list(sizes.index), title=None).axis(ticks=False, domain=False),
        yOffset=alt.YOffset("share of:N", sort=["customers", "revenue"]),
        x=alt.X("value:Q", title="Share of all")
        .axis(format=".0%", tickCount=4)
        .scale(domain=[0, 1.15 * float(long["value"].max())], nice=False),
    )
    colour = alt.Color("share of:N", title="Share of").scale(
        domain=["customers", "revenue"], range=[UNKNOWN, VALUE]
    )
    told = "; ".join(
        f"{row['segment']}: {percent(row['customers '], 0)} of customers, "
        f"{percent(row['revenue '], 0)} of revenue"
        for _, row in rows.iterrows()
    )
    return alt.layer(
        base.mark_bar(cornerRadius=2).encode(color=colour),
        base.mark_text(align="left", dx=4).encode(text="told:N"),
    ).properties(height=46 * len(sizes), description=f"Segments. {told}.")


def movement_map(moves: pd.DataFrame) -> alt.TopLevelMixin:
    """Draw who moved between tiers as a table of counts (:func:`clvkit.tier_movements`).

    The colour is the share of the row: where the customers of each tier went.
    """
    cells = moves.reset_index()
    row = cells.groupby("before")["customers"].transform("sum")
    cells["share"] = cells["customers"] / row.where(row > 0)
    cells["shown"] = [f"{count:,}" for count in cells["customers"]]
    cells["told"] = [percent(share) for share in cells["share"]]
    before, after = (list(moves.index.unique(level)) for level in ("before", "after"))
    base = alt.Chart(cells).encode(
        x=alt.X("after:N", sort=after, title="in the second period").axis(
            orient="top", labelAngle=0, ticks=False, domain=False
        ),
        y=alt.Y("before:N", sort=before, title="in the first period").axis(
            ticks=False, domain=False
        ),
    )
    told = [
        alt.Tooltip("before:N", title="first period"),
        alt.Tooltip("after:N", title="second period"),
        alt.Tooltip("shown:N", title="customers"),
        alt.Tooltip("told:N", title="of the row"),
    ]
    there = alt.datum.customers > 0
    colour = alt.Color("share:Q", legend=None).scale(domain=[0, 1], range=VALUE_RAMP)
    some = cells[cells["customers"] > 0]
    pairs = zip(some["before"], some["after"], some["shown"], strict=True)
    words = "; ".join(f"{one} to {other} {shown}" for one, other, shown in pairs)
    return alt.layer(
        base.mark_rect(color=UNKNOWN_FILL, cornerRadius=2, stroke=PAPER).encode(tooltip=told),
        base.transform_filter(there)
        .mark_rect(cornerRadius=2, stroke=PAPER)
        .encode(color=colour, tooltip=told),
        base.transform_filter(there)
        .mark_text()
        .encode(
            text="shown:N",
            color=alt.when(alt.datum.share > 0.55).then(alt.value(PAPER)).otherwise(alt.value(INK)),
        ),
    ).properties(
        height=46 * len(before), description=f"Customers by tier before and after. {words}."
    )


def revenue_trend(trend: pd.DataFrame, currency: str) -> alt.TopLevelMixin:
    """Draw revenue by period.

    ``trend`` is the answer of :func:`clvkit.trend`; a period that is not over is left out.
    """
    rows = trend.dropna(subset="revenue").reset_index()
    rows["period"] = rows["period"].astype(str)
    rows["told"] = [money(value, currency, 0) for value in rows["revenue"]]
    rows["change"] = [percent(value, 0) for value in rows["change_on_year"]]
    first, last = rows.iloc[0], rows.iloc[-1]
    chart = (
        alt.Chart(rows)
        .mark_bar(cornerRadius=2)
        .encode(
            x=alt.X("period:O", title=None).axis(labelAngle=-45, labelOverlap=True, grid=False),
            y=alt.Y("revenue:Q", title=f"Revenue ({currency})").axis(format="~s", tickCount=4),
            tooltip=[
                "period:O",
                alt.Tooltip("told:N", title="revenue"),
                alt.Tooltip("customers:Q", format=","),
                alt.Tooltip("change:N", title="on the year before"),
            ],
        )
    )
    text = f"Revenue by period: {first['told']} in {first['period']}, "
    text += f"{last['told']} in {last['period']}."
    described: alt.TopLevelMixin = chart.properties(height=260, description=text)
    return described


def attribute_differences(table: pd.DataFrame, currency: str, most: int = 16) -> alt.TopLevelMixin:
    """Draw how much more or less the customers of a group are worth than the others.

    ``table`` is the answer of :func:`clvkit.ideal_customer`, the clearest first; at most ``most``
    groups are drawn. An interval that holds 0 is grey.
    """
    rows = table.dropna(subset=["low", "high"]).head(most)
    rows = rows.assign(
        name=rows["attribute"].str.replace("_", " ") + ": " + rows["group"],
        kind=np.where(~rows["clear"], "luck",
                      np.where(rows["difference"] > 0, "more", "less")),
        told=[f"{money(d, currency)} ({money(a, currency)} to {money(b, currency)})"
              for d, a, b in zip(rows["difference"], rows["low"], rows["high"], strict=True)],
    )  # fmt: skip
    colour = alt.Color("kind:N", title=None).scale(
        domain=["more", "less", "luck"], range=[VALUE, CHURN, UNKNOWN]
    )
    base = alt.Chart(rows).encode(
        y=alt.Y("name:N", sort=list(rows["name"]), title=None).axis(
            ticks=False, domain=False, labelLimit=150
        ),
        color=colour,
        tooltip=["name:N", alt.Tooltip("told:N", title="difference")],
    )
    x = alt.X("low:Q", title=f"Difference from all others ({currency})").axis(
        format="~s", tickCount=3
    )
    zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(color=INK).encode(x="at:Q")
    clear = "; ".join(f"{r.name_} {r.told}" for r in rows[rows["clear"]].rename(
        columns={"name": "name_"}).itertuples())  # fmt: skip
    return alt.layer(
        zero, base.mark_rule(strokeWidth=2.5).encode(x=x, x2="high:Q"),
        base.mark_point(size=60, opacity=1).encode(x="difference:Q"),
    ).properties(
        height=26 * len(rows),
        description=f"Value of groups of customers against all others, with intervals that hold "
        f"together. More than luck: {clear or 'none'}.",
    )  # fmt: skip


def rival_figures(figures: pd.DataFrame, against: str = "probability model") -> alt.TopLevelMixin:
    """Draw how much better or worse each method ranks than the one it is compared with.

    ``figures`` are those of :func:`clvkit.compare_predictions`; normalised Gini and its interval.
    """
    rows = figures.xs("normalised_gini", level="figure").reset_index()
    rows = rows[rows["difference"].notna() & (rows["method"] != against)]
    # A constant ranks nobody: its distance would make all others look alike.
    rows = rows[rows["value"].abs() > 1e-3]
    rows["told"] = [
        f"{d:+.3f} ({a:+.3f} to {b:+.3f})".replace("-", "−")
        for d, a, b in zip(
            rows["difference"], rows["difference_low"], rows["difference_high"], strict=True
        )
    ]
    order = list(rows["method"])
    rows["kind"] = np.where(
        rows["difference_low"] > 0, "better", np.where(rows["difference_high"] < 0, "worse", "luck")
    )
    colour = alt.Color("kind:N", legend=None).scale(
        domain=["better", "worse", "luck"], range=[PREDICTION, CHURN, UNKNOWN]
    )
    base = alt.Chart(rows).encode(
        y=alt.Y("method:N", sort=order, title=None).axis(ticks=False, domain=False),
        color=colour,
    )
    x = alt.X("difference_low:Q", title="Difference in normalised Gini")
    zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(color=INK).encode(x="at:Q")
    told = "; ".join(f"{row.method} {row.told}" for row in rows.itertuples())
    return alt.layer(
        zero,
        base.mark_rule(strokeWidth=2.5).encode(x=x.axis(tickCount=4), x2="difference_high:Q"),
        base.mark_point(size=70, opacity=1).encode(x="difference:Q"),
        base.mark_text(align="right", dy=-14).encode(x=alt.value("width"), text="told:N"),
    ).properties(
        height=56 * len(rows),
        description=f"Ranking of methods against the {against}, with 90% intervals: {told}.",
    )


def importance_bars(table: pd.DataFrame, most: int = 12) -> alt.TopLevelMixin:
    """Draw what the ranking loses when a group of features is shuffled (``Learned.importance``)."""
    rows = table.head(most).reset_index()
    rows["features"] = rows["features"].str.replace("_", " ")
    base = alt.Chart(rows).encode(
        y=alt.Y("features:N", sort=list(rows["features"]), title=None).axis(
            ticks=False, domain=False, labelLimit=160
        )
    )
    x = alt.X("loss:Q", title="Loss of Gini when shuffled").axis(tickCount=4)
    told = "; ".join(f"{row.features} {row.loss:.3f}" for row in rows.itertuples())
    return alt.layer(
        base.mark_bar(color=PREDICTION, cornerRadius=2).encode(x=x),
        base.mark_rule(color=INK).encode(x=alt.X("least:Q"), x2="most:Q"),
    ).properties(height=26 * len(rows), description=f"Permutation importance: {told}.")
