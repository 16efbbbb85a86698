"""From purchases to one row a customer: frequency, recency, age and spend."""

import pandas as pd

from clvkit import parsing
from clvkit.errors import DataError
from clvkit.tables import Transactions, purchases
from clvkit.units import days_per


def summarize(
    orders: Transactions | pd.DataFrame,
    time_unit: str = "W",
    observation_end: str | pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Summarize purchases as the purchase-count models want them.

    Purchases of one customer on one day count as one. Time is counted in days and divided by
    the length of the unit; it is not cut into whole weeks (Fader, Hardie and Lee 2005).

    Parameters
    ----------
    orders
        The answer of :func:`clvkit.read_transactions`, or a clean frame.
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

    ``attrs`` carries ``time_unit`` and ``observation_end``.
    """
    table = purchases(orders)
    end = observed_until(table, observation_end, "observation_end")
    unit = days_per(time_unit)
    table = table[table["date"] <= end]
    daily = table.groupby(["customer_id", "date"], sort=False)["amount"].sum().reset_index()
    by_customer = daily.groupby("customer_id", sort=False)
    dates = by_customer["date"].agg(["min", "max", "size"])
    first = daily["date"].to_numpy() == dates["min"].reindex(daily["customer_id"]).to_numpy()
    later_spend = daily["amount"].mask(first, 0.0).groupby(daily["customer_id"], sort=False).sum()
    frequency = dates["size"] - 1
    summary = pd.DataFrame(
        {
            "frequency": frequency,
            "recency": (dates["max"] - dates["min"]).dt.days / unit,
            "T": (end - dates["min"]).dt.days / unit,
            "monetary_value": later_spend / frequency.where(frequency > 0),
        }
    )
    summary.attrs = {"time_unit": time_unit, "observation_end": end.date().isoformat()}
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
    last = observed_until(table, None, "observation_end")
    if calibration_end is None:
        cut = (table["date"].min() + (last - table["date"].min()) / 2).normalize()
    else:
        cut = observed_until(table, calibration_end, "calibration_end")
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


def observed_until(table: pd.DataFrame, day: str | pd.Timestamp | None, name: str) -> pd.Timestamp:
    """The last day that counts: ``day``, or the table's own, or the last purchase.

    Raises
    ------
    DataError
        Where ``day`` is no day, is yet to come, or lies before the first purchase.
    """
    if day is None:
        kept = table.attrs.get("observation_end")
        last: pd.Timestamp = table["date"].max() if kept is None else pd.Timestamp(kept)
        return last
    end = parsing.day(day, name)
    if end < table["date"].min():
        raise DataError(
            f"{name}={end.date()} lies before the first purchase, {table['date'].min().date()}."
        )
    parsing.refuse_future(end, name)
    return end
