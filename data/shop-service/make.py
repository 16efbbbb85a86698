"""Make customers.csv: ``python data/shop-service/make.py [FOLDER]``."""

import sys
from pathlib import Path

from clvkit.simulate import shop, shop_service


def main(folder: Path) -> None:
    """Write the table into ``folder``, the same to the byte on every system."""
    with (folder / "customers.csv").open("w", encoding="ascii", newline="") as file:
        shop_service(shop()).to_csv(file, index=False, date_format="%Y-%m-%d", lineterminator="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
