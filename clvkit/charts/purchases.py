"""Charts of purchase predictions: who is alive, prediction against holdout, rules by their cost."""

from typing import Literal

import altair as alt
import numpy as np
import pandas as pd

from clvkit.charts.labels import apart
from clvkit.palette import INK, PREDICTION, UNKNOWN, VALUE, VALUE_RAMP
from clvkit.words import money, percent


def alive_map(grid: pd.DataFrame, time_unit: str) -> alt.TopLevelMixin:
    """Draw the probability of being alive by repeat purchases and length of silence.

    ``grid`` has the columns ``frequency``, ``silence`` (time since the last purchase) and
    ``probability_alive``, one row a cell, for customers of one age; ``time_unit`` is spelled
    out, as in "weeks".
    """
    step = float(grid["silence"].drop_duplicates().sort_values().diff().min())
    cells = grid.assign(
        left=grid["silence"] - step / 2,
        right=grid["silence"] + step / 2,
        low=grid["frequency"] - 0.5,
        high=grid["frequency"] + 0.5,
        told=[percent(p) for p in grid["probability_alive"]],
    )
    colour = alt.Color("probability_alive:Q", title="Probability alive").scale(
        domain=[0, 1], range=VALUE_RAMP
    )
    legend = alt.Legend(format=".0%", gradientLength=140, tickCount=3, titleOrient="left")
    x = alt.X("left:Q", title=f"Silence: {time_unit} since the last purchase")
    y = alt.Y("low:Q", title="Repeat purchases").axis(tickMinStep=1, grid=False)
    x = x.scale(nice=False, domain=[cells["left"].min(), cells["right"].max()]).axis(grid=False)
    y = y.scale(nice=False, domain=[cells["low"].min(), cells["high"].max()])
    map_ = (
        alt.Chart(cells)
        .mark_rect(strokeWidth=0)
        .encode(
            x=x,
            x2="right:Q",
            y=y,
            y2="high:Q",
            color=colour.legend(legend),
            tooltip=[
                alt.Tooltip("frequency:Q", title="repeat purchases"),
                alt.Tooltip("silence:Q", title=f"silent for ({time_unit})"),
                alt.Tooltip("told:N", title="probability alive"),
            ],
        )
    )
    half = _even_chance(cells)
    line = (
        alt.Chart(half)
        .mark_line(color=INK, strokeWidth=1.5, strokeDash=[4, 3], interpolate="monotone")
        .encode(x="silence:Q", y="frequency:Q", order="frequency:Q")
    )
    name = (
        alt.Chart(half.tail(1).assign(name="50%"))
        .mark_text(color=INK, dx=20, dy=2, fontWeight=600)
        .encode(x="silence:Q", y="frequency:Q", text="name:N")
    )
    many, few = half["frequency"].max(), half["frequency"].min()
    ends = (
        f" The even chance is reached after {half['silence'].max():.0f} {time_unit} for a customer "
        f"with {few:.0f} repeat purchases and after {half['silence'].min():.0f} with {many:.0f}."
        if len(half)
        else ""
    )
    # Vega warns of a layer without a row.
    return alt.layer(*([map_, line, name] if len(half) else [map_])).properties(
        height=300,
        description="Heatmap of the probability of still being a customer by repeat purchases and "
        f"{time_unit} since the last purchase: the more often somebody bought, the sooner silence "
        f"means loss.{ends}",
    )


def holdout_by_class(table: pd.DataFrame, holdout: str) -> alt.TopLevelMixin:
    """Draw mean purchases in the holdout by past purchases: actual, model, carried forward.

    ``table`` has a row a class (its label the index) and the columns ``actual``, ``model`` and
    ``carried forward``, in purchases per customer; ``holdout`` names the period.
    """
    long = table.rename_axis("class").reset_index().melt("class", var_name="what")
    order = list(table.index)
    colours = alt.Scale(domain=["actual", "model", "carried forward"], range=_COLOURS)
    colour = alt.Color("what:N", legend=None, scale=colours)
    x = alt.X("class:O", sort=order, title="Repeat purchases before the holdout").axis(
        labelAngle=0, grid=False
    )
    y = alt.Y("value:Q", title=f"Purchases per customer, {holdout}")
    tip = [
        alt.Tooltip("class:O", title="repeat purchases before"),
        alt.Tooltip("what:N", title="line"),
        alt.Tooltip("value:Q", format=".2f", title="purchases"),
    ]
    base = alt.Chart(long).encode(x=x, y=y, color=colour, tooltip=tip)
    ends = long[long["class"] == order[-1]]
    ends = ends.assign(at=apart(ends["value"], 0.07 * float(long["value"].max())))
    names = (
        alt.Chart(ends)
        .mark_text(align="right", dx=-12, fontWeight=600)
        .encode(x=alt.X("class:O", sort=order), y="at:Q", text="what:N", color=colour)
    )
    told = "; ".join(
        f"{name}: actual {row['actual']:.2f}, model {row['model']:.2f}, carried forward "
        f"{row['carried forward']:.2f}"
        for name, row in table.iterrows()
    )
    return alt.layer(base.mark_line(), base.mark_point(size=45, opacity=1), names).properties(
        height=320,
        description=f"Mean purchases per customer in {holdout}, by repeat purchases before: "
        f"{told}.",
    )


def decile_bars(deciles: pd.DataFrame, currency: str) -> alt.TopLevelMixin:
    """Draw predicted and actual means by decile of the prediction, the highest tenth first.

    ``deciles`` is the table of :func:`clvkit.evaluate`, in money per customer; the scale is
    logarithmic, so that a factor is the same distance everywhere (nearly so where a tenth has 0).
    """
    rows = deciles.reset_index()
    rows["told"] = [
        f"predicted {money(p, currency)}, actual {money(a, currency)}"
        for p, a in zip(rows["predicted"], rows["actual"], strict=True)
    ]
    long = rows.melt(["decile", "told"], ["predicted", "actual"], var_name="what")
    colour = alt.Color("what:N", title=None).scale(
        domain=["predicted", "actual"], range=[PREDICTION, VALUE]
    )
    x = alt.X("decile:O", title="Tenths by prediction, the highest first").axis(
        labelAngle=0, grid=False
    )
    # A logarithm has no place for a tenth that left nothing.
    kind: Literal["log", "symlog"] = "log" if long["value"].min() > 0 else "symlog"
    y = alt.Y("value:Q", title=f"Per customer ({currency})").scale(type=kind)
    base = alt.Chart(long).encode(x=x)
    link = (
        alt.Chart(rows)
        .mark_rule(color=UNKNOWN, strokeWidth=2)
        .encode(x=x, y=alt.Y("predicted:Q").scale(type=kind), y2="actual:Q")
    )
    dots = base.mark_point(size=75, opacity=1).encode(
        y=y.axis(format="~s", tickCount=4),
        color=colour,
        shape=alt.Shape("what:N", title=None).scale(
            domain=["predicted", "actual"], range=["diamond", "circle"]
        ),
        tooltip=[alt.Tooltip("decile:O"), alt.Tooltip("told:N", title="per customer")],
    )
    first, last = rows.iloc[0]["told"], rows.iloc[-1]["told"]
    return alt.layer(link, dots).properties(
        height=300,
        description=f"Predicted and actual mean by tenth of customers. Highest tenth: {first}. "
        f"Lowest tenth: {last}.",
    )


def rules_by_cost(profits: pd.DataFrame, cost: float, currency: str) -> alt.TopLevelMixin:
    """Draw how far each rule of whom to keep falls short of the best one, by cost of keeping.

    ``profits`` has a row a cost and a column a rule, in money; the first column is the model's.
    ``cost`` is the cost at which the decision stands.
    """
    short = profits.rsub(profits.max(axis=1), axis=0)
    rules = [str(rule) for rule in profits.columns]
    long = short.rename_axis("cost").reset_index().melt("cost", var_name="rule")
    long["told"] = [money(value, currency, 0) for value in long["value"]]
    colour = alt.Color("rule:N", legend=None).scale(
        domain=rules, range=[PREDICTION] + [UNKNOWN] * (len(rules) - 1)
    )
    dash = alt.StrokeDash("rule:N", legend=None).scale(domain=rules, range=_DASHES[: len(rules)])
    x = alt.X("cost:Q", title=f"Cost of keeping one customer ({currency})")
    y = alt.Y("value:Q", title=f"Short of the best rule ({currency})")
    lines = (
        alt.Chart(long)
        .mark_line()
        .encode(
            x=x.scale(nice=False).axis(grid=False),
            y=y.axis(format="~s", tickCount=5),
            color=colour,
            strokeDash=dash,
            tooltip=[
                alt.Tooltip("rule:N"),
                alt.Tooltip("cost:Q", format=".2f"),
                alt.Tooltip("told:N", title="short of the best"),
            ],
        )
    )
    # A line is named where it stands out most.
    peaks = long.loc[long.groupby("rule", sort=False)["value"].idxmax()]
    middle = (short.index.min() + short.index.max()) / 2
    room = 0.075 * float(long["value"].max())
    sides = []
    for here in (peaks["cost"] < middle, peaks["cost"] >= middle):
        placed = peaks[here].assign(at=apart(peaks.loc[here, "value"], room))
        at = alt.Chart(placed).encode(x="cost:Q", y="at:Q", text="rule:N", color=colour)
        sides.append(at)
    names = [
        sides[0].mark_text(align="left", dx=8, dy=-10, fontWeight=600),
        sides[1].mark_text(align="right", dx=-8, dy=-10, fontWeight=600),
    ]
    now = alt.Chart(pd.DataFrame({"cost": [cost], "name": [f"cost {money(cost, currency)}"]}))
    told = "; ".join(f"{rule} {money(value, currency, 0)}" for rule, value in short.max().items())
    return alt.layer(
        now.mark_rule(color=INK, strokeDash=[2, 3]).encode(x="cost:Q"),
        now.mark_text(align="left", dx=5).encode(x="cost:Q", y=alt.value(8), text="name:N"),
        lines,
        *names,
    ).properties(
        height=320,
        description=f"How far {len(rules)} rules of whom to keep fall short of the best one, by "
        f"the cost of keeping a customer. At their worst: {told}.",
    )


def _even_chance(cells: pd.DataFrame) -> pd.DataFrame:
    """The silence at which the chance is even, for each frequency that reaches it."""
    rows = []
    for frequency, row in cells.sort_values("silence").groupby("frequency"):
        alive = row["probability_alive"].to_numpy()
        if alive[0] > 0.5 > alive[-1]:
            silence = np.interp(-0.5, -alive, row["silence"].to_numpy())
            rows.append((frequency, float(silence)))
    return pd.DataFrame(rows, columns=["frequency", "silence"])


_DASHES = [[1, 0], [6, 3], [2, 3], [8, 3, 2, 3], [4, 2]]
_COLOURS = [VALUE, PREDICTION, UNKNOWN]


def tracking(purchases: pd.DataFrame, forecast_from: int) -> alt.TopLevelMixin:
    """Draw cumulative purchases of a cohort against what models expect.

    ``purchases`` is indexed by period (its name labels the axis), with the column ``actual`` and
    one column a model; ``forecast_from`` is the last period the models were fitted on.
    """
    unit = str(purchases.index.name)
    models = [str(name) for name in purchases.columns if name != "actual"]
    long = purchases.reset_index(names="period").melt("period", var_name="line")
    long["told"] = [f"{value:,.0f}" for value in long["value"]]
    lines = ["actual", *models]
    colour = alt.Color("line:N", legend=None).scale(
        domain=lines, range=[VALUE] + [PREDICTION] * len(models)
    )
    dash = alt.StrokeDash("line:N", legend=None).scale(
        domain=lines, range=[[1, 0], *_DASHES[1 : len(models) + 1]]
    )
    curves = (
        alt.Chart(long)
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X("period:Q", title=unit.capitalize()).axis(grid=False),
            y=alt.Y("value:Q", title="Repeat purchases so far").axis(format="~s", tickCount=5),
            color=colour,
            strokeDash=dash,
            tooltip=["line:N", alt.Tooltip("period:Q", title=unit), alt.Tooltip("told:N")],
        )
    )
    ends = long[long["period"] == long["period"].max()]
    ends = ends.assign(at=apart(ends["value"], 0.055 * float(long["value"].max())))
    names = (
        alt.Chart(ends)
        .mark_text(align="left", dx=6, fontWeight=600)
        .encode(x="period:Q", y="at:Q", text="line:N", color=colour)
    )
    edge = alt.Chart(pd.DataFrame({"period": [forecast_from], "name": ["forecast from here"]}))
    told = "; ".join(f"{row.line} {row.told}" for row in ends.itertuples())
    return alt.layer(
        edge.mark_rule(color=INK, strokeDash=[2, 3]).encode(x="period:Q"),
        edge.mark_text(align="left", dx=5).encode(x="period:Q", y=alt.value(8), text="name:N"),
        curves,
        names,
    ).properties(
        height=320,
        padding={"left": 5, "top": 5, "right": 76, "bottom": 8},
        description=f"Cumulative repeat purchases by {unit}, actual and expected; forecasts from "
        f"{unit} {forecast_from} on. At the end: {told}.",
    )
