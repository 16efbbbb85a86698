"""Charts of experiments and campaigns: power, effects, looks, uplift, profit."""

import altair as alt
import pandas as pd

from clvkit.palette import CHURN, INK, PREDICTION, UNKNOWN, VALUE
from clvkit.words import money, percent

_BAND = 0.18


def power_curve(table: pd.DataFrame, here: int, unit: str) -> alt.TopLevelMixin:
    """Draw the people needed per arm by the change to be seen, and those there are.

    ``table`` has the columns ``effect`` and ``people``; ``here`` is the size of the smallest arm,
    ``unit`` what the effect is counted in.
    """
    x = alt.X("effect:Q", title=f"Change to be seen ({unit})").axis(grid=False, tickCount=5)
    y = alt.Y("people:Q", title="People per arm").scale(type="log", nice=False)
    line = alt.Chart(table).mark_line(color=VALUE)
    have = pd.DataFrame({"people": [here], "label": [f"in this test {here:,}"]})
    rule = alt.Chart(have).mark_rule(color=CHURN, strokeDash=[4, 3]).encode(y=y)
    name = alt.Chart(have).mark_text(color=CHURN, align="right", dy=-8, fontWeight=600)
    first, last = table.iloc[0], table.iloc[-1]
    return alt.layer(
        line.encode(
            x=x.scale(zero=False, nice=False),
            y=y.axis(format="~s", tickCount=5),
            tooltip=[alt.Tooltip("effect:Q", format=".3g"), alt.Tooltip("people:Q", format=",")],
        ),
        rule,
        name.encode(x=alt.value("width"), y=y, text="label:N"),
    ).properties(
        height=260,
        description=f"People needed per arm by the change to be seen: {first['people']:,.0f} for "
        f"{first['effect']:.3g} {unit}, {last['people']:,.0f} for {last['effect']:.3g}. The "
        f"smallest arm of this test has {here:,}.",
    )


def effects(table: pd.DataFrame, unit: str) -> alt.TopLevelMixin:
    """Draw effects with their intervals, one line each, around 0.

    ``table`` has the columns ``label``, ``effect``, ``low``, ``high`` and ``sure`` (whether the
    corrected test says that there is an effect).
    """
    rows = table.reset_index(drop=True).assign(row=lambda t: t.index + 0.7, name=lambda t: t.index)
    rows["name"] = rows["name"] + 0.3
    rows["told"] = [f"{r.effect:,.3g} ({r.low:,.3g} to {r.high:,.3g})" for r in rows.itertuples()]
    scale = alt.Scale(domain=[len(rows) + 0.1, 0], nice=False)
    colour = alt.condition(alt.datum.sure, alt.value(VALUE), alt.value(UNKNOWN))
    base = alt.Chart(rows).encode(tooltip=["label:N", alt.Tooltip("told:N", title="effect")])
    x = alt.X("low:Q", title=f"Change against the control ({unit})").axis(tickCount=5)
    y = alt.Y("row:Q", axis=None, scale=scale)
    zero = alt.Chart(pd.DataFrame({"at": [0]})).mark_rule(color=INK, opacity=0.5).encode(x="at:Q")
    spans = base.mark_rule(strokeWidth=3).encode(x=x, x2="high:Q", y=y, color=colour)
    points = base.mark_point(size=70, opacity=1).encode(x="effect:Q", y=y, color=colour)
    names = base.mark_text(align="left", dx=4).encode(
        x=alt.value(0), y=alt.Y("name:Q", axis=None, scale=scale), text="label:N"
    )
    return alt.layer(zero, spans, points, names).properties(
        height=max(120, 42 * len(rows)),
        description=f"Effects against the control in {unit}, with intervals: "
        + "; ".join(f"{r.label} {r.told}" for r in rows.itertuples())
        + ".",
    )


def looks(table: pd.DataFrame) -> alt.TopLevelMixin:
    """Draw z at each look between its boundaries; ``table`` is what ``sequential_test`` answers."""
    rows = table.reset_index()
    edge = min(12.0, float(max(rows["z"].abs().max(), rows["boundary"].min())) + 1)
    rows["top"] = rows["boundary"].clip(upper=edge)
    rows["bottom"], rows["told"] = -rows["top"], [f"{b:.2f}" for b in rows["boundary"]]
    x = alt.X("people:Q", title="People so far, both arms").axis(
        format="~s", grid=False, tickCount=5
    )
    base = alt.Chart(rows).encode(x=x.scale(zero=False))
    limit = alt.Y("bottom:Q", title="z").scale(domain=[-edge, edge], nice=False)
    tip = [alt.Tooltip("z:Q", format=".2f"), alt.Tooltip("told:N", title="boundary")]
    ends = rows.tail(1).assign(name="no decision in here")
    return alt.layer(
        base.mark_area(color=UNKNOWN, opacity=_BAND).encode(y=limit, y2="top:Q"),
        base.mark_line(color=VALUE).encode(y="z:Q"),
        base.mark_point(color=VALUE, size=70, opacity=1).encode(y="z:Q", tooltip=tip),
        alt.Chart(ends)
        .mark_text(align="right", dx=-4)
        .encode(x="people:Q", y=alt.datum(0), text="name:N"),
    ).properties(
        height=280,
        description="z at each look and its boundary: "
        + "; ".join(f"look {r.look} z {r.z:.2f}, boundary {r.told}" for r in rows.itertuples())
        + ".",
    )


def uplift_curves(
    curves: dict[str, pd.DataFrame], unit: str, scale: float = 1.0
) -> alt.TopLevelMixin:
    """Draw what treating the best first adds, for each score, against a random order.

    ``curves`` are what ``uplift_curve`` answers; ``scale`` turns their gains into ``unit``.
    """
    long = pd.concat([table.reset_index().assign(line=name) for name, table in curves.items()])
    long[["gain", "low", "high", "at_random"]] *= scale
    order = list(curves)
    colour = alt.Color("line:N", sort=order, title=None).scale(
        domain=order, range=[PREDICTION, VALUE, UNKNOWN][: len(order)]
    )
    x = alt.X("share:Q", title="Share treated, the best first").axis(
        format="%", tickCount=5, grid=False
    )
    y = alt.Y("low:Q", title=f"Added per person ({unit})").axis(tickCount=5)
    base = alt.Chart(long.dropna()).encode(x=x, color=colour)
    line = alt.Chart(long[long["line"] == order[0]]).encode(x=x)
    ends = "; ".join(
        f"{name}: Qini {scale * t.attrs['qini']:.3g}, 90% interval "
        f"{scale * t.attrs['qini_low']:.3g} to {scale * t.attrs['qini_high']:.3g}"
        for name, t in curves.items()
    )
    return alt.layer(
        base.mark_area(opacity=_BAND).encode(y=y, y2="high:Q"),
        line.mark_line(color=INK, strokeDash=[4, 3], strokeWidth=1.5).encode(y="at_random:Q"),
        base.mark_line().encode(y="gain:Q"),
    ).properties(
        height=300,
        description=f"What treating the best first adds, by the share treated; bands are 90% "
        f"intervals, the dashed line is a random order. {ends}.",
    )


def profit_curve(curve: pd.DataFrame, rules: pd.DataFrame, currency: str) -> alt.TopLevelMixin:
    """Draw profit by the share treated, and the rules as points beside it.

    Both are what ``rule_profit`` answers: ``curve`` for the best 5%, 10%, ... of the gain.
    """
    x = alt.X("treated:Q", title="Share treated").axis(format="%", tickCount=5, grid=False)
    y = alt.Y("low:Q", title=f"Profit per customer ({currency})").axis(tickCount=5)
    line = alt.Chart(curve.reset_index(drop=True).dropna()).encode(x=x)
    points = rules.reset_index().dropna(subset=["profit"])
    points["told"] = [money(value, currency) for value in points["profit"]]
    points["many"] = [percent(share, 0) for share in points["treated"]]
    right = points["treated"] > 0.6
    dots = alt.Chart(points).encode(x=x, y="profit:Q")
    tip = [alt.Tooltip("rule:N"), alt.Tooltip("told:N", title="profit")]
    layers = [
        line.mark_area(color=VALUE, opacity=_BAND).encode(y=y, y2="high:Q"),
        line.mark_line(color=VALUE).encode(y="profit:Q"),
        dots.mark_point(color=INK, size=80, opacity=1).encode(tooltip=tip),
    ]
    for some, side, shift in ((points[~right], "left", 9), (points[right], "right", -9)):
        if len(some):
            names = alt.Chart(some).mark_text(align=side, dx=shift, dy=-9)  # type: ignore[arg-type]
            layers.append(names.encode(x=x, y="profit:Q", text="rule:N"))
    return alt.layer(*layers).properties(
        height=320,
        description="Profit per customer by the share treated, the highest gain first, with its "
        "90% interval. "
        + "; ".join(f"{r.rule}: {r.many} treated, {r.told}" for r in points.itertuples())
        + ".",
    )


def offer_price(table: pd.DataFrame, offered: float, currency: str) -> alt.TopLevelMixin:
    """Draw profit per customer by the price of the offer; ``table`` is of ``best_incentive``."""
    best, rows = table.attrs["best"], table.reset_index()
    x = alt.X("incentive:Q", title=f"Offer ({currency})").axis(grid=False, tickCount=5)
    y = alt.Y("profit:Q", title=f"Profit per customer ({currency})").axis(tickCount=5)
    marks = pd.DataFrame({"incentive": [offered, best], "label": ["tested", "best"]})
    marks["profit"] = [float(rows.iloc[(rows["incentive"] - at).abs().argmin()]["profit"])
                       for at in marks["incentive"]]  # fmt: skip
    dots = alt.Chart(marks).encode(x=x, y="profit:Q")
    return alt.layer(
        alt.Chart(rows).mark_line(color=PREDICTION).encode(x=x, y=y),
        dots.mark_point(color=INK, size=80, opacity=1),
        dots.mark_text(dy=-14, fontWeight=600).encode(text="label:N"),
    ).properties(
        height=280,
        description=f"Profit per customer by the price of the offer: "
        f"{money(marks['profit'].iloc[0], currency)} at the {money(offered, currency)} tested, "
        f"{money(marks['profit'].iloc[1], currency)} at {money(best, currency)}, the best.",
    )
