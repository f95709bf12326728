"""From the CSV files of a results folder to data frames with the right types."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pandas as pd
import yaml
from pandas.api.extensions import ExtensionArray

from bench.analysis.baseline_comparisons import against_baseline
from bench.analysis.design_detection import Change
from bench.analysis.effects import main_effects, ordered_changes
from bench.analysis.summary import summarise
from bench.analysis.summary_columns import COUNTS, SUMMARY_COLUMNS
from bench.cell_names import told_apart
from bench.csv_text import MARK, from_text, from_value
from bench.errors import StoreError
from bench.records import IDENTITY, KEYS, ROWS
from bench.study_files import results_hint

_DTYPES: Mapping[type, str] = {int: "Int64", float: "float64", bool: "boolean"}
_TEXT = "string"
LARGEST = 2**63
HINT = "Run the study again: it makes the tables anew from its outcomes, and measures none again."
WITHOUT = "Delete it: the tables are read without it, and `bench run` writes a new one."


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """The tables of one study, with columns as in `bench.records`, and what follows from them.

    `tuned` are the fields that the study tuned, by their dotted path as study.yaml names them.
    """

    trials: pd.DataFrame
    epochs: pd.DataFrame
    timings: pd.DataFrame
    blocks: pd.DataFrame
    costs: pd.DataFrame
    tuning: pd.DataFrame
    summary: pd.DataFrame
    comparisons: pd.DataFrame
    tuned: Sequence[str] = ()

    @cached_property
    def main_effects(self) -> pd.DataFrame:
        """Return the effect of every axis of a full grid; empty for another design."""
        return main_effects(self.summary, self.trials, self.timings, self.blocks)

    @cached_property
    def ordered_changes(self) -> Mapping[str, Change]:
        """Return what each compared cell of a one-at-a-time study changes, by cell id."""
        return ordered_changes(self.summary, self.comparisons)


def read_results(results_dir: Path, *, recompute: bool = False) -> Results:
    """Read a results folder; where summary.csv is missing it is computed from the others.

    With `recompute` it is computed in any case, and the file is not looked at. Comparisons are
    always computed. All tables but trials.csv may be missing (`epochs: 0`, `timing: off`): they
    come empty. Older results can be read: a column with a default may be missing in a table, and
    a summary that lacks a measure is computed anew. Raises StoreError for a folder without
    trials.csv, any other missing column, an unreadable file, and rows of different hardware.
    """
    if not (results_dir / "trials.csv").is_file():
        raise StoreError(
            "no trials.csv here", where=str(results_dir), hint=results_hint(results_dir)
        )
    trials = _read_rows(results_dir, "trials")
    raw = {name: _read_or_empty(results_dir, name, trials) for name in ROWS if name != "trials"}
    _require_one_machine(results_dir, [trials, *raw.values()])
    path = results_dir / "summary.csv"
    if path.is_file() and not recompute and set(SUMMARY_COLUMNS) <= set(_header(path)):
        summary = _read(path, _summary_types())
    else:
        summary = summarise(trials, raw["timings"], raw["blocks"], raw["costs"])
    comparisons = against_baseline(trials, raw["timings"], raw["blocks"])
    tuned = () if raw["tuning"].empty else _tuned(results_dir)
    return Results(trials=trials, **raw, summary=summary, comparisons=comparisons, tuned=tuned)


def read_mapping(path: Path, parse: Callable[[str], Any]) -> Mapping[str, Any]:
    """Read what stands beside the tables; empty where the file is missing.

    Raises StoreError for a file that cannot be parsed or holds no mapping.
    """
    if not path.is_file():
        return {}
    try:
        content = parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise StoreError(f"not readable: {error}", where=str(path), hint=WITHOUT) from error
    if not isinstance(content, Mapping):
        raise StoreError("expected names with values", where=str(path), hint=WITHOUT)
    return content


def _require_one_machine(results_dir: Path, tables: Iterable[pd.DataFrame]) -> None:
    """Refuse rows of different hardware, which no median may mix."""
    told = [table["machine"].dropna() for table in tables if "machine" in table.columns]
    machines = sorted({machine for column in told for machine in column.unique()})
    if len(machines) > 1:
        raise StoreError(
            f"its rows are from different hardware: {'; '.join(machines)}",
            where=str(results_dir),
            hint="Keep a folder for each, and hold them against each other with `bench compare`.",
        )


def _tuned(results_dir: Path) -> tuple[str, ...]:
    """Tell from study.yaml which fields were tuned; none where it does not say."""
    tune = read_mapping(results_dir / "study.yaml", yaml.safe_load).get("tune")
    over = tune.get("over") if isinstance(tune, Mapping) else None
    return tuple(str(path) for path in over) if isinstance(over, list) else ()


def _read_or_empty(results_dir: Path, name: str, trials: pd.DataFrame) -> pd.DataFrame:
    path = results_dir / f"{name}.csv"
    types = _types_of(ROWS[name])
    if path.is_file():
        return _read_rows(results_dir, name)
    own = _types_of(ROWS["trials"])
    identity = trials.iloc[:0][[column for column in trials.columns if column not in own]]
    return identity.assign(**{k: pd.Series(dtype=dtype) for k, dtype in types.items()})


def _read_rows(results_dir: Path, name: str) -> pd.DataFrame:
    """Read one table of rows; an older one may lack columns that have a default.

    Raises StoreError where a row is there twice, as after pasting a table into itself.
    """
    path, row = results_dir / f"{name}.csv", ROWS[name]
    types = _types_of(row)
    defaults = {f.name: f.default for f in fields(row) if f.default is not MISSING}
    columns = _header(path)
    frame = _read(path, {k: v for k, v in types.items() if k in columns or k not in defaults})
    added = {
        name: pd.Series([value] * len(frame), index=frame.index, dtype=types[name])
        for name, value in defaults.items()
        if name not in columns
    }
    whole = frame.assign(**added)
    keys = ["cell_id", *KEYS[name]]
    twice = whole[whole.duplicated(keys)]
    if len(twice):
        what = ", ".join(f"{key} {value}" for key, value in twice[keys].iloc[0].items())
        raise StoreError(f"has a row twice: {what}", where=str(path), hint=HINT)
    return whole


def _header(path: Path) -> list[str]:
    """List a table's columns; raises StoreError where identity is not among them."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            columns = next(csv.reader(file), [])
    except (OSError, ValueError, csv.Error) as error:
        raise _unreadable(path, error) from error
    _check_columns(path, columns, IDENTITY)
    return columns


def _check_columns(path: Path, columns: Sequence[str], needed: Iterable[str]) -> None:
    missing = [name for name in needed if name not in columns]
    if missing:
        raise StoreError(
            f"column missing: {', '.join(missing)}",
            where=str(path),
            hint=HINT,
        )


def _unreadable(path: Path, error: Exception) -> StoreError:
    return StoreError(f"not a readable table: {error}", where=str(path), hint=HINT)


def _read(path: Path, types: Mapping[str, str]) -> pd.DataFrame:
    """Read one table; `types` are its own columns, all others are told by what they hold."""
    columns = _header(path)
    _check_columns(path, columns, types)
    dtypes = {name: types.get(name, _TEXT) for name in columns}
    try:
        # A blank is the only missing value: "None" and "NA" are names that a user may give.
        frame = pd.read_csv(path, dtype=dtypes, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise _unreadable(path, error) from error
    texts = [name for name in columns if dtypes[name] == _TEXT]
    of_known_type = {*types, "study", "cell_id"}
    return frame.assign(
        **{
            name: _unmarked(frame[name]) if name in of_known_type else _told_by_content(frame[name])
            for name in texts
        }
    )


def _unmarked(column: pd.Series) -> pd.Series:
    """Read a column of text."""
    if not column.str.startswith(MARK).any():
        return column
    return column.map(from_text, na_action="ignore").astype("string")


def _told_by_content(column: pd.Series) -> pd.Series:
    """Read a column as what it holds: numbers, truth values, text, or several of them.

    Works on the distinct values: a configuration repeats on every row of a cell.
    """
    codes, distinct = pd.factorize(column)
    values = told_apart([from_value(str(text)) for text in distinct])
    if not values:
        return column
    typed = _array(values).take(codes, allow_fill=True)
    return pd.Series(typed, index=column.index, name=column.name, dtype=typed.dtype)


def _array(values: Sequence[Any]) -> ExtensionArray:
    """Give values the narrowest type that holds them all as they are."""
    dtype = _narrowest(values)
    if dtype != "object":
        made: ExtensionArray = pd.array(np.array(values, dtype=object), dtype=dtype)
        return made
    objects = np.empty(len(values), dtype=object)  # one by one: pandas would make them plain text
    objects[:] = values
    return pd.arrays.NumpyExtensionArray(objects)


def _narrowest(values: Sequence[Any]) -> Any:
    types = {type(value) for value in values}
    if types == {int} and all(abs(value) < LARGEST for value in values):
        return "Int64"
    if types == {bool}:
        return "boolean"
    if types == {str}:
        return _TEXT
    is_float = float in types and types <= {int, float}
    return "float64" if is_float and all(float(v) == v for v in values) else "object"


def _types_of(row: type) -> dict[str, str]:
    hints = get_type_hints(row)
    return {f.name: _dtype(hints[f.name]) for f in fields(row)}


def _dtype(hint: Any) -> str:
    kinds = {hint, *get_args(hint)}
    return next((dtype for kind, dtype in _DTYPES.items() if kind in kinds), _TEXT)


def _summary_types() -> dict[str, str]:
    types = dict.fromkeys(SUMMARY_COLUMNS, "float64")
    types |= dict.fromkeys(("status", "reason", "bottleneck"), _TEXT)
    whole = [name for name in types if name.endswith("_n") or name in COUNTS]
    return types | dict.fromkeys(whole, "Int64")
