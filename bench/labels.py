"""What to call the cells of a study: by what tells them apart, and nothing else."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

SEPARATOR = " · "
BLANK = "–"
MANY_FIELDS = 5  # what more would make of a name is a sentence
UNCHANGED = "baseline"  # the first cell, where every other one is named by what it changes

# Fields whose values need no name beside them: "convnet · adam · cpu".
_SELF_EVIDENT = frozenset(
    {"model", "dataset", "optimizer", "schedule", "device", "precision", "memory_format", "loader"}
)
_WORDS: Mapping[str, str] = {"batch_size": "batch"}
_IMPORT = re.compile(r"^\w+(\.\w+)*:(?=[^\W\d])")

Config = Mapping[Any, Any]  # by field; a table's rows have keys of any kind


def varying_fields(cells: Sequence[Config]) -> list[str]:
    """List the fields that differ between the cells, in their order; a blank is a value."""
    return list(_varying(cells))


def label_fields(cells: Sequence[Config]) -> list[str]:
    """List the varying fields that it takes to tell every cell from every other.

    A parameter of a part (`lr`, `optimizer.momentum`) that merely follows the part it belongs
    to is left out; it stays where two cells differ in nothing else.
    """
    varying = _varying(cells)
    kept = _telling(varying, [name for name in varying if not _is_parameter(name)])
    return [name for name in varying if name in kept]


def cell_labels(cells: Mapping[str, Config]) -> dict[str, str]:
    """Name every cell by what varies, e.g. "convnet · batch 64 · adam"; no two names are equal.

    Keys are cell ids. A study of one cell is named after its model. Where every cell changes one
    thing of the first, and they do not all change the same, the name is what it changes. Of many
    fields a name has only those that it takes to be no other's.
    """
    fields = label_fields(list(cells.values())) or ["model"]
    if len(fields) > MANY_FIELDS:
        varying = _varying(list(cells.values()))
        fields = _telling({name: varying[name] for name in fields}, ())
    changed = _changed(list(cells.values()), fields)
    labels = {
        cell_id: label(cell, changed[i] if changed else fields) if i or not changed else UNCHANGED
        for i, (cell_id, cell) in enumerate(cells.items())
    }
    seen = Counter(labels.values())
    return {
        cell_id: text if seen[text] == 1 else f"{text}{SEPARATOR}{cell_id}"
        for cell_id, text in labels.items()
    }


def _varying(cells: Sequence[Config]) -> dict[str, list[Any]]:
    """Give the values of every field that differs between the cells, in the order of the cells."""
    names = dict.fromkeys(name for cell in cells for name in cell)
    values = {name: [plain(cell.get(name)) for cell in cells] for name in names}
    return {name: column for name, column in values.items() if len(set(column)) > 1}


def _telling(varying: Mapping[str, Sequence[Any]], taken: Sequence[str]) -> list[str]:
    """Take to those `taken` each field that tells cells apart which all before it do not."""
    kept, groups, count = list(taken), [0] * len(next(iter(varying.values()), ())), 1
    for name in (*taken, *(name for name in varying if name not in taken)):
        numbers: dict[Any, int] = {}  # of a group within a group
        pairs = zip(groups, varying[name], strict=True)
        groups = [numbers.setdefault(pair, len(numbers)) for pair in pairs]
        if len(numbers) > count and name not in taken:
            kept.append(name)
        count = len(numbers)
    return kept


def differing(cell: Config, other: Config, fields: Sequence[str]) -> list[str]:
    """List the fields in which two cells differ; blanks of every kind are the same."""
    return [f for f in fields if plain(cell.get(f)) != plain(other.get(f))]


def _changed(cells: Sequence[Config], fields: Sequence[str]) -> list[list[str]]:
    """List the fields that each cell has otherwise than the first.

    Empty unless each changes one thing and they change different ones. A part and its parameters
    are one thing where the part itself is another; then none may change such a parameter alone.
    """
    if len(fields) < 2:
        return []
    changed = [differing(cell, cells[0], fields) for cell in cells]
    things = [{part if (part := owner(f)) in names else f for f in names} for names in changed[1:]]
    every = set().union(*things)
    one_each = all(len(thing) == 1 for thing in things) and len(every) > 1
    apart = not any(owner(thing) in every - {thing} for thing in every)
    return changed if one_each and apart else []


def label(cell: Config, fields: Sequence[str]) -> str:
    """Name a cell by the given fields; blank ones say nothing."""
    named = [name for name in fields if not is_blank(cell.get(name))]
    words = Counter(field_name(name) for name in fields)
    parts = (
        named_value(name, cell[name])
        if words[field_name(name)] == 1
        else f"{name} {format_value(cell[name])}"  # model.eps and optimizer.eps are two
        for name in named
    )
    return SEPARATOR.join(parts) or BLANK


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
    if is_blank(value):
        return BLANK
    if isinstance(value, str):
        return value
    if type(value).__name__ in ("bool", "bool_"):  # Python's and NumPy's
        return "on" if value else "off"
    short = f"{value:.12g}"
    return short if float(short) == value else str(value)


def is_blank(value: Any) -> bool:
    """Tell whether a field does not apply: None, or a table's own ways to say so."""
    return value is None or type(value).__name__ == "NAType" or _is_nan(value)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def plain(value: Any) -> Any:
    """Give a value, or None for a blank of any kind, so that equal ones compare equal."""
    return None if is_blank(value) else value


def owner(field: str) -> str:
    """Name the part that a parameter belongs to; any other field is its own."""
    return "optimizer" if field == "lr" else field.partition(".")[0]


def _is_parameter(field: str) -> bool:
    return field == "lr" or "." in field
