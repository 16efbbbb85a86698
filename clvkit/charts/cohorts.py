"""Charts of cohorts: the table as a heatmap, value by age, the best customers before and after."""

import altair as alt
import pandas as pd

from clvkit.charts.labels import apart
from clvkit.palette import CHURN, INK, PAPER, UNKNOWN, UNKNOWN_FILL, VALUE, VALUE_RAMP
from clvkit.words import money, percent

# A number in a cell is legible from about this many pixels a column on.
_CELL = 26


def cohort_heatmap(shares: pd.DataFrame) -> alt.TopLevelMixin:
    """Draw the share of each cohort that buys, by age; cells not lived through are grey.

    ``shares`` has a row a cohort and a column an age, as ``cohort_table`` divided by its sizes.
    The colour runs from 0 to the highest share after the period of joining, which is always 100%.
    """
    cells = shares.set_axis(shares.index.astype(str)).rename_axis("cohort").reset_index()
    cells = cells.melt("cohort", var_name="age", value_name="share")
    cells["shown"] = [percent(share, 0).rstrip("%") for share in cells["share"]]
    cells["told"] = [percent(s) if s == s else "not lived through yet" for s in cells["share"]]
    later = cells.loc[cells["age"] > 0, "share"].max()
    top = float(later) if later > 0 else 1.0
    age = alt.X("age:O", title=f"Age of the cohort ({_unit(shares)} since joining)").axis(
        labelAngle=0, labelOverlap=True, ticks=False, domain=False
    )
    joined = alt.Y("cohort:N", title=None, sort=None).axis(ticks=False, domain=False)
    base = alt.Chart(cells).encode(
        x=age.scale(paddingInner=0.04), y=joined.scale(paddingInner=0.06)
    )
    lived = alt.datum.share != None  # noqa: E711  (a Vega expression, not a Python comparison)
    told = [
        alt.Tooltip("cohort:N", title="joined"),
        alt.Tooltip("age:O", title="age"),
        alt.Tooltip("told:N", title="bought"),
    ]
    colour = alt.Color("share:Q", title="Share that bought").scale(
        domain=[0, top], range=VALUE_RAMP, clamp=True
    )
    legend = alt.Legend(format=".0%", gradientLength=140, tickCount=3, titleOrient="left")
    columns = shares.shape[1]
    return alt.layer(
        base.mark_rect(color=UNKNOWN_FILL, cornerRadius=2).encode(tooltip=told),
        base.transform_filter(lived)
        .mark_rect(cornerRadius=2)
        .encode(color=colour.legend(legend), tooltip=told),
        base.transform_filter(lived)
        .mark_text(fontSize=11, opacity=alt.expr(f"width > {_CELL * columns} ? 1 : 0"))
        .encode(
            text="shown:N",
            color=alt.when(alt.datum.share > 0.55 * top)
            .then(alt.value(PAPER))
            .otherwise(alt.value(INK)),
        ),
    ).properties(
        height=max(90, 34 * len(shares)),
        description=f"Heatmap of {len(shares)} cohorts by age: the share of each cohort that "
        f"bought, from the period of joining (100%) on; later shares go up to {percent(top)}. "
        "Grey cells have not been lived through yet.",
    )


def cumulative_value(curves: pd.DataFrame, price: float, currency: str) -> alt.TopLevelMixin:
    """Draw the margin a customer has left by age, one line a cohort, against the price of one.

    ``curves`` has a row a cohort and a column an age, in money per customer; missing where a
    cohort has not lived. The newest stands out; up to four cohorts are named, of more the oldest
    and the newest.
    """
    tidy = curves.set_axis(curves.index.astype(str)).rename_axis("cohort").reset_index()
    tidy = tidy.melt("cohort", var_name="age").dropna()
    tidy["told"] = [money(value, currency) for value in tidy["value"]]
    names = list(dict.fromkeys(tidy["cohort"]))
    named = names if len(names) <= 4 else [names[0], names[-1]]
    shade = alt.Color("cohort:N", sort=names, legend=None).scale(
        domain=names, range=[UNKNOWN] * (len(names) - 1) + [VALUE]
    )
    x = alt.X("age:Q", title=f"Age of the cohort ({_unit(curves)} since joining)").axis(
        tickMinStep=1, format="d", grid=False
    )
    y = alt.Y("value:Q", title=f"Margin so far per customer ({currency})")
    base = alt.Chart(tidy).encode(x=x, y=y, color=shade)
    lines = base.mark_line(strokeWidth=2).encode(
        tooltip=[
            alt.Tooltip("cohort:N", title="joined"),
            alt.Tooltip("age:Q"),
            alt.Tooltip("told:N", title="margin so far"),
        ]
    )
    ends = tidy[tidy["cohort"].isin(named)].groupby("cohort", sort=False).tail(1)
    spread = apart(ends["value"], 0.06 * float(tidy["value"].max()))
    labels = (
        alt.Chart(ends.assign(at=spread))
        .mark_text(align="left", dx=6, fontWeight=600)
        .encode(x="age:Q", y="at:Q", text="cohort:N", color=shade)
    )
    paid = alt.Chart(pd.DataFrame({"price": [price], "label": [f"price {money(price, currency)}"]}))
    reach = curves.columns.max()
    return alt.layer(
        paid.mark_rule(color=CHURN, strokeDash=[4, 3]).encode(y="price:Q"),
        paid.mark_text(color=CHURN, align="left", dx=4, dy=-8).encode(
            x=alt.value(0), y="price:Q", text="label:N"
        ),
        lines,
        labels,
    ).properties(
        height=320,
        padding={"left": 5, "top": 5, "right": 62, "bottom": 8},
        description=f"Margin per customer by age for {len(names)} cohorts, up to age {reach}. "
        f"The oldest cohort has left {money(_last(curves.iloc[0]), currency)}, the newest "
        f"{money(_last(curves.iloc[-1]), currency)}, each at the age it has reached; the price of "
        f"a customer is {money(price, currency)}.",
    )


def before_and_after(table: pd.DataFrame, currency: str) -> alt.TopLevelMixin:
    """Draw what groups of customers spent, what carrying on would have meant, and what happened.

    ``table`` has a row a group and the columns ``expected`` and ``happened``, in money per
    customer over the same length of time.
    """
    long = table.rename_axis("group").reset_index().melt("group", var_name="what")
    long["row"] = long["group"].map({name: i for i, name in enumerate(table.index)})
    long["top"] = long["row"] + long["what"].map({"expected": 0.34, "happened": 0.62})
    long["low"] = long["top"] + 0.26
    long["middle"] = long["top"] + 0.14
    long["shown"] = [
        f"{money(v, currency, 0)} {w}" for v, w in zip(long["value"], long["what"], strict=True)
    ]
    long["shown"] = long["shown"].str.replace("expected", "if they had carried on")
    wide = long["value"] > 0.5 * long["value"].max()
    down = alt.Scale(domain=[len(table), 0], nice=False)
    x = alt.X("value:Q", axis=None).scale(domainMin=0)
    colour = alt.Color("what:N", legend=None).scale(
        domain=["expected", "happened"], range=[UNKNOWN_FILL, VALUE]
    )
    text = alt.Color("what:N", legend=None, scale=None)
    ink = long.assign(what=long["what"].map({"expected": INK, "happened": PAPER}).where(wide, INK))
    y = alt.Y("middle:Q", axis=None, scale=down)
    names = long.drop_duplicates("group").assign(middle=lambda rows: rows["row"] + 0.2)
    chart: alt.TopLevelMixin = (
        alt.layer(
            alt.Chart(long)
            .mark_rect()
            .encode(
                x=x,
                x2=alt.datum(0),
                y=alt.Y("top:Q", axis=None, scale=down),
                y2="low:Q",
                color=colour,
            ),
            alt.Chart(ink[wide])
            .mark_text(align="right", dx=-8)
            .encode(x=x, y=y, text="shown:N", color=text),
            alt.Chart(ink[~wide])
            .mark_text(align="left", dx=8)
            .encode(x=x, y=y, text="shown:N", color=text),
            alt.Chart(names)
            .mark_text(align="left", fontWeight=600)
            .encode(x=alt.value(0), y=y, text="group:N"),
        )
        .resolve_scale(color="independent")
        .properties(
            height=100 * len(table),
            description="Spend per customer, had past spending carried on and as it happened: "
            + "; ".join(f"{row.group}: {row.shown}" for row in long.sort_values("row").itertuples())
            + ".",
        )
    )
    return chart


def _unit(table: pd.DataFrame) -> str:
    names = {"W": "weeks", "M": "months", "Q": "quarters", "Y": "years"}
    return names[str(pd.PeriodIndex(table.index).freqstr)[0]]


def _last(row: pd.Series) -> float:
    return float(row.dropna().iloc[-1])
