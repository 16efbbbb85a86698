"""Charts of the monthly review: a series within its limits, predictions against what came."""

import altair as alt
import numpy as np
import pandas as pd

from clvkit.palette import CHURN, INK, PREDICTION, UNKNOWN, VALUE
from clvkit.words import percent

_BAND = 0.18


def control_limits(table: pd.DataFrame) -> alt.TopLevelMixin:
    """Draw a series and its limits; ``table`` is what ``control_chart`` answers."""
    rows = _monthly(table)
    name, watched = table.attrs["name"], rows[rows["watched"]]
    alarms = watched[watched["signal"] != ""]
    x = alt.X("day:T", title=None).axis(format="%b %y", grid=False, labelAngle=0, tickCount=6)
    y = alt.Y("low:Q", title=str(name)[:1].upper() + str(name)[1:]).axis(tickCount=5, format="~s")
    tip = [alt.Tooltip("month:N"), alt.Tooltip("value:Q", format=",.4g"),
           alt.Tooltip("expected:Q", format=",.4g")]  # fmt: skip
    band, line = alt.Chart(rows.dropna(subset=["low"])), alt.Chart(rows)
    layers = [
        band.mark_area(color=PREDICTION, opacity=_BAND).encode(
            x=x, y=y.scale(zero=False), y2="high:Q"
        ),
        band.mark_line(color=PREDICTION, strokeWidth=1.5, strokeDash=[4, 3]).encode(
            x=x, y="expected:Q"
        ),
        line.mark_line(color=VALUE, strokeWidth=2).encode(x=x, y="value:Q"),
        alt.Chart(watched)
        .mark_point(color=VALUE, size=50, opacity=1)
        .encode(x=x, y="value:Q", tooltip=tip),
    ]
    if len(alarms):
        marks = alt.Chart(alarms).mark_point(color=CHURN, size=160, filled=False, strokeWidth=2.5)
        layers.append(marks.encode(x=x, y="value:Q"))
    last = rows.iloc[-1]
    return alt.layer(*layers).properties(
        height=300,
        description=f"{name} by month with what was expected and the limits; dots are the months "
        f"watched. Latest {last['month']}: {_short(last['value'])}, expected "
        f"{_short(last['expected'])}, limits {_short(last['low'])} to {_short(last['high'])}. "
        + "Alarms: "
        + (", ".join(f"{r.month} {r.signal}" for r in alarms.itertuples()) or "none")
        + ".",
    )


def drift(table: pd.DataFrame) -> alt.TopLevelMixin:
    """Draw actual over expected since the fit; ``table`` is what ``prediction_drift`` answers."""
    rows, tolerance = _monthly(table), table.attrs["tolerance"]
    x = alt.X("day:T", title=None).axis(format="%b %y", grid=False, labelAngle=0, tickCount=6)
    y = alt.Y("low:Q", title="Actual / expected since the fit").axis(format="%", tickCount=5)
    base, refit = alt.Chart(rows), rows[rows["state"] == "refit"]
    # A band of its own width at both ends: one month alone would have none.
    allowed = pd.DataFrame(
        {"under": [1 - tolerance], "over": [1 + tolerance], "label": ["tolerated"]}
    )
    zone = alt.Chart(allowed)
    reach = [min(rows["low"].min(), 1 - tolerance), max(rows["high"].max(), 1 + tolerance)]
    pad = 0.05 * np.ptp(reach)
    scale = alt.Scale(domain=[reach[0] - pad, reach[1] + pad], nice=False)
    tip = [alt.Tooltip("month:N"), alt.Tooltip("ratio:Q", format=".1%"), alt.Tooltip("state:N")]
    layers = [
        zone.mark_rect(color=UNKNOWN, opacity=_BAND).encode(
            y=alt.Y("under:Q", scale=scale), y2="over:Q"
        ),
        zone.mark_text(align="left", dx=4, dy=10, baseline="top").encode(
            x=alt.value(0), y="over:Q", text="label:N"
        ),
        alt.Chart(pd.DataFrame({"one": [1]})).mark_rule(color=INK).encode(y="one:Q"),
        base.mark_rule(color=VALUE, strokeWidth=3, opacity=0.5).encode(x=x, y=y, y2="high:Q"),
        base.mark_point(color=VALUE, size=70, opacity=1).encode(x=x, y="ratio:Q", tooltip=tip),
    ]
    if len(refit):
        layers.append(
            alt.Chart(refit).mark_point(color=CHURN, size=70, opacity=1).encode(x=x, y="ratio:Q")
        )
    last = rows.iloc[-1]
    return alt.layer(*layers).properties(
        height=280,
        description=f"Actual over expected purchases since {table.attrs['fitted_at']}, by month, "
        f"with 90% intervals; up to {last['month']} {percent(last['ratio'])} "
        f"({percent(last['low'])} to {percent(last['high'])}), tolerated is 1 plus or minus "
        f"{percent(tolerance, 0)}. First month to refit in: {table.attrs['refit_at'] or 'none'}.",
    )


def _monthly(table: pd.DataFrame) -> pd.DataFrame:
    """Months as text, and as the days that a time axis wants."""
    rows = table.rename_axis("month").reset_index()
    rows["day"] = rows["month"].dt.to_timestamp()
    return rows.assign(month=rows["month"].astype(str))


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
