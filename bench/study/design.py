"""The design of a study: base, axes, include and exclude expanded into cells."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from bench.cell_names import format_value
from bench.errors import StudyError, did_you_mean, shown
from bench.study.spec import CHOICES, MIN_SETS, Cell, Study
from bench.study.study_file import study_error
from bench.study.yaml_source import Path, dotted

MOST_CELLS = 100_000
MOST_RUNS = 1_000_000


@dataclass(frozen=True)
class Assignment:
    """One field set to one value, and the path where the study sets it."""

    field: str
    value: Any
    written: Path

    @property
    def path(self) -> tuple[str, ...]:
        """The field's path in a cell; `lr` belongs to the optimizer."""
        return ("optimizer", "lr") if self.field == "lr" else tuple(self.field.split(".", 1))


Assignments = tuple[Assignment, ...]


@dataclass(frozen=True)
class Excluded:
    """A point of the grid that `exclude` leaves out, and by which pattern."""

    point: str
    reason: str


@dataclass(frozen=True)
class Design:
    """The cells of a study, each a tuple of candidates for tuning, and the excluded points."""

    candidates: tuple[tuple[Cell, ...], ...]
    excluded: tuple[Excluded, ...]

    @property
    def cells(self) -> list[Cell]:
        """All candidates of all cells."""
        return [cell for candidates in self.candidates for cell in candidates]


def expand(study: Study) -> Design:
    """Return a study's cells. Raises StudyError with the line of the field at fault."""
    _check_axes(study)
    _check_tuned_axes(study)
    _check_grid_size(study)
    expansion = _Expansion(study)
    groups = tuple(cells for point in _points(study) if (cells := expansion.candidates(point)))
    _check_patterns(study, expansion.known)
    if not groups:
        hint = "Add fields to a pattern: it excludes the cells that match all of them."
        raise _error(study, ("exclude",), "the grid is empty, every cell is excluded", hint)
    _check_run_count(study, groups)
    return Design(groups, tuple(expansion.excluded))


class _Expansion:
    """Makes cells from points of the grid; drops excluded cells and duplicates."""

    def __init__(self, study: Study) -> None:
        self._base = study.base.model_dump()
        self._source = study.source
        self._patterns = [_flat_pattern(pattern) for pattern in study.exclude]
        self._tuned = list(itertools.product(*_axis_assignments(study, study.tuned)))
        self._seen: set[str] = set()
        self.known: set[str] = set(study.axes)  # fields that a pattern may name
        self.excluded: list[Excluded] = []

    def candidates(self, point: Assignments) -> tuple[Cell, ...]:
        """Return the cells at a point, one for each combination of tuned values that it leaves."""
        set_here = {assignment.path for assignment in point}
        points = ((*point, *(a for a in v if a.path not in set_here)) for v in self._tuned)
        return tuple(cell for p in points if (cell := self._cell(p)) is not None)

    def _cell(self, point: Assignments) -> Cell | None:
        declared = _assign(self._base, point)
        written = _flat_pattern(declared)
        self.known |= written.keys()
        if self._is_excluded(point, written):  # before validation: it may be invalid
            return None
        try:
            cell = Cell.model_validate(declared)
        except ValidationError as error:
            raise study_error(error, self._source, lambda loc: _written(loc, point)) from None
        flat = cell.flat()
        aliased = flat | {"optimizer.lr": flat["lr"]}
        self.known |= aliased.keys()
        identity = repr(sorted(flat.items()))
        if self._is_excluded(point, aliased) or identity in self._seen:
            return None
        self._seen.add(identity)
        return cell

    def _is_excluded(self, point: Assignments, flat: Mapping[str, Any]) -> bool:
        for i, pattern in enumerate(self._patterns):
            if _matches(pattern, flat):
                text = ", ".join(f"{k} {_format(v)}" for k, v in pattern.items())
                place = self._source.place(("exclude", i))
                self.excluded.append(Excluded(_describe(point), f"exclude: {text} ({place})"))
                return True
        return False


def _describe(point: Assignments) -> str:
    return ", ".join(f"{a.field} {_format(a.value)}" for a in point) or "the base cell"


def _format(value: Any) -> str:
    if not isinstance(value, Mapping):
        return format_value(value)
    name = value.get("name", value.get("import", ""))
    rest = [f"{k} {_format(v)}" for k, v in value.items() if k not in ("name", "import")]
    return f"{name} ({', '.join(rest)})" if rest else str(name)


def _axis_assignments(study: Study, paths: Sequence[str]) -> list[list[Assignment]]:
    return [
        [Assignment(path, value, ("axes", path, i)) for i, value in enumerate(study.axes[path])]
        for path in paths
    ]


def _points(study: Study) -> Iterator[Assignments]:
    axes = _axis_assignments(study, [path for path in study.axes if path not in study.tuned])
    match study.design:
        case "full":
            yield from itertools.product(*axes)
        case "pairs":
            yield from zip(*axes, strict=True) if axes else [()]
        case "one_at_a_time":
            yield ()
            yield from ((assignment,) for axis in axes for assignment in axis)
    for i, extra in enumerate(study.include):
        yield tuple(Assignment(f, value, ("include", i, f)) for f, value in extra.items())


def _assign(base: Mapping[str, Any], point: Assignments) -> dict[str, Any]:
    """Return a copy of the base with a point's fields, choices before their parameters."""
    declared = {k: dict(v) if isinstance(v, dict) else v for k, v in base.items()}
    for assignment in sorted(point, key=lambda a: len(a.path)):
        field, *parameter = assignment.path
        if not parameter:
            declared[field] = assignment.value
            continue
        choice = declared[field]
        if isinstance(choice, str):
            choice = {"name": choice}
        if isinstance(choice, Mapping):  # anything else is rejected by validation
            declared[field] = {**choice, parameter[0]: assignment.value}
    return declared


def _written(loc: Path, point: Assignments) -> Path:
    """Return the path in the study of `loc` in a cell: the nearest assignment, or base."""
    places = {a.path: a.written for a in point}
    for end in range(len(loc), 0, -1):
        place = places.get(tuple(map(str, loc[:end])))
        if place is not None:
            return (*place, *loc[end:])
    same_field = [a.written for a in point if a.path[:1] == loc[:1]]
    return same_field[-1] if same_field else ("base", *loc)


def _error(study: Study, written: Path, problem: str, hint: str = "") -> StudyError:
    message = f"{dotted(written)}: {problem}".strip()
    return StudyError(message, where=study.source.place(written), hint=hint)


def _check_grid_size(study: Study) -> None:
    size = math.prod(len(values) for values in study.axes.values())
    if study.design == "full" and size > MOST_CELLS:
        count = f"{size:,}" if size < 10**30 else "more than 10^30"
        problem = f"the full grid has {count} cells; the limit is {MOST_CELLS:,}"
        hint = "Use fewer values, or another design, such as one_at_a_time."
        raise _error(study, ("axes",), problem, hint)


def _check_run_count(study: Study, groups: Sequence[Sequence[Cell]]) -> None:
    seeds, sets = len(study.seeds), 0
    if study.timing is not None:
        sets = study.timing.sets or MIN_SETS
    # One cost pass per cell, one A/A control per set, and the tuning trials.
    runs = len(groups) * (seeds + 1 + sets) + sets
    if study.tune is not None:
        runs += len(study.tune.seeds) * sum(map(len, groups))
    if runs > MOST_RUNS:
        raise StudyError(
            f"needs {runs:,} runs (cells: {len(groups):,}, seeds: {seeds:,}, "
            f"timing sets: {sets:,}); the limit is {MOST_RUNS:,}",
            where=study.source.name,
            hint="Use fewer values, seeds or sets, or split the study.",
        )


def _check_tuned_axes(study: Study) -> None:
    for i, path in enumerate(study.tuned):
        if path not in study.axes:
            hint = did_you_mean(path, study.axes) or "Add its values under axes."
            raise _error(study, ("tune", "over", i), f"unknown axis {shown(path)}. {hint}")


def _check_axes(study: Study) -> None:
    """Raise for an axis or include that names no field, and for one under both of its names."""
    if {"lr", "optimizer.lr"} <= study.axes.keys():
        raise _error(study, ("axes", "optimizer.lr"), "the same field as the axis lr")
    named: list[tuple[Path, str]] = [(("axes", path), path) for path in study.axes]
    named += [(("include", i, path), path) for i, cell in enumerate(study.include) for path in cell]
    for written, path in named:
        field, _, parameter = path.partition(".")
        if path == "lr" or path in Cell.model_fields or (field in CHOICES and parameter):
            continue
        hint = did_you_mean(path, [*Cell.model_fields, "lr", "model.hidden", "optimizer.momentum"])
        raise _error(study, written, f"unknown field. {hint}")


def _check_patterns(study: Study, known: set[str]) -> None:
    """Raise for an exclude that names a field of no cell: it would never match."""
    for i, pattern in enumerate(study.exclude):
        for field in _flat_pattern(pattern):
            if field not in known:
                problem = f"no cell has this field. {did_you_mean(field, known)}"
                raise _error(study, ("exclude", i, field), problem)


def _flat_pattern(pattern: Mapping[str, Any]) -> dict[str, Any]:
    """Return `{model: {name: x, hidden: 5}}` and `{model: x, model.hidden: 5}` in one form."""
    flat: dict[str, Any] = {}
    for field, value in pattern.items():
        if isinstance(value, Mapping):
            for key, inner in value.items():
                flat[field if key in ("name", "import") else f"{field}.{key}"] = inner
        else:
            flat["optimizer.lr" if field == "lr" else field] = value
    return flat


def _matches(pattern: Mapping[str, Any], flat: Mapping[str, Any]) -> bool:
    """Compare as YAML does: 1 equals 1.0, but not true."""
    return bool(pattern) and all(
        field in flat
        and bool(flat[field] == value)
        and isinstance(flat[field], bool) == isinstance(value, bool)
        for field, value in pattern.items()
    )
