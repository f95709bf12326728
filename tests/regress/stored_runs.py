"""Stored runs, made up as pytest-benchmark would write them."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MACHINE = {"fingerprint": {"machine": "a CPU | 2 cores", "software": "torch=2"}}


def commit(number: int) -> str:
    return hashlib.sha1(str(number).encode()).hexdigest()


def stored(
    folder: Path,
    number: int,
    medians: Mapping[str, float],
    *,
    machine: Mapping[str, Any] = MACHINE,
    dirty: bool = False,
) -> Path:
    """Write one session at a commit of its own, in the order of the numbers."""
    when = f"2026-01-{number // 24 + 1:02}T{number % 24:02}:00:00+00:00"
    document = {
        "machine_info": dict(machine),
        "commit_info": {"id": commit(number), "time": when, "dirty": dirty, "branch": "main"},
        "benchmarks": [
            {"fullname": f"tests/b.py::test_{name}", "stats": {
                "median": median, "iqr": 0.02 * median, "rounds": 30, "mean": median,
            }}
            for name, median in medians.items()
        ],
        "datetime": "2026-02-01T00:00:00+00:00",
        "version": "5.1.0",
    }  # fmt: skip
    path = folder / "Linux-CPython-3.11-64bit" / f"{number:04}_x.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
