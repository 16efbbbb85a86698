"""When an executed chapter may be used again: only if nothing it could have read has changed."""

import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import clvkit
from clvkit.book.chapters import Chapter
from clvkit.playbook import TABLES


def key(chapter: Chapter, values: dict[str, Any], source: Path, more: object = None) -> str:
    """Digest of a chapter's source and values, the data, the package and the environment.

    ``more`` is whatever else changes how the chapter is run.
    """
    digest = hashlib.sha256(chapter.path.read_bytes() + repr(more).encode())
    digest.update(json.dumps(values, sort_keys=True, default=str).encode())
    for table in (*TABLES, "receipt"):
        path = Path(str(values.get(table, "")))
        if path.is_file():
            _add(digest, [path], path.parent)
    digest.update(_surroundings(source).encode())
    return digest.hexdigest()


def forget() -> None:
    """Look at the data, the package and the environment anew."""
    _surroundings.cache_clear()


@cache
def _surroundings(source: Path) -> str:
    digest = hashlib.sha256(sys.version.encode())
    package = Path(clvkit.__file__).parent
    _add(digest, package.rglob("*.py"), package)
    _add(digest, (source / "data").rglob("*"), source)
    installed = {f"{d.name}=={d.version}" for d in importlib.metadata.distributions()}
    digest.update("\n".join(sorted(installed)).encode())
    return digest.hexdigest()


def _add(digest: "hashlib._Hash", paths: Iterable[Path], root: Path) -> None:
    for path in sorted(path for path in paths if path.is_file()):
        digest.update(path.relative_to(root).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
