"""The tables that follow from the others, written again as those grow."""

import ctypes
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bench.cell_names import Written, is_blank
from bench.csv_text import as_text, as_value
from bench.store import Store, write_atomic

if TYPE_CHECKING:
    import pandas as pd

    from bench.analysis.results import Results


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

    def write(self) -> "Results":
        """Write them from the tables as they are."""
        from bench.analysis.results import read_results

        tables = read_results(self._folder, recompute=True)
        for name in ("summary", "comparisons"):
            write_atomic(self._folder / f"{name}.csv", as_csv(getattr(tables, name)))
        return tables


def as_csv(table: "pd.DataFrame") -> str:
    """Write a table as `bench.analysis.results` reads it, whatever text it holds."""
    import pandas as pd

    from bench.analysis.configurations import config_fields

    fields = set(config_fields(table))
    marked: dict[str, pd.Series] = {}
    for name, column in table.select_dtypes(include=["object", "string"]).items():
        mark = as_value if name in fields else as_text
        texts = [_in_file(value, mark) for value in column]
        marked[str(name)] = pd.Series(texts, index=table.index, dtype=object)  # no type is guessed
    return table.assign(**marked).to_csv(index=False)


def _in_file(value: Any, mark: Callable[[Any], Any]) -> Any:
    """Return what the file holds; a value of a column of several types is its own again."""
    if isinstance(value, Written):
        value = value.value
    return None if is_blank(value) else mark(value)


def _give_back() -> None:
    """Give the system back the memory that the tables took; glibc would keep it for later."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
