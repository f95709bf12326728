"""An index of stored outcomes: what a plan needs of each, so that their files need not be read.

A line of JSON for each outcome: run id, time and size of its file, and its summary. The files are
the truth. A line counts only while its file has that time and size, the last one of each run; a
damaged or missing index costs time and nothing else.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from bench.atomic_write import atomic_file
from bench.errors import StoreError
from bench.records import SCHEMA_VERSION, BlockRow, OutcomeSummary

Stamp = tuple[int, int]  # a file's time of modification in nanoseconds, and its size in bytes

HEADER = json.dumps({"schema_version": SCHEMA_VERSION})
NAMES = [field.name for field in fields(OutcomeSummary) if field.name != "block"]
MOST_STALE = 1000  # lines that don't count, besides as many as count, before they are removed


def stamps_in(folder: Path) -> dict[str, Stamp]:
    """Return the stamp of every outcome's file by run id, sorted by name."""
    if not folder.is_dir():
        return {}
    with os.scandir(folder) as entries:
        found = [entry for entry in entries if entry.name.endswith(".json")]
        return {
            entry.name.removesuffix(".json"): stamp_of(entry.stat())
            for entry in sorted(found, key=lambda entry: entry.name)
        }


def stamp_of(status: os.stat_result) -> Stamp:
    """Return the stamp of a file."""
    return status.st_mtime_ns, status.st_size


class OutcomeIndex:
    """The index of one results folder; only the process that has locked the folder writes it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = 0

    def read(self, stamps: Mapping[str, Stamp]) -> dict[str, OutcomeSummary]:
        """Return the summaries of the files that are as they were when they were indexed."""
        try:
            header, *lines = self._path.read_bytes().splitlines()
        except (OSError, ValueError):
            return {}
        if header.decode(errors="replace") != HEADER:
            return {}
        self._lines = len(lines)
        known = {}
        for line in lines:
            with suppress(ValueError, TypeError, KeyError):  # an interrupted or damaged line
                run_id, modified_ns, size, summary = json.loads(line)
                if stamps.get(run_id) == (modified_ns, size):
                    known[run_id] = _summary(summary)
        return known

    def add(self, run_id: str, stamp: Stamp, summary: OutcomeSummary) -> None:
        """Add an outcome; an index that can't be written is left alone."""
        is_new = self._lines == 0 and not self._path.is_file()
        text = f"{HEADER}\n" if is_new else ""
        with suppress(OSError), self._path.open("ab") as file:
            file.write(f"{text}{_line(run_id, stamp, summary)}\n".encode())
        self._lines += 1

    def complete(
        self, stamps: Mapping[str, Stamp], summaries: Mapping[str, OutcomeSummary], added: int
    ) -> None:
        """Write the index anew if `added` summaries are not in it, or many lines are stale."""
        if not added and self._lines <= 2 * len(stamps) + MOST_STALE:
            return
        with suppress(StoreError), atomic_file(self._path, StoreError, "") as file:
            file.write(f"{HEADER}\n".encode())
            for run_id, summary in summaries.items():
                file.write(f"{_line(run_id, stamps[run_id], summary)}\n".encode())
            self._lines = len(summaries)

    def remove(self) -> None:
        """Remove the index, of outcomes that were moved away."""
        self._path.unlink(missing_ok=True)
        self._lines = 0


def _line(run_id: str, stamp: Stamp, summary: OutcomeSummary) -> str:
    values = [getattr(summary, name) for name in NAMES]
    block = None if summary.block is None else _known(summary.block)
    return json.dumps([run_id, *stamp, [*values, block]], separators=(",", ":"))


def _known(block: BlockRow) -> dict[str, Any]:
    values = ((field.name, getattr(block, field.name)) for field in fields(block))
    return {name: value for name, value in values if value is not None}


def _summary(values: Iterable[Any]) -> OutcomeSummary:
    *known, block = values
    named = dict(zip(NAMES, known, strict=True))
    named["cell_id"] = sys.intern(named["cell_id"])
    named["key"] = {sys.intern(part): sys.intern(text) for part, text in named["key"].items()}
    return OutcomeSummary(**named, block=None if block is None else BlockRow(**block))
