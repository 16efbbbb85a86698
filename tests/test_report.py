"""The ten figures of a report: right where they can be, absent with a reason where not."""

import numpy as np
import pandas as pd
import pytest
from odd_tables import ODD, ODDER

import clvkit as clv
from clvkit.report import key_figures

NAMES = [
    "Customers",
    "Revenue",
    "Customers who came back",
    "Margin per customer so far",
    "Revenue from the best tenth",
    "Customers who will buy in the next 12 months",
    "Purchases in the next 12 months",
    "Value of a customer from today on",
    "Value of today's customers",
    "Test on purchases the model had not seen",
]
FORECASTS = NAMES[5:]


@pytest.fixture(scope="module")
def figures(sample):
    return key_figures(sample).set_index("name")


def test_ten_rows_with_the_columns_that_the_page_shows(sample):
    table = key_figures(sample)
    assert list(table.columns) == ["name", "value", "low", "high", "text", "caveat"]
    assert list(table["name"]) == NAMES
    assert table[["text", "caveat"]].map(lambda text: text.endswith(".")).all(axis=None)


def test_the_counted_figures_are_those_of_the_table(figures, sample):
    table, summary = sample.table, clv.summarize(sample)
    spent = table.groupby("customer_id")["amount"].sum()
    assert figures.loc["Customers", "value"] == 2357
    assert figures.loc["Revenue", "value"] == pytest.approx(table["amount"].sum())
    back = (summary["frequency"] > 0).mean()
    assert figures.loc["Customers who came back", "value"] == pytest.approx(back)
    assert figures.loc["Margin per customer so far", "value"] == pytest.approx(0.3 * spent.mean())
    best = spent.nlargest(236).sum() / spent.sum()
    assert figures.loc["Revenue from the best tenth", "value"] == pytest.approx(best)


def test_the_forecasts_are_those_of_the_chapter(figures, sample):
    today = clv.summarize(sample)
    model, spend = clv.BetaGeoNBD().fit(today), clv.GammaGamma().fit(today)
    value = clv.lifetime_value(model, spend, today)
    base = figures.loc["Value of today's customers"]
    assert base[["value", "low", "high"]].tolist() == pytest.approx(
        [value.attrs[name] for name in ("total", "total_low", "total_high")]
    )
    bought = model.expected_purchases(today, 365.25 / 7)
    assert figures.loc[NAMES[6], "value"] == pytest.approx(bought.sum())
    none = model.purchase_probabilities(today, 365.25 / 7, most=1)[0]
    assert figures.loc[NAMES[5], "value"] == pytest.approx((1 - none).sum())
    fit_on, holdout = clv.split(sample)
    predicted = clv.BetaGeoNBD().fit(fit_on).expected_purchases(fit_on, holdout["duration"].iloc[0])
    off = predicted.sum() / holdout["purchases"].sum() - 1
    assert figures.loc[NAMES[9], "value"] == pytest.approx(off)


def test_an_interval_holds_its_figure_and_is_in_the_words(figures):
    known = figures.dropna(subset=["low"])
    assert len(known) >= 7
    assert (known["low"] < known["value"]).all()
    assert (known["value"] < known["high"]).all()
    told = known["text"].str.contains("90% interval") | (known.index == NAMES[9])
    assert told.all()


def test_money_carries_its_currency_and_its_terms(sample):
    table = key_figures(sample, currency="EUR", gross_margin=0.5, horizon_months=24)
    texts = table.set_index("name")["text"]
    assert "€" in texts["Revenue"]
    assert "$" not in "".join(texts)
    assert "24 months, at a margin of 50% and 10% a year" in texts["Value of today's customers"]


def test_few_customers_and_a_short_history_are_said():
    caveats = key_figures(ODD["two hundred, six months"]()).set_index("name")["caveat"]
    base = caveats["Value of today's customers"]
    assert "200 customers leave the interval wide" in base
    assert "6 months of history say little" in base
    assert "the model warns: a = " in base


def test_no_repeat_purchases_leave_no_forecast():
    figures = key_figures(ODD["nobody repeats"]()).set_index("name")
    assert figures.loc[FORECASTS, "value"].isna().all()
    assert figures.loc[FORECASTS[0], "text"].startswith("Not computed. Nobody bought a second time")
    assert figures.loc["Customers who came back", "high"] == pytest.approx(0.0089, abs=1e-4)


def test_one_price_is_a_value_without_a_model_of_spend():
    figures = key_figures(ODD["one price"]()).set_index("name")
    assert figures.loc["Value of today's customers", "value"] > 0
    caveat = figures.loc["Value of a customer from today on", "caveat"]
    assert "every repeat purchase is of $29.00" in caveat


def test_one_giant_is_named_as_such_and_never_by_name():
    figures = key_figures(ODD["one giant"]()).set_index("name")
    margin = figures.loc["Margin per customer so far"]
    assert np.isnan(margin["low"])
    assert "One customer alone brought 90% of it" in margin["caveat"]
    assert "without that customer it is $32.98" in margin["caveat"]


def test_a_mean_that_does_not_exist_is_no_figure(monkeypatch):
    endless = clv.GammaGamma(p=1.0, q=0.9, gamma=10.0)
    monkeypatch.setattr(clv.GammaGamma, "fit", lambda self, summary: endless)
    figures = key_figures(ODD["two hundred, six months"]()).set_index("name")
    assert "q is not above 1" in figures.loc["Value of a customer from today on", "text"]
    assert np.isnan(figures.loc["Value of today's customers", "value"])


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("two days", "fall on 2 days"),
        ("one day", "Nobody bought a second time"),
        ("one month", "cover 28 days"),
        ("all alike", "cover 31 days"),
    ],
)
def test_a_history_that_cannot_show_departure_is_refused(name, why):
    orders = {**ODD, **ODDER}[name]()
    figures = key_figures(orders).set_index("name")
    assert why in figures.loc[FORECASTS[0], "text"]
    assert set(figures.loc[FORECASTS[1:], "text"]) == {"Not computed, for the same reason."}
    with pytest.raises(clv.DataError, match=why):
        clv.checks.require_history(orders)


def test_fewer_than_ten_who_came_back_are_too_few():
    few = ODD["nobody repeats"]()
    again = few.head(5).assign(date="2024-09-01")
    with pytest.raises(clv.DataError, match="Only 5 of 300 customers"):
        clv.checks.require_history(pd.concat([few, again], ignore_index=True))


@pytest.mark.parametrize("name", [*ODD, *ODDER])
def test_odd_tables_give_ten_rows_without_an_id_or_a_number_that_is_none(name):
    table = key_figures({**ODD, **ODDER}[name]())
    words = " ".join(table["text"] + table["caveat"])
    assert list(table["name"]) == NAMES
    assert "K0" not in words
    assert "K9" not in words
    assert "nan" not in words
    assert "–" not in words


def test_free_goods_have_no_share_and_no_value():
    free = ODD["two hundred, six months"]().assign(amount=0.0)
    figures = key_figures(free).set_index("name")
    assert "There is no revenue" in figures.loc["Revenue from the best tenth", "text"]
    assert figures.loc["Purchases in the next 12 months", "value"] > 0
    assert np.isnan(figures.loc["Value of today's customers", "value"])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"gross_margin": 1.4}, "between 0 and 1"),
        ({"horizon_months": 0}, "more than 0 months"),
        ({"horizon_months": -3}, "0 or more"),
        ({"annual_discount_rate": -2}, "annual_discount_rate|rate"),
        ({"currency": "euro"}, "ISO 4217"),
    ],
)
def test_a_wrong_parameter_is_an_error_and_not_a_missing_figure(sample, wrong, message):
    with pytest.raises(clv.DataError, match=message):
        key_figures(sample, **wrong)


def test_intervals_stay_sane_where_a_parameter_runs_away():
    """Thirty customers say nothing about a and b: the draws must not collapse far out."""
    summary = clv.summarize(clv.read_transactions(ODD["thirty customers"]()))
    model = clv.BetaGeoNBD().fit(summary)
    for number, seed in ((100, 1), (400, 1), (400, 2)):
        draws = model.draws(number, seed=seed)
        assert draws["r"].nunique() > number / 2
        low, high = np.quantile(
            [model._with(row).expected_purchases(summary, 52).sum() for row in draws.to_numpy()],
            [0.05, 0.95],
        )
        assert low < model.expected_purchases(summary, 52).sum() < high
