"""The chapters on acquisition on small and odd tables: they run to the end, or say why not."""

import numpy as np
import pandas as pd
import papermill
import pytest
from test_odd_chapters import NO_NUMBER, run_with, told

pytestmark = pytest.mark.slow
BOTH = ("chapters/clv-to-cac", "chapters/acquisition-budget")


def months(count=30, channels=("ads", "fair"), seed=1, steady=False):
    random = np.random.default_rng(seed)
    index = pd.period_range("2022-01", periods=count, freq="M").astype(str)
    rows = pd.DataFrame(
        [(m, c) for m in index for c in channels], columns=["month", "channel"]
    )  # fmt: skip
    rows["spend"] = 500.0 if steady else np.exp(random.normal(7, 0.6, len(rows))).round()
    rows["new_customers"] = random.poisson(2 * rows["spend"] ** 0.3)
    return rows


def orders(spend, seed=2, channel=True):
    """First orders where the table of spend says so, and a second one for half."""
    random = np.random.default_rng(seed)
    rows = spend.loc[spend.index.repeat(spend["new_customers"].astype(int))]
    day = random.integers(1, 28, len(rows)).astype(str)
    table = pd.DataFrame(
        {"customer_id": [f"K{i:05d}" for i in range(len(rows))],
         "date": rows["month"].to_numpy() + "-" + np.char.zfill(day.astype("U2"), 2),
         "amount": random.gamma(3, 15, len(rows)).round(2), "channel": rows["channel"].to_numpy()}
    )  # fmt: skip
    again = table.sample(frac=0.5, random_state=1).assign(channel="direct")
    again["date"] = (pd.to_datetime(again["date"]) + pd.Timedelta(days=40)).dt.strftime("%Y-%m-%d")
    table = pd.concat([table, again])
    return table if channel else table.drop(columns="channel")


ALONE = {
    "only new_customers": months(),
    "one channel": months(channels=("ads",)),
    "nobody by one channel": months().assign(
        new_customers=lambda t: t["new_customers"].where(t["channel"] == "ads", 0)
    ),
    "months without a count": months().assign(
        new_customers=lambda t: t["new_customers"].where(t.index % 7 > 0)
    ),
}
TOGETHER = {
    "purchases with channels": orders(months()),
    "purchases without channels": orders(months(), channel=False),
}


def check(name, params):
    notebook = run_with(name, params)
    said = [
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == "stderr"
    ]
    assert said == []
    assert {key: words for key, words in told(notebook).items() if NO_NUMBER.search(words)} == {}
    return told(notebook)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("table", ALONE)
def test_spend_with_new_customers_only(name, table, tmp_path):
    path = tmp_path / "spend.csv"
    ALONE[table].to_csv(path, index=False)
    words = check(name, {"spend": str(path), "subscriptions": None})
    if name == BOTH[0]:
        assert "cannot be checked without subscriptions" in words["who_counts"]
    else:
        assert "channels differ by cost alone" in words["value_told"]


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("table", TOGETHER)
def test_spend_and_purchases(name, table, tmp_path):
    spend, bought = tmp_path / "spend.csv", tmp_path / "orders.csv"
    months().drop(columns="new_customers").to_csv(spend, index=False)
    TOGETHER[table].to_csv(bought, index=False)
    params = {"spend": str(spend), "subscriptions": None, "transactions": str(bought)}
    params["horizon_months"] = 6
    if "without" in table and name == BOTH[1]:
        with pytest.raises(papermill.PapermillExecutionError, match="channel") as refused:
            run_with(name, params)
        assert refused.value.ename == "UndefinedError"
        return
    words = check(name, params)
    if name == BOTH[1]:
        assert "are worth most" in words["value_told"]
    else:
        assert ("cannot be told" in words["told_paid"]) == ("without" in table)


def test_spend_that_never_moved_is_refused_by_the_budget(tmp_path):
    path = tmp_path / "spend.csv"
    months(steady=True).to_csv(path, index=False)
    params = {"spend": str(path), "subscriptions": None}
    with pytest.raises(papermill.PapermillExecutionError, match="hardly moved") as refused:
        run_with(BOTH[1], params)
    assert refused.value.ename == "UndefinedError"
    check(BOTH[0], params)


def test_the_shop(tmp_path):
    params = {"spend": "shop", "subscriptions": None, "transactions": "shop"}
    params |= {"horizon_months": 12, "gross_margin": 0.4}
    words = check(BOTH[1], params)
    assert "dearest at the margin" in words["trap"]
    assert "direct (no spend)" in words["without"]
    check(BOTH[0], params | {"price": 12.0, "churn": 0.08})


def test_a_firm_that_never_sees_its_money_again():
    words = check(BOTH[0], {"price": 10.0, "churn": 0.2})
    assert "it never comes: all the margin" in words["comes"]
    assert "misses 3 to 1 on every basis" in words["says"]
    words = check(BOTH[0], {"churn": 0.0, "annual_discount_rate": 0.0001})
    assert "it takes" in words["comes"]
