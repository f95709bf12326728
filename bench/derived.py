"""Until the runner uses `bench.analysis.derived_tables`."""

from typing import TYPE_CHECKING

from bench.analysis.derived_tables import DerivedTables, write_derived_tables
from bench.store import Store

if TYPE_CHECKING:
    from bench.analysis.results import Results


class Derived(DerivedTables):
    """The derived tables of a store."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.folder)

    def write(self) -> "Results":
        """Rewrite them from the CSV files."""
        from bench.analysis.results import read_results

        results = read_results(self._folder, recompute=True)
        write_derived_tables(results, self._folder)
        return results
