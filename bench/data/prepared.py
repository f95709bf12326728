"""Data sets that are decoded once and kept as arrays: image folders, .npz files, imported ones.

A data set has a folder `<data_dir>/prepared/<name>-<digest of its parameters>` with a file
`record.json`, and the arrays in a folder named by their content. The record says from which state
of the source they were made. A process of its own decodes them, so that neither a user's code nor
torch is loaded into the one that runs the study.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from platformdirs import user_cache_dir

from bench.data.decoding import decode_in_process
from bench.data.images import Channels, DataShape, ImageSet
from bench.data.source import Location, Progress, Source, atomic_file
from bench.errors import DataError

if TYPE_CHECKING:
    import numpy as np

FOLDER, RECORD = "prepared", "record.json"
ABANDONED_AFTER_S = 24 * 3600.0
VERSION = 1  # of the arrays' format; raise it when decoding gives other pixels
ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
UNREADABLE = (OSError, ValueError, EOFError)


@dataclass(frozen=True)
class Record:
    """What was decoded: from which state of the source, with which content, into which folder."""

    state: str
    digest: str
    arrays: str
    shape: DataShape
    mean: Channels
    std: Channels
    class_names: Sequence[str]
    version: int = VERSION

    @classmethod
    def read(cls, path: Path) -> Record | None:
        """Return the record in a file; None where there is none of this version."""
        try:
            held = json.loads(path.read_bytes())
            record = cls(**{**held, "shape": DataShape(**held["shape"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return record if record.version == VERSION else None


class PreparedSource(Source):
    """A data set that is decoded once; `name` is what a study calls it, with its parameters."""

    is_local: ClassVar[bool] = True

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def state(self) -> str:
        """Return what changes whenever the source does, cheaply; empty where nothing does.

        Raises DataError if the source is not there.
        """

    def content(self) -> str | None:
        """Return a digest of what decoding reads; None where only decoding tells."""
        return None

    @abstractmethod
    def request(self) -> Mapping[str, Any]:
        """Return what a process needs to decode the data set: target, name, and parameters."""

    def missing(self, data_dir: Path) -> str | None:
        """Return None: nothing is downloaded."""
        return None

    def locate(self, data_dir: Path) -> Location:
        """Return the arrays' folder, if they are current, and the last known shape."""
        record = self._record(data_dir)
        if record is None:
            self.state()
            return Location(digest=self.content())
        digest = record.digest if record.state == self.state() else self.content()
        arrays = self._arrays(data_dir, record)
        folder = arrays if digest == record.digest and arrays.is_dir() else None
        return Location(folder, digest, record.shape, record.class_names)

    def fetch(self, data_dir: Path, progress: Progress) -> None:
        """Decode the data set unless its arrays are current."""
        record, state = self._record(data_dir), self.state()
        has_arrays = record is not None and self._arrays(data_dir, record).is_dir()
        if record is not None and has_arrays and record.state == state:
            return
        content = self.content()
        if record is not None and has_arrays and content == record.digest:
            self._write(data_dir, Record(**{**vars(record), "state": state}))  # only touched
            return
        self._decode(data_dir, state, content, progress)

    def _decode(self, data_dir: Path, state: str, content: str | None, progress: Progress) -> None:
        folder = self._folder(data_dir)
        partial = folder / f".{secrets.token_hex(8)}.part"
        try:
            partial.mkdir(parents=True)
            facts = decode_in_process(self.request(), data_dir, partial, progress)
            arrays = str(facts.pop("arrays"))
            if not (folder / arrays).is_dir():
                partial.rename(folder / arrays)
        except OSError as error:
            raise DataError(
                f"cannot be written: {error.strerror or error}",
                where=str(folder),
                hint="Free some space, or choose another folder with --data-dir.",
            ) from None
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        former = self._record(data_dir)
        shape = DataShape(**facts.pop("shape"))
        record = Record(state=state, digest=content or arrays, arrays=arrays, shape=shape, **facts)
        self._write(data_dir, record)
        self._remove_older(folder, {arrays, former.arrays if former else ""})

    def _remove_older(self, folder: Path, kept: set[str]) -> None:
        """Remove all arrays but the current ones and, for a session that runs, those before.

        Of unfinished ones, those that no process writes any more: a killed one left them behind.
        """
        for path in folder.iterdir():
            if path.is_dir() and path.name not in kept and not _is_being_written(path):
                shutil.rmtree(path, ignore_errors=True)

    def verify(self, data_dir: Path) -> None:
        """Raise DataError if an array is missing or truncated."""
        folder = self.locate(data_dir).folder
        if folder is None:
            raise DataError(f"is not in {data_dir}", where=self.name)
        self.read(folder)

    def read(self, folder: Path) -> ImageSet:
        """Map the arrays of a folder into memory, without checking their content."""
        import numpy as np

        hint = f"Delete the folder {folder}; `bench run` decodes the data set again."
        *files, about = self.paths(folder)
        arrays: list[np.ndarray] = []
        for path in files:
            try:
                arrays.append(np.load(path, mmap_mode="c"))
            except UNREADABLE as error:
                raise DataError(f"not readable: {error}", where=str(path), hint=hint) from None
        record = Record.read(about)
        if record is None:
            raise DataError("not readable", where=str(about), hint=hint)
        train, labels, test, test_labels = arrays
        statistics = (record.mean, record.std)
        classes = record.shape.classes
        return ImageSet(self.name, train, labels, test, test_labels, *statistics, classes)

    def paths(self, folder: Path) -> list[Path]:
        """Return the arrays' files and that of their record."""
        return [folder / f"{name}.npy" for name in ARRAYS] + [folder / RECORD]

    def _folder(self, data_dir: Path) -> Path:
        kind = re.sub(r"\W+", "-", self.name.partition("(")[0])[:60]
        request = {key: value for key, value in self.request().items() if key != "name"}
        key = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:12]
        return writable(data_dir) / FOLDER / f"{kind}-{key}"

    def _arrays(self, data_dir: Path, record: Record) -> Path:
        return self._folder(data_dir) / record.arrays

    def _record(self, data_dir: Path) -> Record | None:
        return Record.read(self._folder(data_dir) / RECORD)

    def _write(self, data_dir: Path, record: Record) -> None:
        folder = self._folder(data_dir)
        content = json.dumps(asdict(record), indent=1, ensure_ascii=False).encode()
        for path in (folder / record.arrays / RECORD, folder / RECORD):
            with atomic_file(path) as file:
                file.write(content)


def _is_being_written(path: Path) -> bool:
    return path.name.startswith(".") and time.time() - path.stat().st_mtime < ABANDONED_AFTER_S


def writable(data_dir: Path) -> Path:
    """Return a data folder, or the user's cache folder where that can't be written to."""
    existing = next(path for path in (data_dir, *data_dir.absolute().parents) if path.exists())
    return data_dir if os.access(existing, os.W_OK) else Path(user_cache_dir("bench")) / "data"
