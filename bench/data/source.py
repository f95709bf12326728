"""The base of all data sets: what is in a data folder, and how it gets there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, ClassVar

from bench import atomic_write
from bench.data.images import DataShape, ImageSet
from bench.errors import DataError

# Called with a description, and what is done of a total, in bytes or images (total 0: unknown).
Progress = Callable[[str, int, int], None]

WRITE_HINT = "Free some space, or choose a folder that you may write to with --data-dir."


@dataclass(frozen=True)
class Location:
    """Where a data set is and what is known of it.

    `folder` is the one that `Source.read` opens. `digest` is that of the content. Each is None
    where it is unknown: before a download, or before the first `bench run`.
    """

    folder: Path | None = None
    digest: str | None = None
    shape: DataShape | None = None
    class_names: Sequence[str] = field(default=())


class Source(ABC):
    """A data set, which may have to be downloaded, generated or decoded once.

    `is_local` sets need no download.
    """

    name: str  # as tables and messages show it
    is_local: ClassVar[bool] = False

    @abstractmethod
    def missing(self, data_dir: Path) -> str | None:
        """Return what a download would bring, in one line; None if there is nothing to download.

        Checks only that files exist: `fetch`, `read` and `verify` report damaged ones.
        """

    @abstractmethod
    def fetch(self, data_dir: Path, progress: Progress) -> None:
        """Download, generate or decode what is missing; raise DataError if that fails."""

    @abstractmethod
    def verify(self, data_dir: Path) -> None:
        """Raise DataError for the first file that is missing, truncated or altered."""

    @abstractmethod
    def locate(self, data_dir: Path) -> Location:
        """Return what is known of the data set without changing anything."""

    @abstractmethod
    def read(self, folder: Path) -> ImageSet:
        """Open the set in the folder of its location.

        Raises DataError for a file that is missing or has a wrong length or header.
        """

    @abstractmethod
    def paths(self, folder: Path) -> list[Path]:
        """Return the files that `read` opens, existing or not."""


def atomic_file(path: Path) -> AbstractContextManager[BinaryIO]:
    """Open a file for atomic writing; raise DataError if it can't be written."""
    return atomic_write.atomic_file(path, DataError, WRITE_HINT)
