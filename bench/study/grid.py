"""The design of a study: from its base, axes, include and exclude to its cells."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from bench.errors import StudyError, did_you_mean
from bench.study.load import explained
from bench.study.source import Path, Source, dotted
from bench.study.spec import Cell, Study

MOST_CELLS = 100_000
MOST_RUNS = 1_000_000
CHOICES = ("model", "optimizer", "schedule")


@dataclass(frozen=True)
class Assignment:
    """One field set to one value, and where the study says so."""

    field: str
    value: Any
    written: Path

    @property
    def path(self) -> tuple[str, ...]:
        """The field's place in a cell; `lr` is the optimizer's."""
        return ("optimizer", "lr") if self.field == "lr" else tuple(self.field.split(".", 1))


Point = tuple[Assignment, ...]


def expand(study: Study, source: Source) -> tuple[list[Cell], int]:
    """Give the study's distinct cells in order, and how many points `exclude` left out.

    Raises StudyError, with the line of the axis or of the include at fault.
    """
    _require_known_axes(study, source)
    _require_small_grid(study, source)
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
        flat = cell.flat()
        aliased = flat | {"optimizer.lr": flat["lr"]}
        known |= aliased.keys()
        if any(_matches(pattern, aliased) for pattern in patterns):
            excluded += 1
            continue
        cells.setdefault(repr(sorted(flat.items())), cell)
    _require_known_patterns(study, source, known)
    if not cells:
        raise StudyError(
            "exclude: the grid is empty, every cell is excluded", where=source.place(("exclude",))
        )
    _require_few_runs(study, source, len(cells))
    return list(cells.values()), excluded


def _points(study: Study) -> Iterator[Point]:
    axes = [
        [Assignment(path, value, ("axes", path, i)) for i, value in enumerate(values)]
        for path, values in study.axes.items()
    ]
    match study.design:
        case "full":
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
    for assignment in sorted(point, key=lambda a: len(a.path)):
        room, *parameter = assignment.path
        if not parameter:
            declared[room] = assignment.value
            continue
        choice = declared[room]
        if isinstance(choice, str):
            choice = {"name": choice}
        if isinstance(choice, Mapping):  # what is neither is refused when the cell is checked
            declared[room] = {**choice, parameter[0]: assignment.value}
    return declared


def _checked(declared: Mapping[str, Any], point: Point, source: Source) -> Cell:
    try:
        return Cell.model_validate(declared)
    except ValidationError as error:
        raise explained(error, source, lambda loc: _written(loc, point)) from None


def _written(loc: Path, point: Point) -> Path:
    """Say where a study wrote what stands at `loc` of a cell: the nearest assignment, or base."""
    places = {a.path: a.written for a in point}
    for end in range(len(loc), 0, -1):
        place = places.get(tuple(map(str, loc[:end])))
        if place is not None:
            return (*place, *loc[end:])
    beside = [a.written for a in point if a.path[:1] == loc[:1]]
    return beside[-1] if beside else ("base", *loc)


def _require_small_grid(study: Study, source: Source) -> None:
    """Refuse a full grid that is too large, before it is enumerated."""
    size = math.prod(len(values) for values in study.axes.values())
    if study.design == "full" and size > MOST_CELLS:
        told = f"{size:,}" if size < 10**30 else "more than 10^30"
        raise StudyError(
            f"axes: the full grid has {told} cells; at most {MOST_CELLS:,} are planned",
            where=source.place(("axes",)),
        )


def _require_few_runs(study: Study, source: Source, cells: int) -> None:
    """Refuse more runs than can be planned."""
    seeds, blocks = len(study.seeds), study.timing.blocks if study.timing else 0
    runs = cells * (seeds + 1 + blocks) + blocks  # a cost pass a cell, the baseline's twin a block
    if runs > MOST_RUNS:
        raise StudyError(
            f"asks for {runs:,} runs (cells: {cells:,}, seeds: {seeds:,}, "
            f"timing blocks: {blocks:,}); at most {MOST_RUNS:,} are planned",
            where=source.name,
        )


def _require_known_axes(study: Study, source: Source) -> None:
    """Refuse an axis or an include that names no field of a cell, or one under both its names."""
    if {"lr", "optimizer.lr"} <= study.axes.keys():
        raise StudyError(
            "axes.optimizer.lr: lr is the same field, and an axis too",
            where=source.place(("axes", "optimizer.lr")),
        )
    named: list[tuple[Path, str]] = [(("axes", path), path) for path in study.axes]
    named += [
        (("include", i, path), path) for i, extra in enumerate(study.include) for path in extra
    ]
    for written, path in named:
        room, _, parameter = path.partition(".")
        if path == "lr" or path in Cell.model_fields or (room in CHOICES and parameter):
            continue
        hint = did_you_mean(path, [*Cell.model_fields, "lr", "model.hidden", "optimizer.momentum"])
        raise StudyError(
            f"{dotted(written)}: unknown field. {hint}".strip(), where=source.place(written)
        )


def _require_known_patterns(study: Study, source: Source, known: set[str]) -> None:
    """Refuse an exclude that names a field which no cell has: it would never match."""
    for i, pattern in enumerate(study.exclude):
        for field in _flattened(pattern):
            if field not in known:
                hint = did_you_mean(field, known)
                raise StudyError(
                    f"exclude[{i}].{field}: no cell has this field. {hint}".strip(),
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
