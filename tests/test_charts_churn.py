"""Charts of churn and recurring revenue: what they say, and that they can be drawn."""

import json

import numpy as np
import pandas as pd
import pytest
import vl_convert
from test_spans import contracts

import clvkit as clv
from clvkit import charts


def drawn(chart):
    """The description of a chart that could be drawn."""
    charts.setup()
    spec = chart.to_dict() | {"width": 340}
    assert vl_convert.vegalite_to_svg(json.dumps(spec)).startswith("<svg")
    return spec["description"]


def test_rows_state_estimates_and_intervals():
    table = pd.DataFrame(
        {"rate": [0.02, 0.5], "low": [0.01, np.nan], "high": [0.03, np.nan]}, ["one", "two"]
    )
    said = drawn(charts.interval_rows(table, "rate", "Churn"))
    assert said == "Churn: one 2.0% (1.0% to 3.0%); two 50.0%."
    factors = table.rename(columns={"rate": "factor"})
    said = drawn(charts.interval_rows(factors, "factor", "X", write="{:.2f}".format, reference=1))
    assert "one 0.02 (0.01 to 0.03)" in said


@pytest.mark.parametrize("days", [False, True])
def test_lines_state_where_they_begin_and_end(days):
    at = pd.date_range("2024-01-01", periods=3, freq="MS") if days else [0, 1, 2]
    line = pd.DataFrame({"at": at, "estimate": [1, 0.8, 0.7], "low": [1, 0.7, 0.6], "high": 1.0})
    both = pd.concat([line.assign(line="a"), line.assign(line="b")])
    said = drawn(charts.banded_lines(both, "", "There", level=0.75, ahead="mean"))
    assert said == "There, with 90% bands: a from 100.0% to 70.0%; b from 100.0% to 70.0%."


def test_movements_and_layers_state_their_money():
    table = contracts(
        ("1", "2023-12-05", "2024-02-10", 100), ("2", "2024-01-10", None, 50),
        ("3", "2024-01-10", "2024-02-01", 30), ("3", "2024-02-01", None, 10),
    )  # fmt: skip
    moves = clv.mrr_movements(table, observation_end="2024-02-29").loc["2024-01":]
    said = drawn(charts.mrr_waterfall(moves, "EUR"))
    assert "at the start €100; new €80" in said
    assert "contraction -€20; churn -€100; at the end €60" in said
    said = drawn(charts.mrr_layers(clv.mrr_by_cohort(table, observation_end="2024-02-29"), "EUR"))
    assert "2023 €0; 2024 €60" in said
