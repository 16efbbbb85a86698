"""What to try first: plays ranked by value per day of work, with how sure the order is."""

import numpy as np
import pandas as pd

from clvkit.arguments import floats
from clvkit.errors import DataError

_NUMBERS = ("change_low", "change", "change_high", "reach", "cost", "days")


def rank_plays(levers: pd.DataFrame, plays: pd.DataFrame) -> pd.DataFrame:
    """Rank plays by what they may bring per day of work, in intervals that hold the guesses.

    The value of a play is that of its lever (:func:`clvkit.lever_map`: of today's base over the
    horizon; of the acquisition cost over the next year), in proportion to the change that the
    play is guessed to bring, for the share of customers that it reaches, less what it costs.
    The low end takes the low guess and the low end of the lever, the high end both high ones.
    What a play changes and how long it takes are guesses of whoever fills in the table; only the
    levers come from data.

    Parameters
    ----------
    levers
        The answer of :func:`clvkit.lever_map`.
    plays
        One row a play: ``play``, ``lever``; ``change_low``, ``change``, ``change_high`` (shares
        of the lever, improvements above 0), ``reach`` (share of customers), ``cost`` (money,
        once) and ``days`` (of work).

    Returns
    -------
    The plays, best first: ``play``, ``lever``, ``days``, ``value``, ``value_low``,
    ``value_high``, ``per_day``, ``per_day_low``, ``per_day_high`` (money), ``best_rank`` and
    ``worst_rank``: the places that are possible, as far as the intervals overlap.
    """
    missing = [name for name in ("play", "lever", *_NUMBERS) if name not in plays]
    if missing:
        raise DataError(f"plays: the columns {missing} are missing.")
    if plays.empty:
        raise DataError("plays: there is no row, so there is nothing to rank.")
    unknown = plays.loc[~plays["lever"].isin(levers.index), "lever"]
    if len(unknown):
        raise DataError(
            f"plays: {unknown.iloc[0]!r} is not among the levers moved: {', '.join(levers.index)}."
        )
    low, guess, high, reach, cost, days = (floats(plays[name], name) for name in _NUMBERS)
    if not ((low <= guess) & (guess <= high)).all():
        raise DataError("plays: change_low <= change <= change_high is wanted, none missing.")
    if not ((days > 0) & (reach >= 0) & (reach <= 1) & (cost >= 0)).all():
        raise DataError("plays: days above 0, reach between 0 and 1, cost 0 or more are wanted.")
    own = levers.loc[plays["lever"]]
    moved = np.abs(own["then"] / own["now"] - 1).to_numpy()
    if not (moved > 0).all():
        raise DataError("plays: a lever that lever_map has not moved has no value to scale.")
    measure = np.where(plays["lever"] == "acquisition cost", "next_year", "base")
    at = np.arange(len(own))
    worth = {
        end: own[[f"base{end}", f"next_year{end}"]].to_numpy()[at, (measure == "next_year") * 1]
        for end in ("", "_low", "_high")
    }
    scale = reach / moved
    ends = np.array([c * worth[e] for c in (low, high) for e in ("_low", "_high")])
    value = pd.DataFrame(
        {
            "value": guess * worth[""] * scale - cost,
            "value_low": ends.min(axis=0) * scale - cost,
            "value_high": ends.max(axis=0) * scale - cost,
        }
    )
    per_day = value.div(days, axis=0).set_axis(["per_day", "per_day_low", "per_day_high"], axis=1)
    names = plays[["play", "lever", "days"]].reset_index(drop=True)
    table = pd.concat([names, value, per_day], axis=1)
    below, above = per_day["per_day_low"].to_numpy(), per_day["per_day_high"].to_numpy()
    table["best_rank"] = 1 + (below[:, None] > above[None, :]).sum(axis=0)
    table["worst_rank"] = len(table) - (above[:, None] < below[None, :]).sum(axis=0)
    return table.sort_values("per_day", ascending=False, kind="stable", ignore_index=True)
