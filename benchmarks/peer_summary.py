"""The summary of the same purchases by whichever peer this environment holds."""

import importlib.util
import sys
import time
import warnings
from pathlib import Path

import clock
import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")
with np.load(Path(sys.argv[1]) / "purchases.npz") as stored:
    frame = pd.DataFrame({name: stored[name] for name in stored.files})
end = frame["date"].max()


def lifetimes():
    """Days, with the money of repeat purchases."""
    from lifetimes.utils import summary_data_from_transaction_data

    return summary_data_from_transaction_data(
        frame, "customer_id", "date", "amount", observation_period_end=end, freq="D"
    )


def pymc_marketing():
    """The same by its own name."""
    from pymc_marketing.clv.utils import rfm_summary

    return rfm_summary(
        frame, "customer_id", "date", "amount", observation_period_end=end, time_unit="D"
    )


def registry():
    """The registry's package of our name."""
    from clvkit.customer_base import CustomerBase

    return CustomerBase.from_transactions(
        frame, customer_id_col="customer_id", datetime_col="date", amount_col="amount",
        time_unit="D", collapse="D", observation_period_end=end, on_negative="raise",
    )  # fmt: skip


peers = {"lifetimes": lifetimes, "pymc_marketing": pymc_marketing, "clvkit": registry}
here = next(name for name in peers if importlib.util.find_spec(name))
clock.report({"summary": peers[here]}, clock=time.process_time)
