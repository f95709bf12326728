"""Load a study file, with the overrides of `--set`, into a checked Study."""

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.errors import StudyError, did_you_mean, shown
from bench.study.spec import CHOICES, Cell, Study
from bench.study.yaml_source import LARGEST_BYTES, Source, dotted, read_value, read_yaml
from bench.study.yaml_source import Path as Loc
from bench.study_files import study_hint

MOST_ERRORS = 5
TEMPLATE = "x-"
NAMED = tuple((name,) for name in ("dataset", *CHOICES))

# Types that pydantic expects, as a person would call them.
EXPECTED: Mapping[str, str] = {
    "bool_type": "true or false",
    "dict_type": "a mapping of fields",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_from_float": "an integer",
    "int_parsing_size": "a smaller number",
    "int_type": "an integer",
    "list_type": "a list",
    "model_type": "a mapping of fields",
    "string_type": "text",
}


def load_study(study: Path | Mapping[str, Any], overrides: Sequence[str] = ()) -> Study:
    """Load a study file, or a mapping with its fields, and apply `PATH=VALUE` overrides in order.

    Top-level fields that begin with `x-` are templates to alias, and ignored. Raises StudyError
    with file, line and field for anything that is not a valid study.
    """
    if isinstance(study, Mapping):
        source = Source("study", copy.deepcopy(dict(study)))
    else:
        source = read_yaml(_read_text(study), str(study))
    if source.data is None:
        raise StudyError("is empty; a study needs at least a name", where=source.name)
    if not isinstance(source.data, dict):
        raise StudyError("expected a mapping that starts with 'name:'", where=source.name)
    unnamed = next((key for key in source.data if not isinstance(key, str)), None)
    if unnamed is not None:
        raise StudyError(f"expected names of fields, got {shown(unnamed)}", where=source.name)
    for override in overrides:
        _override(source, override)
    fields = {key: value for key, value in source.data.items() if not key.startswith(TEMPLATE)}
    try:
        loaded = Study.model_validate(fields)
    except ValidationError as error:
        raise study_error(error, source) from None
    loaded._source = source
    return loaded


def study_error(
    error: ValidationError,
    source: Source,
    written: Callable[[Loc], Loc] = lambda path: path,
) -> StudyError:
    """Return pydantic's errors as one; `written` maps a path to where the study wrote it."""
    items = [(written(item["loc"]), _problem(item)) for item in error.errors()]
    lines = [f"{source.place(path)}: {dotted(path)}: {problem}" for path, problem in items]
    more = len(lines) - MOST_ERRORS
    return StudyError("\n".join(lines[:MOST_ERRORS] + [f"… and {more} more"] * (more > 0)))


def _problem(item: Any) -> str:
    given = item["input"]
    match item["type"]:
        case "missing":
            return "is missing"
        case "study":
            return str(item["msg"])
        case "too_short":
            return "expected at least one value"
        case "literal_error":
            # Pydantic writes the values as: 'relu', 'tanh' or 'identity'.
            known = re.findall(r"'([^']*)'", item["ctx"]["expected"])
            return f"unknown value {shown(given)}. {did_you_mean(given, known)}".strip()
        case kind:
            expected = EXPECTED.get(kind, str(item["msg"]).removeprefix("Input should be "))
            if expected.startswith(("greater", "less")):
                expected = f"a value {expected}"
            is_unquoted = kind == "string_type" and isinstance(given, bool | int | float)
            hint = "; quote it to make it text" if is_unquoted else ""
            return f"expected {expected}, got {shown(given)}{hint}"


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise StudyError("no such study file", where=str(path), hint=study_hint(path)) from None
    except IsADirectoryError:
        raise StudyError("is a folder, expected a study file", where=str(path)) from None
    except OSError as error:
        raise StudyError(f"cannot be read: {error.strerror}", where=str(path)) from None
    if len(content) > LARGEST_BYTES:
        raise StudyError(f"is larger than {LARGEST_BYTES:,} bytes", where=str(path))
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise StudyError("is not a UTF-8 text file", where=f"{path}:{line}") from None


def _override(source: Source, override: str) -> None:
    """Set one field of the data; its place is the option itself."""
    place = f"--set {override}"
    path_text, equals, value_text = override.partition("=")
    keys = tuple(key.strip() for key in path_text.split("."))
    if not equals or not all(keys):
        raise StudyError("expected PATH=VALUE, for example --set base.epochs=1", where=place)
    value = read_value(value_text, place)
    if keys[0] == "axes" and len(keys) > 1:
        keys = ("axes", ".".join(keys[1:]))  # an axis is one key, its dotted path
    target = source.data
    for depth, key in enumerate(keys[:-1], start=1):
        target[key] = _as_mapping(keys[:depth], target.get(key))
        target = target[key]
        if not isinstance(target, dict):
            raise StudyError(f"{'.'.join(keys[:depth])} has no fields", where=place)
        source.places.setdefault(keys[:depth], place)
    for known in [p for p in source.places if p[: len(keys)] == keys]:
        del source.places[known]
    target[keys[-1]] = value
    source.places[keys] = place


def _as_mapping(path: tuple[str, ...], value: Any) -> Any:
    """Return the value at a path as a mapping to set a field in, where it has fields."""
    if path[0] == "base" and path[1:] in NAMED:
        if value is None:
            value = Cell.model_fields[path[1]].default
        if isinstance(value, str):
            value = {"name": value}  # `optimizer: adam` is short for `{name: adam}`
    if value is None or (path == ("timing",) and value == "off"):
        return {}
    return dict(value) if isinstance(value, dict) else value
