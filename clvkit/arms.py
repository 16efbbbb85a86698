"""The arms of an experiment: which is the control, who is in which, and two of them compared."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from clvkit.errors import DataError
from clvkit.othertables import Experiment, read_customers, read_experiment

CONTROL_NAMES = {
    "control", "control group", "holdout", "hold-out", "placebo", "no treatment", "no e-mail",
    "untreated", "controle", "controlegroep", "kontroll", "kontrollgrupp", "対照群", "對照組",
}  # fmt: skip
"""Names by which an arm is known to be the control, in any case."""
_LEVELS = 8  # groups of an attribute that can be told apart; numbers with more are cut in four

Compare = Literal["difference", "ratio"]


class Arm(NamedTuple):
    """People of one arm, the mean of what was measured and its variance."""

    people: float
    mean: float
    variance: float


def measured(trial: Experiment | pd.DataFrame, measure: str) -> tuple[pd.DataFrame, int]:
    """Rows that have a number in ``measure``, and how many have none."""
    rows = read_experiment(trial).table
    if measure not in rows or not pd.api.types.is_numeric_dtype(rows[measure]):
        numbers = list(rows.select_dtypes("number"))
        raise DataError(f"measure={measure!r}: the experiment has the numbers {numbers}.")
    known = rows[measure].notna()
    sizes = rows.loc[known, "arm"].value_counts().reindex(rows["arm"].unique(), fill_value=0)
    if sizes.min() < 2:
        raise DataError(
            f"measure={measure!r}: arm {sizes.idxmin()!r} has {sizes.min()} number(s) in that "
            "column, and two are the least to compare. Fill the cells, or leave the arm out."
        )
    return rows[known], int((~known).sum())


def binary(values: pd.Series) -> bool:
    """Whether it is only ever 0 or 1."""
    return bool(values.isin([0, 1]).all())


def control_arm(rows: pd.DataFrame, control: str | None) -> str:
    """The control among the arms: the one named, or the only one that is called so."""
    if control is not None:
        return named_arm(rows, control)
    called = [arm for arm in rows["arm"].unique() if arm.strip().casefold() in CONTROL_NAMES]
    if len(called) == 1:
        return str(called[0])
    raise DataError(
        f"Which arm is the control? The arms are {_shown(rows)}, and "
        f"{'none' if not called else 'more than one'} is called control or holdout. "
        "Say so: control='...'."
    )


def named_arm(rows: pd.DataFrame, arm: str) -> str:
    """``arm``, if there is one of that name."""
    if arm not in set(rows["arm"]):
        raise DataError(f"There is no arm {arm!r}. The arms are {_shown(rows)}.")
    return arm


def arm_facts(rows: pd.DataFrame, measure: str) -> dict[str, Arm]:
    """People, mean and variance of the measure in each arm."""
    facts = rows.groupby("arm", sort=False)[measure].agg(["size", "mean", "var"])
    return {str(arm): Arm(*map(float, line)) for arm, *line in facts.itertuples()}


def compare_arms(
    control: Arm, arm: Arm, yes_no: bool, compare: Compare, level: float
) -> dict[str, Any]:
    """One line of :func:`ab_test`."""
    line = {"people": int(arm.people), "mean": arm.mean, "control_mean": control.mean}
    test = _shares if yes_no else _means
    effect, low, high, z, p, error = test(control, arm, compare, level)
    reason = ""
    if np.isnan(effect):
        reason = "the control's mean is 0: nothing is a multiple of it"
    elif np.isnan(p):
        reason = "nobody differs from anybody: without spread there is no test"
    elif not np.isfinite([low, high]).all():
        reason = "the control's mean is too close to 0 for a limit"
    low, high = (end if np.isfinite(end) else np.nan for end in (low, high))
    numbers = {"effect": effect, "low": low, "high": high, "z": z, "p_value": p}
    return line | numbers | {"error": error, "reason": reason}


def holm(p_values: pd.Series) -> pd.Series:
    """P-values corrected for their number after Holm (1979); a missing one counts for none."""
    order = p_values.dropna().sort_values(kind="stable")
    steps = order * np.arange(len(order), 0, -1)
    return steps.cummax().clip(upper=1.0).reindex(p_values.index)


def attribute_groups(
    rows: pd.DataFrame, customers: Any, attributes: list[str] | None = None
) -> tuple[dict[str, pd.Series], dict[str, str]]:
    """Each attribute as groups of the rows' customers; and those left out, with the reason."""
    joined = joined_attributes(rows, customers)
    unknown = [name for name in attributes or [] if name not in joined]
    if unknown:
        raise DataError(f"customers has no attribute {unknown[0]!r}, but {list(joined)}.")
    groups, left_out = {}, {}
    for name in attributes or joined.columns:
        column = joined[name]
        if column.nunique() > _LEVELS and pd.api.types.is_numeric_dtype(column):
            column = _quarters(column)
        if column.nunique() > _LEVELS:
            left_out[str(name)] = f"more than {_LEVELS} groups"
        elif column.nunique() < 2:
            left_out[str(name)] = "one group only"
        else:
            groups[str(name)] = _labels(column)
    return groups, left_out


def joined_attributes(rows: pd.DataFrame, customers: Any) -> pd.DataFrame:
    """Attributes of the customers of ``rows``, in their order; ``DataError`` if none is there."""
    known = read_customers(customers).table.set_index("customer_id")
    if not rows["customer_id"].isin(known.index).any():
        raise DataError(
            "No customer of the experiment is in the table of customers. Are the ids written alike?"
        )
    return known.reindex(rows["customer_id"]).set_axis(rows.index)


def two_arms(rows: pd.DataFrame, treatment: str, control: str | None) -> tuple[pd.DataFrame, str]:
    """Rows of the treatment and of the control, and the control's name."""
    control = control_arm(rows, control)
    if named_arm(rows, treatment) == control:
        raise DataError(f"treatment={treatment!r} is the control. The arms are {_shown(rows)}.")
    return rows[rows["arm"].isin([control, treatment])], control


def _quarters(column: pd.Series) -> pd.Series:
    """Numbers in four groups of about equal size, named by their ends."""
    ends = column.quantile([0, 0.25, 0.5, 0.75, 1]).drop_duplicates().tolist()
    names = [f"{low:,.4g} to {high:,.4g}" for low, high in pairwise(ends)]
    return pd.Series(pd.cut(column, ends, labels=names, include_lowest=True))


def _labels(column: pd.Series) -> pd.Series:
    """Cells as text, in the order of what they say; an empty one is a group too."""
    order = [*pd.Series(column.unique()).dropna().sort_values().astype(str), "(empty)"]
    text = column.astype("object").where(column.notna(), "(empty)").astype(str)
    return text.astype(pd.CategoricalDtype(list(dict.fromkeys(order)), ordered=True))


def _shown(rows: pd.DataFrame) -> str:
    return ", ".join(f"{arm!r} ({count:,})" for arm, count in rows["arm"].value_counts().items())


def _shares(
    control: Arm, arm: Arm, compare: Compare, level: float
) -> tuple[float, float, float, float, float, float]:
    from scipy.stats import fisher_exact, norm
    from statsmodels.stats.proportion import confint_proportions_2indep

    n0, p0, n1, p1 = control.people, control.mean, arm.people, arm.mean
    yes0, yes1 = round(n0 * p0), round(n1 * p1)
    pooled = (yes0 + yes1) / (n0 + n1)
    error = np.sqrt(p0 * (1 - p0) / n0 + p1 * (1 - p1) / n1)
    spread = np.sqrt(pooled * (1 - pooled) * (1 / n0 + 1 / n1))
    z = (p1 - p0) / spread if spread > 0 else np.nan
    p = 2 * norm.sf(abs(z))
    if spread > 0 and min(n0, n1) * min(pooled, 1 - pooled) < 1:
        p = fisher_exact(np.array([[yes1, n1 - yes1], [yes0, n0 - yes0]]))[1]
    counts = (yes1, n1, yes0, n0)
    if compare == "difference":
        method = {"compare": "diff", "method": "newcomb"}
        low, high = confint_proportions_2indep(*counts, alpha=1 - level, **method)
        return p1 - p0, float(low), float(high), float(z), float(p), float(error)
    low, high = np.nan, np.nan
    if 0 < yes0 + yes1 < n0 + n1:
        method = {"compare": "ratio", "method": "score"}
        # Where nobody converts in an arm, one end is 0 or has no limit.
        with np.errstate(divide="ignore", invalid="ignore"):
            low, high = confint_proportions_2indep(*counts, alpha=1 - level, **method)
        low = max(low, 0.0)
    ratio = p1 / p0 if p0 > 0 else np.nan
    return ratio, float(low), float(high), float(z), float(p), float(error)


def _means(
    control: Arm, arm: Arm, compare: Compare, level: float
) -> tuple[float, float, float, float, float, float]:
    from scipy.stats import t

    n0, m0, v0 = control
    n1, m1, v1 = arm
    if min(v0, v1) == 0:
        # Equal values in one arm do not mean that the next person would have the same.
        v0 = v1 = ((n0 - 1) * v0 + (n1 - 1) * v1) / (n0 + n1 - 2)
    e0, e1 = v0 / n0, v1 / n1
    error = np.sqrt(e0 + e1)
    if not error > 0:
        ratio = m1 / m0 if m0 != 0 else np.nan
        effect = m1 - m0 if compare == "difference" else ratio
        return effect, np.nan, np.nan, np.nan, np.nan, 0.0
    freedom = (e0 + e1) ** 2 / (e0**2 / (n0 - 1) + e1**2 / (n1 - 1))
    z = (m1 - m0) / error
    p, wide = 2 * t.sf(abs(z), freedom), t.ppf((1 + level) / 2, freedom)
    if compare == "difference":
        return m1 - m0, m1 - m0 - wide * error, m1 - m0 + wide * error, z, float(p), error
    if not m0 > 0:
        return np.nan, np.nan, np.nan, z, float(p), error
    # Fieller: all ratios r for which m1 - r m0 is within `wide` standard errors of 0.
    a = m0**2 - wide**2 * e0
    root = (m1 * m0) ** 2 - a * (m1**2 - wide**2 * e1)
    if a <= 0:
        return m1 / m0, np.nan, np.nan, z, float(p), error
    low, high = ((m1 * m0 + side * np.sqrt(max(root, 0.0))) / a for side in (-1, 1))
    return m1 / m0, low, high, z, float(p), error
