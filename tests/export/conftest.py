from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from made_up_study import write


@pytest.fixture
def bench(tmp_path: Path, run_bench: Callable) -> Callable:
    """Run the real command line in an empty folder, where it needs no data."""
    return partial(run_bench, tmp_path)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return write(tmp_path / "results" / "made-up")
