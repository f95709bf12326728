"""`bench compare` from the files of two results folders."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.analysis.comparison_rows import ACCURACY
from bench.analysis.configurations import configurations
from bench.analysis.disturbances import how_it_moved
from bench.analysis.folder_matching import Match, between, matches
from bench.analysis.missing_comparisons import uncompared
from bench.analysis.results import Results, read_mapping, read_results
from bench.cell_names import cell_labels
from bench.errors import StoreError

HEADLINES = ("step", ACCURACY)
MACHINE = ("cpu", "cores", "quota", "gpus")


@dataclass(frozen=True, eq=False)
class Compared:
    """What two folders say about each other.

    `rows` are those of comparisons.csv, B against A. `differences` say where machine or software
    differ; with any, no row has a verdict but INCOMPARABLE. `warnings` say what else to know.
    """

    rows: pd.DataFrame
    matched: Sequence[Match]
    labels: Mapping[str, str]
    only_before: Sequence[str]
    only_after: Sequence[str]
    differences: Sequence[str]
    warnings: Sequence[str]


def compare_folders(before: Path, after: Path, *, every_measure: bool = False) -> Compared:
    """Compare two results folders, cell by cell.

    Raises StoreError for a folder that cannot be read, and where no cell of one belongs to any
    of the other.
    """
    a, b = read_results(before), read_results(after)
    matched = matches(a, b)
    if not matched:
        raise StoreError(
            "no cell here belongs to one of the other folder",
            where=str(after),
            hint="Cells belong together where they differ in what the whole study changed, and in "
            "nothing else.",
        )
    rows = between(a, b, matched)
    if not every_measure:
        rows = rows[rows["measure"].isin(HEADLINES)].reset_index(drop=True)
    folders = ((before, a), (after, b))
    labels = [cell_labels(configurations(tables.trials)) for tables in (a, b)]
    if rows.empty:
        raise StoreError(
            f"holds nothing to compare with {before}\n  "
            + "\n  ".join(uncompared(folders, matched, rows, labels[1])),
            where=str(after),
            hint="Times need timing blocks that nothing disturbed, accuracies an epoch with the "
            "same seed, in both.",
        )
    environments = [read_mapping(f / "environment.json", json.loads) for f in (before, after)]
    differences = _differences(*environments)
    if differences:
        rows[["verdict", "further"]] = "INCOMPARABLE", None
    return Compared(
        rows=rows,
        matched=matched,
        labels=labels[1],
        only_before=_others(labels[0], {match.before for match in matched}),
        only_after=_others(labels[1], {match.after for match in matched}),
        differences=differences,
        warnings=[
            *(w for folder, tables in folders for w in _warnings(folder, tables)),
            *uncompared(folders, matched, rows, labels[1], measured_only=True),
        ],
    )


def _others(labels: Mapping[str, str], matched: set[str]) -> list[str]:
    return [label for cell_id, label in labels.items() if cell_id not in matched]


def _warnings(folder: Path, tables: Results) -> list[str]:
    moved = how_it_moved(tables.blocks)
    return [f"{folder}: {moved}"] if moved else []


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Say where machine, software or data differ; what one of the two does not tell is left out."""
    told = [conditions(environment) for environment in (before, after)]
    return [
        f"{name}: {told[0][name]} before, {told[1][name]} after"
        for name in told[0]
        if name in told[1] and told[0][name] != told[1][name]
    ]


def conditions(environment: Mapping[str, Any]) -> dict[str, str]:
    """Pick what makes numbers comparable from environment.json."""
    machine, software = (environment.get(name) or {} for name in ("machine", "software"))
    told = {name: machine[name] for name in MACHINE if name in machine}
    told |= {name: version for name, version in software.items() if name != "bench"}
    told |= {f"content of {name}": d for name, d in (environment.get("datasets") or {}).items()}
    if (variables := environment.get("variables")) is not None:
        set_ones = " ".join(f"{name}={value}" for name, value in variables.items())
        told["environment variables"] = set_ones or "none"
    return {name: _as_text(value) for name, value in told.items()}


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return "none" if value is None else str(value)
