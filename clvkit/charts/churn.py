"""Charts of churn and recurring revenue: rates in rows, lines with bands, movements, cohorts."""

from collections.abc import Callable

import altair as alt
import numpy as np
import pandas as pd

from clvkit.charts.labels import apart
from clvkit.charts.rows import FOOT, ROW_HEIGHT, bar_x, bar_y, row_axis, row_text, rows_of
from clvkit.palette import CHURN, INK, PAPER, UNKNOWN, VALUE, VALUE_RAMP
from clvkit.words import money, percent

_BAND = 0.18
_NAMES = {
    "start": "at the start", "new": "new", "reactivation": "came back", "expansion": "expansion",
    "contraction": "contraction", "churn": "churn", "end": "at the end",
}  # fmt: skip


def interval_rows(
    table: pd.DataFrame,
    estimate: str,
    what: str,
    *,
    write: Callable[[float], str] = percent,
    reference: float | None = None,
) -> alt.TopLevelMixin:
    """Draw one labelled line a row: the column ``estimate`` as a dot, ``low`` to ``high`` as a bar.

    ``what`` is named in the description; a ``reference`` is marked. Missing intervals are left out.
    """
    told = [
        write(e) if np.isnan(low) else f"{write(e)} ({write(low)} to {write(high)})"
        for e, low, high in table[[estimate, "low", "high"]].to_numpy("float64")
    ]
    rows = rows_of([str(name) for name in table.index]).assign(
        value=table[estimate].to_numpy(), low=table["low"].to_numpy(),
        high=table["high"].to_numpy(), shown=told,
    )  # fmt: skip
    rows["middle"] = (rows["top"] + rows["bottom"]) / 2
    base = alt.Chart(rows)
    start = 0.0 if reference is None else min(float(rows["low"].min()), reference)
    top = float(np.nanmax(rows[["value", "high"]])) or 1.0
    x = alt.X("value:Q", axis=None).scale(domain=[start, top * 1.02], nice=False, zero=False)
    marks: list[alt.Chart] = []
    if reference is not None:
        line = alt.Chart(pd.DataFrame({"at": [reference]}))
        marks = [line.mark_rule(color=UNKNOWN, strokeDash=[4, 3]).encode(x=bar_x("at"))]
    y = row_axis("middle", 0, len(rows) + FOOT / 3)
    return alt.layer(
        *marks,
        base.mark_rule(color=CHURN, strokeWidth=6, opacity=0.3).encode(
            x=bar_x("low"), x2="high:Q", y=y
        ),
        base.mark_point(color=CHURN, size=90, opacity=1).encode(x=x, y=bar_y("middle")),
        row_text(base, "label", "left"),
        row_text(base, "shown", "right"),
    ).properties(
        height=ROW_HEIGHT * (len(rows) + FOOT / 3),
        description=f"{what}: "
        + "; ".join(f"{name} {said}" for name, said in zip(rows["label"], told, strict=True))
        + ".",
    )


def banded_lines(
    table: pd.DataFrame, across: str, up: str, *, level: float | None = None, ahead: str = ""
) -> alt.TopLevelMixin:
    """Draw shares with 90% bands, a line a ``line``, named at its end.

    ``table`` has ``line``, ``at`` (a number or a day), ``estimate``, ``low`` and ``high``;
    ``level`` is marked, with the words ``ahead`` beside it.
    """
    names = list(dict.fromkeys(table["line"]))
    colours = [VALUE, CHURN, INK, UNKNOWN, VALUE_RAMP[2], VALUE_RAMP[4]]
    kind = "T" if pd.api.types.is_datetime64_any_dtype(table["at"]) else "Q"
    x = alt.X(f"at:{kind}", title=across or None).scale(nice=False).axis(grid=False, tickCount=6)
    top = float(np.nanmax(table[["estimate", "high"]]))
    y = alt.Y("low:Q", title=up).axis(format=".0%" if top > 0.2 else ".1%", tickCount=5)
    colour = alt.Color("line:N", legend=None).scale(
        domain=names, range=[colours[i % len(colours)] for i in range(len(names))]
    )
    base = alt.Chart(table.assign(told=table["estimate"].map(percent))).encode(x=x, color=colour)
    ends = table.loc[table.groupby("line", sort=False)["at"].idxmax()]
    ends = ends.assign(place=apart(ends["estimate"] + 0.03 * top, 0.075 * top))
    layers = [
        base.mark_area(opacity=_BAND).encode(y=y, y2="high:Q"),
        base.mark_line().encode(y="estimate:Q", tooltip=["line:N", f"at:{kind}", "told:N"]),
    ]
    if len(names) > 1:
        layers.append(
            alt.Chart(ends)
            .mark_text(align="right", fontWeight=600, dy=-4)
            .encode(x=x, y="place:Q", text="line:N", color=colour)
        )
    if level is not None:
        rule = alt.Chart(pd.DataFrame({"level": [level], "said": [f"{ahead} {percent(level)}"]}))
        layers += [
            rule.mark_rule(color=UNKNOWN, strokeDash=[4, 3]).encode(y="level:Q"),
            rule.mark_text(align="left", dy=-8).encode(x=alt.value(4), y="level:Q", text="said:N"),
        ]
    told = "; ".join(
        f"{name} from {percent(rows['estimate'].iloc[0])} to {percent(rows['estimate'].iloc[-1])}"
        for name, rows in table.groupby("line", sort=False)
    )
    return alt.layer(*layers).properties(height=300, description=f"{up}, with 90% bands: {told}.")


def mrr_waterfall(movements: pd.DataFrame, currency: str) -> alt.TopLevelMixin:
    """Draw how recurring revenue went from the start of the given months to their end.

    ``movements`` are lines of :func:`clvkit.mrr_movements`, in order.
    """
    amounts = {name: float(movements[name].sum()) for name in _NAMES}
    amounts["start"], amounts["end"] = movements["start"].iloc[0], movements["end"].iloc[-1]
    signs = {"contraction": -1, "churn": -1}
    lines, level = [], 0.0
    for name, said in _NAMES.items():
        change = signs.get(name, 1) * amounts[name]
        low, high = (0.0, change) if name in ("start", "end") else (level, level + change)
        level = high
        shown = money(change, currency, 0)
        lines.append((said, low, high, shown if name in ("start", "end") else f"{change:+,.0f}",
                      name in signs, max(low, high)))  # fmt: skip
    bars = pd.DataFrame(lines, columns=["label", "low", "high", "shown", "loss", "over"])
    order = list(_NAMES.values())
    base = alt.Chart(bars).encode(
        x=alt.X("label:N", sort=order, title=None).axis(labelAngle=-40, ticks=False)
    )
    top = float(bars["over"].max()) * 1.12 or 1.0
    y = alt.Y("low:Q", title=f"Monthly recurring revenue ({currency})")
    return alt.layer(
        base.mark_bar(stroke=PAPER).encode(
            y=y.axis(tickCount=5).scale(domain=[0, top]),
            y2="high:Q",
            color=alt.condition("datum.loss", alt.value(CHURN), alt.value(VALUE)),
        ),
        base.mark_text(dy=-8, fontSize=11).encode(y="over:Q", text="shown:N"),
    ).properties(
        height=320,
        description="Monthly recurring revenue: "
        + "; ".join(f"{line.label} {line.shown}" for line in bars.itertuples()) + ".",
    )  # fmt: skip


def mrr_layers(layers: pd.DataFrame, currency: str) -> alt.TopLevelMixin:
    """Draw recurring revenue by month, stacked by the year in which customers joined."""
    years = [str(name) for name in layers.columns]
    cells = layers.set_axis(pd.PeriodIndex(layers.index).to_timestamp(how="end").normalize())
    cells = (
        cells.rename_axis("month").reset_index().melt("month", var_name="joined", value_name="mrr")
    )
    cells["order"] = cells["joined"].map(years.index)
    ramp = [VALUE_RAMP[i] for i in np.linspace(4, 0, len(years)).round().astype(int)]
    last = layers.iloc[-1]
    chart: alt.TopLevelMixin = (
        alt.Chart(cells)
        .mark_area(stroke=PAPER, strokeWidth=0.5)
        .encode(
            x=alt.X("month:T", title=None).axis(grid=False, tickCount=6).scale(nice=False),
            y=alt.Y("mrr:Q", title=f"Monthly recurring revenue ({currency})").axis(tickCount=5),
            color=alt.Color("joined:O", title="Joined in").scale(domain=years, range=ramp).legend(
                columns=4
            ),
            order="order:Q",
            tooltip=["joined:O", "month:T", alt.Tooltip("mrr:Q", format=",.0f")],
        )
        .properties(
            height=300,
            description="Monthly recurring revenue stacked by year of joining; in the last month "
            + "; ".join(f"{year} {money(last[year], currency, 0)}" for year in years) + ".",
        )
    )  # fmt: skip
    return chart
