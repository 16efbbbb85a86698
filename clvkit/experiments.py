"""Experiments: how many people, was the split fair, what did the offer change.

Tests are two-sided at 5%, and their intervals are at ``level=0.95``, so that test and interval
agree; everywhere else in the book intervals are at 90%. Every table names its level in ``attrs``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from clvkit.arguments import floats, share
from clvkit.arms import (
    Compare,
    arm_facts,
    attribute_groups,
    binary,
    compare_arms,
    control_arm,
    holm,
    joined_attributes,
    measured,
    two_arms,
)
from clvkit.errors import DataError, UndefinedError
from clvkit.othertables import Experiment

ALARM = 0.01
"""A check speaks up when chance alone would show as much in fewer than one test of a hundred."""


def sample_size(
    control: float,
    treated: float,
    *,
    standard_deviation: float | None = None,
    correlation: float = 0.0,
    power: float = 0.8,
    level: float = 0.95,
) -> int:
    """People per arm that a test needs to see the change from ``control`` to ``treated``.

    (z_{α/2} + z_β)² [p0 (1-p0) + p1 (1-p1)] / (p0 - p1)²; with ``standard_deviation``, of means:
    2 σ² in place of the bracket (Fleiss, Levin and Paik 2003, without continuity correction).
    ``correlation`` ρ of the outcome with what was known before scales the answer by 1-ρ² (CUPED,
    Deng et al. 2013). 5% to 4% needs 6,743.
    """
    from scipy.stats import norm

    low, high = floats(control, "control").item(), floats(treated, "treated").item()
    if not np.isfinite([low, high]).all() or low == high:
        raise UndefinedError(
            f"control={control!r}, treated={treated!r}: no number of people shows a difference of "
            "nothing. Say which change would be worth knowing of."
        )
    if standard_deviation is None:
        spread = sum(p * (1 - p) for p in (share(low, "control"), share(high, "treated")))
    elif standard_deviation > 0:
        spread = 2 * standard_deviation**2
    else:
        raise DataError(f"standard_deviation={standard_deviation!r}: give a number above 0.")
    z = norm.ppf((1 + share(level, "level")) / 2) + norm.ppf(share(power, "power"))
    need = z**2 * spread * (1 - correlation**2) / (low - high) ** 2
    return max(2, int(np.ceil(need - 1e-9)))


def detectable_effect(
    control: float, people: int, *, standard_deviation: float | None = None, power: float = 0.8
) -> float:
    """Smallest rise above ``control`` that a test with ``people`` in each arm will see.

    The other way round through :func:`sample_size`; missing where no rise up to 1 is enough.
    """
    from scipy.optimize import brentq
    from scipy.stats import norm

    z = norm.ppf(0.975) + norm.ppf(power)
    if standard_deviation is not None:
        return float(z * standard_deviation * np.sqrt(2 / people))

    def lacking(rise: float) -> float:
        p = control + rise
        return float(z**2 * (control * (1 - control) + p * (1 - p)) - people * rise**2)

    room = 1 - control
    return float(brentq(lacking, 1e-12, room)) if room > 0 and lacking(room) < 0 else float("nan")


def ab_test(
    trial: Experiment | pd.DataFrame,
    *,
    control: str | None = None,
    measure: str = "outcome",
    compare: Compare = "difference",
    cuped: bool = False,
    margin: float | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare every arm with the control.

    Parameters
    ----------
    control
        The arm to compare with; by default the one that is called so (``CONTROL_NAMES``).
    measure
        ``outcome``, ``value`` or another column of numbers. Where it holds only 0 and 1, shares
        are compared: the p-value is that of the pooled z-test (Fisher's exact test where fewer
        than one person is expected in a cell), the interval Newcombe's (1998, method 10), which
        does not collapse when nobody converts; of a ratio, Koopman's (1984) score interval.
        Otherwise means, by Welch's test; of a ratio, Fieller's interval.
    cuped
        Take out of the measure what ``pre_value`` explains (Deng, Xu, Kohavi and Walker 2013).
    margin
        Non-inferiority: by how much the arm may be worse at most, in units of the measure. The
        arm is ``non_inferior`` if the whole interval of the difference lies above ``-margin``.

    Returns
    -------
    One row an arm: ``people``, ``mean``, ``control_mean``, ``effect`` (difference, or ratio with
    1 for no effect), ``low`` and ``high``, ``z``, ``p_value``, ``p_adjusted`` (Holm 1979 over the
    arms) and ``reason`` where a number does not exist. Intervals are for each arm by itself.
    ``attrs`` states control, level, method and, with ``cuped``, the ``correlation`` used.
    """
    if compare not in ("difference", "ratio"):
        raise DataError(f"compare={compare!r}: 'difference' or 'ratio'.")
    if margin is not None and (compare == "ratio" or not margin > 0):
        raise DataError(f"margin={margin!r}: a number above 0, for compare='difference' only.")
    level = share(level, "level")
    rows, left_out = measured(trial, measure)
    control = control_arm(rows, control)
    attrs: dict[str, Any] = {"control": control, "measure": measure, "compare": compare}
    if cuped:
        rows, attrs["correlation"] = _cuped(rows, measure)
    yes_no = binary(rows[measure])
    arms = arm_facts(rows, measure)
    base = arms.pop(control)
    found = {name: compare_arms(base, arm, yes_no, compare, level) for name, arm in arms.items()}
    table = pd.DataFrame.from_dict(found, orient="index").rename_axis("arm")
    table.insert(7, "p_adjusted", holm(table["p_value"]))
    if margin is not None:
        table["non_inferior"] = table["low"] > -margin
    method = "shares" if yes_no else "means, adjusted by pre_value" if cuped else "means"
    table.attrs.update(attrs, level=level, method=method, left_out=left_out)
    return table


def segment_tests(
    trial: Experiment | pd.DataFrame,
    customers: Any,
    treatment: str,
    *,
    attributes: list[str] | None = None,
    control: str | None = None,
    measure: str = "outcome",
    level: float = 0.95,
) -> pd.DataFrame:
    """Test the effect in every group of every attribute, corrected for their number.

    An attribute of numbers with more than twelve values is cut into its quarters, one of text with
    more is left out; customers without a cell are a group of their own.

    Returns
    -------
    Indexed by ``attribute`` and ``segment``, the columns of :func:`ab_test`, with ``p_adjusted``
    after Holm over *all* segments tested. ``attrs["differ"]``: for each attribute the p-value of
    the effects being the same in all its segments (Cochran's Q), after Holm over the attributes.
    ``attrs["left_out"]``: what was not tested, and why.
    """
    from scipy.stats import chi2

    rows, _ = measured(trial, measure)
    rows, control = two_arms(rows, treatment, control)
    yes_no = binary(rows[measure])
    groups, left_out = attribute_groups(rows, customers, attributes)
    found: dict[tuple[str, str], dict[str, Any]] = {}
    differ: dict[Any, float] = {}
    for attribute, labels in groups.items():
        for label, part in rows.groupby(labels, observed=True):
            sizes = part["arm"].value_counts()
            if len(sizes) < 2 or sizes.min() < 2:
                left_out[f"{attribute}: {label}"] = "fewer than two people in an arm"
                continue
            arms = arm_facts(part, measure)
            pair = arms[control], arms[treatment]
            found[attribute, str(label)] = compare_arms(*pair, yes_no, "difference", level)
    if not found:
        raise DataError("No segment has two people in each arm: there is nothing to test.")
    table = pd.DataFrame.from_dict(found, orient="index")
    table.index = pd.MultiIndex.from_tuples(table.index, names=["attribute", "segment"])
    table["p_adjusted"] = holm(table["p_value"])
    for name, part in table.groupby(level="attribute", sort=False):
        effect, error = part.loc[part["error"] > 0, ["effect", "error"]].to_numpy("float64").T
        if len(effect) > 1:
            mean = np.average(effect, weights=error**-2)
            differ[name] = chi2.sf((((effect - mean) / error) ** 2).sum(), len(effect) - 1)
    tests = holm(pd.Series(differ, dtype="float64")).to_dict()
    table.attrs = {"control": control, "level": level, "differ": tests, "left_out": left_out}
    return table


def check_experiment(
    trial: Experiment | pd.DataFrame,
    customers: Any = None,
    *,
    shares: Mapping[str, float] | str | None = None,
) -> pd.DataFrame:
    """Ask whether chance made the arms: their sizes, and what was known before the start.

    ``shares`` are the planned sizes of the arms, as a mapping or as text (``"control:1, mail:2"``),
    equal by default. Sizes are held against them by a chi-squared test (sample ratio mismatch,
    Fabijan et al. 2019); ``pre_value`` and every attribute of ``customers`` are compared between
    the arms, numbers by Welch's analysis of variance, groups by chi-squared.

    Returns
    -------
    One row a check: ``largest_gap`` (of sizes: the arm furthest from plan, as a share of the plan;
    of the others: the largest standardised difference between two arms), ``p_value``,
    ``p_adjusted`` (Holm over the balance checks) and ``alarm``, true where it is below 0.01.
    """
    from scipy.stats import chisquare

    rows, _ = measured(trial, "outcome")
    sizes = rows["arm"].value_counts()
    plan = _plan(shares, sizes) * len(rows)
    gap = (sizes / plan - 1).abs().max()
    found: dict[str, tuple[float, float]] = {"sizes of the arms": (gap, chisquare(sizes, plan)[1])}
    if "pre_value" in rows and rows["pre_value"].notna().any():
        found["pre_value"] = _imbalance(rows["pre_value"], rows["arm"])
    if customers is not None:
        for name, column in joined_attributes(rows, customers).items():
            found[str(name)] = _imbalance(column, rows["arm"])
    table = pd.DataFrame.from_dict(found, orient="index", columns=["largest_gap", "p_value"])
    balance = table.index != "sizes of the arms"
    table["p_adjusted"] = table["p_value"].mask(balance, holm(table.loc[balance, "p_value"]))
    table["alarm"] = table["p_adjusted"] < ALARM
    table.attrs["planned"] = plan.to_dict()
    return table.rename_axis("check")


def _cuped(rows: pd.DataFrame, measure: str) -> tuple[pd.DataFrame, float]:
    """The measure without what was known before; θ is the slope within the arms."""
    if "pre_value" not in rows or not rows["pre_value"].notna().any():
        raise DataError(
            "cuped needs a column pre_value: what each customer left before the test began."
        )
    # An empty cell says nothing, so it moves nothing.
    before = rows["pre_value"].fillna(rows["pre_value"].mean())
    both = pd.DataFrame({"x": before, "y": rows[measure]})
    x, y = (both - both.groupby(rows["arm"]).transform("mean")).to_numpy("float64").T
    if not (x @ x > 0 and y @ y > 0):
        return rows, 0.0
    adjusted = rows[measure] - (x @ y) / (x @ x) * (before - before.mean())
    return rows.assign(**{measure: adjusted}), float(x @ y / np.sqrt((x @ x) * (y @ y)))


def _plan(shares: Mapping[str, float] | str | None, sizes: pd.Series) -> pd.Series:
    """Planned share of each arm."""
    if shares is None:
        return pd.Series(1 / len(sizes), sizes.index)
    if isinstance(shares, str):
        pairs = [part.rpartition(":") for part in shares.split(",")]
        shares = {name.strip(): floats(part, "shares").item() for name, _, part in pairs}
    plan = pd.Series(shares, dtype="float64")
    if set(plan.index) != set(sizes.index) or not (plan > 0).all():
        raise DataError(
            f"shares={shares!r}: give every arm a part above 0; the arms are {list(sizes.index)}."
        )
    return (plan / plan.sum()).reindex(sizes.index)


def _imbalance(column: pd.Series, arm: pd.Series) -> tuple[float, float]:
    """Largest standardised difference between two arms, and the p-value of there being none."""
    from scipy.stats import chi2_contingency
    from statsmodels.stats.oneway import anova_oneway

    if pd.api.types.is_numeric_dtype(column) and column.nunique() > 2:
        known = column.notna()
        values, arms = column[known].astype("float64"), arm[known]
        facts = values.groupby(arms).agg(["size", "mean", "var"])
        facts = facts[facts["size"] > 1]
        if len(facts) < 2 or not (facts["var"] > 0).all():
            return np.nan, np.nan
        test = anova_oneway(values[arms.isin(facts.index)], arms[arms.isin(facts.index)])
        return float(np.ptp(facts["mean"]) / np.sqrt(facts["var"].mean())), float(test.pvalue)
    labels = column.astype("object").where(column.notna(), "(empty)").astype(str)
    counts = pd.crosstab(arm, labels)
    if not 2 <= counts.shape[1] <= len(arm) / 5:
        return np.nan, np.nan
    parts = counts.div(counts.sum(axis=1), axis=0)
    spread = np.sqrt((parts * (1 - parts)).mean())
    gap = ((parts.max() - parts.min()) / spread.where(spread > 0)).max()
    return float(gap), float(chi2_contingency(counts)[1])
