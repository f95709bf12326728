"""The results of one study: its tables, and what follows from them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import pandas as pd
import yaml

from bench.analysis.comparisons import compare_with_baseline
from bench.analysis.effects import Change, main_effects, ordered_changes
from bench.analysis.pictured_images import PictureRow, Pictures, picture_rows, read_pictures
from bench.analysis.summary import summarise
from bench.analysis.table_files import (
    read_mapping,
    read_rows,
    read_summary,
    row_types,
    tables_of,
)
from bench.errors import StoreError
from bench.records import ROWS, Outcome
from bench.study_files import results_hint


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """The tables of one study, with columns as in `bench.records`, and what follows from them.

    `tuned` are the fields that the study tuned, by their dotted path as study.yaml names them;
    `pictures` the pixels of test images that the report shows, by index; `class_names` the names
    that all data sets give to their classes, empty where there are none.
    """

    trials: pd.DataFrame
    epochs: pd.DataFrame
    timings: pd.DataFrame
    blocks: pd.DataFrame
    costs: pd.DataFrame
    tuning: pd.DataFrame
    summary: pd.DataFrame
    comparisons: pd.DataFrame
    misclassified: pd.DataFrame = field(default_factory=pd.DataFrame)
    metrics: pd.DataFrame = field(default_factory=pd.DataFrame)
    tuned: Sequence[str] = ()
    pictures: Pictures = field(default_factory=dict)
    class_names: Sequence[str] = ()

    @cached_property
    def main_effects(self) -> pd.DataFrame:
        """Return the effect of every axis of a full grid; empty for another design."""
        return main_effects(self.summary, self.trials, self.timings, self.blocks)

    @cached_property
    def ordered_changes(self) -> Mapping[str, Change]:
        """Return what each compared cell of a one-at-a-time study changes, by cell id."""
        return ordered_changes(self.summary, self.comparisons)

    def class_name(self, label: int) -> str:
        """Return the name of a class, or its number where it has none."""
        return self.class_names[label] if label < len(self.class_names) else str(label)

    @cached_property
    def picture_rows(self) -> Sequence[PictureRow]:
        """Return the test images that are worth a look, cell by cell."""
        if self.misclassified.empty:
            return ()
        return picture_rows(self.misclassified, baseline=str(self.summary["cell_id"].iloc[0]))


def read_results(results_dir: Path, *, recompute: bool = False) -> Results:
    """Read a results folder; the summary is computed where summary.csv is missing or older.

    With `recompute` it is always computed. Comparisons are always computed. All tables but
    trials.csv may be missing (`epochs: 0`, `timing: off`) and are empty then. Columns with a
    default may be missing, as in older tables. Raises StoreError for a folder without trials.csv,
    any other missing column, an unreadable file, and rows of different hardware.
    """
    if not (results_dir / "trials.csv").is_file():
        raise StoreError(
            "no trials.csv here", where=str(results_dir), hint=results_hint(results_dir)
        )
    tables = {"trials": read_rows(results_dir, "trials")}
    identity = tables["trials"].iloc[:0].drop(columns=list(row_types("trials")))
    for name in ROWS:
        if (results_dir / f"{name}.csv").is_file():
            tables[name] = read_rows(results_dir, name)
        else:
            columns = {k: pd.Series(dtype=dtype) for k, dtype in row_types(name).items()}
            tables[name] = identity.assign(**columns)
    summary = None if recompute else read_summary(results_dir)
    tuned = () if tables["tuning"].empty else _tuned_fields(results_dir)
    environment = read_mapping(results_dir / "environment.json", json.loads)
    names = environment.get("class_names")
    return _results(tables, results_dir, summary, tuned, read_pictures(results_dir), names)


def make_results(
    outcomes: Iterable[Outcome],
    results_dir: Path,
    tuned: Sequence[str] = (),
    class_names: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Results:
    """Return the results of outcomes, equal to what `read_results` reads from their tables.

    `tuned` are the fields that the study tuned, `class_names` those of its data sets. Raises
    StoreError for rows of different hardware; nothing is read from `results_dir`, which errors
    name.
    """
    tables = tables_of(outcomes)
    tuned = () if tables["tuning"].empty else tuned
    return _results(tables, results_dir, None, tuned, class_names=class_names)


def _results(
    tables: Mapping[str, pd.DataFrame],
    results_dir: Path,
    summary: pd.DataFrame | None,
    tuned: Sequence[str],
    pictures: Pictures | None = None,
    class_names: object = None,
) -> Results:
    _require_one_machine(results_dir, tables.values())
    timed = (tables["timings"], tables["blocks"])
    if summary is None:
        summary = summarise(tables["trials"], *timed, tables["costs"])
    comparisons = compare_with_baseline(tables["trials"], *timed, tables["metrics"])
    return Results(
        **tables,
        summary=summary,
        comparisons=comparisons,
        tuned=tuned,
        pictures=pictures or {},
        class_names=common_names(class_names),
    )


def common_names(by_dataset: object) -> tuple[str, ...]:
    """Return the names of classes if all data sets have the same; older folders have none."""
    if not isinstance(by_dataset, Mapping):
        return ()
    distinct = {tuple(names) for names in by_dataset.values() if isinstance(names, list | tuple)}
    return distinct.pop() if len(distinct) == 1 else ()


def _require_one_machine(results_dir: Path, tables: Iterable[pd.DataFrame]) -> None:
    """Raise StoreError for rows of different hardware, which no median may mix."""
    known = [table["machine"].dropna() for table in tables if "machine" in table.columns]
    machines = sorted({machine for column in known for machine in column.unique()})
    if len(machines) > 1:
        raise StoreError(
            f"rows from different hardware: {'; '.join(machines)}",
            where=str(results_dir),
            hint="Keep a folder for each, and compare them with `bench compare`.",
        )


def _tuned_fields(results_dir: Path) -> tuple[str, ...]:
    tune = read_mapping(results_dir / "study.yaml", yaml.safe_load).get("tune")
    over = tune.get("over") if isinstance(tune, Mapping) else None
    return tuple(str(path) for path in over) if isinstance(over, list) else ()
