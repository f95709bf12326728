"""Export to the JSON of github-action-benchmark, which tracks benchmarks over commits.

https://github.com/benchmark-action/github-action-benchmark: an array of {name, unit, value, range,
extra}, read with `tool: customSmallerIsBetter` or `customBiggerIsBetter`. A file has one
direction, commits are joined by `name`, and values are displayed as they are: hence a file per
tool, fixed units and rounded values.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.analysis.configurations import name_cells
from bench.analysis.results import Results, read_results
from bench.cell_names import SEPARATOR, is_blank
from bench.errors import BenchError
from bench.export.exported import Exported, folder_for
from bench.formatting import plural
from bench.store import write_atomic


@dataclass(frozen=True)
class Measure:
    """A measure of cells: its name and unit in the chart, its columns in summary.csv."""

    name: str
    unit: str
    scale: float  # from the columns' unit
    stem: str  # of the columns <stem>_<statistic>, <stem>_low and <stem>_high
    sample: str  # what a sample is
    statistic: str = "median"
    count: str = ""  # the column with the number of samples, by default <stem>_n


TOOLS: Mapping[str, tuple[Measure, ...]] = {
    "customSmallerIsBetter": (
        Measure("step", "ms", 1e3, "step", "timing set"),
        Measure("peak memory", "MiB", 2**-20, "peak_memory_bytes", "seed"),
    ),
    "customBiggerIsBetter": (
        Measure("data + training step", "images/s", 1.0, "step_images_per_s", "timing set"),
        Measure("training", "images/s", 1.0, "images_per_s", "seed"),
        Measure("test accuracy", "%", 100.0, "accuracy", "seed", "mean", "seeds"),
    ),
}


def to_github_action_benchmark(results: Path, out: str | None) -> Exported:
    """Write `<out>/<tool>.json` for both tools: an entry per cell with status ok and measure.

    Raises BenchError if there are none, StoreError if there is no results folder.
    """
    tables, folder = read_results(results), folder_for(results, out)
    benchmarks = {tool: list(_entries(tables, measures)) for tool, measures in TOOLS.items()}
    count = sum(map(len, benchmarks.values()))
    if not count:
        raise BenchError(
            "no cell has a result to export", where=str(results), hint="Run the study first."
        )
    for tool, entries in benchmarks.items():
        text = json.dumps(entries, indent=1, ensure_ascii=False, allow_nan=False)
        write_atomic(folder / f"{tool}.json", f"{text}\n")
    return Exported(f"{count} benchmarks", " ".join(str(folder / f"{tool}.json") for tool in TOOLS))


def _entries(tables: Results, measures: tuple[Measure, ...]) -> Iterator[dict[str, Any]]:
    labels = name_cells(tables.summary)
    for cell in tables.summary.to_dict("records"):
        name = f"{cell['study']}{SEPARATOR}{labels[cell['cell_id']]}"
        for measure in measures if cell["status"] == "ok" else ():
            if not is_blank(cell[f"{measure.stem}_{measure.statistic}"]):
                yield _entry(name, cell, measure)


def _entry(name: str, cell: Mapping[Any, Any], measure: Measure) -> dict[str, Any]:
    """Return an entry; `range` is the 95% interval, left out if there are too few samples."""
    description = measure.statistic
    value, low, high = (cell[f"{measure.stem}_{part}"] for part in (description, "low", "high"))
    entry = {
        "name": f"{name}{SEPARATOR}{measure.name}",
        "unit": measure.unit,
        "value": _rounded(measure.scale * value),
    }
    if not is_blank(low):
        entry["range"] = "–".join(f"{_rounded(measure.scale * end)}" for end in (low, high))
        description += ", 95% interval"
    samples = f"n = {plural(cell[measure.count or f'{measure.stem}_n'], measure.sample)}"
    return {**entry, "extra": f"{description}\n{samples}\n{cell['cell_id']}"}


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
