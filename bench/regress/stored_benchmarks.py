"""What pytest-benchmark has stored: a file a session, with its machine, commit and medians."""

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
class Measured:
    """The median of one benchmark's rounds in one session, with its 95% interval; seconds.

    `fastest_s` is the fastest of them, `accuracy` what the benchmark stored as `test_accuracy` in
    its extra_info, if it did.
    """

    median_s: float
    low_s: float
    high_s: float
    rounds: int
    fastest_s: float
    accuracy: float | None = None


@dataclass(frozen=True)
class Session:
    """One file: a run of the suite at one commit on one machine.

    `conditions` are what makes times comparable, by name: bench's own fingerprint, or what
    pytest-benchmark knows of the machine. `measured` is in the order of time. `damaged`
    says of benchmarks, by name, what makes their numbers useless.
    """

    path: Path
    when: datetime
    commit: str
    is_dirty: bool
    conditions: Mapping[str, str]
    measured: Sequence[tuple[str, Measured]]
    damaged: Mapping[str, str] = field(default_factory=dict)

    @property
    def benchmarks(self) -> Mapping[str, Measured]:
        """What was measured, by name; of one that was measured again, the last."""
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
class Stored:
    """What a storage folder holds, in the order of commits, and what in it can't be used."""

    sessions: tuple[Session, ...]
    problems: tuple[str, ...]


def read_sessions(storage: Path) -> Stored:
    """Read every file under pytest-benchmark's storage folder that can be read.

    Raises StoreError where there is none.
    """
    paths = sorted(storage.rglob("*.json"))
    if not paths:
        raise StoreError(
            "no stored runs here",
            where=str(storage),
            hint="`pytest tests/benchmarks --benchmark-only --benchmark-autosave` stores one.",
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
        files = "".join(f"\n  {error.where}" for error in problems)
        raise StoreError(f"none is a file of pytest-benchmark's:{files}", where=str(storage))
    return Stored(
        tuple(sorted(sessions, key=lambda session: (session.when, session.path))),
        (
            *(f"{error.where}: {error.what}" for error in problems),
            *(f"{s.path}: {name}: {why}" for s in sessions for name, why in s.damaged.items()),
        ),
    )


def read_session(path: Path) -> Session:
    """Read one file; raises StoreError where it is no file of pytest-benchmark's."""
    try:
        if not path.is_file():
            raise OSError
        file = _File.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError, RecursionError):
        raise StoreError(
            "is no file of pytest-benchmark's",
            where=str(path),
            hint="Delete it, or name another folder.",
        ) from None
    measured: list[tuple[str, Measured]] = []
    damaged: dict[str, str] = {}
    for number, benchmark in enumerate(file.benchmarks, 1):
        name = str(benchmark.get("fullname") or f"benchmark {number}")
        try:
            measured.append((name, _measured(_Benchmark.model_validate(benchmark))))
        except ValidationError as error:
            damaged[name] = _first(error)
    return Session(
        path,
        _zoned(file.commit_info.time or file.stored_at),
        file.commit_info.id,
        file.commit_info.dirty,
        _conditions(file.machine_info),
        measured,
        damaged,
    )


def _first(error: ValidationError) -> str:
    """Return what is wrong first, as "stats.median: Input should be greater than 0, got 0.0"."""
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}, got {shown(first['input'])}"


def _zoned(when: datetime) -> datetime:
    """Take a time without a zone for UTC, so that all can be ordered."""
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _measured(benchmark: _Benchmark) -> Measured:
    stats, accuracy = benchmark.stats, benchmark.extra_info.get("test_accuracy")
    half = NOTCH * stats.iqr / math.sqrt(stats.rounds)
    low, high = max(stats.median - half, 0.0), stats.median + half
    is_known = isinstance(accuracy, float | int) and math.isfinite(accuracy)
    fastest_s = stats.median if stats.min is None else stats.min
    return Measured(
        stats.median, low, high, stats.rounds, fastest_s, accuracy if is_known else None
    )


def _conditions(machine: Mapping[str, Any]) -> dict[str, str]:
    told = machine.get("fingerprint")
    if isinstance(told, Mapping):
        return {str(name): str(value) for name, value in told.items()}
    cpu = machine.get("cpu")
    cpu = cpu if isinstance(cpu, Mapping) else {}
    parts = {
        "processor": cpu.get("brand_raw") or machine.get("processor"),
        "cores": f"{cpu['count']} cores" if "count" in cpu else None,
        "system": machine.get("system"),
        "python": f"python={machine.get('python_version')}",
    }
    return {name: str(part) for name, part in parts.items() if part}
