"""Make transactions.csv and customers.csv: ``python data/shop/make.py [FOLDER]``."""

import sys
from pathlib import Path

from clvkit.simulate import shop


def main(folder: Path) -> None:
    """Write both tables into ``folder``, the same to the byte on every system."""
    made = shop()
    for name, table in (("transactions", made.transactions), ("customers", made.customers)):
        with (folder / f"{name}.csv").open("w", encoding="ascii", newline="") as file:
            table.to_csv(file, index=False, date_format="%Y-%m-%d", lineterminator="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
