"""Charts of churn and recurring revenue: rates in rows, lines with bands, movements, cohorts."""

from collections.abc import Callable

import altair as alt
import numpy as np
import pandas as pd

from clvkit.charts.rows import FOOT, ROW_HEIGHT, bar_x, bar_y, row_axis, row_text, rows_of
from clvkit.palette import CHURN, INK, PAPER, UNKNOWN, VALUE, VALUE_RAMP
from clvkit.words import money, percent

_BAND = 0.18
_NAMES = {
    "start": "at the start", "new": "new", "reactivation": "came back", "expansion": "expansion",
    "contraction": "contraction", "churn": "churn", "end": "at the end",
}  # fmt: skip
_LOSSES = ("contraction", "churn")


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
    rows["mark"] = reference
    base = alt.Chart(rows)
    least = 0.0 if reference is None else 0.9 * min(float(np.nanmin(rows["low"])), reference)
    top = float(np.nanmax(rows[["value", "high"]])) or 1.0
    x = alt.X("value:Q", axis=None).scale(domain=[least, top * 1.02], nice=False, zero=False)
    bar = base.mark_rect(color=CHURN, opacity=0.3).transform_calculate(
        above="datum.middle - 0.06", below="datum.middle + 0.06"
    )
    layers = [
        bar.encode(
            x=bar_x("low"), x2="high:Q", y=row_axis("above", 0, len(rows) + FOOT / 3), y2="below:Q"
        ),
        base.mark_point(color=CHURN, size=90, opacity=1).encode(x=x, y=bar_y("middle")),
        row_text(base, "label", "left"),
        row_text(base, "shown", "right"),
    ]
    if reference is not None:
        rule = base.mark_rule(color=UNKNOWN, strokeWidth=2)
        layers.append(rule.encode(x=bar_x("mark"), y=bar_y("top"), y2="bottom:Q"))
    return alt.layer(
        *layers,
    ).properties(
        height=ROW_HEIGHT * (len(rows) + FOOT / 3),
        description=f"{what}: "
        + "; ".join(f"{name} {said}" for name, said in zip(rows["label"], told, strict=True))
        + ".",
    )


def banded_lines(
    table: pd.DataFrame, across: str, up: str, *, level: float | None = None, ahead: str = ""
) -> alt.TopLevelMixin:
    """Draw shares with 90% bands, a line a ``line``.

    ``table`` has ``line``, ``at`` (a number or a day), ``estimate``, ``low`` and ``high``;
    ``level`` is marked, with the words ``ahead`` beside it.
    """
    names = list(dict.fromkeys(table["line"]))
    colours = [VALUE, CHURN, INK, UNKNOWN, VALUE_RAMP[2], VALUE_RAMP[4]]
    kind = "T" if pd.api.types.is_datetime64_any_dtype(table["at"]) else "Q"
    x = alt.X(f"at:{kind}", title=across or None).scale(nice=False).axis(grid=False, tickCount=6)
    top = float(np.nanmax(table[["estimate", "high"]]))
    y = alt.Y("low:Q", title=up).axis(format=".0%" if top > 0.2 else ".1%", tickCount=5)
    shades = alt.Scale(domain=names, range=[colours[i % len(colours)] for i in range(len(names))])
    legend = alt.Legend(title=None, symbolOpacity=1) if len(names) > 1 else None
    colour = alt.Color("line:N", legend=legend, scale=shades)
    base = alt.Chart(table.assign(told=table["estimate"].map(percent))).encode(x=x, color=colour)
    layers = [
        base.mark_area(opacity=_BAND).encode(y=y, y2="high:Q"),
        base.mark_line().encode(y="estimate:Q", tooltip=["line:N", f"at:{kind}", "told:N"]),
    ]
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
    level, lines = 0.0, []
    for name in _NAMES:
        change = amounts[name] * (-1 if name in _LOSSES else 1)
        low = 0.0 if name in ("start", "end") else level
        level = low + change
        lines.append((low, level, money(change, currency, 0), name in _LOSSES))
    bars = rows_of(list(_NAMES.values()))
    bars[["low", "high", "shown", "loss"]] = lines
    base = alt.Chart(bars)
    colour = alt.condition("datum.loss", alt.value(CHURN), alt.value(VALUE))
    bar = base.mark_rect().encode(
        x=bar_x("low"), x2="high:Q", color=colour, y2="bottom:Q",
        y=row_axis("top", 0, len(bars) + FOOT / 3),
    )  # fmt: skip
    told = "; ".join(f"{name} {said}" for name, said in bars[["label", "shown"]].to_numpy())
    return alt.layer(
        bar, row_text(base, "label", "left"), row_text(base, "shown", "right")
    ).properties(
        height=ROW_HEIGHT * (len(bars) + FOOT / 3),
        description=f"Monthly recurring revenue: {told}.",
    )


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
