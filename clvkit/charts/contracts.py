"""Charts of contracts: survival with its forecast, who remains, 1/churn, worth by tenure."""

import json
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from clvkit.charts.labels import apart
from clvkit.charts.rows import FOOT, ROW_HEIGHT, amount_expression, draw_bars, rows_of
from clvkit.palette import CHURN, INK, PREDICTION, QUIET_INK, UNKNOWN, VALUE, VALUE_RAMP
from clvkit.words import money, percent

_BAND = 0.18
_DASHES = [[1, 0], [6, 3], [2, 3], [8, 3, 2, 3]]


def survival_forecast(
    actual: pd.DataFrame, forecast: pd.DataFrame, seen: int, unit: str
) -> alt.TopLevelMixin:
    """Draw survival of each segment, what the model expected, and its 90% interval.

    ``actual`` is indexed by period with one column a segment, as shares of those who joined;
    ``forecast`` has the columns ``line`` (the segment), ``period``, ``estimate``, ``low`` and
    ``high``. The model has seen periods up to ``seen``; later points are drawn hollow.
    """
    lines = list(dict.fromkeys(forecast["line"]))
    colours = [PREDICTION] * len(lines)
    last = forecast.groupby("line")["period"].max()
    told = "; ".join(
        f"{line}: {_ends(forecast[forecast['line'] == line], actual[line], int(last[line]))}"
        for line in lines
    )
    return _survival(actual, forecast, seen, unit, colours).properties(
        height=320,
        description=f"Share of subscribers still there by {unit}, with the forecast made from "
        f"{unit} 0 to {seen}. In the last {unit}, {told}.",
    )


def rival_forecasts(
    actual: pd.Series, forecast: pd.DataFrame, seen: int, unit: str
) -> alt.TopLevelMixin:
    """Draw the forecasts that several models made of one segment, and what happened.

    ``actual`` is indexed by period, as shares of those who joined; ``forecast`` is as in
    :func:`survival_forecast`, with the model in ``line``, the one to follow first.
    """
    lines = list(dict.fromkeys(forecast["line"]))
    colours = [PREDICTION] + [UNKNOWN] * (len(lines) - 1)
    last = int(actual.dropna().index[-1])
    told = "; ".join(
        f"{line}: {_ends(forecast[forecast['line'] == line], actual, last)}" for line in lines
    )
    return _survival(actual.to_frame(), forecast, seen, unit, colours).properties(
        height=320,
        description=f"Share of the segment {actual.name} still there by {unit}, with the "
        f"forecasts of {len(lines)} models made from {unit} 0 to {seen}. In the last {unit}, "
        f"{told}.",
    )


def risk_by_tenure(shares: pd.DataFrame, unit: str) -> alt.TopLevelMixin:
    """Draw who is left at each tenure, by the customers' own, unchanging chance to leave.

    ``shares`` is indexed by tenure, one column a class of that chance from low to high, named as
    shown; rows sum to 1.
    """
    classes = [str(name) for name in shares.columns]
    tenures = [f"{tenure}" for tenure in shares.index]
    cells = shares.set_axis(tenures).rename_axis("tenure").reset_index()
    cells = cells.melt("tenure", var_name="risk", value_name="share")
    cells["order"] = cells["risk"].map(classes.index)
    cells["told"] = [percent(share, 0) for share in cells["share"]]
    ramp = [VALUE_RAMP[3], VALUE_RAMP[2], VALUE_RAMP[1], CHURN]
    bars = (
        alt.Chart(cells)
        .mark_bar(stroke=None)
        .encode(
            x=alt.X("tenure:O", sort=tenures, title=f"Renewals made ({unit}s)").axis(
                labelAngle=0, ticks=False
            ),
            y=alt.Y("share:Q", title="Share of those still there")
            .axis(format=".0%", tickCount=5)
            .scale(domain=[0, 1]),
            color=alt.Color("risk:N", title=f"Own chance to leave, a {unit}")
            .scale(domain=classes, range=ramp[-len(classes) :])
            .legend(columns=4, titleLimit=320),
            order=alt.Order("order:Q", sort="descending"),
            tooltip=[
                alt.Tooltip("tenure:O", title="renewals made"),
                alt.Tooltip("risk:N", title="own chance to leave"),
                alt.Tooltip("told:N", title="share"),
            ],
        )
    )
    first, end = shares.iloc[0], shares.iloc[-1]
    chart: alt.TopLevelMixin = bars.properties(
        height=280,
        description=f"Stacked bars of who is left, by the own chance to leave. At the start "
        f"{percent(first.iloc[-1], 0)} have a chance of {classes[-1]}, after {tenures[-1]} "
        f"renewals {percent(end.iloc[-1], 0)}; the share with {classes[0]} goes from "
        f"{percent(first.iloc[0], 0)} to {percent(end.iloc[0], 0)}.",
    )
    return chart


def worth_by_tenure(
    worth: pd.DataFrame, constant: pd.Series, unit: str, currency: str
) -> alt.TopLevelMixin:
    """Draw what a subscriber is worth just before a renewal, by the renewals made.

    ``worth`` has the columns ``line`` (the segment), ``period`` (renewals made), ``estimate``,
    ``low`` and ``high``, in money; ``constant`` is, by segment, what one retention rate for all
    says.
    """
    told = "; ".join(
        f"{line} from {money(rows['estimate'].iloc[0], currency, 0)} to "
        f"{money(rows['estimate'].iloc[-1], currency, 0)}, one rate for all "
        f"{money(constant[line], currency, 0)}"
        for line, rows in worth.groupby("line", sort=False)
    )
    level = pd.DataFrame({"line": constant.index, "level": constant.to_numpy()})
    level["name"] = "one rate, " + level["line"].astype(str)
    flat = alt.Chart(level).encode(y="level:Q")
    layers = _fans(worth, f"Worth before the renewal ({currency})", unit, VALUE, currency)
    dash = alt.StrokeDash("line:N", legend=None).scale(domain=list(constant.index), range=_DASHES)
    return alt.layer(
        flat.mark_rule(color=UNKNOWN, strokeWidth=1.5).encode(strokeDash=dash),
        *layers,
        flat.mark_text(color=QUIET_INK, align="right", dy=-8).encode(
            x=alt.value("width"), text="name:N"
        ),
    ).properties(
        height=320,
        description=f"Worth of a subscriber just before a renewal, by renewals made: {told}.",
    )


def spend_ceiling(
    ceiling: pd.DataFrame, cost: float, unit: str, currency: str
) -> alt.TopLevelMixin:
    """Draw the most that a renewal offer to everybody may cost a head, and what it does cost.

    ``ceiling`` is as in :func:`worth_by_tenure`; ``cost`` is the offer's, in money per subscriber.
    """
    told = "; ".join(
        f"{line} from {money(rows['estimate'].iloc[0], currency)} to "
        f"{money(rows['estimate'].iloc[-1], currency)}"
        for line, rows in ceiling.groupby("line", sort=False)
    )
    price = alt.Chart(pd.DataFrame({"cost": [cost], "name": [f"cost {money(cost, currency)}"]}))
    name = price.mark_text(color=CHURN, align="right", dy=-8, fontWeight=600)
    layers = _fans(ceiling, f"Ceiling per subscriber ({currency})", unit, VALUE, currency)
    return alt.layer(
        price.mark_rule(color=CHURN, strokeWidth=2).encode(y="cost:Q"),
        *layers,
        name.encode(x=alt.value("width"), y="cost:Q", text="name:N"),
    ).properties(
        height=300,
        description="The most that a renewal offer may cost per subscriber, by renewals made: "
        f"{told}. The offer costs {money(cost, currency)}.",
    )


_TRUTH = ("what the mix is worth", "with the first {0}'s churn", "with the churn of the whole base")
_HEAD = 0.2
_FURTHEST = 600


def one_over_churn(
    churn: float, differ: float, age: int, margin: float, discount: float, unit: str, currency: str
) -> alt.TopLevelMixin:
    """Compare a new customer's worth with two one-rate answers, in the page, with sliders.

    The sliders start at ``churn``, the share lost in the first period, at ``differ``, how much
    customers differ (1 / (α+β+1): 0 if all are alike, 1 if all stay or leave at once), and at
    ``age``, the periods for which the firm has won as many customers in each. ``margin`` is per
    payment, the first now; ``discount`` is a rate per period.
    """
    labels = [text.format(unit).capitalize() for text in _TRUTH]
    shown = amount_expression("datum.clv", currency)
    bars = (
        alt.Chart(alt.sequence(1, min(_FURTHEST, int(35 / np.log1p(discount))) + 1, as_="t"))
        .transform_calculate(kept="log((beta + datum.t - 1) / (alpha + beta + datum.t - 1))")
        .transform_window(total="sum(kept)", frame=[None, 0])
        .transform_calculate(
            worth=f"exp(datum.total) / pow({1 + discount}, datum.t)",
            due="datum.t <= age ? exp(datum.total - datum.kept) : 0",
            renewed="datum.t <= age ? exp(datum.total) : 0",
        )
        .transform_aggregate(truth="sum(worth)", due="sum(due)", renewed="sum(renewed)")
        .transform_calculate(
            a=f"{margin} * (1 + datum.truth)",
            b=f"{margin} * {1 + discount} / ({discount} + churn / 100)",
            c=f"{margin} * {1 + discount} / ({1 + discount} - datum.renewed / datum.due)",
        )
        .transform_fold(["a", "b", "c"], as_=["which", "clv"])
    )
    for field in ("label", "title", "top", "bottom"):
        by_row = json.dumps(dict(zip("abc", rows_of(labels)[field], strict=True)))
        bars = bars.transform_calculate(**{field: f"{by_row}[datum.which]"})
    bars = bars.transform_calculate(shown=shown)
    return (
        alt.layer(*draw_bars(bars, -_HEAD, len(labels) + FOOT / 3))
        .add_params(
            _slider("churn", f"Lost in the first {unit} (%) ", 100 * churn, 2, 80, 0.1),
            _slider("differ", "How much they differ (%) ", 100 * differ, 0.5, 60, 0.1),
            _slider("age", f"Age of the firm ({unit}s) ", age, 2, 40, 1),
            alt.param(name="spread", expr="100 / differ - 1"),
            alt.param(name="alpha", expr="churn / 100 * spread"),
            alt.param(name="beta", expr="(1 - churn / 100) * spread"),
        )
        .properties(
            height=ROW_HEIGHT * (len(labels) + FOOT / 3 + _HEAD),
            description="Worth of a new customer when customers differ, beside the worth that one "
            "constant churn gives: that of the first period, or that of the whole base. Sliders "
            "set the first churn, how much customers differ and how old the firm is; they start "
            f"at {percent(churn)}, {100 * differ:.0f} and {age} {unit}s.",
        )
    )


def _survival(
    actual: pd.DataFrame, forecast: pd.DataFrame, seen: int, unit: str, colours: list[str]
) -> alt.LayerChart | alt.FacetChart:
    lines = list(dict.fromkeys(forecast["line"]))
    points = actual.rename_axis(index="period", columns="segment").reset_index()
    points = points.melt("period", var_name="segment", value_name="share").dropna()
    points["known"] = np.where(points["period"] <= seen, "seen by the model", "held out")
    points["told"] = [percent(share) for share in points["share"]]
    x, y = _axes(f"{unit.capitalize()}s since joining", "Share still there")
    y = y.axis(format=".0%", tickCount=5).scale(domain=[0, 1])
    colour = alt.Color("line:N", legend=None).scale(domain=lines, range=colours)
    base = alt.Chart(forecast).encode(x=x, color=colour)
    known = alt.Fill("known:N", title=None).scale(
        domain=["seen by the model", "held out"], range=[VALUE, "transparent"]
    )
    legend = alt.Legend(symbolStrokeColor=VALUE, symbolType="circle", symbolSize=60)
    dots = (
        alt.Chart(points)
        .mark_point(size=50, opacity=1, stroke=VALUE, strokeWidth=2)
        .encode(
            x=x,
            y=alt.Y("share:Q"),
            fill=known.legend(legend),
            tooltip=[
                alt.Tooltip("segment:N"),
                alt.Tooltip("period:Q", title=unit),
                alt.Tooltip("told:N", title="still there"),
            ],
        )
    )
    edge = alt.Chart(pd.DataFrame({"seen": [seen + 0.5]}))
    return alt.layer(
        edge.mark_rule(color=INK, strokeDash=[2, 3]).encode(x="seen:Q"),
        base.mark_area(opacity=_BAND).encode(y=y, y2="high:Q"),
        base.mark_line().encode(y="estimate:Q"),
        dots,
        *_names(forecast, colour, place=1, room=0.075),
    )


def _fans(
    table: pd.DataFrame, title: str, unit: str, colour: str, currency: str
) -> list[alt.Chart]:
    """Draw a line with its interval for each segment, named at its right end."""
    lines = list(dict.fromkeys(table["line"]))
    x, y = _axes(f"Renewals made ({unit}s)", title)
    told = table.assign(
        told=[
            f"{money(e, currency)} ({money(a, currency)} to {money(b, currency)})"
            for e, a, b in table[["estimate", "low", "high"]].to_numpy()
        ]
    )
    dash = alt.StrokeDash("line:N", legend=None).scale(domain=lines, range=_DASHES)
    base = alt.Chart(told).encode(x=x, detail="line:N")
    tip = [
        alt.Tooltip("line:N", title="segment"),
        alt.Tooltip("period:Q", title="renewals made"),
        alt.Tooltip("told:N", title=title),
    ]
    top = float(table["high"].max())
    return [
        base.mark_area(opacity=_BAND, color=colour).encode(
            y=y.axis(tickCount=5).scale(domainMin=0), y2="high:Q"
        ),
        base.mark_line(color=colour).encode(y="estimate:Q", strokeDash=dash, tooltip=tip),
        *_names(table, alt.value(colour), place=0.25, room=0.07 * top),
    ]


def _axes(across: str, up: str) -> tuple[alt.X, alt.Y]:
    x = alt.X("period:Q", title=across).axis(tickMinStep=1, format="d", grid=False)
    return x.scale(nice=False), alt.Y("low:Q", title=up)


def _names(table: pd.DataFrame, colour: Any, *, place: float, room: float) -> list[alt.Chart]:
    """Write each line's name beside its band, at ``place`` of the way along it.

    The lowest name stands below its band, the others above, ``room`` apart.
    """
    here = []
    for _, rows in table.groupby("line", sort=False):
        period = rows["period"].min() + place * np.ptp(rows["period"])
        here.append(rows.iloc[[int(np.abs(rows["period"] - period).argmin())]])
    names = pd.concat(here, ignore_index=True).sort_values("estimate", ignore_index=True)
    lowest = names.head(1 if len(names) > 1 else 0)
    lowest = lowest.assign(at=(lowest["low"] - 0.75 * room).clip(lower=room / 3))
    others = names.drop(lowest.index)
    others = others.assign(at=apart(others["high"] + (1.4 if place == 1 else 0.75) * room, room))
    # Towards the side on which the line moves away from its name.
    first, last = (table.groupby("line")["estimate"].agg(end).sum() for end in ("first", "last"))
    above: Any = "right" if place == 1 or last > first else "left"
    below: Any = "right" if place == 1 or last < first else "left"
    return [
        alt.Chart(some)
        .mark_text(align=side, fontWeight=600)
        .encode(x="period:Q", y="at:Q", text="line:N", color=colour)
        for some, side in ((others, above), (lowest, below))
        if len(some)
    ]


def _ends(rows: pd.DataFrame, actual: pd.Series, last: int) -> str:
    row = rows[rows["period"] == last].iloc[0]
    happened = percent(actual.get(last, np.nan))
    return (
        f"expected {percent(row['estimate'])} (90% interval {percent(row['low'])} to "
        f"{percent(row['high'])}), actual {happened}"
    )


def _slider(
    name: str, label: str, value: float, low: float, high: float, step: float
) -> alt.Parameter:
    # As the slider will show it: long decimals do not fit beside it on a phone.
    start = round(min(max(value, low), high), 1)
    bind = alt.binding_range(min=low, max=high, step=step, name=label)
    return alt.param(name=name, value=start, bind=bind)
