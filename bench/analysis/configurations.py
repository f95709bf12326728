"""The cells of a table: their configuration, and what bench.cell_names calls them."""

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
    """List the columns of any table that hold the cells' configuration, in its order."""
    return [name for name in frame.columns if name not in _NOT_CONFIGURATION]


def configurations(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Give each cell's configuration by its id, in the order of the frame."""
    cells = frame.drop_duplicates("cell_id").set_index("cell_id")
    return cells[config_fields(cells)].to_dict("index")  # type: ignore[return-value]


def varying_fields(frame: pd.DataFrame) -> list[str]:
    """List the configuration fields that differ between the cells; a blank is a value."""
    return cell_names.varying_fields(list(_varying(frame).values()))


def label_fields(frame: pd.DataFrame) -> list[str]:
    """List the varying fields that it takes to tell every cell from every other."""
    return cell_names.label_fields(list(_varying(frame).values()))


def cell_labels(frame: pd.DataFrame) -> dict[str, str]:
    """Name every cell by what varies; keys are cell ids in the order of the frame."""
    return cell_names.cell_labels(_varying(frame))


def _varying(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Give of each cell's configuration what differs between the cells, which is little of it.

    The model stays: a study of one cell is named after it.
    """
    cells = frame.drop_duplicates("cell_id")
    same = [
        name
        for name in config_fields(cells)
        if name != "model" and cells[name].nunique(dropna=False) == 1
    ]
    return configurations(cells.drop(columns=same))
