"""Looking at a running experiment without raising the rate of false alarms."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import norm

from clvkit.arguments import share, whole_number
from clvkit.arms import Arm, binary, compare_arms, measured, two_arms
from clvkit.errors import DataError
from clvkit.models.base import Array
from clvkit.othertables import Experiment

_FAR = 8.0  # standard errors from 0, where nobody gets by chance
_NODES = 120  # of the integral over where the test can stand at a look


def look_boundaries(information: Array, level: float = 0.95) -> Array:
    """How far from 0 the z of each look has to be, so that all looks together keep the level.

    ``information`` is the share of the planned people seen at each look, rising, up to 1. The
    error α is spent on each side as α(t)/2 = 2 - 2Φ(z_{α/4} / √t), little of it early (Lan and
    DeMets 1983, of the O'Brien-Fleming type); the boundaries follow by numerical integration over
    where the test can stand without having stopped (Armitage, McPherson and Rowe 1969).
    """
    t = np.asarray(information, dtype="float64")
    if t.size == 0 or not ((np.diff(t, prepend=0.0) > 0).all() and t[-1] <= 1 + 1e-12):
        raise DataError(f"information={information!r}: shares above 0 and up to 1, each higher.")
    spent = 4 * norm.sf(norm.ppf((3 + share(level, "level")) / 4) / np.sqrt(t))
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    # The score process B = z √t: where it stands at a look, and with which density.
    at, mass, before = np.zeros(1), np.ones(1), 0.0
    boundaries = []
    for now, error in zip(t, np.diff(spent, prepend=0.0), strict=True):
        step, root = np.sqrt(now - before), np.sqrt(now)
        z = _boundary(at / step, mass, root / step, error)
        boundaries.append(z)
        here = min(z, _FAR) * root * nodes
        density = norm.pdf((here[:, None] - at) / step) / step @ mass
        at, mass, before = here, min(z, _FAR) * root * weights * density, now
    return np.array(boundaries)


def _boundary(at: Array, mass: Array, slope: float, error: float) -> float:
    """The z beyond which, on either side, lies ``error`` of what has not stopped before."""

    def excess(z: float) -> float:
        return float(mass @ (norm.sf(z * slope - at) + norm.cdf(-z * slope - at)) - error)

    # An error this small no computer can spend: no z is far enough out at that look.
    return float(brentq(excess, 0.0, _FAR)) if excess(_FAR) < 0 else np.inf


def sequential_test(
    trial: Experiment | pd.DataFrame,
    treatment: str,
    *,
    control: str | None = None,
    measure: str = "outcome",
    looks: int = 5,
    planned: int | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Look several times at a test as its people come in, and stop early only where it is safe.

    People count from ``assigned_at``; those of one day are seen together.

    Parameters
    ----------
    looks
        Looks that were planned, equally far apart in people.
    planned
        People planned for both arms together; by default those there are, as if the test ended
        with them.

    Returns
    -------
    One row a look: ``date`` (the last seen), ``people``, ``information`` (share of the planned
    people), ``effect`` with ``low`` and ``high`` (the boundary times the standard error: they hold
    at all looks together), ``z``, ``boundary``, ``stop`` (z beyond it) and ``naive`` (z beyond the
    boundary of a single look, which is how peeking goes wrong).
    """
    looks = whole_number(looks, "looks")
    rows, _ = measured(trial, measure)
    rows, control = two_arms(rows, treatment, control)
    if "assigned_at" not in rows or rows["assigned_at"].isna().all():
        raise DataError(
            "Looks follow the days on which people were assigned: give the column assigned_at."
        )
    rows = rows[rows["assigned_at"].notna()].sort_values("assigned_at", kind="stable")
    planned = len(rows) if planned is None else whole_number(planned, "planned")
    by_day = rows.groupby("assigned_at").size().cumsum()
    wanted = planned * np.arange(1, looks + 1) / looks
    # The first day on which enough have come; what comes after the plan is not looked at.
    places = np.searchsorted(by_day.to_numpy(), wanted)
    days = by_day.index[np.unique(places[places < len(by_day)])]
    if not len(days):
        raise DataError(
            f"planned={planned:,}: not even the first of {looks} looks has been reached by "
            f"{len(rows):,} people."
        )
    seen = np.minimum(by_day[days].to_numpy() / planned, 1.0)
    yes_no, found = binary(rows[measure]), []
    sums = _sums(rows, measure)
    for day, boundary in zip(days, look_boundaries(seen, level), strict=True):
        base, arm = _facts(sums.loc[day], control), _facts(sums.loc[day], treatment)
        if min(base.people, arm.people) < 2:
            raise DataError(f"At the look of {day:%Y-%m-%d} an arm has fewer than two people.")
        line = compare_arms(base, arm, yes_no, "difference", level)
        found.append({**line, "date": day, "people": int(by_day[day]), "boundary": boundary})
    table = pd.DataFrame(found, index=pd.RangeIndex(1, len(found) + 1, name="look"))
    table["information"] = seen
    # The standard error of the test itself, so that interval and boundary agree.
    error = (table["effect"] / table["z"]).where(table["z"] != 0, table["error"])
    table["low"] = table["effect"] - table["boundary"] * error
    table["high"] = table["effect"] + table["boundary"] * error
    table["stop"] = table["z"].abs() > table["boundary"]
    table["naive"] = table["z"].abs() > norm.ppf((1 + level) / 2)
    table.attrs = {"control": control, "level": level, "planned": planned}
    columns = ["date", "people", "information", "effect", "low", "high", "z", "boundary"]
    return table[[*columns, "stop", "naive"]]


def _sums(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """People, sum and sum of squares up to each day, by arm."""
    y = rows[measure]
    parts = pd.DataFrame({"people": 1.0, "sum": y, "squares": y**2})
    by_day = parts.groupby([rows["assigned_at"], rows["arm"]]).sum()
    return pd.DataFrame(by_day.unstack(fill_value=0.0)).cumsum()


def _facts(sums: pd.Series, arm: str) -> Arm:
    people, total, squares = (sums[name, arm] for name in ("people", "sum", "squares"))
    variance = (squares - total**2 / max(people, 1)) / max(people - 1, 1)
    return Arm(people, total / max(people, 1), max(variance, 0.0))
