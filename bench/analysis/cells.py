"""What tells the cells of a study apart, and what to call them."""

import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.columns import SUMMARY_COLUMNS
from bench.records import ROWS, columns_of

SEPARATOR = " · "

# Fields whose values need no name beside them: "convnet · adam · cpu".
_SELF_EVIDENT = frozenset(
    {"model", "dataset", "optimizer", "schedule", "device", "precision", "memory_format", "loader"}
)
_IMPORT = re.compile(r"^\w+(\.\w+)*:(?=[^\W\d])")
_WORDS: Mapping[str, str] = {"batch_size": "batch"}
_NOT_CONFIGURATION = frozenset(
    chain({"study", "cell_id"}, SUMMARY_COLUMNS, *(columns_of(row) for row in ROWS.values()))
)


def config_fields(frame: pd.DataFrame) -> list[str]:
    """List the columns of any table that hold the cells' configuration, in its order."""
    return [name for name in frame.columns if name not in _NOT_CONFIGURATION]


def varying_fields(frame: pd.DataFrame) -> list[str]:
    """List the configuration fields that differ between the cells; a blank is a value."""
    cells = frame.drop_duplicates("cell_id")
    return [name for name in config_fields(cells) if cells[name].nunique(dropna=False) > 1]


def label_fields(frame: pd.DataFrame) -> list[str]:
    """List the varying fields that it takes to tell every cell from every other.

    A parameter of a part (`lr`, `optimizer.momentum`) that merely follows the part it belongs
    to is left out; it stays where two cells differ in nothing else.
    """
    cells = frame.drop_duplicates("cell_id")
    varying = varying_fields(cells)
    kept = [name for name in varying if not _is_parameter(name)]
    for name in filter(_is_parameter, varying):
        if _groups(cells, [*kept, name]) > _groups(cells, kept):
            kept.append(name)
    return [name for name in varying if name in kept]


def cell_labels(frame: pd.DataFrame) -> dict[str, str]:
    """Name every cell by what varies, e.g. "convnet · batch 64 · adam"; no two names are equal.

    Keys are cell ids in the order of the frame. A study of one cell is named after its model.
    """
    cells = frame.drop_duplicates("cell_id")
    fields = label_fields(cells) or ["model"]
    rows = cells.to_dict("records")
    labels = {row["cell_id"]: label(row, fields) for row in rows}
    seen = Counter(labels.values())
    return {
        cell_id: text if seen[text] == 1 else f"{text}{SEPARATOR}{cell_id}"
        for cell_id, text in labels.items()
    }


def label(row: Mapping[Hashable, Any], fields: Sequence[str]) -> str:
    """Name a cell by the given fields of its row; blank ones say nothing, unless all are."""
    named = [name for name in fields if not pd.isna(row[name])] or fields[:1]
    return SEPARATOR.join(named_value(name, row[name]) for name in named)


def named_value(field: str, value: Any) -> str:
    """Write a value with its field's name where it would not be understood alone."""
    text = short_value(value)
    return text if field in _SELF_EVIDENT else f"{field_name(field)} {text}"


def field_name(field: str) -> str:
    """Put a field in words for people: `batch_size` is "batch", `optimizer.momentum` "momentum"."""
    return _WORDS.get(field, field.rpartition(".")[2].replace("_", " "))


def axis_name(field: str) -> str:
    """Put a field in words in full: `batch_size` is "batch size"."""
    return "learning rate" if field == "lr" else field.replace(".", " ").replace("_", " ")


def short_value(value: Any) -> str:
    """Write a value; what a user imports by "package.module:Name" goes by its last name."""
    return _IMPORT.sub("", format_value(value))


def format_value(value: Any) -> str:
    """Write a configuration value: on or off, numbers without trailing zeros, blank as a dash."""
    if pd.isna(value):
        return "–"
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return "on" if value else "off"
    return f"{value:.12g}"


def _is_parameter(field: str) -> bool:
    return field == "lr" or "." in field


def _groups(cells: pd.DataFrame, fields: Sequence[str]) -> int:
    return len(cells.drop_duplicates(fields)) if fields else min(len(cells), 1)
