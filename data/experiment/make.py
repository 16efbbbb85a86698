"""Make experiment.csv and customers.csv from the fixed seed of the simulator.

    python data/experiment/make.py [FOLDER]

Without a folder the tables are written beside this file.
"""

import sys
from pathlib import Path

from clvkit.simulate import emails


def main(folder: Path) -> None:
    """Write both tables into ``folder``, without what nobody could know."""
    experiment, customers = emails()
    seen = customers[[name for name in customers if not name.startswith("true_")]]
    for name, table in (("experiment", experiment), ("customers", seen)):
        path = folder / f"{name}.csv"
        path.write_text(table.to_csv(index=False, lineterminator="\n"), "utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
