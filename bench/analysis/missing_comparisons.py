"""Why cells of two folders have no verdict: what either folder lacks."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from bench.analysis.accuracy_comparisons import trained
from bench.analysis.comparison_rows import ACCURACY
from bench.analysis.disturbances import disturbed
from bench.analysis.folder_matching import Match
from bench.analysis.results import Results

NO_BLOCK, NO_TRIAL, NO_EPOCH = "no timing block", "no trial", "no trial that trained an epoch"
NOT_MEASURED = frozenset({NO_BLOCK, NO_TRIAL, NO_EPOCH})
Folders = Sequence[tuple[Path, Results]]
NAMED = 3  # cells, of those with one reason


def uncompared(
    folders: Folders,
    matched: Sequence[Match],
    rows: pd.DataFrame,
    labels: Mapping[str, str],
    *,
    measured_only: bool = False,
) -> list[str]:
    """Say of the matched cells without a time or an accuracy in `rows` why they have none.

    With `measured_only` nothing is said of what neither folder measured. The first folder has
    the cells `before`, the second those `after`.
    """
    compared = set(zip(rows["cell_id"], rows["measure"] == ACCURACY, strict=True))
    cells: dict[str, list[str]] = {}
    for is_accuracy in (False, True):
        for match in matched:
            if (match.after, is_accuracy) in compared:
                continue
            lacks = _accuracy_lacks if is_accuracy else _time_lacks
            why = _why(folders, match, lacks)
            if measured_only and all(reason in NOT_MEASURED for _, reason in why):
                continue
            told = "; ".join(f"{folder}: {reason}" for folder, reason in why if reason)
            what = "accuracy" if is_accuracy else "time"
            text = f"no {what} is compared: {told or 'no seed is in both folders'}"
            cells.setdefault(text, []).append(labels[match.after])
    return [f"{_named(names)}: {text}" for text, names in cells.items()]


def _why(
    folders: Folders, match: Match, lacks: Callable[[Results, str], str]
) -> list[tuple[Path, str]]:
    """Say of either folder what a cell lacks there; an empty text for nothing."""
    ids = (match.before, match.after)
    return [
        (folder, lacks(tables, cell_id))
        for (folder, tables), cell_id in zip(folders, ids, strict=True)
    ]


def _time_lacks(tables: Results, cell_id: str) -> str:
    rows = tables.blocks
    blocks = rows[(rows["cell_id"] == cell_id) & (rows["role"] == "planned")]
    ended = blocks[blocks["status"] == "ok"]
    if ended.empty:
        return _failed(blocks, "timing blocks") if len(blocks) else NO_BLOCK
    reasons = disturbed(ended)
    if (reasons == "").any():
        return ""
    seen = dict.fromkeys(reason for text in reasons for reason in text.split(", "))
    return f"all timing blocks were disturbed ({len(ended)}: {', '.join(seen)})"


def _accuracy_lacks(tables: Results, cell_id: str) -> str:
    trials = tables.trials[tables.trials["cell_id"] == cell_id]
    if trials.empty:
        return NO_TRIAL
    if not (trials["status"] == "ok").any():
        return _failed(trials, "trials")
    return "" if len(trained(trials)) else NO_EPOCH


def _failed(rows: pd.DataFrame, what: str) -> str:
    """Say how all of the rows ended, and why the first did."""
    statuses = ", ".join(f"{n} {status}" for status, n in rows["status"].value_counts().items())
    reason = next(iter(rows["reason"].dropna()), "")
    return f"no {what} ended well ({statuses}{f': {reason}' if reason else ''})"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more cells" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
