"""The configurations of the cells of a table, and the names that tell cells apart."""

from itertools import chain
from typing import Any

import pandas as pd

from bench import cell_names
from bench.analysis.summary_columns import SUMMARY_COLUMNS
from bench.records import ROWS, columns_of

_NOT_CONFIGURATION = frozenset(
    chain({"study", "cell_id"}, SUMMARY_COLUMNS, *(columns_of(row) for row in ROWS.values()))
)


def config_fields(frame: pd.DataFrame) -> list[str]:
    """Return the columns of any table that hold the cells' configuration, in its order."""
    return [name for name in frame.columns if name not in _NOT_CONFIGURATION]


def configurations(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return each cell's configuration by its id, in the order of the frame."""
    cells = frame.drop_duplicates("cell_id").set_index("cell_id")
    return cells[config_fields(cells)].to_dict("index")  # type: ignore[return-value]


def varying_fields(frame: pd.DataFrame) -> list[str]:
    """Return the configuration fields that differ between the cells; a blank is a value."""
    return cell_names.varying_fields(list(_varying(frame).values()))


def naming_fields(frame: pd.DataFrame) -> list[str]:
    """Return the varying fields that are needed to tell every cell from every other."""
    return cell_names.naming_fields(list(_varying(frame).values()))


def name_cells(frame: pd.DataFrame) -> dict[str, str]:
    """Return every cell's label, made of what varies, by cell id in the order of the frame."""
    return cell_names.name_cells(_varying(frame))


def _varying(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return of each configuration what differs between the cells, a small part of it.

    The model is kept: a study of one cell is named after it.
    """
    cells = frame.drop_duplicates("cell_id")
    constant = [
        name
        for name in config_fields(cells)
        if name != "model" and cells[name].nunique(dropna=False) == 1
    ]
    return configurations(cells.drop(columns=constant))
