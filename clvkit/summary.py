"""From purchases to one row a customer: frequency, recency, age and spend."""

from typing import Any

import numpy as np
import pandas as pd

from clvkit import lazy
from clvkit.compressed import compress, observed_until
from clvkit.errors import DataError
from clvkit.scan import days_in_engine
from clvkit.tables import Transactions, purchases
from clvkit.units import days_per

# What a forecast of purchases at any time must at least have seen: a floor, not a promise.
_LEAST_DAYS = 60
_LEAST_BUYING_DAYS = 10
_LEAST_RETURNED = 10


def summarize(
    orders: Any,
    time_unit: str = "W",
    observation_end: str | pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Summarize purchases as the purchase-count models want them.

    Purchases of one customer on one day count as one. Time is counted in days and divided by
    the length of the unit; it is not cut into whole weeks (Fader, Hardie and Lee 2005).

    Parameters
    ----------
    orders
        The answer of :func:`clvkit.read_transactions` or :func:`clvkit.scan_transactions`; or a
        clean table: a pandas, polars or pyarrow frame, a DuckDB relation, a Spark table.
    time_unit
        ``"D"``, ``"W"`` (7 days), ``"M"`` (a twelfth of 365.25 days) or ``"Y"``.
    observation_end
        The last day observed; later purchases are not looked at. Default: the one given to
        :func:`clvkit.read_transactions`, or the last purchase.

    Returns
    -------
    A frame indexed by ``customer_id`` in the order of first appearance:

    - ``frequency``: days with a purchase after the first one (repeat purchases);
    - ``recency``: age at the last purchase, in time units; 0 for one-time buyers. The RFM
      literature uses the same word for the time *since* the last purchase;
    - ``T``: age at ``observation_end``, in time units;
    - ``monetary_value``: mean spend a day of purchase over the repeat purchases; missing for
      one-time buyers, whose repeat spend nobody has seen.

    ``attrs`` carries ``time_unit`` and ``observation_end``. The summary of a table in an engine is
    a table in that engine, with ``customer_id`` as a column and no order; a model that is fitted
    to it needs to be told the unit: ``clv.BetaGeoNBD(time_unit="W").fit(summary)``.
    """
    unit = days_per(time_unit)
    if (stored := days_in_engine(orders)) is not None:
        until = observed_until(stored.first, stored.end, observation_end, "observation_end")
        return lazy.summarize(stored, unit, until).to_native()  # type: ignore[no-any-return]
    days = compress(orders, observation_end)
    begin, end = days.start[:-1], (days.end - pd.Timestamp(0)).days
    first, last = days.day[begin], days.day[days.start[1:] - 1]
    frequency = days.sizes - 1
    later = days.amount.copy()
    later[begin] = 0.0
    spent = np.add.reduceat(later, begin) / days.scale
    summary = pd.DataFrame(
        {
            "frequency": frequency.astype(np.int64),
            "recency": (last - first) / unit,
            "T": (end - first) / unit,
            "monetary_value": spent / np.where(frequency > 0, frequency, np.nan),
        },
        index=days.ids.rename("customer_id"),
    )
    summary.attrs = {"time_unit": time_unit, "observation_end": days.end.date().isoformat()}
    return summary


def split(
    orders: Transactions | pd.DataFrame,
    calibration_end: str | pd.Timestamp | None = None,
    time_unit: str = "W",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cut the purchases at a day: a summary to fit on, and what really happened afterwards.

    Parameters
    ----------
    calibration_end
        The last day of the calibration period. Default: the middle of the observed time.

    Returns
    -------
    fit_on
        The summary (see :func:`summarize`) of the calibration period.
    holdout
        For the same customers in the same order: ``purchases`` (days with a purchase after
        ``calibration_end``), ``spend`` (money) and ``duration`` (length of the holdout, in
        time units). Customers who first bought in the holdout are in neither frame; their
        number is ``holdout.attrs["born_in_holdout"]``.
    """
    table = purchases(orders)
    first, kept = table["date"].min(), table.attrs.get("observation_end")
    last = table["date"].max() if kept is None else pd.Timestamp(kept)
    middle = (first + (last - first) / 2).normalize()
    cut = observed_until(first, middle, calibration_end, "calibration_end")
    if not cut < last:
        raise DataError(
            f"calibration_end={cut.date()} leaves no holdout: the last day observed is "
            f"{last.date()}."
        )
    fit_on = summarize(orders, time_unit, cut)
    after = table[table["date"] > cut]
    daily = after.groupby(["customer_id", "date"], sort=False)["amount"].sum()
    by_customer = daily.groupby("customer_id", sort=False).agg(["size", "sum"])
    actual = by_customer.reindex(fit_on.index).fillna(0)
    holdout = pd.DataFrame(
        {
            "purchases": actual["size"].astype("int64"),
            "spend": actual["sum"],
            "duration": (last - cut).days / days_per(time_unit),
        }
    )
    holdout.attrs = {
        "time_unit": time_unit,
        "calibration_end": cut.date().isoformat(),
        "observation_end": last.date().isoformat(),
        "born_in_holdout": int((~by_customer.index.isin(fit_on.index)).sum()),
    }
    return fit_on, holdout


def refuse_short_history(returned: int, customers: int, days: int, buying: int) -> None:
    """Refuse to forecast where few came back, in a short time or on few days.

    ``returned`` of all ``customers`` bought on a second day; the purchases cover ``days`` and fall
    on ``buying`` of them. The message of the ``DataError`` says what to do.
    """
    if returned == 0:
        raise DataError(
            "Nobody bought a second time: neither how often customers buy nor when they leave "
            "can be estimated. Wait for repeat purchases, or use the historical figures."
        )
    if days < _LEAST_DAYS:
        raise DataError(
            f"The purchases cover {days} days; a forecast needs at least {_LEAST_DAYS}. Export a "
            "longer time: three or four times the usual gap between two purchases."
        )
    if buying < _LEAST_BUYING_DAYS:
        raise DataError(
            f"All purchases fall on {buying} days; these models are for purchases on any day. For "
            "fixed dates use clv.BetaGeoBetaBinomial, or check the column date."
        )
    if returned < _LEAST_RETURNED:
        raise DataError(
            f"Only {returned} of {customers:,} customers bought on a second day; at least "
            f"{_LEAST_RETURNED} are needed to learn when customers come back. Wait for more."
        )
