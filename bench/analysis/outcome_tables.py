"""Tables made of outcomes in memory, equal to those that are read from the CSV files."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.table_files import row_types, typed_by_content
from bench.cell_names import is_blank
from bench.csv_text import as_value
from bench.records import ROWS, Outcome
from bench.store import config_columns, rows_of


def tables_of(outcomes: Iterable[Outcome]) -> dict[str, pd.DataFrame]:
    """Return the tables of `bench.records.ROWS` by name; goes through the outcomes once."""
    types = {name: row_types(name) for name in ROWS}
    values: dict[str, dict[str, list[Any]]] = {
        name: {column: [] for column in types[name]} for name in ROWS
    }
    codes: dict[str, list[int]] = {name: [] for name in ROWS}  # of each row's configuration
    configs: dict[tuple[tuple[str, str | None], ...], int] = {}
    for outcome in outcomes:
        code = configs.setdefault(_texts(outcome), len(configs))
        for name, rows in rows_of(outcome).items():
            for row in rows:
                codes[name].append(code)
                for column, known in values[name].items():
                    known.append(getattr(row, column))
    cells = pd.DataFrame(
        [dict(texts) for texts in configs],
        columns=config_columns(name for texts in configs for name, _ in texts),
        dtype="string",
    )
    return {
        name: _identity(cells, codes[name]).assign(
            **{
                column: _column(known, types[name][column])
                for column, known in values[name].items()
            }
        )
        for name in ROWS
    }


def _texts(outcome: Outcome) -> tuple[tuple[str, str | None], ...]:
    """Return identity and configuration as the texts of a CSV, None for a blank."""
    texts = {name: as_value(value) for name, value in outcome.config.items()}
    texts |= {"study": outcome.study, "cell_id": outcome.cell_id}
    return tuple((k, None if v is None else _encodable(str(v))) for k, v in texts.items())


def _identity(cells: pd.DataFrame, codes: Sequence[int]) -> pd.DataFrame:
    """Return a row per code; a column's type depends only on the cells that occur."""
    occurring, rows = np.unique(np.asarray(codes, dtype=np.intp), return_inverse=True)
    known = cells.iloc[occurring]
    typed = {
        n: known[n] if n in ("study", "cell_id") else typed_by_content(known[n]) for n in known
    }
    return pd.DataFrame(typed, index=known.index).iloc[rows].reset_index(drop=True)


def _column(values: Sequence[Any], dtype: str) -> pd.Series:
    if dtype == "string":
        values = [None if is_blank(value) or value == "" else _encodable(value) for value in values]
    return pd.Series(values, dtype=dtype)


def _encodable(text: str) -> str:
    """Escape surrogates, as in file names within error messages, like the CSV files do."""
    return text.encode("utf-8", errors="backslashreplace").decode()
