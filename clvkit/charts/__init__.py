"""Charts of the book: each function takes a result table and returns a described Altair chart."""

from clvkit.charts.acquisition import (
    acquisition_calculator,
    average_and_marginal,
    budget_moves,
    channel_ratios,
    payback_curve,
    ratio_bases,
    response_shapes,
)
from clvkit.charts.churn import banded_lines, interval_rows, mrr_layers, mrr_waterfall
from clvkit.charts.cohorts import before_and_after, cohort_heatmap, cumulative_value
from clvkit.charts.contracts import (
    one_over_churn,
    risk_by_tenure,
    rival_forecasts,
    spend_ceiling,
    survival_forecast,
    worth_by_tenure,
)
from clvkit.charts.definitions import definition_tree
from clvkit.charts.edges import activity
from clvkit.charts.experiments import (
    effects,
    looks,
    offer_price,
    power_curve,
    profit_curve,
    uplift_curves,
)
from clvkit.charts.formulas import (
    booking_conventions,
    clv_calculator,
    growth_limit,
    payment_timeline,
    retention_of_a_mix,
    tornado,
)
from clvkit.charts.monitoring import control_limits, drift
from clvkit.charts.plays import around_joining, backlog, lever_worth, order_values
from clvkit.charts.purchases import (
    alive_map,
    decile_bars,
    holdout_by_class,
    rules_by_cost,
    tracking,
)
from clvkit.charts.segments import (
    attribute_differences,
    importance_bars,
    lorenz,
    movement_map,
    revenue_trend,
    rival_figures,
    segment_bars,
)
from clvkit.charts.theme import setup

__all__ = [
    "acquisition_calculator",
    "activity",
    "alive_map",
    "around_joining",
    "attribute_differences",
    "average_and_marginal",
    "backlog",
    "banded_lines",
    "before_and_after",
    "booking_conventions",
    "budget_moves",
    "channel_ratios",
    "clv_calculator",
    "cohort_heatmap",
    "control_limits",
    "cumulative_value",
    "decile_bars",
    "definition_tree",
    "drift",
    "effects",
    "growth_limit",
    "holdout_by_class",
    "importance_bars",
    "interval_rows",
    "lever_worth",
    "looks",
    "lorenz",
    "movement_map",
    "mrr_layers",
    "mrr_waterfall",
    "offer_price",
    "one_over_churn",
    "order_values",
    "payback_curve",
    "payment_timeline",
    "power_curve",
    "profit_curve",
    "ratio_bases",
    "response_shapes",
    "retention_of_a_mix",
    "revenue_trend",
    "risk_by_tenure",
    "rival_figures",
    "rival_forecasts",
    "rules_by_cost",
    "segment_bars",
    "setup",
    "spend_ceiling",
    "survival_forecast",
    "tornado",
    "tracking",
    "uplift_curves",
    "worth_by_tenure",
]
