"""Export to Parquet: a file per table, with column types."""

from pathlib import Path

from bench.analysis.results import read_results
from bench.export.exported import Exported, folder_for, require
from bench.records import ROWS
from bench.store import write_atomic

TABLES = (*ROWS, "summary", "comparisons")


def to_parquet(results: Path, out: str | None) -> Exported:
    """Write every table to `<out>/<table>.parquet`.

    Raises BenchError if pyarrow is missing, StoreError if there is no results folder.
    """
    require("pyarrow", extra="parquet")
    tables, folder = read_results(results), folder_for(results, out)
    for name in TABLES:
        content = getattr(tables, name).to_parquet(engine="pyarrow", index=False)
        write_atomic(folder / f"{name}.parquet", content)
    return Exported(f"{len(TABLES)} tables", str(folder))
