"""What to build, from where, to where."""

import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from clvkit.errors import DataError


class BookSettings(BaseModel):
    """One build of the book."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Path
    """Folder with ``_config.yml``, ``_toc.yml`` and the chapters."""
    pages: Path
    """Where the pages end up; replaced only by a book that is whole and checked."""
    notebooks: Path
    """Where the executed notebooks end up."""
    cache: Path
    """Executed chapters and drawn pictures of earlier builds."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Values by name; text from the command line is converted by each chapter's declaration."""
    only: tuple[str, ...] = ()
    """Names of the chapters to build; empty means all."""
    jobs: int = Field(default=2, ge=1)
    verbose: bool = False

    @classmethod
    def in_folder(cls, source: Path, out: Path | None = None, **more: Any) -> "BookSettings":
        """Settings with the usual places: ``_build`` in the source, or everything in ``out``."""
        if out is None:
            out = source / "_build"
            pages = out / "html"
        else:
            pages = out / "book"
        return cls(
            source=source, pages=pages, notebooks=out / "notebooks", cache=out / ".cache", **more
        )


def find_source() -> Path:
    """Find the book: the current folder if it is one, else the one that clvkit came with."""
    for folder in (Path.cwd(), Path(__file__).resolve().parents[2]):
        if (folder / "_config.yml").exists() and (folder / "_toc.yml").exists():
            return folder
    raise DataError(
        f"There is no book here: {Path.cwd()} has no _config.yml and _toc.yml. Change to the "
        "folder of the playbook, where README.md is."
    )


def default_jobs() -> int:
    """Two notebooks at a time, or one on a machine with a single processor."""
    return min(2, os.cpu_count() or 1)
