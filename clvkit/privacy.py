"""Customers without their names, and exports that a spreadsheet cannot run."""

import base64
import hashlib
import hmac
import secrets
from pathlib import Path

import numpy as np
import pandas as pd

# What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

# Markup, and what a page could take for some.
_MARKUP = r"[<>`{}\\\n]"
_FEWEST = 5
_MOST_LABELS = 50


def secret_key(path: Path) -> bytes:
    """The key of a report's pseudonyms: made at the first use, the same in every later one."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_bytes(secrets.token_bytes(32))
        part.replace(path)
    return path.read_bytes()


def pseudonyms(ids: pd.Series, key: bytes) -> pd.Series:
    """Each id's pseudonym: the same id has the same one, and without ``key`` none leads back.

    60 bits of an HMAC-SHA256: two of ten million customers share one with a chance below 1 in
    20,000.
    """
    codes, distinct = pd.factorize(ids)
    named = [
        "C" + base64.b32encode(hmac.digest(key, str(one).encode(), hashlib.sha256))[:12].decode()
        for one in distinct
    ]
    return pd.Series(pd.array(named, dtype="str").take(codes), index=ids.index, name=ids.name)


def shared_labels(
    cells: pd.Series, customers: pd.Series, *, fewest: int = 5, most: int = 50
) -> pd.Series | None:
    """``cells`` as labels that tell nobody apart, or ``None`` where they are no labels.

    A label that fewer than ``fewest`` of ``customers`` carry becomes ``other``, and so does one
    that holds markup. Where that is most of the customers, or more than ``most`` labels are left,
    the column names people or things one by one (an e-mail address, a remark), and is not shown.
    """
    text = cells.astype("str").where(cells.notna())
    carried = customers.groupby(text).nunique()
    plain = ~carried.index.astype("str").str.contains(_MARKUP)
    shown = carried.index[(carried >= fewest) & plain]
    labels = text.where(text.isna() | text.isin(shown), "other")
    hidden = customers[text.isin(carried.index[carried < fewest])].nunique()
    mostly_hidden = hidden * 2 > customers[text.notna()].nunique()
    return None if mostly_hidden or len(shown) > most else labels


def tells_apart(numbers: pd.Series) -> bool:
    """Whether whole numbers name customers one by one, as telephone numbers do."""
    known = numbers.dropna().astype("float64")
    whole = len(known) > 0 and bool((known == np.floor(known)).all())
    return whole and known.nunique() > 0.9 * len(known) and len(known) > _FEWEST


def spreadsheet_safe(frame: pd.DataFrame) -> pd.DataFrame:
    """``frame`` with an apostrophe before every text that a spreadsheet would run as a formula."""
    safe = frame.copy()
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column].dtype):
            safe[column] = safe[column].map(_inert)
    safe.columns = pd.Index([_inert(name) for name in safe.columns])
    if frame.index.name is not None:
        safe.index = pd.Index([_inert(one) for one in safe.index], name=frame.index.name)
    return safe


def _inert(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip(" ").startswith(_FORMULA) else cell
