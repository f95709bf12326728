"""The design of a study: from its base, axes, include and exclude to its cells."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from bench.errors import StudyError, did_you_mean
from bench.study.load import explained
from bench.study.source import Path, Source
from bench.study.spec import Cell, Study

MOST_CELLS = 100_000
CHOICES = ("model", "optimizer", "schedule")


@dataclass(frozen=True)
class Assignment:
    """One field set to one value, and where the study says so."""

    field: str
    value: Any
    written: Path


Point = tuple[Assignment, ...]


def expand(study: Study, source: Source) -> tuple[list[Cell], int]:
    """Give the study's distinct cells in order, and how many points `exclude` left out.

    Raises StudyError, with the line of the axis or of the include at fault.
    """
    _require_known_axes(study, source)
    base = study.base.model_dump()
    patterns = [_flattened(pattern) for pattern in study.exclude]
    cells: dict[str, Cell] = {}
    known: set[str] = set(study.axes)
    excluded = 0
    for point in _points(study):
        declared = _assigned(base, point)
        written = _flattened(declared)
        known |= written.keys()
        if any(_matches(pattern, written) for pattern in patterns):
            excluded += 1
            continue
        cell = _checked(declared, point, source)
        flat = cell.flat() | {"optimizer.lr": cell.flat()["lr"]}
        known |= flat.keys()
        if any(_matches(pattern, flat) for pattern in patterns):
            excluded += 1
            continue
        cells.setdefault(repr(sorted(cell.flat().items())), cell)
    _require_known_patterns(study, source, known)
    if not cells:
        raise StudyError(
            "the grid is empty: every cell is excluded", where=source.place(("exclude",))
        )
    return list(cells.values()), excluded


def _points(study: Study) -> Iterator[Point]:
    axes = [
        [Assignment(path, value, ("axes", path, i)) for i, value in enumerate(values)]
        for path, values in study.axes.items()
    ]
    match study.design:
        case "full":
            size = math.prod(len(axis) for axis in axes)
            if size > MOST_CELLS:
                raise StudyError(
                    f"axes: the full grid has {size:,} cells; at most {MOST_CELLS:,} are planned"
                )
            yield from itertools.product(*axes)
        case "pairs":
            yield from zip(*axes, strict=True) if axes else [()]
        case "one_at_a_time":
            yield ()
            yield from ((assignment,) for axis in axes for assignment in axis)
    for i, extra in enumerate(study.include):
        yield tuple(
            Assignment(field, value, ("include", i, field)) for field, value in extra.items()
        )


def _assigned(base: Mapping[str, Any], point: Point) -> dict[str, Any]:
    """Set a point's fields in a copy of the base, whole choices before their parameters."""
    declared = {k: dict(v) if isinstance(v, dict) else v for k, v in base.items()}
    for assignment in sorted(point, key=lambda a: a.field.count(".")):
        room, _, parameter = assignment.field.partition(".")
        if assignment.field == "lr":
            room, parameter = "optimizer", "lr"
        if parameter:
            choice = declared[room]
            declared[room] = {"name": choice} if isinstance(choice, str) else dict(choice)
            declared[room][parameter] = assignment.value
        else:
            declared[room] = assignment.value
    return declared


def _checked(declared: Mapping[str, Any], point: Point, source: Source) -> Cell:
    try:
        return Cell.model_validate(declared)
    except ValidationError as error:
        loc = tuple(str(part) for part in error.errors()[0]["loc"])
        # The most deeply named field that encloses the error is the one at fault.
        for assignment in sorted(point, key=lambda a: -a.field.count(".")):
            field = tuple(assignment.field.split("."))
            if loc[: len(field)] == field or loc[:1] == field[:1]:
                raise explained(error, source, assignment.written) from None
        raise explained(error, source, ("base",)) from None


def _require_known_axes(study: Study, source: Source) -> None:
    """Refuse an axis or an include that names no field of a cell."""
    named: list[tuple[Path, str]] = [(("axes", path), path) for path in study.axes]
    named += [
        (("include", i, path), path) for i, extra in enumerate(study.include) for path in extra
    ]
    for written, path in named:
        room, _, parameter = path.partition(".")
        if path == "lr" or (room in Cell.model_fields and (not parameter or room in CHOICES)):
            continue
        hint = did_you_mean(path, [*Cell.model_fields, "lr", "model.hidden", "optimizer.momentum"])
        raise StudyError(
            f"{'.'.join(map(str, written))}: unknown field. {hint}", where=source.place(written)
        )


def _require_known_patterns(study: Study, source: Source, known: set[str]) -> None:
    """Refuse an exclude that names a field which no cell has: it would never match."""
    for i, pattern in enumerate(study.exclude):
        for field in _flattened(pattern):
            if field not in known:
                hint = did_you_mean(field, known)
                raise StudyError(
                    f"exclude[{i}].{field}: no cell has this field. {hint}",
                    where=source.place(("exclude", i, field)),
                )


def _flattened(pattern: Mapping[str, Any]) -> dict[str, Any]:
    """Bring `{model: {name: x, hidden: 5}}` and `{model: x, model.hidden: 5}` to one form."""
    flat: dict[str, Any] = {}
    for field, value in pattern.items():
        if isinstance(value, Mapping):
            for key, inner in value.items():
                flat[field if key in ("name", "import") else f"{field}.{key}"] = inner
        else:
            flat["optimizer.lr" if field == "lr" else field] = value
    return flat


def _matches(pattern: Mapping[str, Any], flat: Mapping[str, Any]) -> bool:
    return bool(pattern) and all(
        field in flat and flat[field] == value for field, value in pattern.items()
    )
