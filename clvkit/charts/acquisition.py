"""Charts of acquisition: bases of CLV:CAC, payback, channels, responses, budgets, a calculator."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from clvkit.charts.formulas import slider, span
from clvkit.charts.labels import apart
from clvkit.charts.rows import (
    FOOT,
    ROW_HEIGHT,
    amount_expression,
    bar_x,
    bar_y,
    draw_bars,
    price_mark,
    row_axis,
    row_text,
    rows_of,
)
from clvkit.palette import CHURN, PREDICTION, QUIET_INK, UNKNOWN, UNKNOWN_FILL, VALUE
from clvkit.words import money

_BASES = {
    "revenue": "Revenue over a mean lifetime",
    "margin": "Margin over a mean lifetime",
    "discounted": "Discounted, first payment now",
    "residual": "Discounted, first payment left out",
    "horizon": "Discounted, a limited time only",
}


def ratio_bases(bases: pd.DataFrame, cac: float, currency: str) -> alt.TopLevelMixin:
    """Compare one customer's CLV on five bases with the CAC; takes ``clvkit.clv_to_cac``."""
    shown = [
        "no limit" if np.isnan(ratio) else f"{ratio:.2f} : 1  ({money(clv, currency, 0)})"
        for clv, ratio in zip(bases["clv"], bases["ratio"], strict=True)
    ]
    known = bases["clv"].notna().to_numpy()
    table = rows_of([_BASES[str(basis)] for basis in bases.index]).assign(
        clv=bases["clv"].fillna(0.0).to_numpy(), shown=shown
    )
    base, rows = alt.Chart(table), len(table)
    side = "left" if cac < bases["clv"].max() / 2 else "right"
    listed = "; ".join(f"{a}: {b}" for a, b in zip(table["label"], shown, strict=True))
    return alt.layer(
        *draw_bars(base, 0, rows + FOOT),
        *price_mark(base, f"{cac}", side, rows, currency, "CAC"),
    ).properties(
        height=ROW_HEIGHT * (rows + FOOT),
        description=f"CLV:CAC of one customer on five bases. {listed}. The CAC is "
        f"{money(cac, currency)}. {int(known.sum())} of 5 bases have a limit.",
    )


def payback_curve(collected: pd.DataFrame, cac: float, currency: str) -> alt.TopLevelMixin:
    """Draw the margin collected by month, without churn and with it, against the CAC.

    ``collected`` has the columns ``without churn`` and ``with survival``, indexed by month.
    """
    # The line without churn leaves the picture once it has made its point.
    top = max(1.6 * cac, 1.1 * float(collected["with survival"].max()))
    lines = collected.rename_axis("month").reset_index().melt("month", var_name="line")
    table = lines[lines["value"] <= top].rename(columns={"value": "money"})
    y = alt.Y("money:Q", title=f"Margin per customer won ({currency})").axis(tickCount=5)
    colour = alt.Color("line:N", legend=None).scale(
        domain=["with survival", "without churn"], range=[VALUE, UNKNOWN]
    )
    base = alt.Chart(table).encode(
        x=alt.X("month:Q", title="Months since joining").scale(nice=False).axis(tickMinStep=1),
        y=y.scale(domain=[0, top], nice=False),
        color=colour,
    )
    ends = table.loc[table.groupby("line")["month"].idxmax()]
    names = [
        alt.Chart(ends[ends["line"] == line])
        .mark_text(align="right", dx=-6, dy=dy, fontWeight=600)
        .encode(x="month:Q", y="money:Q", text="line:N", color=colour)
        for line, dy in (("without churn", -4), ("with survival", 34))
    ]
    price = alt.Chart(pd.DataFrame({"cac": [cac], "name": [f"CAC {money(cac, currency)}"]}))
    last = collected.iloc[-1]
    return alt.layer(
        price.mark_rule(color=CHURN, strokeWidth=2).encode(y="cac:Q"),
        base.mark_line(),
        *names,
        price.mark_text(color=CHURN, align="right", dy=12, fontWeight=600).encode(
            x=alt.value("width"), y="cac:Q", text="name:N"
        ),
    ).properties(
        height=280,
        description=f"Margin collected per customer won over {len(collected)} months: "
        f"{money(last['with survival'], currency)} with survival, "
        f"{money(last['without churn'], currency)} if nobody left. The CAC is "
        f"{money(cac, currency)}.",
    )


def channel_ratios(ratios: pd.DataFrame) -> alt.TopLevelMixin:
    """Rank channels by CLV:CAC with 90% intervals; takes ``clvkit.channel_ratio``."""
    known = ratios[ratios["ratio"].notna()]
    shown = [f"{r['ratio']:.1f}  ({r['low']:.1f} to {r['high']:.1f})" for _, r in known.iterrows()]
    table = _intervals(known, "ratio").assign(shown=shown)
    rows = len(table)
    scale = alt.Scale(domain=[0, max(3.3, float(table["high"].max()))], nice=False)
    listed = "; ".join(f"{a} {b}" for a, b in zip(table["label"], shown, strict=True))
    return alt.layer(
        *_spans(table, rows, VALUE, scale=scale), *_guides(table, [1, 3], scale)
    ).properties(
        height=ROW_HEIGHT * (rows + FOOT),
        description=f"CLV:CAC by channel with 90% intervals, the best first: {listed}.",
    )  # fmt: skip


def average_and_marginal(costs: pd.DataFrame, currency: str) -> alt.TopLevelMixin:
    """Set the average CAC of each channel beside that of its next customer.

    Takes ``clvkit.marginal_cac``, the channels in the order in which they are drawn.
    """
    known = costs[costs["marginal_cac"].notna()]
    widest = known[["high", "marginal_cac"]].max().max()
    shown = [
        f"{money(r['average_cac'], currency, 0)} → {money(r['marginal_cac'], currency, 0)}"
        f"  ({money(r['low'], currency, 0)} "
        + ("and more)" if np.isnan(r["high"]) else f"to {money(r['high'], currency, 0)})")
        for _, r in known.iterrows()
    ]
    table = _intervals(known.fillna({"high": widest}), "marginal_cac").assign(
        shown=shown, average=known["average_cac"].to_numpy()
    )
    rows = len(table)
    average = alt.Chart(table).mark_rect(color=UNKNOWN).transform_calculate(
        left="datum.average * 0.985", right="datum.average * 1.015"
    )  # fmt: skip
    listed = "; ".join(f"{a} {b}" for a, b in zip(table["label"], shown, strict=True))
    scale = alt.Scale(type="log", nice=False)
    return alt.layer(
        *_spans(table, rows, CHURN, scale=scale),
        average.encode(
            x=alt.X("left:Q", axis=None, scale=scale), x2="right:Q",
            y=bar_y("above"), y2="below:Q",
        ),
    ).properties(
        height=ROW_HEIGHT * (rows + FOOT),
        description="Average CAC by channel, and what the next customer costs with its 90% "
        f"interval, on a logarithmic scale: {listed}.",
    )  # fmt: skip


def response_shapes(curves: pd.DataFrame, currency: str) -> alt.TopLevelMixin:
    """Draw customers a month against monthly spend, with 90% bands and a mark at today's spend.

    ``curves`` are rows of ``clvkit.response_curves``, of two or three channels.
    """
    x = alt.X("spend:Q", title=f"Spend a month ({currency})").axis(tickCount=4)
    y = alt.Y("customers:Q", title="New customers a month").axis(tickCount=5)
    names = list(curves["channel"].unique())
    colour = alt.Color("channel:N", legend=None).scale(
        domain=names, range=[CHURN, VALUE, PREDICTION][: len(names)]
    )
    base = alt.Chart(curves[~curves["now"]]).encode(x=x, color=colour)
    today = curves[curves["now"]]
    last = curves[~curves["now"]].groupby("channel", sort=False).tail(1)
    gap = float(curves["high"].max()) / 12
    last = last.assign(height=apart(last.set_index("channel")["customers"], gap).to_numpy())
    told = "; ".join(
        f"{r['channel']}: {r['customers']:.1f} a month at {money(r['spend'], currency, 0)}"
        for _, r in today.iterrows()
    )
    return alt.layer(
        base.mark_area(opacity=0.15).encode(
            y="low:Q", y2="high:Q", fill=alt.Fill("channel:N", legend=None).scale(
                domain=names, range=[CHURN, VALUE, PREDICTION][: len(names)]
            ),
        ),
        base.mark_line().encode(y=y),
        alt.Chart(today).mark_point(size=90, filled=True, opacity=1).encode(
            x="spend:Q", y="customers:Q", color=colour
        ),
        alt.Chart(last).mark_text(align="right", dx=-4, dy=-12, fontWeight=600).encode(
            x="spend:Q", y="height:Q", text="channel:N", color=colour
        ),
    ).properties(
        height=300,
        description="New customers a month by monthly spend, over the range that was tried, with "
        f"90% bands. Today: {told}.",
    )  # fmt: skip


def budget_moves(split: pd.DataFrame, currency: str) -> alt.TopLevelMixin:
    """Draw where each channel's monthly spend goes; takes ``clvkit.allocate_budget``."""
    table = rows_of([str(name) for name in split.index]).assign(
        now=split["now"].to_numpy(), then=split["then"].to_numpy(), goal=split["goal"].to_numpy(),
        shown=[
            f"{money(a, currency, 0)} → {money(b, currency, 0)}"
            for a, b in zip(split["now"], split["then"], strict=True)
        ],
    )  # fmt: skip
    table["rises"] = table["then"] >= table["now"]
    rows, base = len(table), alt.Chart(table)
    y, colour = row_axis("top", 0, rows + FOOT), alt.condition("datum.rises", alt.value(VALUE),
                                                              alt.value(CHURN))  # fmt: skip
    thin = base.transform_calculate(middle="(datum.top + datum.bottom) / 2")
    listed = "; ".join(f"{a} {b}" for a, b in zip(table["label"], table["shown"], strict=True))
    return alt.layer(
        base.transform_calculate(zero="0").mark_rect(color=UNKNOWN_FILL).encode(
            x=bar_x("zero"), x2="now:Q", y=y, y2="bottom:Q"
        ),
        base.mark_rect().encode(x=bar_x("now"), x2="then:Q", y=y, y2="bottom:Q", color=colour),
        thin.mark_point(color=PREDICTION, size=70, filled=True, opacity=1).encode(
            x=bar_x("goal"), y=bar_y("middle")
        ),
        row_text(base, "label", "left"),
        row_text(base, "shown", "right"),
    ).properties(
        height=ROW_HEIGHT * (rows + FOOT),
        description=f"Monthly spend by channel now and after the next step: {listed}. A dot marks "
        "where the returns would meet.",
    )  # fmt: skip


def acquisition_calculator(
    revenue: float, gross_margin: float, churn: float, annual_discount_rate: float, cac: float,
    horizon: int, currency: str,
) -> alt.TopLevelMixin:  # fmt: skip
    """Calculate in the page: sliders for price, margin, churn, discount and CAC.

    The arguments (revenue and churn a month, discount rate a year) are where the sliders start.
    Vega evaluates the five bases of ``clvkit.clv_to_cac`` and the payback; no kernel is needed.
    """
    sign = money(0, currency, 0).removesuffix("0").strip()
    rate = round(100 * annual_discount_rate, 6)
    params = [
        slider("price", f"Price a month ({sign}) ", round(revenue, 2), *span(round(revenue, 2))),
        slider("share", "Gross margin (%) ", round(100 * gross_margin, 6), 0, 100, 1),
        slider("churn", "Churn a month (%) ", round(100 * churn, 6), 0, 50, 0.1),
        slider("discount", "Discount rate a year (%) ", rate, 0, max(40, rate), 0.5),
        slider("cac", f"CAC ({sign}) ", round(cac, 2), *span(round(cac, 2))),
        alt.param(name="margin", expr="price * share / 100"),
        alt.param(name="left", expr="churn / 100"),
        alt.param(name="q", expr="(1 - left) / pow(1 + discount / 100, 1 / 12)"),
        alt.param(name="endless", expr="q < 1 ? margin / (1 - q) : NaN"),
        alt.param(
            name="limited",
            expr=f"q == 1 ? {horizon} * margin : margin * (1 - pow(q, {horizon})) / (1 - q)",
        ),
        alt.param(name="needed", expr="margin > 0 ? cac / margin * (1 - 1e-9) : NaN"),
        alt.param(
            name="months",
            expr="isNaN(needed) ? NaN : left == 0 ? ceil(needed) : needed * left >= 1 ? "
            "(needed <= 1 ? 1 : NaN) : left == 1 ? 1 : "
            "max(1, ceil(log(1 - needed * left) / log(1 - left)))",
        ),
    ]
    values = {
        "revenue": "left > 0 ? price / left : NaN",
        "margin": "left > 0 ? margin / left : NaN",
        "discounted": "endless",
        "residual": "endless - margin",
        "horizon": "limited",
    }
    labels = [*list(_BASES.values())[:-1], f"Discounted, {horizon} months only"]
    chosen = " : ".join(f"datum.row == {i} ? {v}" for i, v in enumerate(values.values())) + " : NaN"
    shown = (
        "isNaN(datum.clv) || cac <= 0 ? 'no limit' : format(datum.clv / cac, '.2f') + ' : 1  (' + "
        f"{amount_expression('datum.clv', currency, 0)} + ')'"
    )
    bars = alt.Chart(rows_of(labels)).transform_calculate(clv=f"({chosen})")
    bars = bars.transform_calculate(shown=shown, clv="isNaN(datum.clv) ? 0 : datum.clv")
    repaid = (
        "isNaN(months) ? 'Customers leave before they have paid it back.' : "
        "'Paid back after ' + months + (months == 1 ? ' payment.' : ' payments, churn counted.')"
    )
    head = alt.Chart(pd.DataFrame({"one": [1]})).transform_calculate(
        ratio="cac <= 0 || isNaN(endless) ? 'no limit' : format(endless / cac, '.2f') + ' : 1'",
        repaid=repaid,
    )
    side: Any = alt.ExprRef("cac < endless / 2 ? 'left' : 'right'")
    place: dict[str, Any] = {"align": "left", "x": 0, "fontWeight": 600}
    start = (
        f"{money(revenue, currency)} a month, churn {100 * churn:g}%, CAC {money(cac, currency)}"
    )
    return (
        alt.layer(
            *draw_bars(bars, -_HEAD, len(labels) + FOOT),
            *price_mark(bars, "cac", side, len(labels), currency, "CAC"),
            head.mark_text(y=14, fontSize=28, color=VALUE, **place).encode(text="ratio:N"),
            head.mark_text(y=38, **place).encode(
                text=alt.value("discounted margin to CAC, the first payment counted.")
            ),
            head.mark_text(y=58, **place).encode(
                text="repaid:N",
                color=alt.condition("isNaN(months)", alt.value(CHURN), alt.value(VALUE)),
            ),
        )
        .add_params(*params)
        .properties(
            height=ROW_HEIGHT * (_HEAD + len(labels) + FOOT),
            description="Calculator with sliders for price, gross margin, churn, discount rate "
            f"and CAC: CLV:CAC on five bases, and the payback. It starts at {start}.",
        )
    )


_HEAD = 1.4


def _intervals(known: pd.DataFrame, middle: str) -> pd.DataFrame:
    rows = rows_of([str(name) for name in known.index])
    return rows.assign(
        low=known["low"].to_numpy(), high=known["high"].to_numpy(),
        middle=known[middle].to_numpy(), above=rows["top"] - 0.04, below=rows["bottom"] + 0.04,
    )  # fmt: skip


def _spans(
    table: pd.DataFrame, rows: int, colour: str, *, scale: alt.Scale
) -> list[alt.Chart]:  # fmt: skip
    """A band from low to high and a stroke in the middle, in rows with their words above."""
    base = alt.Chart(table)
    x = alt.X("low:Q", axis=None, scale=scale)
    stroke = alt.X("middle:Q", axis=None, scale=scale)
    return [
        base.mark_rect(color=colour, opacity=0.3).encode(
            x=x, x2="high:Q", y=row_axis("top", 0, rows + FOOT), y2="bottom:Q"
        ),
        base.mark_rule(color=colour, strokeWidth=3).encode(
            x=stroke, y=bar_y("above"), y2="below:Q"
        ),
        row_text(base, "label", "left"),
        row_text(base, "shown", "right"),
    ]


def _guides(table: pd.DataFrame, at: list[int], scale: alt.Scale) -> list[alt.Chart]:
    """Thin strokes at ratios that people name, in every row and named below the last."""
    marks = table.merge(pd.DataFrame({"at": at, "name": [f"{x} : 1" for x in at]}), how="cross")
    base = alt.Chart(marks.assign(foot=marks["bottom"] + 0.3))
    x = alt.X("at:Q", axis=None, scale=scale)
    last = base.transform_filter(f"datum.row == {len(table) - 1}")
    return [
        base.mark_rule(color=UNKNOWN, strokeDash=[3, 2]).encode(
            x=x, y=bar_y("above"), y2="below:Q"
        ),
        last.mark_text(color=QUIET_INK, fontSize=11).encode(x=x, y=bar_y("foot"), text="name:N"),
    ]
