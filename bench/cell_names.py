"""What to call the cells of a study: by what tells them apart, and nothing else."""

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
MANY_FIELDS = 5  # what more would make of a name is a sentence
UNCHANGED = "baseline"  # the first cell, where every other one is named by what it changes

# Fields whose values need no name beside them: "convnet · adam · cpu".
_SELF_EVIDENT = frozenset(
    {"model", "dataset", "optimizer", "schedule", "device", "precision", "memory_format", "loader"}
)
_WORDS: Mapping[str, str] = {"batch_size": "batch"}
_SPACE = r"\\u0020"  # in place of one beside another, which a page would drop
_IMPORT = re.compile(r"^\w+(\.\w+)*:(?=[^\W\d])")

Config = Mapping[Any, Any]  # by field; a table's rows have keys of any kind


class Written(str):
    """A value of a field that has values of several types, as people read it."""

    value: Any

    def __new__(cls, text: str, value: Any) -> "Written":
        """Keep the value beside its text."""
        made = super().__new__(cls, text)
        made.value = value
        return made

    def __reduce__(self) -> tuple[type, tuple[str, Any]]:
        """Return what pickle and copy make it of."""
        return Written, (str(self), self.value)


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
    cells = _settled(cells)
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
    """Give the values of every field that differs between the cells, in the order of the cells.

    Fields stand as in a table, parameters last and sorted, so that a plan and a report agree.
    """
    found = dict.fromkeys(name for cell in cells for name in cell)
    names = sorted(found, key=lambda name: ("." in name, name if "." in name else ""))
    values = {
        name: [plain(value) for value in told_apart([cell.get(name) for cell in cells])]
        for name in names
    }
    return {name: column for name, column in values.items() if len(set(column)) > 1}


def told_apart(values: Sequence[Any]) -> list[Any]:
    """Return a field's values so that no two of different types compare equal or read alike.

    They are as they were unless text, truth values and numbers are mixed, or a whole number and
    a float of its value; then each is `Written`.
    """
    if len(set(map(type, values))) == 1:
        return list(values)
    known = [value for value in values if not is_blank(value)]
    types = {_type(value) for value in known}
    if types <= {int, float}:
        whole, fractional = ({v for v in known if _type(v) is each} for each in (int, float))
        is_mixed = bool(whole & fractional)
    else:
        is_mixed = len(types) > 1
    return [_written(v) if is_mixed and not is_blank(v) else v for v in values]


def _type(value: Any) -> type:
    """Return the type that a value has for people: NumPy's are Python's."""
    if isinstance(value, str):
        return type(value) if isinstance(value, Written) else str
    if type(value).__name__ in ("bool", "bool_"):
        return bool
    return int if isinstance(value, Integral) else float


def _written(value: Any) -> Written:
    if isinstance(value, Written):
        return value
    if not isinstance(value, str):
        return Written(str(float(value)) if _type(value) is float else format_value(value), value)
    is_clear = value not in ("on", "off") and isinstance(from_value(value), str)
    return Written(format_value(value) if is_clear else quoted(value), value)


def comparable(value: Any) -> object:
    """Return what is equal for equal values of two tables, and of equal types only."""
    if is_blank(value) or isinstance(value, Written):
        return plain(value)
    is_number = _type(value) in (int, float)
    return Written(format_value(value), value) if is_number else _written(value)


def _settled(cells: Mapping[str, Config]) -> Mapping[str, Config]:
    """Tell the values of every field apart."""
    names = dict.fromkeys(name for cell in cells.values() for name in cell)
    columns = {name: [cell.get(name) for cell in cells.values()] for name in names}
    changed = {
        name: apart for name, values in columns.items() if (apart := told_apart(values)) != values
    }
    return {
        cell_id: {**cell, **{name: values[i] for name, values in changed.items()}}
        for i, (cell_id, cell) in enumerate(cells.items())
    }


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
    return [f for f in fields if comparable(cell.get(f)) != comparable(other.get(f))]


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
    text = short_value(field, value)
    return text if field in _SELF_EVIDENT else f"{field_name(field)} {text}"


def field_name(field: str) -> str:
    """Put a field in words for people: `batch_size` is "batch", `optimizer.momentum` "momentum"."""
    return _WORDS.get(field, field.rpartition(".")[2].replace("_", " "))


def axis_name(field: str) -> str:
    """Put a field in words in full: `batch_size` is "batch size"."""
    return "learning rate" if field == "lr" else field.replace(".", " ").replace("_", " ")


def short_value(field: str, value: Any) -> str:
    """Write a value; what a user imports by "package.module:Name" goes by its last name."""
    text = format_value(value)
    return text if _is_parameter(field) else _IMPORT.sub("", text)


def format_value(value: Any) -> str:
    """Write a configuration value: on or off, numbers without trailing zeros, blank as a dash."""
    if is_blank(value):
        return BLANK
    if isinstance(value, Written):
        return str(value)
    if isinstance(value, str):
        return quoted(value) if _needs_quotes(value) else value
    if _type(value) is bool:
        return "on" if value else "off"
    short = f"{value:.12g}"
    return short if float(short) == value else str(value)


def quoted(text: str) -> str:
    """Write a text in quotes, with escapes for all that a page would not show as it is."""
    escaped = "".join(json.dumps(c, ensure_ascii=not c.isprintable())[1:-1] for c in text)
    return f'"{re.sub("(?<= ) ", _SPACE, escaped)}"'


def _needs_quotes(text: str) -> bool:
    """Tell whether a text would not be seen as it is: blank, or with spaces that pages drop."""
    is_seen = text.isprintable() and text == " ".join(text.split()) and text not in ("", BLANK)
    return not is_seen or text.startswith('"')


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
