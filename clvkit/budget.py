"""Where the next unit of money goes: marginal CAC, and a budget whose marginal returns meet."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd

from clvkit.acquisition import monthly_history
from clvkit.arguments import floats, whole_number
from clvkit.errors import DataError
from clvkit.models.base import Z90, Array
from clvkit.othertables import Spend
from clvkit.responses import DRAWS, Response, fit_response

_LEAST_MONTHS = 12
_NONE = 0.02
"""An elasticity that cannot be told from none."""
_STEADY = 0.05
"""Below this spread of monthly spend, as a share of its mean, there is no variation."""
_STEP = 0.5
"""A whole step follows the luck of the histories as far as their truth: see the methods page."""
_KNOWS_NOTHING = 0.8
"""An interval of the elasticity as wide as this says no more than the 0.9 it has before data."""


def marginal_cac(spend: Spend | pd.DataFrame, *, recent_months: int = 12) -> pd.DataFrame:
    """What the next customer of each channel costs, beside what the average one does.

    A saturating response is fitted to each channel's history (see the methods page): customers
    who come anyway, a hyperbola, a share of spend that works in later months, a season, a trend.
    The marginal CAC is spend over customers *at the margin*: one unit of money a month more than
    the mean of the last ``recent_months``, kept up, in a month of average season.

    Parameters
    ----------
    spend
        With ``new_customers``, from its column or from :func:`clvkit.new_customers`.

    Returns
    -------
    One row a channel: ``spend`` (a month), ``average_cac`` there by the response,
    ``marginal_cac`` (median) with its 90% interval ``low`` to ``high`` (``high`` is missing
    where the history does not rule out that more spend brings nobody), ``elasticity`` (per cent
    more customers for one per cent more spend) and ``reason``: why there is no figure, where the
    history has no variation to learn from, or too few months or customers.
    """
    rows = {}
    for channel, (now, response, reason) in _responses(spend, recent_months).items():
        if response is None:
            rows[channel] = [now, np.nan, np.nan, np.nan, np.nan, np.nan, reason]
            continue
        low, middle, high = np.quantile(1 / response.marginal(now), [0.05, 0.5, 0.95])
        if np.quantile(response.elasticity, 0.05) < _NONE:
            high = np.nan
        average = elasticity = np.nan
        if now:
            average = now / _customers(response, now)
            elasticity = np.median(now * response.marginal(now) / response.customers(now))
        rows[channel] = [now, average, middle, low, high, elasticity, ""]
    columns = ["spend", "average_cac", "marginal_cac", "low", "high", "elasticity", "reason"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("channel")


def response_curves(spend: Spend | pd.DataFrame, *, points: int = 40) -> pd.DataFrame:
    """Customers a month by monthly spend kept up, over the range that each channel has tried.

    Returns
    -------
    ``channel``, ``spend``, ``customers`` with its 90% interval ``low`` to ``high``, and ``now``,
    true at the spend of the last twelve months. Channels without a response are left out.
    """
    parts = []
    ranges = _tried(spend)
    for channel, (now, response, _) in _responses(spend, 12).items():
        if response is None:
            continue
        x = np.append(np.linspace(*ranges[channel], points), now)
        drawn = response.customers(x)
        low, middle, high = np.quantile(drawn, [0.05, 0.5, 0.95], axis=0)
        part = {"channel": channel, "spend": x, "customers": middle, "low": low, "high": high}
        parts.append(pd.DataFrame(part).assign(now=np.arange(len(x)) == points))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def allocate_budget(
    spend: Spend | pd.DataFrame,
    value: float | pd.Series | pd.DataFrame,
    *,
    budget: float | None = None,
    rule: Literal["marginal", "average"] = "marginal",
) -> pd.DataFrame:
    """Split a monthly budget over the channels until the last unit earns the same in each.

    Parameters
    ----------
    spend
        With ``new_customers``, as :func:`marginal_cac`.
    value
        What a new customer is worth before CAC: one number, one by channel, or the answer of
        :func:`clvkit.channel_value`, whose uncertainty is then carried along.
    budget
        Money a month. Without it every channel gets money until the marginal value of its
        customers meets their marginal cost: until one more unit brings back just one.
    rule
        ``"average"`` splits in proportion to value over average CAC instead, as many firms do:
        there to be compared with.

    Returns
    -------
    One row a channel: ``now`` (mean of the last twelve months), ``goal`` (where the returns meet)
    and ``then`` (half way there), money a month; ``return_now`` and ``return_goal``, the value
    that one more unit of money brings, with 90% intervals (``..._low``, ``..._high``); ``least``
    and ``most``, the monthly spend that was tried, between which all stay; ``verdict``
    (``more``, ``less``, or ``unclear`` where the interval of ``return_now`` holds
    ``attrs["return"]``, the return at the goal) and ``reason`` where a channel has no response
    and stays as it is. ``attrs``: ``gain`` of ``then`` a month against today with ``gain_low``
    and ``gain_high``, ``budget``, ``now``, ``return``.
    """
    fitted = _responses(spend, 12)
    now = pd.Series({channel: found[0] for channel, found in fitted.items()})
    responses = {c: found[1] for c, found in fitted.items() if found[1] is not None}
    known = list(responses)
    if not known:
        raise DataError(
            "No channel has a history from which a response can be learned: "
            + "; ".join(f"{channel}: {found[2]}" for channel, found in fitted.items())
            + ". Vary the spend on purpose for some months."
        )
    worth = _worth(value, list(fitted))
    tried = _tried(spend)
    fixed = now.drop(known).sum()
    total = now.sum() if budget is None else float(floats(budget, "budget"))
    limits = pd.DataFrame(tried, ["least", "most"]).T.loc[known]
    if budget is not None and not limits["least"].sum() <= total - fixed <= limits["most"].sum():
        raise DataError(
            f"budget={total:,.0f}: between {limits['least'].sum() + fixed:,.0f} and "
            f"{limits['most'].sum() + fixed:,.0f} a month the channels have been tried, and "
            "outside nobody knows. Give a budget between the two."
        )
    paths = {c: np.linspace(*tried[c], 200) for c in known}
    returns = {c: (worth[c][:, None] * responses[c].marginal(paths[c])).mean(axis=0) for c in known}

    def split(level: float) -> pd.Series:
        """Spend at which the marginal return of every channel has fallen to ``level``."""
        return pd.Series({c: float(np.interp(-level, -returns[c], paths[c])) for c in known})

    def proportional(scale: float) -> pd.Series:
        per = {c: worth[c].mean() * _customers(responses[c], now[c]) / now[c] if now[c] else 0.0
               for c in known}  # fmt: skip
        return (scale * pd.Series(per)).clip(limits["least"], limits["most"])

    level, start = 1.0, now[known]
    if budget is not None:
        # The same shares of the new budget, as far as they were tried.
        def scaled(scale: float) -> pd.Series:
            return (scale * now[known]).clip(limits["least"], limits["most"])

        start = scaled(_solve(lambda scale: scaled(scale).sum(), total - fixed))
    if rule == "average":
        goal = start = proportional(_solve(lambda s: proportional(s).sum(), total - fixed))
    elif budget is None:
        goal = split(1.0)
    else:
        level = _solve(lambda x: -split(x).sum(), -(total - fixed))
        goal = split(level)
    then = start + _STEP * (goal - start)
    reasons = {channel: found[2] for channel, found in fitted.items()}
    return _allocation(responses, reasons, worth, now, goal, then, tried, level)


def _allocation(
    responses: dict[str, Response], reasons: dict[str, str], worth: dict[str, Array],
    now: pd.Series, goal: pd.Series, then: pd.Series, tried: dict[str, tuple[float, float]],
    level: float,
) -> pd.DataFrame:  # fmt: skip
    rows, gain = {}, np.zeros(DRAWS)
    for channel, before in now.items():
        response, value = responses.get(str(channel)), worth[str(channel)]
        after = float(then.get(channel, before))
        aim = float(goal.get(channel, before))
        row: dict[str, object] = {"now": before, "then": after, "goal": aim}
        low, high = np.nan, np.nan
        if response is not None:
            x = np.array([before, aim, after])
            drawn = value[:, None] * response.marginal(x)
            for column, when in enumerate(("now", "goal")):
                ends = np.quantile(drawn[:, column], [0.05, 0.95])
                row[f"return_{when}"] = drawn[:, column].mean()
                row[f"return_{when}_low"], row[f"return_{when}_high"] = ends
                low, high = (low, high) if column else ends
            brought = response.customers(x)
            gain += value * (brought[:, 2] - brought[:, 0]) - (after - before)
        row["least"], row["most"] = tried[str(channel)]
        row["verdict"] = "more" if low > level else "less" if high < level else "unclear"
        rows[channel] = row | {"reason": reasons[str(channel)]}
    answer = pd.DataFrame.from_dict(rows, orient="index").rename_axis("channel")
    low, high = np.quantile(gain, [0.05, 0.95])
    answer.attrs = {
        "gain": float(gain.mean()), "gain_low": float(low), "gain_high": float(high),
        "now": float(now.sum()), "budget": float(answer["then"].sum()), "return": level,
    }  # fmt: skip
    return answer


def _responses(
    spend: Spend | pd.DataFrame, recent_months: int
) -> dict[str, tuple[float, Response | None, str]]:
    """By channel: mean monthly spend of the last months, the response, or why there is none."""
    whole_number(recent_months, "recent_months")
    answer: dict[str, tuple[float, Response | None, str]] = {}
    for channel, rows in monthly_history(spend).groupby("channel", sort=False):
        paid, came = rows["spend"].to_numpy(), rows["new_customers"].to_numpy()
        now, counted = float(paid[-recent_months:].mean()), int((~np.isnan(came)).sum())
        if not paid.sum():
            answer[str(channel)] = now, None, "nothing was spent"
        elif counted < _LEAST_MONTHS:
            few = f"{counted} months with a count of customers; {_LEAST_MONTHS} are needed"
            answer[str(channel)] = now, None, few
        elif not np.nansum(came):
            answer[str(channel)] = now, None, "nobody came"
        elif paid.std() < _STEADY * paid.mean():
            answer[str(channel)] = now, None, "spend hardly moved: nothing to learn from"
        else:
            month = rows["date"].dt.month.to_numpy()
            found = fit_response(paid, came, month, _seed(str(channel)))
            low, high = np.quantile(found.elasticity, [0.05, 0.95])
            vague = "too few customers, or too little variation, to tell its response"
            learned = high - low < _KNOWS_NOTHING
            answer[str(channel)] = now, found if learned else None, "" if learned else vague
    return answer


def _tried(spend: Spend | pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Least and most that was ever spent in a month, by channel."""
    paid = monthly_history(spend).groupby("channel", sort=False)["spend"]
    return {str(c): (float(x.min()), float(x.max())) for c, x in paid}


def _worth(value: float | pd.Series | pd.DataFrame, channels: list[str]) -> dict[str, Array]:
    """Draws of the value of a new customer of each channel."""
    error = pd.Series(0.0, channels)
    if isinstance(value, pd.DataFrame):
        error = ((value["high"] - value["low"]) / (2 * Z90)).fillna(0.0)
        mean = value["clv"]
    else:
        mean = value if isinstance(value, pd.Series) else pd.Series(float(value), channels)
    lacking = [c for c in channels if not np.isfinite(mean.get(c, np.nan))]
    if lacking:
        raise DataError(
            f"value: there is none for {', '.join(lacking)}. Give one for each channel with spend."
        )
    draws = {}
    for channel in channels:
        luck = np.random.default_rng(_seed(channel) + 1).standard_normal(DRAWS)
        draws[channel] = float(mean[channel]) + float(error.get(channel, 0.0)) * luck
    return draws


def _seed(channel: str) -> int:
    """The channel's own, so that the order of the channels does not matter."""
    return zlib.crc32(channel.encode())


def _customers(response: Response, spend: float) -> float:
    return float(np.median(response.customers(spend)))


def _solve(rising: Callable[[float], float], target: float) -> float:
    """The number above 0 at which a function that never falls reaches the target."""
    low, high = -60.0, 60.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(math.exp(middle)) < target else (low, middle)
    return math.exp((low + high) / 2)
