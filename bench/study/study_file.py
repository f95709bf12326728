"""A study file, and what `--set` changes in it, into a checked Study."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.errors import StudyError, did_you_mean, shown
from bench.study import yaml_source
from bench.study.spec import CHOICES, Cell, Study
from bench.study.yaml_source import Source
from bench.study_files import study_hint

SHOWN = 5
TEMPLATE = "x-"
NAMED = tuple((name,) for name in ("dataset", *CHOICES))

# What pydantic asks for, in words for people.
ASKED_FOR: Mapping[str, str] = {
    "bool_type": "true or false",
    "dict_type": "a mapping of fields",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "a mapping of fields",
    "string_type": "text",
}


def load_study(path: Path, overrides: Sequence[str] = ()) -> tuple[Study, Source]:
    """Read a study file and apply `PATH=VALUE` overrides, in order.

    Fields that begin with `x-` are ignored: templates, of which other fields are aliases. The
    source comes along so that later checks can say on which line a field stands. Raises
    StudyError with file, line and field for whatever is not a valid study.
    """
    read = yaml_source.read_yaml(_text(path), str(path))
    if read.data is None:
        raise StudyError("is empty; a study needs at least a name", where=read.name)
    if not isinstance(read.data, dict):
        raise StudyError("a study is a mapping that starts with 'name:'", where=read.name)
    for override in overrides:
        _apply(read, override)
    fields = {key: value for key, value in read.data.items() if not key.startswith(TEMPLATE)}
    try:
        study = Study.model_validate(fields)
    except ValidationError as error:
        raise explained(error, read) from None
    return study, read


def explained(
    error: ValidationError,
    read: Source,
    written: Callable[[yaml_source.Path], yaml_source.Path] = lambda path: path,
) -> StudyError:
    """Word pydantic's errors for a person: file, line, field, what is wrong with it.

    `written` tells where the study wrote what pydantic found at a path.
    """
    lines: list[str] = []
    for item in error.errors():
        path = written(item["loc"])
        lines.append(f"{read.place(path)}: {yaml_source.dotted(path)}: {_worded(item)}")
    more = len(lines) - SHOWN
    told = lines[:SHOWN] + ([f"… and {more} more"] if more > 0 else [])
    return StudyError("\n".join(told))


def _worded(item: Any) -> str:
    given = item["input"]
    match item["type"]:
        case "missing":
            return "is missing"
        case "study":
            return str(item["msg"])
        case "too_short":
            return "needs at least one value"
        case "literal_error":
            # Pydantic writes the values out: 'relu', 'tanh' or 'identity'.
            known = re.findall(r"'([^']*)'", item["ctx"]["expected"])
            return f"{shown(given)} is not one of its values. {did_you_mean(given, known)}".strip()
        case kind:
            asked = ASKED_FOR.get(kind, str(item["msg"]).removeprefix("Input should be "))
            hint = ""
            if kind == "string_type" and isinstance(given, bool | int | float):
                hint = "; in quotes it is text"
            return f"should be {asked}, not {shown(given)}{hint}"


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(yaml_source.LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise StudyError("no such study file", where=str(path), hint=study_hint(path)) from None
    except IsADirectoryError:
        raise StudyError("is a folder; name a study file in it", where=str(path)) from None
    except OSError as error:
        raise StudyError(f"cannot be read: {error.strerror}", where=str(path)) from None
    if len(content) > yaml_source.LARGEST_BYTES:
        raise StudyError(f"is larger than {yaml_source.LARGEST_BYTES:,} bytes", where=str(path))
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise StudyError("is not a UTF-8 text file", where=f"{path}:{line}") from None


def _apply(read: Source, override: str) -> None:
    """Set one field in the file's data; the place of what it sets is the option itself."""
    name = f"--set {override}"
    path_text, equals, value_text = override.partition("=")
    keys = tuple(key.strip() for key in path_text.split("."))
    if not equals or not all(keys):
        raise StudyError("reads PATH=VALUE, for example --set base.epochs=1", where=name)
    value = yaml_source.read_value(value_text, name)
    if keys[0] == "axes" and len(keys) > 1:
        keys = ("axes", ".".join(keys[1:]))  # an axis is named by its whole dotted path
    target = read.data
    for depth, key in enumerate(keys[:-1], start=1):
        below = _written_out(keys[:depth], target.get(key))
        if not isinstance(below, dict):
            raise StudyError(f"{'.'.join(keys[:depth])} has no fields", where=name)
        read.places.setdefault(keys[:depth], name)
        target[key] = below
        target = below
    for known in [p for p in read.places if p[: len(keys)] == keys]:
        del read.places[known]
    target[keys[-1]] = value
    read.places[keys] = name


def _written_out(path: tuple[str, ...], value: Any) -> Any:
    """Give what stands at a path as a mapping that a field can be set in, if it has fields."""
    if path[0] == "base" and path[1:] in NAMED:
        if value is None:
            value = Cell.model_fields[path[1]].default
        if isinstance(value, str):
            value = {"name": value}  # `optimizer: adam` is short for `{name: adam}`
    if value is None or (path == ("timing",) and value == "off"):
        return {}
    return dict(value) if isinstance(value, dict) else value
