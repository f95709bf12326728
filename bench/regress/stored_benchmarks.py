"""Files that pytest-benchmark stores: one per session, with machine, commit and medians."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, PositiveInt, ValidationError

from bench.errors import StoreError, shown

NOTCH = 1.57  # McGill, Tukey & Larsen (1978), The American Statistician 32


@dataclass(frozen=True)
class BenchmarkStats:
    """The median of one benchmark's rounds in one session, with its 95% interval.

    `accuracy` is `test_accuracy` in the benchmark's extra_info, if stored.
    """

    median_s: float
    low_s: float
    high_s: float
    rounds: int
    min_s: float
    accuracy: float | None = None


@dataclass(frozen=True)
class Session:
    """One file: a run of the suite at one commit on one machine.

    `conditions` must be equal for times to be comparable: bench's fingerprint, or else
    pytest-benchmark's machine_info. `measured` is in order of time. `damaged` maps names of
    benchmarks with invalid numbers to the reason.
    """

    path: Path
    when: datetime
    commit: str
    is_dirty: bool
    conditions: Mapping[str, str]
    measured: Sequence[tuple[str, BenchmarkStats]]
    damaged: Mapping[str, str] = field(default_factory=dict)

    @property
    def benchmarks(self) -> Mapping[str, BenchmarkStats]:
        """The last measurement of each benchmark, by name."""
        return dict(self.measured)

    @property
    def fingerprint(self) -> str:
        """The conditions in one line."""
        return " | ".join(self.conditions.values())


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Stats(BaseModel):
    min: NotNegative | None = None
    median: Positive
    iqr: NotNegative
    rounds: PositiveInt


class _Benchmark(BaseModel):
    stats: _Stats
    extra_info: dict[str, Any] = {}


class _Commit(BaseModel):
    id: str = "unversioned"
    dirty: bool = False
    time: datetime | None = None


class _File(BaseModel):
    machine_info: dict[str, Any]
    commit_info: _Commit
    benchmarks: list[dict[str, Any]]
    stored_at: datetime = Field(alias="datetime")


@dataclass(frozen=True)
class StoredSessions:
    """The sessions in a storage folder in order of commits, and the problems found."""

    sessions: tuple[Session, ...]
    problems: tuple[str, ...]


def read_sessions(storage: Path) -> StoredSessions:
    """Read every valid file in pytest-benchmark's storage folder.

    Raises StoreError if there is none.
    """
    paths = sorted(storage.rglob("*.json"))
    if not paths:
        raise StoreError(
            "no stored benchmark results",
            where=str(storage),
            hint="Run `pytest tests/benchmarks --benchmark-only --benchmark-autosave` first.",
        )
    sessions: list[Session] = []
    problems: list[StoreError] = []
    for path in paths:
        try:
            sessions.append(read_session(path))
        except StoreError as error:
            problems.append(error)
    if not sessions:
        if len(problems) == 1:
            raise problems[0]
        files = "".join(f"\n  {error.where}: {error.what}" for error in problems)
        raise StoreError(f"no valid pytest-benchmark file:{files}", where=str(storage))
    return StoredSessions(
        tuple(sorted(sessions, key=lambda session: (session.when, session.path))),
        (
            *(f"{error.where}: {error.what}" for error in problems),
            *(
                f"{s.path}: {name}: {reason}"
                for s in sessions
                for name, reason in s.damaged.items()
            ),
        ),
    )


def read_session(path: Path) -> Session:
    """Read one file; raises StoreError if pytest-benchmark did not write it."""
    try:
        if not path.is_file():  # opening a pipe would wait forever
            raise OSError("not a regular file")
        file = _File.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(
            f"not a pytest-benchmark file: {_reason(error)}",
            where=str(path),
            hint="Delete it, or choose another folder.",
        ) from None
    measured: list[tuple[str, BenchmarkStats]] = []
    damaged: dict[str, str] = {}
    for number, benchmark in enumerate(file.benchmarks, 1):
        name = str(benchmark.get("fullname") or f"benchmark {number}")
        try:
            measured.append((name, _stats(_Benchmark.model_validate(benchmark))))
        except ValidationError as error:
            damaged[name] = _reason(error)
    return Session(
        path,
        _zoned(file.commit_info.time or file.stored_at),
        file.commit_info.id,
        file.commit_info.dirty,
        _conditions(file.machine_info),
        measured,
        damaged,
    )


def _reason(error: Exception) -> str:
    """Return the first reason: "stats.median: Input should be greater than 0, got 0.0"."""
    if isinstance(error, json.JSONDecodeError):
        return f"invalid JSON in line {error.lineno}"
    if isinstance(error, UnicodeDecodeError):
        return "invalid UTF-8"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    if first["type"] == "missing":
        return f"{first['loc'][-1]} is missing"
    place = ".".join(map(str, first["loc"]))
    if not place:
        return f"expected a JSON object, got {shown(first['input'])}"
    return f"{place}: {first['msg']}, got {shown(first['input'])}"


def _zoned(when: datetime) -> datetime:
    """Assume UTC for a time without a zone."""
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _stats(benchmark: _Benchmark) -> BenchmarkStats:
    stats, accuracy = benchmark.stats, benchmark.extra_info.get("test_accuracy")
    half = NOTCH * stats.iqr / math.sqrt(stats.rounds)
    low, high = max(stats.median - half, 0.0), stats.median + half
    is_known = isinstance(accuracy, float | int) and math.isfinite(accuracy)
    min_s = stats.median if stats.min is None else stats.min
    return BenchmarkStats(
        stats.median, low, high, stats.rounds, min_s, accuracy if is_known else None
    )


def _conditions(machine: Mapping[str, Any]) -> dict[str, str]:
    fingerprint = machine.get("fingerprint")
    if isinstance(fingerprint, Mapping):
        return {str(name): str(value) for name, value in fingerprint.items()}
    cpu = machine.get("cpu")
    cpu = cpu if isinstance(cpu, Mapping) else {}
    parts = {
        "processor": cpu.get("brand_raw") or machine.get("processor"),
        "cores": f"{cpu['count']} cores" if "count" in cpu else None,
        "system": machine.get("system"),
        "python": f"python={machine.get('python_version')}",
    }
    return {name: str(part) for name, part in parts.items() if part}
