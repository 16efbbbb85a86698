"""Pictures of the charts, for readers without scripts and for notebooks shown elsewhere."""

import base64
import hashlib
import importlib.metadata
import json
import os
from pathlib import Path
from threading import get_ident
from typing import Any

import nbformat
import vl_convert

from clvkit.palette import PAPER, VEGA_LITE_MIME

_WIDTH = 640
_SCALE = 1.5


def add_pictures(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Give every chart of a notebook a PNG, drawn once and kept in ``folder``."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            spec = output.get("data", {}).get(VEGA_LITE_MIME)
            if spec is not None:
                output["data"]["image/png"] = base64.b64encode(_picture(spec, folder)).decode()


def _picture(spec: dict[str, Any], folder: Path) -> bytes:
    fixed = {key: value for key, value in spec.items() if key != "autosize"}
    if fixed.get("width") == "container":
        fixed["width"] = _WIDTH
    fixed["background"] = PAPER
    text = json.dumps(
        [fixed, importlib.metadata.version("vl-convert-python"), _SCALE], sort_keys=True
    )
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()}.png"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}-{get_ident()}.part")
        part.write_bytes(vl_convert.vegalite_to_png(fixed, scale=_SCALE))
        part.replace(path)
    return path.read_bytes()
