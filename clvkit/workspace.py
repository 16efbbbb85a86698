"""A folder for work that does not fit into memory, gone afterwards, also after a kill."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Any

_PREFIX = "clvkit-work-"
_LOCK = "lock.duckdb"
_OPEN: dict[Path, Workspace] = {}


class Workspace:
    """A DuckDB database in a temporary folder, which it may fill as far as the disk goes.

    The folder lies where the system keeps temporary files; the environment variable TMPDIR
    chooses another place. A run that is killed cannot remove its folder, so the next one does: a
    lock that nobody holds belongs to no run any more.
    """

    def __init__(self, memory_limit: str, timezone: str = "UTC") -> None:
        import duckdb

        _clear()
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        # Held open as long as we live: whoever finds it free may clear the folder.
        self._lock = duckdb.connect(str(self.folder / _LOCK))
        self.database: Any = duckdb.connect(
            str(self.folder / "work.duckdb"),
            config={
                "memory_limit": memory_limit,
                "temp_directory": str(self.folder / "spill"),
                "preserve_insertion_order": False,
            },
        )
        # DuckDB knows one zone a connection.
        self.database.execute(f"SET TimeZone = '{timezone}'")
        # A table of the database does not keep us alive, so something has to.
        _OPEN[self.folder] = self

    def copy(self, relation: Any) -> Any:
        """A relation of somebody else's connection, copied batch by batch."""
        import narwhals as nw

        self.database.register("theirs", relation.to_arrow_reader(1_000_000))
        self.database.execute("CREATE TABLE source AS SELECT * FROM theirs")
        self.database.unregister("theirs")
        return nw.from_native(self.database.table("source"))

    def close(self) -> None:
        """Close the database and remove the folder; a second time does nothing."""
        if _OPEN.pop(self.folder, None):
            self.database.close()
            self._lock.close()
            shutil.rmtree(self.folder, ignore_errors=True)


@atexit.register
def close_all() -> None:
    """Close what is still open; at the end of the program this happens by itself."""
    for workspace in list(_OPEN.values()):
        workspace.close()


def _clear() -> None:
    """Remove the folders of runs that were killed."""
    import duckdb

    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # A folder without a lock has just been made.
        if folder in _OPEN or not (folder / _LOCK).exists():
            continue
        try:
            duckdb.connect(str(folder / _LOCK)).close()
        except duckdb.IOException:
            continue
        shutil.rmtree(folder, ignore_errors=True)
