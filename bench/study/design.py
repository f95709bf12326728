"""The design of a study: from its base, axes, include and exclude to its cells."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from bench.cell_names import format_value
from bench.errors import StudyError, did_you_mean, shown
from bench.study.spec import CHOICES, Cell, Study
from bench.study.study_file import explained
from bench.study.yaml_source import Path, Source, dotted

MOST_CELLS = 100_000
MOST_RUNS = 1_000_000


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


@dataclass(frozen=True)
class LeftOut:
    """A point of the grid that is no cell of its own, and why."""

    point: str
    why: str


@dataclass(frozen=True)
class Grid:
    """A study's cells in order, and what was left out.

    Each cell stands as its candidates: those among which tuning chooses, or itself alone.
    """

    cells: tuple[tuple[Cell, ...], ...]
    left_out: tuple[LeftOut, ...]

    @property
    def every_cell(self) -> list[Cell]:
        """All candidates of all cells."""
        return [cell for candidates in self.cells for cell in candidates]


def expand(study: Study, source: Source) -> Grid:
    """Give the study's distinct cells in order, and what `exclude` leaves out of the grid.

    Raises StudyError, with the line of the axis or of the include at fault.
    """
    _require_known_axes(study, source)
    _require_known_tuned(study, source)
    _require_small_grid(study, source)
    sieve = _Sieve(study, source)
    cells = [found for point in _points(study) if (found := sieve.candidates(point))]
    _require_known_patterns(study, source, sieve.known)
    if not cells:
        raise StudyError(
            "exclude: the grid is empty, every cell is excluded",
            where=source.place(("exclude",)),
            hint="Let a pattern name more fields: it leaves out the cells that have all of them.",
        )
    _require_few_runs(study, source, cells)
    return Grid(tuple(cells), tuple(sieve.left_out))


class _Sieve:
    """Makes cells of points and drops those that are excluded or there already."""

    def __init__(self, study: Study, source: Source) -> None:
        self._base = study.base.model_dump()
        self._source = source
        self._patterns = [(_flattened(pattern), i) for i, pattern in enumerate(study.exclude)]
        self._tuned = list(itertools.product(*_assignments(study, study.tuned)))
        self._seen: set[str] = set()
        self.known: set[str] = set(study.axes)
        self.left_out: list[LeftOut] = []

    def candidates(self, point: Point) -> tuple[Cell, ...]:
        """Give the cells among which tuning chooses at this point: without tuning, one or none."""
        set_here = {assignment.path for assignment in point}
        cells = []
        for values in self._tuned:
            tuned = tuple(a for a in values if a.path not in set_here)
            cell = self._cell((*point, *tuned))
            if cell is not None:
                cells.append(cell)
        return tuple(cells)

    def _cell(self, point: Point) -> Cell | None:
        declared = _assigned(self._base, point)
        written = _flattened(declared)
        self.known |= written.keys()
        if self._excludes(point, written):  # it need not be a valid one
            return None
        cell = _checked(declared, point, self._source)
        flat = cell.flat()
        aliased = flat | {"optimizer.lr": flat["lr"]}
        self.known |= aliased.keys()
        identity = repr(sorted(flat.items()))
        if self._excludes(point, aliased) or identity in self._seen:
            return None
        self._seen.add(identity)
        return cell

    def _excludes(self, point: Point, flat: Mapping[str, Any]) -> bool:
        for pattern, i in self._patterns:
            if _matches(pattern, flat):
                told = ", ".join(f"{k} {_brief(v)}" for k, v in pattern.items())
                place = self._source.place(("exclude", i))
                self.left_out.append(LeftOut(_described(point), f"exclude: {told} ({place})"))
                return True
        return False


def _described(point: Point) -> str:
    """Write a point as the study does: the axes with their values."""
    return ", ".join(f"{a.field} {_brief(a.value)}" for a in point) or "the base cell"


def _brief(value: Any) -> str:
    if not isinstance(value, Mapping):
        return format_value(value)
    name = value.get("name", value.get("import", ""))
    rest = [f"{k} {_brief(v)}" for k, v in value.items() if k not in ("name", "import")]
    return f"{name} ({', '.join(rest)})" if rest else str(name)


def _assignments(study: Study, paths: Sequence[str]) -> list[list[Assignment]]:
    """List the values of axes."""
    return [
        [Assignment(path, value, ("axes", path, i)) for i, value in enumerate(study.axes[path])]
        for path in paths
    ]


def _points(study: Study) -> Iterator[Point]:
    """List the points of the design; the tuned axes are not among its own."""
    axes = _assignments(study, [path for path in study.axes if path not in study.tuned])
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
            hint="Give fewer values, or take another design, such as one_at_a_time.",
        )


def _require_few_runs(study: Study, source: Source, cells: Sequence[Sequence[Cell]]) -> None:
    """Refuse more runs than can be planned."""
    seeds, blocks = len(study.seeds), study.timing.blocks if study.timing else 0
    # A cost pass a cell, the baseline's twin a block, and what tuning tries.
    runs = len(cells) * (seeds + 1 + blocks) + blocks
    if study.tune is not None:
        runs += len(study.tune.seeds) * sum(map(len, cells))
    if runs > MOST_RUNS:
        raise StudyError(
            f"asks for {runs:,} runs (cells: {len(cells):,}, seeds: {seeds:,}, "
            f"timing blocks: {blocks:,}); at most {MOST_RUNS:,} are planned",
            where=source.name,
            hint="Give fewer values, seeds or blocks, or make several studies of it.",
        )


def _require_known_tuned(study: Study, source: Source) -> None:
    """Refuse a tuned field that is no axis: it has no values to choose among."""
    for i, path in enumerate(study.tune.over if study.tune else ()):
        if path not in study.axes:
            hint = did_you_mean(path, study.axes) or "Add its values under axes."
            written = ("tune", "over", i)
            raise StudyError(
                f"{dotted(written)}: no axis is called {shown(path)}. {hint}",
                where=source.place(written),
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
        field in flat and _is_same(flat[field], value) for field, value in pattern.items()
    )


def _is_same(value: Any, other: Any) -> bool:
    """Compare as YAML does: 1 and 1.0 are the same, 1 and true are not."""
    return value == other and isinstance(value, bool) == isinstance(other, bool)
