"""What pytest-benchmark has stored: a file a session, with its machine, commit and medians."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, FiniteFloat, PositiveFloat, PositiveInt, ValidationError

from bench.errors import StoreError

NOTCH = 1.57  # McGill, Tukey & Larsen (1978), The American Statistician 32


@dataclass(frozen=True)
class Measured:
    """The median of one benchmark's rounds in one session, with its 95% interval; seconds."""

    median_s: float
    low_s: float
    high_s: float
    rounds: int


@dataclass(frozen=True)
class Session:
    """One file: a run of the suite at one commit on one machine."""

    path: Path
    when: datetime
    commit: str
    is_dirty: bool
    fingerprint: str
    benchmarks: Mapping[str, Measured]


class _Stats(BaseModel):
    median: PositiveFloat
    iqr: FiniteFloat
    rounds: PositiveInt


class _Benchmark(BaseModel):
    fullname: str
    stats: _Stats


class _Commit(BaseModel):
    id: str = "unversioned"
    dirty: bool = False
    time: datetime | None = None


class _File(BaseModel):
    machine_info: dict[str, Any]
    commit_info: _Commit
    benchmarks: list[_Benchmark]
    stored_at: datetime = Field(alias="datetime")


def read_sessions(storage: Path) -> list[Session]:
    """Read every file under pytest-benchmark's storage folder, in the order of their commits.

    Raises StoreError where there is none, or one is no file of pytest-benchmark's.
    """
    paths = sorted(storage.rglob("*.json"))
    if not paths:
        raise StoreError(
            "no stored runs here",
            where=str(storage),
            mend="`pytest tests/benchmarks --benchmark-only --benchmark-autosave` stores one.",
        )
    return sorted(map(_read, paths), key=lambda session: (session.when, session.path))


def _read(path: Path) -> Session:
    try:
        file = _File.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError, RecursionError):
        raise StoreError(
            "is no file of pytest-benchmark's",
            where=str(path),
            mend="Delete it, or name another folder.",
        ) from None
    return Session(
        path,
        _zoned(file.commit_info.time or file.stored_at),
        file.commit_info.id,
        file.commit_info.dirty,
        _fingerprint(file.machine_info),
        {b.fullname: _measured(b.stats) for b in file.benchmarks},
    )


def _zoned(when: datetime) -> datetime:
    """Take a time without a zone for UTC, so that all can be ordered."""
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _measured(stats: _Stats) -> Measured:
    half = NOTCH * stats.iqr / math.sqrt(stats.rounds)
    return Measured(stats.median, max(stats.median - half, 0.0), stats.median + half, stats.rounds)


def _fingerprint(machine: Mapping[str, Any]) -> str:
    """Say what makes times comparable: bench's own fingerprint, or what pytest-benchmark knows."""
    told = machine.get("fingerprint")
    if isinstance(told, Mapping):
        return " | ".join(str(value) for value in told.values())
    cpu = machine.get("cpu")
    cpu = cpu if isinstance(cpu, Mapping) else {}
    parts = (
        cpu.get("brand_raw") or machine.get("processor"),
        f"{cpu['count']} cores" if "count" in cpu else None,
        machine.get("system"),
        f"python={machine.get('python_version')}",
    )
    return " | ".join(str(part) for part in parts if part)
