"""Names of a study's cells: what distinguishes them, and nothing else."""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

from bench.csv_text import from_value

SEPARATOR = " · "
BLANK = "–"
MOST_FIELDS = 5  # in a name; with more it would be a sentence
BASELINE = "baseline"  # where every other cell is named by what it changes

# Fields whose values need no field name: "convnet · adam · cpu".
_SELF_EVIDENT = frozenset(
    {"model", "dataset", "optimizer", "schedule", "device", "precision", "memory_format", "loader"}
)
_SHORT_NAMES: Mapping[str, str] = {"batch_size": "batch"}
_SPACE = r"\\u0020"  # instead of a repeated space, which a page would drop
_IMPORT = re.compile(r"^\w+(\.\w+)*:(?=[^\W\d])")

Config = Mapping[Any, Any]  # by field; a table's rows have keys of any type


class DistinctText(str):
    """The text of a value in a field with values of several types; `value` is the value itself."""

    value: Any

    def __new__(cls, text: str, value: Any) -> "DistinctText":
        """Keep the value with its text."""
        made = super().__new__(cls, text)
        made.value = value
        return made

    def __reduce__(self) -> tuple[type, tuple[str, Any]]:
        return DistinctText, (str(self), self.value)


def varying_fields(cells: Sequence[Config]) -> list[str]:
    """Return the fields that differ between the cells, in their order; a blank is a value."""
    return list(_varying_values(cells))


def naming_fields(cells: Sequence[Config]) -> list[str]:
    """Return the varying fields that are needed to distinguish every cell from every other.

    A parameter (`lr`, `optimizer.momentum`) that merely follows its component is left out, unless
    two cells differ in nothing else.
    """
    varying = _varying_values(cells)
    kept = _distinguishing(varying, [name for name in varying if not _is_parameter(name)])
    return [name for name in varying if name in kept]


def name_cells(cells: Mapping[str, Config]) -> dict[str, str]:
    """Return a unique name for every cell by what varies, e.g. "convnet · batch 64 · adam".

    Keys are cell ids. A single cell is named after its model. Where every cell changes one thing
    of the first, and not all the same, it is named by its change. Of many fields a name has only
    those that make it unique.
    """
    cells = _with_distinct_values(cells)
    fields = naming_fields(list(cells.values())) or ["model"]
    if len(fields) > MOST_FIELDS:
        varying = _varying_values(list(cells.values()))
        fields = _distinguishing({name: varying[name] for name in fields}, ())
    changed = _changed_fields(list(cells.values()), fields)
    names = {
        cell_id: name_by_fields(cell, changed[i] if changed else fields)
        if i or not changed
        else BASELINE
        for i, (cell_id, cell) in enumerate(cells.items())
    }
    counts = Counter(names.values())
    return {
        cell_id: text if counts[text] == 1 else f"{text}{SEPARATOR}{cell_id}"
        for cell_id, text in names.items()
    }


def _varying_values(cells: Sequence[Config]) -> dict[str, list[Any]]:
    """Return the values of the fields that differ, in a table's order, by cell."""
    found = dict.fromkeys(name for cell in cells for name in cell)
    names = sorted(found, key=lambda name: ("." in name, name if "." in name else ""))
    values = {
        name: [none_if_blank(v) for v in distinct_values([cell.get(name) for cell in cells])]
        for name in names
    }
    return {name: column for name, column in values.items() if len(set(column)) > 1}


def distinct_values(values: Sequence[Any]) -> list[Any]:
    """Return a field's values such that no two of different types are equal or look alike.

    They are unchanged unless text, booleans and numbers are mixed, or an integer and a float of
    the same value; then each becomes a DistinctText.
    """
    if len(set(map(type, values))) == 1:
        return list(values)
    known = [value for value in values if not is_blank(value)]
    types = {_type(value) for value in known}
    is_mixed = len(types) > 1
    if types <= {int, float}:
        integers, floats = ({v for v in known if _type(v) is kind} for kind in (int, float))
        is_mixed = bool(integers & floats)
    return [_distinct_text(v) if is_mixed and not is_blank(v) else v for v in values]


def _type(value: Any) -> type:
    """Return the Python type of a value, also for those of NumPy."""
    if isinstance(value, str):
        return type(value) if isinstance(value, DistinctText) else str
    if type(value).__name__ in ("bool", "bool_"):
        return bool
    return int if isinstance(value, Integral) else float


def _distinct_text(value: Any) -> DistinctText:
    if isinstance(value, DistinctText):
        return value
    if not isinstance(value, str):
        text = str(float(value)) if _type(value) is float else format_value(value)
        return DistinctText(text, value)
    is_clear = value not in ("on", "off") and isinstance(from_value(value), str)
    return DistinctText(format_value(value) if is_clear else quoted(value), value)


def comparable(value: Any) -> object:
    """Return an object that is equal for equal values of equal types in two tables."""
    if is_blank(value) or isinstance(value, DistinctText):
        return none_if_blank(value)
    is_number = _type(value) in (int, float)
    return DistinctText(format_value(value), value) if is_number else _distinct_text(value)


def _with_distinct_values(cells: Mapping[str, Config]) -> Mapping[str, Config]:
    names = dict.fromkeys(name for cell in cells.values() for name in cell)
    columns = {name: [cell.get(name) for cell in cells.values()] for name in names}
    distinct = {name: distinct_values(values) for name, values in columns.items()}
    changed = {name: values for name, values in distinct.items() if values != columns[name]}
    return {
        cell_id: {**cell, **{name: values[i] for name, values in changed.items()}}
        for i, (cell_id, cell) in enumerate(cells.items())
    }


def _distinguishing(varying: Mapping[str, Sequence[Any]], taken: Sequence[str]) -> list[str]:
    """Add to `taken` each field that distinguishes cells which all fields before it do not."""
    kept, groups, count = list(taken), [0] * len(next(iter(varying.values()), ())), 1
    for name in (*taken, *(name for name in varying if name not in taken)):
        numbers: dict[Any, int] = {}  # of groups by former group and value
        pairs = zip(groups, varying[name], strict=True)
        groups = [numbers.setdefault(pair, len(numbers)) for pair in pairs]
        if len(numbers) > count and name not in taken:
            kept.append(name)
        count = len(numbers)
    return kept


def differing(cell: Config, other: Config, fields: Sequence[str]) -> list[str]:
    """Return the fields in which two cells differ; blanks of all kinds are equal."""
    return [f for f in fields if comparable(cell.get(f)) != comparable(other.get(f))]


def _changed_fields(cells: Sequence[Config], fields: Sequence[str]) -> list[list[str]]:
    """Return the fields in which each cell differs from the first.

    Empty unless each cell changes one thing and they change different ones. A component and its
    parameters are one thing where the component differs; then no cell may change such a parameter
    alone.
    """
    if len(fields) < 2:
        return []
    changed = [differing(cell, cells[0], fields) for cell in cells]
    things = [{part if (part := owner(f)) in names else f for f in names} for names in changed[1:]]
    every = set().union(*things)
    one_each = all(len(thing) == 1 for thing in things) and len(every) > 1
    separate = not any(owner(thing) in every - {thing} for thing in every)
    return changed if one_each and separate else []


def name_by_fields(cell: Config, fields: Sequence[str]) -> str:
    """Return a cell's name by the given fields, without blank ones."""
    named = [name for name in fields if not is_blank(cell.get(name))]
    counts = Counter(field_name(name) for name in fields)
    parts = (
        named_value(name, cell[name])
        if counts[field_name(name)] == 1
        else f"{name} {format_value(cell[name])}"  # model.eps and optimizer.eps
        for name in named
    )
    return SEPARATOR.join(parts) or BLANK


def named_value(field: str, value: Any) -> str:
    """Return a value, with its field's name where the value alone would be unclear."""
    text = short_value(field, value)
    return text if field in _SELF_EVIDENT else f"{field_name(field)} {text}"


def field_name(field: str) -> str:
    """Return a field's short name: "batch" of `batch_size`, "momentum" of `optimizer.momentum`."""
    return _SHORT_NAMES.get(field, field.rpartition(".")[2].replace("_", " "))


def axis_name(field: str) -> str:
    """Return a field's full name: "batch size" of `batch_size`."""
    return "learning rate" if field == "lr" else field.replace(".", " ").replace("_", " ")


def short_value(field: str, value: Any) -> str:
    """Return a value's text; an import "package.module:Name" is shortened to its name."""
    text = format_value(value)
    return text if _is_parameter(field) else _IMPORT.sub("", text)


def format_value(value: Any) -> str:
    """Return the text of a configuration value: on, off, 0.1, or a dash for a blank."""
    if is_blank(value):
        return BLANK
    if isinstance(value, DistinctText):
        return str(value)
    if isinstance(value, str):
        return quoted(value) if _needs_quotes(value) else value
    if _type(value) is bool:
        return "on" if value else "off"
    short = f"{value:.12g}"
    return short if float(short) == value else str(value)


def quoted(text: str) -> str:
    """Return a text in quotes, with escapes for everything that a page would not show."""
    escaped = "".join(json.dumps(c, ensure_ascii=not c.isprintable())[1:-1] for c in text)
    return f'"{re.sub("(?<= ) ", _SPACE, escaped)}"'


def _needs_quotes(text: str) -> bool:
    is_visible = text.isprintable() and text == " ".join(text.split()) and text not in ("", BLANK)
    return not is_visible or text.startswith('"')


def is_blank(value: Any) -> bool:
    """Return whether a field does not apply: None, NaN or pandas' NA."""
    is_nan = isinstance(value, float) and math.isnan(value)
    return value is None or type(value).__name__ == "NAType" or is_nan


def none_if_blank(value: Any) -> Any:
    """Return a value, or None for a blank of any kind."""
    return None if is_blank(value) else value


def owner(field: str) -> str:
    """Return the component that a parameter belongs to, or the field itself."""
    return "optimizer" if field == "lr" else field.partition(".")[0]


def _is_parameter(field: str) -> bool:
    return field == "lr" or "." in field
