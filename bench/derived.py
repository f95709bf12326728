"""The tables that follow from the others, written again as those grow."""

import ctypes
import time
from typing import TYPE_CHECKING

from bench.store import Store, write_whole

if TYPE_CHECKING:
    from bench.analysis.load import Tables


class Derived:
    """The tables that follow from the others, kept fresh for at most a fiftieth of the time."""

    def __init__(self, store: Store) -> None:
        self._folder = store.folder
        self._next_s = 0.0

    def refresh(self) -> None:
        """Write them again unless the last time was too short ago for what it took."""
        started_s = time.monotonic()
        if started_s >= self._next_s:
            self.write()
            _give_back()
            now_s = time.monotonic()
            self._next_s = now_s + 50 * (now_s - started_s)

    def write(self) -> "Tables":
        """Write them from the tables as they are."""
        from bench.analysis.load import read_tables

        tables = read_tables(self._folder, recompute=True)
        write_whole(self._folder / "summary.csv", tables.summary.to_csv(index=False))
        write_whole(self._folder / "comparisons.csv", tables.comparisons.to_csv(index=False))
        return tables


def _give_back() -> None:
    """Give the system back the memory that the tables took; glibc would keep it for later."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
