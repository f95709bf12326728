"""A table by hand: missing columns are filled in."""

from typing import Any

import pandas as pd

from bench.records import ROWS, columns_of

CONFIG: dict[str, Any] = {
    "model": "convnet",
    "dataset": "mnist",
    "batch_size": 100,
    "optimizer": "adam",
    "lr": 0.001,
    "device": "cpu",
    "precision": "fp32",
    "threads": 2,
    "optimizer.momentum": None,
}


def table(name: str, *rows: dict[str, Any]) -> pd.DataFrame:
    defaults = {"study": "s", "cell_id": "a", **CONFIG}
    given = (column for row in rows for column in row)
    columns = list(dict.fromkeys([*defaults, *columns_of(ROWS[name]), *given]))
    return pd.DataFrame([{**defaults, **row} for row in rows], columns=columns)
