"""A results folder: one JSON file per outcome, from which the CSV tables are made.

results/<study>/
  outcomes/<run_id>.json   written atomically
  trials.csv epochs.csv timings.csv blocks.csv costs.csv tuning.csv misclassified.csv
  metrics.csv summary.csv comparisons.csv
  study.yaml environment.json pictured_images.npz
  .outcomes.jsonl .tables.json   an index of the outcomes, and of which the tables are; not needed
"""

import csv
import hashlib
import json
import math
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from socket import gethostname
from typing import Any

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from bench.atomic_write import atomic_file, remove_unfinished
from bench.cell_names import is_blank
from bench.csv_text import as_text, as_value, csv_lines, csv_of
from bench.errors import StoreError
from bench.records import IDENTITY, ROWS, SCHEMA_VERSION, Outcome, OutcomeSummary, columns_of
from bench.store.outcome_index import OutcomeIndex, Stamp, stamp_of, stamps_in

OUTCOME = TypeAdapter(Outcome)
COLUMNS = {name: columns_of(row_type) for name, row_type in ROWS.items()}
TABLES_FILE = ".tables.json"  # which outcomes the tables are of
HINT = "Choose another folder with --out or --reports, or free some space."


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a file that is either the old one or the new one, whatever happens."""
    with atomic_file(path, StoreError, HINT) as file:
        file.write(_encode(content) if isinstance(content, str) else content)


def _encode(text: str) -> bytes:
    """Encode as UTF-8; lone surrogates, as in file names of error messages, are escaped."""
    return text.encode("utf-8", errors="backslashreplace")


def _unwritable(path: Path, error: OSError, what: str = "written") -> StoreError:
    return StoreError(f"cannot be {what}: {error.strerror or error}", where=str(path), hint=HINT)


class StoredOutcomes:
    """Outcomes of a results folder, read from their files on every iteration."""

    def __init__(self, folder: Path, run_ids: Collection[str]) -> None:
        self._folder = folder
        self._run_ids = run_ids

    def stamps(self) -> Iterator[tuple[str, Stamp]]:
        """Yield each outcome's run id with the stamp of its file."""
        known = stamps_in(self._folder)
        return ((run_id, known[run_id]) for run_id in self._run_ids)

    def __iter__(self) -> Iterator[Outcome]:
        return (_read_outcome(self._folder / f"{run_id}.json") for run_id in self._run_ids)


Outcomes = Sequence[Outcome] | StoredOutcomes


class Store:
    """The outcomes and tables of one study."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._outcomes = folder / "outcomes"
        self._table_paths = {name: folder / f"{name}.csv" for name in ROWS}
        self._columns: dict[str, tuple[str, ...]] = {}  # of the tables written so far
        self._shared: tuple[str, ...] = ()  # of these, those of identity and configuration
        self._prefixes: dict[str, str] = {}  # their text, by what it is of
        self._index = OutcomeIndex(folder / ".outcomes.jsonl")
        self._is_locked = False

    def save(self, outcome: Outcome) -> None:
        """Write one outcome atomically."""
        document = {"schema_version": SCHEMA_VERSION, **_json_value(outcome)}
        text = json.dumps(document, allow_nan=False) + "\n"
        path = self._outcomes / f"{outcome.run_id}.json"
        write_atomic(path, text)
        if self._is_locked:
            self._index.add(outcome.run_id, stamp_of(path.stat()), outcome.summary())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder; raise StoreError where another process has locked it.

        The operating system releases the lock when the process ends, however it ends. A folder
        that was created here and stayed empty is removed.
        """
        lock, owner = FileLock(self.folder / ".lock"), self.folder / ".owner.json"
        created = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout:
            raise StoreError(
                f"is in use by another `bench run`{_lock_owner(owner)}",
                where=str(self.folder),
                hint="Wait for it to end, or choose another folder with --out.",
            ) from None
        except OSError as error:
            raise _unwritable(self.folder, error) from None
        try:
            for folder in (self.folder, self._outcomes):
                remove_unfinished(folder)
            write_atomic(owner, json.dumps({"pid": os.getpid(), "host": gethostname()}) + "\n")
            self._is_locked = True
            yield
        finally:
            self._is_locked = False
            owner.unlink(missing_ok=True)
            if created and [path.name for path in self.folder.iterdir()] == [".lock"]:
                Path(lock.lock_file).unlink()
            lock.release()
            with suppress(OSError):  # not empty
                for path in created:
                    path.rmdir()

    def check_tables(self) -> None:
        """Raise StoreError for tables without outcomes, which a run would replace for good."""
        try:
            rows = (self.folder / "trials.csv").read_bytes().count(b"\n") - 1
        except OSError:
            return
        if rows > 0 and not any(self.folder.glob("outcomes*/*.json")):
            raise StoreError(
                "has tables without outcomes, such as published results; a run would replace them",
                where=str(self.folder),
                hint="Choose another folder with --out.",
            )

    def set_aside(self) -> None:
        """Move all outcomes to a new numbered folder beside them."""
        if not self._outcomes.is_dir():
            return
        number = 1
        while (aside := self.folder / f"outcomes-{number}").exists():
            number += 1
        try:
            self._outcomes.rename(aside)
        except OSError as error:
            raise _unwritable(self._outcomes, error, "moved") from None
        self._index.remove()

    def load(self) -> dict[str, Outcome]:
        """Return every outcome by its run id."""
        return {outcome.run_id: outcome for outcome in self._all_outcomes()}

    def summaries(self) -> dict[str, OutcomeSummary]:
        """Return the summary of every outcome by its run id."""
        stamps = stamps_in(self._outcomes)
        known = self._index.read(stamps)
        missing = [run_id for run_id in stamps if run_id not in known]
        for outcome in self.outcomes(missing):
            known[outcome.run_id] = outcome.summary()
        if self._is_locked:
            self._index.complete(stamps, known, added=len(missing))
        return {run_id: known[run_id] for run_id in stamps}

    def _all_outcomes(self) -> Iterator[Outcome]:
        if self._outcomes.is_dir():
            yield from map(_read_outcome, sorted(self._outcomes.glob("*.json")))

    def outcomes(self, run_ids: Collection[str]) -> StoredOutcomes:
        """Return outcomes that are read from their files on every iteration."""
        return StoredOutcomes(self._outcomes, run_ids)

    def last_detectable_change(self) -> tuple[float, int] | None:
        """Return the smallest change of a step's time that the last session could detect.

        A fraction, with the number of timing sets; None where it is not known.
        """
        try:
            with (self.folder / "comparisons.csv").open(encoding="utf-8", newline="") as file:
                steps = [row for row in csv.DictReader(file) if row["measure"] == "step"]
            known = [(int(r["n"]), float(r["session_mde"])) for r in steps if r["session_mde"]]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        n, change = max(known, default=(0, 0.0))
        return (change, n) if n else None

    def write_tables(self, outcomes: Outcomes) -> None:
        """Write the tables of these outcomes, in their order, one outcome in memory at a time.

        Tables that are those of stored outcomes already are left as they are.
        """
        content = _content_of(outcomes)
        if content is not None and content == self._content_of_tables():
            self._set_columns(self._columns_of_tables())
            return
        self._set_columns(config_columns(name for outcome in outcomes for name in outcome.config))
        self._write_tables(outcomes)
        if content is not None:
            stamps = {name: stamp_of(path.stat()) for name, path in self._table_paths.items()}
            state = {"content": content, "tables": stamps}
            write_atomic(self.folder / TABLES_FILE, json.dumps(state) + "\n")

    def _content_of_tables(self) -> str | None:
        """Return what outcomes the tables are of; None if one was changed since, or is missing."""
        try:
            state = json.loads((self.folder / TABLES_FILE).read_text(encoding="utf-8"))
            stamps = {name: [*stamp_of(p.stat())] for name, p in self._table_paths.items()}
            return str(state["content"]) if state["tables"] == stamps else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _columns_of_tables(self) -> list[str]:
        """Return the columns of identity and configuration of the tables that are there."""
        with self._table_paths["trials"].open(encoding="utf-8", newline="") as file:
            columns = next(csv.reader(file))
        return columns[: len(columns) - len(COLUMNS["trials"])]

    def _set_columns(self, shared: Sequence[str]) -> None:
        self._shared, self._prefixes = tuple(shared), {}
        self._columns = {name: (*shared, *own) for name, own in COLUMNS.items()}

    def _write_tables(self, outcomes: Outcomes) -> None:
        with ExitStack() as stack:
            files = {
                name: stack.enter_context(atomic_file(path, StoreError, HINT))
                for name, path in self._table_paths.items()
            }
            for name, file in files.items():
                file.write(_encode(csv_of(self._columns[name], ())))
            for outcome in outcomes:
                for name, lines in self._lines(outcome).items():
                    files[name].write(lines)

    def append(self, outcome: Outcome, outcomes: Outcomes) -> None:
        """Append an outcome's rows; rewrite tables from `outcomes` where columns are missing."""
        paths = self._table_paths
        is_known = set(outcome.config) <= set(self._shared)
        if not is_known or not all(path.is_file() for path in paths.values()):
            self.write_tables(outcomes)
            return
        for name, lines in self._lines(outcome).items():
            try:
                with paths[name].open("ab") as file:
                    file.write(lines)
            except OSError as error:
                raise _unwritable(paths[name], error) from None

    def _lines(self, outcome: Outcome) -> dict[str, bytes]:
        """Return the lines that an outcome adds to each table, if any."""
        of = repr((outcome.study, outcome.cell_id, outcome.config))
        prefix = self._prefixes.get(of)
        if prefix is None:  # the same for all outcomes of a cell
            identity = _identity(outcome)
            (line,) = csv_lines([[identity.get(name, "") for name in self._shared]])
            prefix = self._prefixes[of] = line.removesuffix("\n")
        return {
            name: _encode("".join(f"{prefix},{line}" for line in csv_lines(map(_own_values, rows))))
            for name, rows in rows_of(outcome).items()
            if rows
        }


def _lock_owner(path: Path) -> str:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return f": process {int(document['pid'])} on {document['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _identity(outcome: Outcome) -> dict[str, Any]:
    return {
        "study": as_text(outcome.study),
        "cell_id": as_text(outcome.cell_id),
        **{name: as_value(value) for name, value in outcome.config.items()},
    }


def _own_values(row: Any) -> list[Any]:
    values = [getattr(row, name) for name in columns_of(type(row))]
    return [None if is_blank(value) else as_text(value) for value in values]


def _content_of(outcomes: Outcomes) -> str | None:
    """Return a digest of stored outcomes in their order; None for outcomes in memory."""
    if not isinstance(outcomes, StoredOutcomes):
        return None
    digest = hashlib.sha256(repr(COLUMNS).encode())
    for run_id, stamp in outcomes.stamps():
        digest.update(f"{run_id} {stamp}\n".encode())
    return digest.hexdigest()


def rows_of(outcome: Outcome) -> dict[str, list[Any]]:
    """Return the rows that an outcome adds to each table of `bench.records.ROWS`."""
    rows: Mapping[str, Sequence[Any]] = {
        "trials": [outcome.trial],
        "epochs": outcome.epochs,
        "timings": outcome.timings,
        "blocks": [outcome.block],
        "costs": [outcome.cost],
        "tuning": [outcome.tuning],
        "misclassified": [outcome.misclassified],
        "metrics": outcome.metrics,
    }
    return {table: [row for row in known if row is not None] for table, known in rows.items()}


def config_columns(names: Iterable[str]) -> list[str]:
    """Return the identity, then plain fields, then parameters by their dotted path."""
    distinct = dict.fromkeys((*IDENTITY, *names))
    plain = [name for name in distinct if "." not in name]
    return plain + sorted(name for name in distinct if "." in name)


def _json_value(value: Any) -> Any:
    """Return a value for strict JSON; infinity and NaN become text that float() reads."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if is_dataclass(value):
        return {field.name: _json_value(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {k: _json_value(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_value(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _read_outcome(path: Path) -> Outcome:
    hint = "Delete this file; the run is then executed again."
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        version = document["schema_version"]
        if not isinstance(version, int):
            raise TypeError
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise StoreError("is not an outcome of a run", where=str(path), hint=hint) from None
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"was written by a newer bench (format {version}; this one reads {SCHEMA_VERSION})",
            where=str(path),
            hint="Update bench, or choose another results folder with --out.",
        )
    try:
        return OUTCOME.validate_python(document)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        problem = f"is damaged: {field}: {first['msg']}"
        raise StoreError(problem, where=str(path), hint=hint) from None
