"""The chart of a table's edges says in words what it shows."""

import pandas as pd

from clvkit import charts


def test_activity_names_its_ends_and_marks_an_unfinished_month():
    months = pd.DataFrame(
        {"new": [40, 10], "known": [0, 25], "whole": [True, False]}, index=["2025-01", "2025-02"]
    )
    spec = charts.activity(months).to_dict()
    assert "first month 40 new, 0 known; last month 10 new, 25 known" in spec["description"]
    assert spec["description"].endswith("not covered to its end.")
    whole = charts.activity(months.assign(whole=True)).to_dict()
    assert whole["description"].endswith("25 known.")
