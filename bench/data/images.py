"""What every source of images gives, and what it can be asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # `bench plan` lists data sets and never needs an array
    import numpy as np

# Called with what is being fetched or made, bytes done, and bytes in all (0: not known).
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ImageSet:
    """A data set of small grey images; the arrays may be maps of files."""

    name: str
    train_images: np.ndarray  # (60000, 28, 28) uint8
    train_labels: np.ndarray  # (60000,) uint8
    test_images: np.ndarray  # (10000, 28, 28) uint8
    test_labels: np.ndarray  # (10000,) uint8
    mean: float  # of the training pixels over 255, as normalisation uses it
    std: float
    classes: int = 10


class Source(Protocol):
    """A place that images come from; all of it lies under one data folder."""

    @property
    def name(self) -> str:
        """What a study calls it."""

    @property
    def summary(self) -> str:
        """Say in one line what it is, for `bench list datasets`."""

    @property
    def embedded(self) -> bool:
        """Tell whether bench brings it along, so that it is made here and never downloaded."""

    def missing(self, data_dir: Path) -> str | None:
        """Say in one line what isn't there, or None where `read` finds or makes what it needs.

        CellStyles at names only. A file that is there and wrong isn't missing: `read` and `verify`
        refuse it by name.
        """

    def fetch(self, data_dir: Path, progress: Progress) -> None:
        """Download or make what is missing or wrong; leave alone what is right.

        Raises DataError where that can't be done.
        """

    def verify(self, data_dir: Path) -> None:
        """Raise DataError that names the first file that is absent, truncated or altered."""

    def paths(self, data_dir: Path) -> list[Path]:
        """List the files that `read` opens, whether they are there or not."""

    def digest(self, data_dir: Path) -> str | None:
        """Return a digest of what `read` would open; None where that isn't there to be read."""

    def read(self, data_dir: Path) -> ImageSet:
        """Open the set; checks the structure of its files but not their digests.

        Raises DataError that names a file that is absent or whose length or header is wrong.
        """
