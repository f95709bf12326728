"""Small tables by hand: say what matters in a row, the rest is filled in."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from bench.records import ROWS, columns_of

CONFIG: dict[str, Any] = {
    "model": "convnet",
    "dataset": "mnist",
    "batch_size": 100,
    "optimizer": "adam",
    "lr": 0.001,
    "device": "cpu",
    "precision": "fp32",
    "optimizer.momentum": None,
}
Table = Callable[..., pd.DataFrame]


def table(name: str, *rows: dict[str, Any]) -> pd.DataFrame:
    defaults = {"study": "s", "cell_id": "a", **CONFIG}
    columns = [*defaults, *columns_of(ROWS[name])]
    return pd.DataFrame([{**defaults, **row} for row in rows], columns=columns)


@pytest.fixture
def trials() -> Table:
    def make(*rows: dict[str, Any]) -> pd.DataFrame:
        return table("trials", *({"status": "ok", "seed": i, **row} for i, row in enumerate(rows)))

    return make


@pytest.fixture
def timings() -> Table:
    def make(*rows: dict[str, Any]) -> pd.DataFrame:
        filled = {"block": 0, "phase": "step", "is_warmup": False, "status": "ok"}
        return table("timings", *({**filled, "round": i, **row} for i, row in enumerate(rows)))

    return make


@pytest.fixture
def blocks(timings: Table) -> Table:
    """Make a timings table of one cell: seconds by phase for each block, one round each."""

    def make(*phases_of_blocks: dict[str, float], **fields: Any) -> pd.DataFrame:
        return timings(
            *(
                {"block": block, "phase": phase, "seconds": seconds, **fields}
                for block, phases in enumerate(phases_of_blocks)
                for phase, seconds in phases.items()
            )
        )

    return make
