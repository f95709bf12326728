"""Data sets in memory, and the interface of their sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # `bench plan` lists data sets without NumPy
    import numpy as np

# Called with a description, the bytes done, and the total bytes (0: unknown).
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ImageSet:
    """A data set of small greyscale images; the arrays may be memory maps."""

    name: str
    train_images: np.ndarray  # (60000, 28, 28) uint8
    train_labels: np.ndarray  # (60000,) uint8
    test_images: np.ndarray  # (10000, 28, 28) uint8
    test_labels: np.ndarray  # (10000,) uint8
    mean: float  # of the training pixels over 255, as normalisation uses it
    std: float
    classes: int = 10


class Source(Protocol):
    """A data set in a data folder."""

    @property
    def name(self) -> str:
        """Name in a study."""

    @property
    def summary(self) -> str:
        """One-line description for `bench list datasets`."""

    @property
    def embedded(self) -> bool:
        """Whether it is generated locally and never downloaded."""

    def missing(self, data_dir: Path) -> str | None:
        """Return which files are missing, in one line; None if `read` can do without a download.

        Checks only that files exist: `read` and `verify` report damaged ones.
        """

    def fetch(self, data_dir: Path, progress: Progress) -> None:
        """Download or generate what is missing or damaged; raise DataError if that fails."""

    def verify(self, data_dir: Path) -> None:
        """Raise DataError for the first file that is missing, truncated or altered."""

    def paths(self, data_dir: Path) -> list[Path]:
        """Return the files that `read` opens, existing or not."""

    def digest(self, data_dir: Path) -> str | None:
        """Return a digest of what `read` would open; None if that can't be read."""

    def read(self, data_dir: Path) -> ImageSet:
        """Open the set; raise DataError for a file that is missing or has a wrong length or header.

        Does not check digests.
        """
