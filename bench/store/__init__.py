"""Results folders: outcomes, and the tables that are made from them."""

from bench.store.study_store import (
    Store,
    StoredOutcomes,
    config_columns,
    rows_of,
    write_atomic,
)

__all__ = [
    "Store",
    "StoredOutcomes",
    "config_columns",
    "rows_of",
    "write_atomic",
]
