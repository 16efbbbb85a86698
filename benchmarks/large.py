"""From one Parquet file to a file of scores, and what that costs: ``large.py FILE OUT``.

Seconds are of processor time, of all threads together.
"""

import contextlib
import json
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path

import clvkit as clv
from clvkit.book.own import write_scores

source, out = Path(sys.argv[1]), Path(sys.argv[2])
disk, done = [0], threading.Event()


def watch(folder):
    """The most that the temporary folder ever held."""
    while not done.wait(0.5):
        # A file may go while it is looked at.
        with contextlib.suppress(OSError):
            sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
            disk[0] = max(disk[0], sum(sizes))


def memory():
    """Peak of resident memory of this process, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


started = time.process_time()
watcher = threading.Thread(target=watch, args=(Path(tempfile.gettempdir()),), daemon=True)
watcher.start()
orders = clv.scan_transactions(source)
scanned = time.process_time()
customers = write_scores(clv.score(orders), out)[0]
orders.close()
ended = time.process_time()
done.set()
watcher.join()
print(
    json.dumps(
        {
            "rows": orders.receipt.rows_in,
            "customers": customers,
            "total_seconds": ended - started,
            "days_seconds": scanned - started,
            "score_seconds": ended - scanned,
            "peak_memory_gib": memory(),
            "peak_disk_gib": disk[0] / 2**30,
            "bytes_a_row": source.stat().st_size / orders.receipt.rows_in,
        }
    )
)
