"""Tables without outcomes, such as published ones, are not replaced by a run."""

from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.store import Store


def test_tables_without_outcomes_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "trials.csv").write_text("study,cell_id\nx,a\n", encoding="utf-8")
    with pytest.raises(StoreError, match="has tables without outcomes"):
        Store(tmp_path).check_tables()


def test_tables_without_rows_may_be_replaced(tmp_path: Path) -> None:
    Store(tmp_path).check_tables()
    (tmp_path / "trials.csv").write_text("study,cell_id\n", encoding="utf-8")
    Store(tmp_path).check_tables()
