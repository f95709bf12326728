"""CSV tables of a results folder as data frames with the right types, and back."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pandas as pd
import yaml
from pandas.api.extensions import ExtensionArray

from bench.analysis.configurations import SUMMARY_DTYPES, config_fields
from bench.cell_names import DistinctText, distinct_values, is_blank
from bench.csv_text import MARK, CsvLines, as_text, as_value, from_text, from_value
from bench.errors import StoreError
from bench.records import IDENTITY, KEYS, ROWS, Outcome
from bench.store import config_columns, rows_of

_DTYPES: Mapping[type, str] = {int: "Int64", float: "float64", bool: "boolean"}
_TEXT = "string"
LARGEST_INT64 = 2**63
HINT = "Run the study again: it rewrites the tables from its outcomes, without measuring again."
DELETE_HINT = "Delete it: it is optional, and `bench run` writes a new one."


def read_rows(results_dir: Path, name: str) -> pd.DataFrame:
    """Read one table of rows; columns with a default may be missing, as in older tables.

    Raises StoreError where a row is duplicated, as after pasting a table into itself.
    """
    path = results_dir / f"{name}.csv"
    types = row_types(name)
    defaults = {f.name: f.default for f in fields(ROWS[name]) if f.default is not MISSING}
    columns = read_header(path)
    frame = _read(path, {k: v for k, v in types.items() if k in columns or k not in defaults})
    added = {
        column: pd.Series([value] * len(frame), index=frame.index, dtype=types[column])
        for column, value in defaults.items()
        if column not in columns
    }
    frame = frame.assign(**added)
    keys = ["cell_id", *KEYS[name]]
    duplicates = frame[frame.duplicated(keys)]
    if len(duplicates):
        what = ", ".join(f"{key} {value}" for key, value in duplicates[keys].iloc[0].items())
        raise StoreError(f"has a row twice: {what}", where=str(path), hint=HINT)
    return frame


def read_summary(results_dir: Path) -> pd.DataFrame | None:
    """Read summary.csv; None where it is missing or an older bench wrote other columns."""
    path = results_dir / "summary.csv"
    if not path.is_file() or not set(SUMMARY_DTYPES) <= set(read_header(path)):
        return None
    return _read(path, SUMMARY_DTYPES)


def read_mapping(path: Path, parse: Callable[[str], Any]) -> Mapping[str, Any]:
    """Read study.yaml or environment.json; empty where the file is missing.

    Raises StoreError for a file that cannot be parsed or holds no mapping.
    """
    if not path.is_file():
        return {}
    try:
        content = parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise StoreError(f"not readable: {error}", where=str(path), hint=DELETE_HINT) from error
    if not isinstance(content, Mapping):
        raise StoreError("expected names with values", where=str(path), hint=DELETE_HINT)
    return content


def read_header(path: Path) -> list[str]:
    """Return a table's columns; raises StoreError where identity is not among them."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            columns = next(csv.reader(file), [])
    except (OSError, ValueError, csv.Error) as error:
        raise _unreadable(path, error) from error
    _require_columns(path, columns, IDENTITY)
    return columns


def row_types(name: str) -> dict[str, str]:
    """Return the pandas dtypes of a table's own columns."""
    hints = get_type_hints(ROWS[name])
    kinds = {f.name: {hints[f.name], *get_args(hints[f.name])} for f in fields(ROWS[name])}
    return {k: next((_DTYPES[t] for t in _DTYPES if t in of), _TEXT) for k, of in kinds.items()}


def typed_by_content(column: pd.Series) -> pd.Series:
    """Convert a column of text into what it holds: numbers, booleans, text, or several of them.

    Only distinct values are parsed: a configuration repeats in every row of a cell.
    """
    codes, distinct = pd.factorize(column)
    values = distinct_values([from_value(str(text)) for text in distinct])
    if not values:
        return column
    typed = _array(values).take(codes, allow_fill=True)
    return pd.Series(typed, index=column.index, name=column.name, dtype=typed.dtype)


def as_csv(table: pd.DataFrame) -> str:
    """Return a table as CSV that reads back as the same values."""
    config = set(config_fields(table))
    marked: dict[str, pd.Series] = {}
    for name, column in table.select_dtypes(include=["object", "string"]).items():
        mark = as_value if name in config else as_text
        values = [value.value if isinstance(value, DistinctText) else value for value in column]
        texts = [None if is_blank(value) else mark(value) for value in values]
        # An object column, since pandas would infer another type.
        marked[str(name)] = pd.Series(texts, index=table.index, dtype=object)
    lines: Any = CsvLines()
    table.assign(**marked).to_csv(lines, index=False, lineterminator="\r\n")
    return "".join(lines)


def _read(path: Path, types: Mapping[str, str]) -> pd.DataFrame:
    """Read one table; `types` are its own columns, all others are typed by their content."""
    columns = read_header(path)
    _require_columns(path, columns, types)
    dtypes = {name: types.get(name, _TEXT) for name in columns}
    try:
        # Only an empty field is missing: "None" and "NA" are valid names.
        frame = pd.read_csv(path, dtype=dtypes, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise _unreadable(path, error) from error
    known = {*types, "study", "cell_id"}
    texts = {name: frame[name] for name in columns if dtypes[name] == _TEXT}
    return frame.assign(
        **{
            name: _unmarked(column) if name in known else typed_by_content(column)
            for name, column in texts.items()
        }
    )


def _require_columns(path: Path, columns: Sequence[str], needed: Iterable[str]) -> None:
    missing = [name for name in needed if name not in columns]
    if missing:
        raise StoreError(f"column missing: {', '.join(missing)}", where=str(path), hint=HINT)


def _unreadable(path: Path, error: Exception) -> StoreError:
    return StoreError(f"not a readable table: {error}", where=str(path), hint=HINT)


def _unmarked(column: pd.Series) -> pd.Series:
    if not column.str.startswith(MARK).any():
        return column
    return column.map(from_text, na_action="ignore").astype("string")


def _array(values: Sequence[Any]) -> ExtensionArray:
    """Return values in the narrowest type that holds them all unchanged."""
    dtype = _narrowest(values)
    if dtype != "object":
        typed: ExtensionArray = pd.array(np.array(values, dtype=object), dtype=dtype)
        return typed
    objects = np.empty(len(values), dtype=object)  # pandas would make `DistinctText` plain text
    objects[:] = values
    return pd.arrays.NumpyExtensionArray(objects)


def _narrowest(values: Sequence[Any]) -> Any:
    types = {type(value) for value in values}
    if types == {int} and all(abs(value) < LARGEST_INT64 for value in values):
        return "Int64"
    if types == {bool}:
        return "boolean"
    if types == {str}:
        return _TEXT
    is_float = float in types and types <= {int, float}
    return "float64" if is_float and all(float(v) == v for v in values) else "object"


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
