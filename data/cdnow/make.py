"""Make transactions.csv and sample.csv from the published files of the CDNOW purchases.

    python data/cdnow/make.py FOLDER

FOLDER holds CDNOW_master.txt and CDNOW_sample.txt; README.md says where to get them. Nothing is
written unless the sources are, byte for byte, the ones this table was made from.
"""

import csv
import hashlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve().parent
MASTER, SAMPLE = "CDNOW_master.txt", "CDNOW_sample.txt"
SOURCES = {
    MASTER: "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef",
    SAMPLE: "6fae10155c0b0ba363c2c386e30f77990d22328220efd862a5edd1443420d94a",
}


def main(folder: Path) -> None:
    """Check the sources in ``folder`` and write both tables beside this file."""
    for name, expected in SOURCES.items():
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if found != expected:
            sys.exit(f"{folder / name} is not the published file: its SHA-256 is {found}.")
    master, sample = (fields(folder / name) for name in SOURCES)
    next(master)  # the master file names its columns, the sample does not
    write("transactions.csv", ("customer_id", "date", "quantity", "amount"), map(purchase, master))
    numbers = dict.fromkeys((row[0], row[1]) for row in sample)
    write("sample.csv", ("customer_id", "sample_id"), numbers)


def fields(path: Path) -> Iterator[list[str]]:
    """The fields of each line, without the blanks around them."""
    for line in path.read_text(encoding="ascii").splitlines():
        yield line.split()


def purchase(row: list[str]) -> tuple[str, str, str, str]:
    """A purchase with its date in ISO form; everything else stays as it was printed."""
    customer, day, quantity, amount = row
    return customer, date.fromisoformat(day).isoformat(), quantity, amount


def write(name: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table beside this file, with the same line ends on every system."""
    with (HERE / name).open("w", encoding="ascii", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
