"""A study file, and what `--set` changes in it, into a checked Study."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.errors import StudyError, did_you_mean
from bench.study import source
from bench.study.source import Source
from bench.study.spec import Study

SHOWN = 5


def load_study(path: Path, overrides: Sequence[str] = ()) -> tuple[Study, Source]:
    """Read a study file and apply `PATH=VALUE` overrides, in order.

    The source comes along so that later checks can say on which line a field stands. Raises
    StudyError with file, line and field for whatever is not a valid study.
    """
    read = source.read_yaml(_text(path), str(path))
    if read.data is None:
        raise StudyError("is empty; a study needs at least a name", where=read.name)
    if not isinstance(read.data, dict):
        raise StudyError("a study is a mapping that starts with 'name:'", where=read.name)
    for override in overrides:
        _apply(read, override)
    try:
        study = Study.model_validate(read.data)
    except ValidationError as error:
        raise explained(error, read) from None
    return study, read


def explained(error: ValidationError, read: Source, at: source.Path | None = None) -> StudyError:
    """Word pydantic's errors for a person: file, line, field, what is wrong with it.

    `at` is where the study wrote what is wrong, if not where pydantic found it.
    """
    lines: list[str] = []
    for item in error.errors():
        path = item["loc"] if at is None else at
        said = f"{read.place(path)}: {source.dotted(path) or 'study'}: {_worded(item)}"
        if said not in lines:
            lines.append(said)
    more = len(lines) - SHOWN
    shown = lines[:SHOWN] + ([f"… and {more} more"] if more > 0 else [])
    return StudyError("\n".join(shown))


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
            return f"{given!r} is not one of its values. {did_you_mean(given, known)}".strip()
        case kind:
            message = str(item["msg"]).removeprefix("Input should be ")
            shown = repr(given) if len(repr(given)) <= 60 else f"a {type(given).__name__}"
            if kind == "model_type" or kind == "dict_type":
                message = "a mapping of fields"
            return f"should be {message}, not {shown}"


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > source.LARGEST_BYTES:
            raise StudyError(f"is larger than {source.LARGEST_BYTES:,} bytes", where=str(path))
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise StudyError("no such study file", where=str(path), mend=_nearby(path)) from None
    except IsADirectoryError:
        raise StudyError("is a folder; name a study file in it", where=str(path)) from None
    except UnicodeDecodeError:
        raise StudyError("is not a UTF-8 text file", where=str(path)) from None
    except OSError as error:
        raise StudyError(f"cannot be read: {error.strerror}", where=str(path)) from None


def _nearby(path: Path) -> str:
    from_here = sorted(path.parent.glob("*.yaml")) or sorted(Path("studies").glob("*.yaml"))
    return f"Studies here: {', '.join(map(str, from_here[:8]))}" if from_here else ""


def _apply(read: Source, override: str) -> None:
    """Set one field in the file's data; the place of what it sets is the option itself."""
    name = f"--set {override}"
    path_text, equals, value_text = override.partition("=")
    keys = tuple(path_text.strip().split("."))
    if not equals or not all(keys):
        raise StudyError("reads PATH=VALUE, for example --set base.epochs=1", where=name)
    value = source.read_value(value_text, name)
    if keys[0] == "axes" and len(keys) > 1:
        keys = ("axes", ".".join(keys[1:]))  # an axis is named by its whole dotted path
    target = read.data
    for depth, key in enumerate(keys[:-1]):
        below = target.get(key)
        if isinstance(below, str) and keys[0] == "base":
            below = {"name": below}  # `optimizer: adam` is short for `{name: adam}`
        if below is None:
            below = {}
        if not isinstance(below, dict):
            raise StudyError(f"{'.'.join(keys[: depth + 1])} has no fields", where=name)
        target[key] = below
        target = below
    for known in [p for p in read.places if p[: len(keys)] == keys]:
        del read.places[known]
    target[keys[-1]] = value
    read.places[keys] = name
