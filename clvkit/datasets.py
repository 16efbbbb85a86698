"""The tables that come with the book."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from clvkit.errors import DataError

_DATA = Path(__file__).resolve().parents[1] / "data"


def cdnow(sample: bool = False) -> pd.DataFrame:
    """Purchases of 23,570 customers of the music shop CDNOW, January 1997 to June 1998.

    Parameters
    ----------
    sample
        Only the 2,357 customers of the published one-in-ten sample, on which the tables of
        Fader, Hardie and Lee (2005) were computed.

    Returns
    -------
    One row a purchase, in the order of the source: ``customer_id`` (text), ``date``,
    ``quantity`` (compact discs), ``amount`` (US dollars). Source: ``data/cdnow/README.md``.
    """
    rows = pd.read_csv(path("cdnow/transactions.csv"), dtype={"customer_id": str})
    rows["date"] = pd.to_datetime(rows["date"], format="%Y-%m-%d").astype("datetime64[s]")
    if sample:
        chosen = pd.read_csv(path("cdnow/sample.csv"), dtype=str)["customer_id"]
        rows = rows[rows["customer_id"].isin(set(chosen))].reset_index(drop=True)
    return rows


def contracts() -> pd.DataFrame:
    """Subscribers of two segments still there after 0 to 12 years, per 1,000 who signed.

    Returns
    -------
    One row a year (the index, ``year``), one column a segment (``Regular``, ``High End``), as
    printed by Fader and Hardie (2007), How to project customer retention, Journal of Interactive
    Marketing 21(1). Source: ``data/contracts/README.md``.
    """
    return pd.read_csv(path("contracts/contracts.csv"), index_col="year")


def saas() -> pd.DataFrame:
    """Contracts of the 3,202 customers of a made subscription business, 2021 to 2024.

    Returns
    -------
    One row a contract, by start: the columns of the contract of subscriptions. ``attrs`` has the
    observed days. Made by ``clvkit.simulate``; the truth is in ``data/saas/README.md``.
    """
    rows = pd.read_csv(path("saas/subscriptions.csv"), dtype={"customer_id": str})
    for name in ("start", "end"):
        rows[name] = pd.to_datetime(rows[name], format="%Y-%m-%d").astype("datetime64[s]")
    rows.attrs = {"observation_start": "2021-01-01", "observation_end": "2024-12-31"}
    return rows


def _saas_customers() -> pd.DataFrame:
    return pd.read_csv(path("saas/customers.csv"), dtype={"customer_id": str})


def emails(outcome: str = "outcome") -> pd.DataFrame:
    """A made experiment: two e-mails with an offer and a control group, 64,000 people.

    Arms, visits, buyers and mean spend are those that Hillstrom (2008) published; the people are
    made. ``outcome`` is 1 for who bought within two weeks; with ``outcome="visit"``, for who came
    to the shop. Source: ``data/experiment/README.md``.
    """
    rows = pd.read_csv(path("experiment/experiment.csv"), dtype={"customer_id": str})
    rows["outcome"] = rows[outcome]
    return rows.drop(columns="visit")


def email_customers() -> pd.DataFrame:
    """Attributes of the customers of :func:`emails`: what the firm knew before the experiment."""
    return pd.read_csv(path("experiment/customers.csv"), dtype={"customer_id": str})


def shop() -> pd.DataFrame:
    """Two years of a made shop for coffee and what goes with it: every line of every order.

    Returns
    -------
    The columns of the transactions contract, in euros; what was sent back has a negative amount.
    How the shop was made, and what is true of it: ``data/shop/README.md``.
    """
    ids = dict.fromkeys(("customer_id", "order_id", "product_id"), str)
    rows = pd.read_csv(path("shop/transactions.csv"), dtype=ids)
    rows["date"] = pd.to_datetime(rows["date"], format="%Y-%m-%d").astype("datetime64[s]")
    rows.attrs["observation_end"] = "2024-12-31"
    return rows


def shop_customers() -> pd.DataFrame:
    """The customers of the made shop and what is known of each on the day of joining."""
    return pd.read_csv(path("shop/customers.csv"), dtype={"customer_id": str})


def shop_service() -> pd.DataFrame:
    """What the made shop knows of its customers besides their orders: club, returns, calls.

    Source: ``data/shop-service/README.md``.
    """
    return pd.read_csv(path("shop-service/customers.csv"), dtype={"customer_id": str})


BUNDLED: dict[str, dict[str, Callable[[], pd.DataFrame]]] = {
    "transactions": {
        "cdnow": cdnow,
        "cdnow-sample": lambda: cdnow(sample=True),
        "shop": shop,
    },
    "survivors": {"contracts": lambda: contracts().reset_index()},
    "subscriptions": {"saas": saas},
    "customers": {
        "saas": _saas_customers,
        "shop": shop_customers,
        "shop-service": shop_service,
        "emails": email_customers,
    },
    "experiment": {"emails": emails, "email-visits": lambda: emails("visit")},
    "spend": {
        "saas": lambda: pd.read_csv(path("saas/spend.csv")),
        "shop": lambda: pd.read_csv(path("shop/spend.csv")),
    },
}
"""The tables that come with the book, by what they hold and by the name that chapters use."""


def path(name: str) -> Path:
    """Where a file of the bundled data is, by its name in the folder ``data``."""
    found = _DATA / name
    if not found.exists():
        raise DataError(
            f"The bundled table {name} is not at {found}: it lies in the data/ folder of the "
            "playbook's repository; install clvkit from there with `pip install -e .`."
        )
    return found


def measurements(name: str) -> dict[str, Any]:
    """What the programs in ``benchmarks/`` measured last.

    ``name``: ``"speed"``, ``"coverage"``, ``"acquisition"``, ``"learning"`` or ``"scaling"``.
    """
    found: dict[str, Any] = json.loads(path(f"benchmarks/{name}.json").read_text("utf-8"))
    return found
