"""Why customers leave, what makes them, and who is likely to be next."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvkit.arguments import whole_number
from clvkit.errors import UndefinedError
from clvkit.intervals import poisson
from clvkit.models.base import Z90, Array
from clvkit.othertables import Customers, Subscriptions, read_customers
from clvkit.parsing import day as one_day
from clvkit.spans import Day, Ledger, billing_months, customer_months, daily, days_of, ledger
from clvkit.units import DAYS

_LEAST_LEFT = 30
_LEAST_HELD = 10
_MOST_LEVELS = 8
_RESAMPLES = 200
_STAGES = (3, 6, 12, 24)


class _Months(NamedTuple):
    """Renewals, or months: what is known of each when it begins, and what became of it."""

    rows: pd.DataFrame
    known: pd.DataFrame
    calendar: pd.PeriodIndex


def churn_reasons(
    subs: Subscriptions | pd.DataFrame,
    *,
    observation_start: Day = None,
    observation_end: Day = None,
    grace_days: int = 0,
) -> pd.DataFrame:
    """Why customers left, how fast each reason takes them, and the recurring revenue it took.

    Every reason competes for the same customers, so its rate is leavings for this reason over all
    months that customers were there (a cause-specific hazard).

    Returns
    -------
    One row a reason, the costliest first: ``churned`` (leavings), ``share`` of them, ``rate`` a
    customer and month with Garwood's 90% interval ``low`` to ``high``, ``mrr_lost`` (what the
    leavers paid a month) and ``came_back`` (leavings after which the customer returned). Without
    an ``end_reason`` all leavings are ``"not recorded"``. ``attrs["customer_months"]`` is what the
    rates divide by.
    """
    book = ledger(subs, observation_start, observation_end, grace_days)
    gone = (book.after == 0) & (book.day >= book.first)
    returns = np.append(np.diff(book.customer) == 0, False)
    left = pd.DataFrame(
        {
            "reason": _end_reasons(book)[gone],
            "mrr_lost": book.before[gone] / book.scale,
            "came_back": returns[gone],
        }
    )
    table = left.groupby("reason").agg(
        churned=("mrr_lost", "size"), mrr_lost=("mrr_lost", "sum"), came_back=("came_back", "sum")
    )
    months = float(daily(book)["there"].sum() / DAYS["M"])
    table.insert(1, "share", table["churned"] / table["churned"].sum())
    table.insert(2, "rate", table["churned"] / months)
    low, high = poisson(table["churned"], months)
    table.insert(3, "low", low)
    table.insert(4, "high", high)
    table["mrr_lost"] = table["mrr_lost"].round(2)
    table.attrs = book.attrs() | {"customer_months": months}
    return table.sort_values("mrr_lost", ascending=False, kind="stable")


def churn_effects(
    subs: Subscriptions | pd.DataFrame,
    price_change: Day = None,
    *,
    customers: Customers | pd.DataFrame | None = None,
    reason: str | None = None,
    months: int = 6,
    observation_start: Day = None,
    observation_end: Day = None,
) -> pd.DataFrame:
    """By how much each circumstance multiplies the hazard of leaving, the others held fixed.

    A proportional-hazards model in discrete time: at each month with a renewal due, log(-log(1-p))
    is linear in what is known when the month begins (Prentice and Gloeckler 1978, Biometrics 34).
    Tenure (in classes), yearly billing, plan and channel are always held fixed where the table
    has them. What nobody recorded is not, so a ratio is an effect only where nothing unseen moves
    both; differences between customers pull all ratios towards 1 as the sensitive ones leave.

    Parameters
    ----------
    price_change
        A day. Customers who joined before it are compared, in its month and the ``months`` - 1 that
        follow, with themselves in other months and with those who joined later.
    customers
        Attributes to look at as well: numbers as they are, other columns by level. Only what was
        known when the months began may be in there.
    reason
        Count leavings for this ``end_reason`` only; those who left for another are out of reach.

    Returns
    -------
    One row an effect: ``hazard_ratio`` with its 90% interval ``low`` to ``high``, and ``against``,
    what a level is compared with. ``attrs["left"]`` has the leavings; ``attrs["left_out"]`` names
    what could not be estimated since all or none with it left.

    Raises
    ------
    UndefinedError
        Where fewer than 30 customers left at a renewal.
    """
    import statsmodels.api as sm  # Takes a second to load.

    book = ledger(subs, observation_start, observation_end)
    data = _months(book, customers)
    rows, known = data.rows, data.known
    if price_change is not None:
        day = one_day(price_change, "price_change")
        place = pd.Period(day, "M").ordinal - data.calendar[0].ordinal
        felt = (rows["period"] >= place) & (rows["period"] < place + whole_number(months, "months"))
        known.insert(0, "price change", (felt & (rows["joined"] < days_of([day])[0])).astype(float))
    lost = rows["lost"]
    if reason is not None:
        lost = lost & (rows["reason"] == reason)
    lost, known = (
        lost[rows["due"]],
        known[rows["due"]].drop(columns=["renewal due", "yearly renewal due"]),
    )
    if lost.sum() < _LEAST_LEFT:
        raise UndefinedError(
            f"{int(lost.sum())} customers left at a renewal{f' for {reason!r}' if reason else ''}; "
            f"at least {_LEAST_LEFT} are needed to tell one circumstance from another."
        )
    two = known.isin([0, 1]).all()
    events, others = known[lost].abs().sum(), (1 - known[lost]).sum()
    useless = (known.nunique() < 2) | (two & ((events == 0) | (others == 0)))
    design = known.loc[:, ~useless]
    # Lines in which everything is alike are counted, not repeated.
    alike = lost.groupby([design[name] for name in design]).agg(["sum", "size"])
    outcome = np.column_stack([alike["sum"], alike["size"] - alike["sum"]]).astype("float64")
    levels = sm.add_constant(alike.index.to_frame(index=False))
    family = sm.families.Binomial(link=sm.families.links.CLogLog())
    fit = sm.GLM(outcome, levels, family=family).fit()
    effects = pd.DataFrame(
        {
            "hazard_ratio": np.exp(fit.params),
            "low": np.exp(fit.params - Z90 * fit.bse),
            "high": np.exp(fit.params + Z90 * fit.bse),
        }
    ).drop(index="const")
    effects["against"] = [known.attrs["against"].get(name, "") for name in effects.index]
    effects = effects.rename_axis("effect")
    effects.attrs = book.attrs() | {
        "left": int(lost.sum()), "left_out": list(known.columns[useless]),
    }  # fmt: skip
    return effects


def customers_at_risk(
    subs: Subscriptions | pd.DataFrame,
    customers: Customers | pd.DataFrame | None = None,
    *,
    horizon_months: int = 3,
    held_out_months: int = 6,
    observation_start: Day = None,
    observation_end: Day = None,
) -> pd.DataFrame:
    """Today's customers by the recurring revenue that is likely to be lost soon: an early warning.

    A logistic regression on customers and months (scikit-learn's, lightly penalised) learns who was
    gone by the end of a month from what is known when it begins: tenure, renewals due, price, plan,
    channel, an earlier return, a recent rise of the price, and the attributes in ``customers``. The
    last ``held_out_months`` complete months are kept out to test it, against a model that knows
    tenure alone; for the answer it is fitted to all.

    Returns
    -------
    One row a customer there on the last observed day, the most money first: ``mrr``, ``tenure``
    (months), ``probability`` of leaving within the horizon, ``mrr_at_risk``, their product, and
    ``renewal_due``, whether a renewal falls in the horizon. ``attrs["check"]`` has, over the
    held-out months, the chance that a leaver is ranked above a stayer (``auc``, and
    ``auc_tenure``), ``gain``, their difference, with its 90% interval over customers, and the share
    of the lost revenue found in the tenth with the most money at risk (``top_tenth``, and
    ``top_tenth_tenure``).

    Raises
    ------
    UndefinedError
        Where fewer than 30 customers left before the held-out months, or fewer than 10 in them.
    """
    book = ledger(subs, observation_start, observation_end)
    data = _months(book, customers)
    rows, known = data.rows, data.known
    held = (
        rows["period"] >= len(data.calendar) - whole_number(held_out_months, "held_out_months")
    ).to_numpy()
    lost = rows["lost"].to_numpy()
    if lost[~held].sum() < _LEAST_LEFT or lost[held].sum() < _LEAST_HELD:
        raise UndefinedError(
            f"{int(lost[~held].sum())} customers left before the last {held_out_months} complete "
            f"months and {int(lost[held].sum())} in them; {_LEAST_LEFT} and {_LEAST_HELD} are "
            "needed to learn who is at risk and to test it. Export a longer time."
        )
    alone = [name for name in known if str(name).startswith("tenure")]
    score, tenure = (
        _chances(known.loc[~held, names], lost[~held], known.loc[held, names])
        for names in (list(known), alone)
    )
    check = _held_out(rows[held], score, tenure)
    ahead = whole_number(horizon_months, "horizon_months")
    soon = _months(book, customers, ahead)
    first = soon.rows[soon.rows["period"] == 0]
    shape = (ahead, len(first))  # The same customers in every month.
    stays = (1 - _chances(known, lost, soon.known)).reshape(shape).prod(axis=0)
    due = soon.rows["due"].to_numpy().reshape(shape).any(axis=0)
    mrr = first["paid"].to_numpy() / book.scale
    table = pd.DataFrame(
        {
            "mrr": mrr.round(2),
            "tenure": first["tenure"].to_numpy(),
            "probability": 1 - stays,
            "mrr_at_risk": mrr * (1 - stays),
            "renewal_due": due,
        },
        index=book.ids[first["customer"]],
    ).sort_values("mrr_at_risk", ascending=False, kind="stable")
    table.attrs = book.attrs() | {"horizon_months": ahead, "check": check}
    return table


def _end_reasons(book: Ledger) -> pd.Series:
    """For each change of a ledger the reason on the contract that ends there, if there is one."""
    known = pd.Series("not recorded", index=range(len(book.day)))
    if "end_reason" not in book.table:
        return known
    rows = book.table.dropna(subset=["end", "end_reason"])
    rows = rows[rows["end_reason"].astype(str).str.strip() != ""]
    keys = pd.MultiIndex.from_arrays(
        [book.ids.get_indexer(pd.Index(rows["customer_id"])), days_of(rows["end"])]
    )
    reason = pd.Series(rows["end_reason"].astype(str).to_numpy(), index=keys)
    reason = reason[~reason.index.duplicated()]
    at = pd.MultiIndex.from_arrays([book.customer, book.day])
    return reason.reindex(at).reset_index(drop=True).fillna("not recorded")


def _months(book: Ledger, customers: Customers | pd.DataFrame | None, ahead: int = 0) -> _Months:
    """Customers and complete months; with ``ahead`` today's customers and so many months on."""
    index, complete = book.periods("M")
    if ahead:
        index = pd.period_range(index[-1] + 1, periods=ahead, freq="M")
    elif not complete.any():
        raise UndefinedError("No month was observed from end to end: export a longer time.")
    else:
        index = index[complete]
    rows = customer_months(book, index)
    day = days_of(index.to_timestamp())[rows["period"]]
    rows["joined"] = book.joined()[rows["customer"]]
    contract = book.table.iloc[rows["row"]].reset_index(drop=True)
    known = pd.DataFrame(index=rows.index)
    for stage in _STAGES:
        known[f"tenure from {stage} months"] = (rows["tenure"] >= stage).astype("float64")
    yearly = billing_months(contract) > 1
    known["renewal due"] = rows["due"].astype("float64")
    known["yearly billing"] = yearly.astype("float64")
    known["yearly renewal due"] = (yearly & rows["due"]).astype("float64")
    known["came back"] = (book.first_left()[rows["customer"]] < day).astype("float64")
    if "plan" not in contract:
        known["price (log)"] = np.log(rows["paid"] / book.scale)
    against: dict[str, str] = {}
    told = [name for name in ("plan", "channel") if name in contract]
    for name in told:
        _add(known, against, name, contract[name])
    people = _attributes(book, customers)
    for column in people.columns.difference(told, sort=False):
        values = people[column].iloc[rows["customer"]].reset_index(drop=True)
        _add(known, against, str(column), values)
    known.attrs["against"] = against
    rows["reason"] = _reasons(book, index, rows)
    return _Months(rows, known, index)


def _attributes(book: Ledger, customers: Customers | pd.DataFrame | None) -> pd.DataFrame:
    """The attributes of the ledger's customers, numbers as numbers; no days."""
    if customers is None:
        return pd.DataFrame(index=book.ids)
    table = read_customers(customers).table.set_index("customer_id").reindex(book.ids)
    days = [name for name in table if pd.api.types.is_datetime64_any_dtype(table[name])]
    return table.drop(columns=days)


def _add(known: pd.DataFrame, against: dict[str, str], name: str, values: pd.Series) -> None:
    """Add what one attribute says: a number as it is, else each level beside the commonest."""
    numbers = pd.to_numeric(values, errors="coerce")
    if values.notna().any() and numbers.notna().sum() == values.notna().sum():
        known[name] = numbers.astype("float64").fillna(float(numbers.median()))
        return
    texts = values.astype("string").fillna("not known")
    levels = texts.value_counts()
    for level in sorted(levels.index[1:_MOST_LEVELS]):
        known[f"{name}: {level}"] = (texts == level).astype("float64")
        against[f"{name}: {level}"] = str(levels.index[0])


def _reasons(book: Ledger, index: pd.PeriodIndex, rows: pd.DataFrame) -> pd.Series:
    """Why the customers of ``rows`` who were lost had left."""
    gone = book.after == 0
    place = np.searchsorted(days_of(index.to_timestamp()), book.day[gone], side="right") - 1
    why = pd.DataFrame(
        {"customer": book.customer[gone], "period": place, "why": _end_reasons(book)[gone]}
    ).drop_duplicates(["customer", "period"], keep="last")
    found = rows[["customer", "period"]].merge(why, how="left", on=["customer", "period"])["why"]
    return found.where(rows["lost"])


def _chances(known: pd.DataFrame, lost: Array, asked: pd.DataFrame) -> Array:
    """Chance of leaving in each line of ``asked``, learnt from ``known`` and who was ``lost``."""
    from sklearn.linear_model import LogisticRegression  # Takes a second to load.

    middle, width = known.mean(), known.std().replace(0, 1)
    model = LogisticRegression(max_iter=500).fit((known - middle) / width, lost)
    # A column of one of the two that the other has not is of no use.
    asked = asked.reindex(columns=known.columns, fill_value=0.0)
    chance: Array = model.predict_proba((asked - middle) / width)[:, 1]
    return chance


def _held_out(rows: pd.DataFrame, score: Array, tenure: Array) -> dict[str, float]:
    """How well two rankings found those who left, with an interval over customers."""
    lost, money = rows["lost"].to_numpy(), rows["paid"].to_numpy("float64")
    code, customers = pd.factorize(rows["customer"])
    places = [np.unique(ranking, return_inverse=True)[1] for ranking in (score, tenure)]
    random = np.random.default_rng(1)

    def auc(place: NDArray[np.intp], weight: Array) -> float:
        """Chance that a leaver stands above a stayer; equal places count half."""
        leavers, stayers = np.bincount(place, weight * lost), np.bincount(place, weight * ~lost)
        below = np.cumsum(stayers) - stayers / 2
        return float(leavers @ below / (leavers.sum() * stayers.sum()))

    def found(ranking: Array) -> float:
        top = np.argsort(-ranking * money, kind="stable")[: max(1, len(ranking) // 10)]
        return float(money[top][lost[top]].sum() / money[lost].sum())

    size, gains = len(customers), []
    for _ in range(_RESAMPLES):
        weight = np.bincount(random.integers(0, size, size), minlength=size)[code].astype("float64")
        gains.append(auc(places[0], weight) - auc(places[1], weight))
    own, alone = (auc(place, np.ones(len(lost))) for place in places)
    low, high = np.quantile(gains, [0.05, 0.95])
    return {
        "auc": own, "auc_tenure": alone, "gain": own - alone, "low": float(low),
        "high": float(high), "lost": int(lost.sum()), "top_tenth": found(score),
        "top_tenth_tenure": found(tenure),
    }  # fmt: skip
