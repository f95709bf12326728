"""The columns of summary.csv, and of any table those of its cells' configuration and names."""

from collections.abc import Mapping
from itertools import chain
from typing import Any

import pandas as pd

from bench import cell_names
from bench.records import PHASES, ROWS, columns_of

# Seconds per pass through a phase, the speed of entire steps, and their fraction of the machine's
# own peak: n counts timing sets.
BLOCK_MEASURES = (*PHASES, "step_images_per_s", "efficiency")
# Columns of trials.csv: n counts the seeds that ran to the end.
TRIAL_MEASURES = (
    *("images_per_s", "train_s", "eval_s"),
    *("time_to_target_s", "steps_to_target", "peak_memory_bytes"),
)
MEASURES = (*BLOCK_MEASURES, *TRIAL_MEASURES)
PARTS = ("median", "low", "high", "n")
# From costs.csv, one pass per cell.
COSTS = (
    *("flops_per_image", "step_flops", "step_bytes", "step_operations"),
    *("step_peak_bytes", "step_base_bytes", "step_device_bytes"),
)
LIMITS = ("data", "launch", "memory", "compute")
# Seconds of a step that each limit alone would take.
BOUNDS = tuple(f"{limit}_bound_s" for limit in LIMITS)

SUMMARY_DTYPES: Mapping[str, str] = {
    **{f"{measure}_{part}": "float64" for measure in MEASURES for part in PARTS},
    **{f"{measure}_n": "Int64" for measure in MEASURES},
    **{f"accuracy_{part}": "float64" for part in ("mean", "low", "high", "lower_bound")},
    **dict.fromkeys(("seeds", "parameters"), "Int64"),
    **dict.fromkeys((*COSTS, "achieved_flops_per_s", "efficiency", *BOUNDS), "float64"),
    "bottleneck": "string",
    **dict.fromkeys(("phases_over_step", "epoch_over_steps"), "float64"),
    **dict.fromkeys(("step_images", "disturbed_blocks", "outlying_blocks"), "Int64"),
    **dict.fromkeys(("status", "reason"), "string"),
}

_NOT_CONFIGURATION = frozenset(
    chain({"study", "cell_id"}, SUMMARY_DTYPES, *(columns_of(row) for row in ROWS.values()))
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
