"""A results folder: one JSON file an outcome is the truth, the CSVs are made from them.

results/<study>/
  outcomes/<run_id>.json   written whole: temporary file, fsync, rename
  trials.csv epochs.csv timings.csv blocks.csv costs.csv tuning.csv summary.csv comparisons.csv
  study.yaml environment.json
"""

import csv
import json
import math
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, fields
from pathlib import Path
from socket import gethostname
from typing import Any

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from bench.atomic_write import atomic_file, sweep
from bench.cell_names import is_blank
from bench.csv_text import as_text, as_value
from bench.errors import StoreError
from bench.records import (
    IDENTITY,
    ROWS,
    SCHEMA_VERSION,
    Outcome,
    OutcomeSummary,
    Scalar,
    columns_of,
)

Row = Mapping[str, Any]

OUTCOME = TypeAdapter(Outcome)
HINT = "Choose another folder with --out or --reports, or free some space."


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a file so that it is the old one or the new one, whatever happens."""
    with atomic_file(path, StoreError, HINT) as file:
        file.write(_encoded(content) if isinstance(content, str) else content)


def _encoded(text: str) -> bytes:
    """Encode as UTF-8; half characters, as file names in error messages have, are escaped."""
    return text.encode("utf-8", errors="backslashreplace")


class Store:
    """The outcomes and tables of one study."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._outcomes = folder / "outcomes"
        self._columns: dict[str, tuple[str, ...]] = {}  # of the tables that were written

    def save(self, outcome: Outcome) -> None:
        """Write one outcome; whole, or not at all."""
        document = {"schema_version": SCHEMA_VERSION, **_plain(asdict(outcome))}
        write_atomic(
            self._outcomes / f"{outcome.run_id}.json",
            json.dumps(document, indent=1, allow_nan=False) + "\n",
        )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder while the block runs; StoreError where another process holds it.

        The operating system lets go of it with the process, however that ends, so that what a
        dead one left behind holds nothing. A folder that gets nothing else is taken away again.
        """
        lock, owner = FileLock(self.folder / ".lock"), self.folder / ".owner.json"
        made = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout:
            raise StoreError(
                f"is in use by another `bench run`{_described(owner)}",
                where=str(self.folder),
                hint="Wait for it to end, or choose another folder with --out.",
            ) from None
        except OSError as error:
            reason = f"cannot be written: {error.strerror or error}"
            raise StoreError(reason, where=str(self.folder), hint=HINT) from None
        try:
            for folder in (self.folder, self._outcomes):
                sweep(folder)
            write_atomic(owner, json.dumps({"pid": os.getpid(), "host": gethostname()}) + "\n")
            yield
        finally:
            owner.unlink(missing_ok=True)
            if made and [path.name for path in self.folder.iterdir()] == [".lock"]:
                Path(lock.lock_file).unlink()
            lock.release()
            with suppress(OSError):  # is in use by now
                for path in made:
                    path.rmdir()

    def set_aside(self) -> None:
        """Move every outcome out of the way; a folder of a free number beside keeps them."""
        if not self._outcomes.is_dir():
            return
        number = 1
        while (aside := self.folder / f"outcomes-{number}").exists():
            number += 1
        try:
            self._outcomes.rename(aside)
        except OSError as error:
            reason = f"cannot be moved: {error.strerror or error}"
            raise StoreError(reason, where=str(self._outcomes), hint=HINT) from None

    def load(self) -> dict[str, Outcome]:
        """Read every outcome by its run's id."""
        return {outcome.run_id: outcome for outcome in self._every_outcome()}

    def briefs(self) -> dict[str, OutcomeSummary]:
        """Read what has to be remembered of every outcome, by its run's id."""
        return {outcome.run_id: outcome.brief() for outcome in self._every_outcome()}

    def _every_outcome(self) -> Iterator[Outcome]:
        if self._outcomes.is_dir():
            yield from map(_read_outcome, sorted(self._outcomes.glob("*.json")))

    def outcomes(self, run_ids: Collection[str]) -> "Stored":
        """Give outcomes that are read from their files whenever they are gone through."""
        return Stored(self._outcomes, run_ids)

    def detected_before(self) -> tuple[float, int] | None:
        """Give the change of a step's time that the last session's A/A could find, and its blocks.

        A fraction; None where there is none to tell.
        """
        path = self.folder / "comparisons.csv"
        try:
            with path.open(encoding="utf-8", newline="") as file:
                steps = [row for row in csv.DictReader(file) if row["measure"] == "step"]
            known = [
                (int(row["n"]), float(row["session_mde"])) for row in steps if row["session_mde"]
            ]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        n, detects = max(known, default=(0, 0.0))
        return (detects, n) if n else None

    def write_tables(self, outcomes: "Outcomes") -> None:
        """Write the tables anew from outcomes, in their order; one outcome at a time is held."""
        config_columns = _config_columns(outcomes)
        self._columns = {
            name: _unique((*config_columns, *columns_of(row_type)))
            for name, row_type in ROWS.items()
        }
        with ExitStack() as stack:
            files = {
                name: stack.enter_context(
                    atomic_file(self.folder / f"{name}.csv", StoreError, HINT)
                )
                for name in ROWS
            }
            for name, file in files.items():
                file.write(_encoded(_csv(self._columns[name], ())))
            for outcome in outcomes:
                for name, file in files.items():
                    rows = table_rows(outcome, name)
                    file.write(_encoded(_csv(self._columns[name], rows, with_header=False)))

    def append(self, outcome: Outcome, outcomes: "Outcomes") -> None:
        """Add one outcome's rows to the tables; anew where its columns are not there yet.

        `outcomes` are all of the study's outcomes so far, this one among them.
        """
        paths = {name: self.folder / f"{name}.csv" for name in ROWS}
        is_known = set(outcome.config) <= set(self._columns.get("trials", ()))
        if not is_known or not all(path.is_file() for path in paths.values()):
            self.write_tables(outcomes)
            return
        for name, path in paths.items():
            text = _csv(self._columns[name], table_rows(outcome, name), with_header=False)
            if not text:
                continue
            try:
                with path.open("ab") as file:
                    file.write(_encoded(text))
            except OSError as error:
                reason = f"cannot be written: {error.strerror or error}"
                raise StoreError(reason, where=str(path), hint=HINT) from None


class Stored:
    """Outcomes of a results folder, read from their files each time that they are gone through."""

    def __init__(self, folder: Path, run_ids: Collection[str]) -> None:
        self._folder = folder
        self._run_ids = run_ids

    def __iter__(self) -> Iterator[Outcome]:
        return (_read_outcome(self._folder / f"{run_id}.json") for run_id in self._run_ids)


Outcomes = Sequence[Outcome] | Stored


def _described(owner: Path) -> str:
    """Name a process that holds a folder, where it has said who it is."""
    try:
        document = json.loads(owner.read_text(encoding="utf-8"))
        return f": process {int(document['pid'])} on {document['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def table_rows(outcome: Outcome, table: str) -> Iterator[Row]:
    """Give the rows that an outcome adds to a table, identity and configuration first."""
    identity: dict[str, Scalar] = {
        "study": as_text(outcome.study),
        "cell_id": as_text(outcome.cell_id),
        **{name: as_value(value) for name, value in outcome.config.items()},
    }
    rows: Mapping[str, Sequence[Any]] = {
        "trials": [outcome.trial],
        "epochs": outcome.epochs,
        "timings": outcome.timings,
        "blocks": [outcome.block],
        "costs": [outcome.cost],
        "tuning": [outcome.tuning],
    }
    for row in filter(None, rows[table]):
        told = {f.name: getattr(row, f.name) for f in fields(row)}
        yield identity | {k: None if is_blank(v) else as_text(v) for k, v in told.items()}


def _config_columns(outcomes: Iterable[Outcome]) -> tuple[str, ...]:
    """Put the identity first, then plain fields, then parameters by their dotted path."""
    names = _unique(name for outcome in outcomes for name in outcome.config)
    plain = [n for n in names if "." not in n and n not in IDENTITY]
    return (*IDENTITY, *plain, *sorted(n for n in names if "." in n))


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _csv(columns: Sequence[str], rows: Iterable[Row], *, with_header: bool = True) -> str:
    lines = _Lines()
    writer = csv.DictWriter(lines, columns, restval="", lineterminator="\r\n")
    if with_header:
        writer.writeheader()
    writer.writerows(rows)
    return "".join(lines)


class _Lines(list[str]):
    r"""Takes lines that end in \r\n, by which csv knows to quote both, and keeps them with \n."""

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n") + "\n")


def _plain(value: Any) -> Any:
    """Make a value fit for strict JSON, which knows no infinity: a text that reads as it."""
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _read_outcome(path: Path) -> Outcome:
    hint = "Delete this file; the run is then done again."
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        version = document["schema_version"]
        if not isinstance(version, int):
            raise TypeError
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise StoreError("is not an outcome of a run", where=str(path), hint=hint) from None
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"was written by a newer bench (format {version}; this one knows {SCHEMA_VERSION})",
            where=str(path),
            hint="Update bench, or choose another results folder with --out.",
        )
    try:
        return OUTCOME.validate_python(document)
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(map(str, first["loc"]))
        raise StoreError(f"is damaged: {at}: {first['msg']}", where=str(path), hint=hint) from None
