"""summary.csv and comparisons.csv, which follow from a study's other tables."""

import ctypes
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.store import write_atomic

if TYPE_CHECKING:
    from bench.analysis.results import Results


def write_derived_tables(results: "Results", folder: Path) -> None:
    """Write summary.csv and comparisons.csv."""
    from bench.analysis.table_files import as_csv  # imports pandas only when tables are written

    for name in ("summary", "comparisons"):
        write_atomic(folder / f"{name}.csv", as_csv(getattr(results, name)))


class DerivedTables:
    """The derived tables of a running study, rewritten for at most a fiftieth of the time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._next_s = 0.0

    def refresh(self) -> None:
        """Rewrite them from the CSV files, unless the last time was too recent for its duration."""
        from bench.analysis.results import read_results

        started_s = time.monotonic()
        if started_s < self._next_s:
            return
        write_derived_tables(read_results(self._folder, recompute=True), self._folder)
        # glibc would keep the memory of the tables for later.
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
        now_s = time.monotonic()
        self._next_s = now_s + 50 * (now_s - started_s)
