"""Data sets in IDX files, and digests of files.

An IDX file starts with a magic number (two zero bytes, 8 for unsigned bytes, the number of
dimensions) and each dimension as a big-endian 32-bit integer; the values follow
(http://yann.lecun.com/exdb/mnist/).
"""

from __future__ import annotations

import hashlib
import math
import os
import shlex
import struct
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from bench.data.images import Channels, DataShape, ImageSet
from bench.data.source import Location, Source
from bench.errors import DataError

if TYPE_CHECKING:
    import numpy as np

UNSIGNED_BYTE = 8
CLASSES = 10  # of every set in such files


@dataclass(frozen=True)
class IdxFile:
    """A file of unsigned bytes, with those of its digests that are published.

    `archive_md5` is that of its archive (.gz).
    """

    name: str
    shape: tuple[int, ...]
    archive_md5: str = ""
    md5: str | None = None
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class IdxSource(Source):
    """A data set of four files of images and labels, for training and test."""

    name: str
    mean: Channels  # of the training pixels over 255
    std: Channels
    files: Sequence[IdxFile]  # training images, training labels, test images, test labels
    class_names: Sequence[str] = ()  # empty where they are the digits 0 to 9
    again: ClassVar[str]  # what `bench data fetch` does to a damaged file

    @abstractmethod
    def folder_in(self, data_dir: Path) -> Path:
        """Return the folder of the four files."""

    @abstractmethod
    def digest(self, data_dir: Path) -> str | None:
        """Return a digest of what `read` would open; None if that can't be read."""

    @abstractmethod
    def verify_file(self, path: Path, file: IdxFile, hint: str) -> None:
        """Raise DataError if the file is missing, truncated or altered."""

    def verify(self, data_dir: Path) -> None:
        """Raise DataError for the first file that is missing, truncated or altered."""
        for path, file in zip(self.paths(data_dir), self.files, strict=True):
            self.verify_file(path, file, self.hint(data_dir))

    def locate(self, data_dir: Path) -> Location:
        """Return the data folder, and what is fixed."""
        *channels, height, width = self.files[0].shape[1:]
        shape = DataShape(channels[0] if channels else 1, height, width, CLASSES)
        return Location(data_dir, self.digest(data_dir), shape, self.class_names)

    def paths(self, folder: Path) -> list[Path]:
        """Return the four files, existing or not."""
        return [self.folder_in(folder) / file.name for file in self.files]

    def hint(self, data_dir: Path) -> str:
        """Return the command that replaces damaged files."""
        command = f"bench data fetch {self.name} --data-dir {shlex.quote(str(data_dir))}"
        return f"`{command}` {self.again}"

    def read(self, folder: Path) -> ImageSet:
        """Open the four files, without checking their digests."""
        paths, hint = self.paths(folder), self.hint(folder)
        train_images, train_labels, test_images, test_labels = (
            read(path, file.shape, hint) for path, file in zip(paths, self.files, strict=True)
        )
        images = ImageSet(
            self.name,
            with_channels(train_images),
            train_labels,
            with_channels(test_images),
            test_labels,
            self.mean,
            self.std,
            CLASSES,
        )
        for path, labels in ((paths[1], train_labels), (paths[3], test_labels)):
            # In a loss function, a label out of range crashes without naming the file.
            if labels.max() >= images.classes:
                what = (
                    f"is altered: a label is {labels.max()}, and there are {images.classes} classes"
                )
                raise DataError(what, where=str(path), hint=hint)
        return images


def with_channels(images: np.ndarray) -> np.ndarray:
    """Return images (N, C, H, W); those without channels, (N, H, W), have one."""
    return images[:, None] if images.ndim == 3 else images


def four_files(
    test: str,
    archive_md5s: Sequence[str] = ("",) * 4,
    md5s: Sequence[str | None] = (None,) * 4,
    sha256s: Sequence[str] = ("",) * 4,
    *,
    counts: tuple[int, int] = (60_000, 10_000),
    image: tuple[int, ...] = (28, 28),
) -> tuple[IdxFile, ...]:
    """Return the files of a set, by default of MNIST's structure; `test` prefixes the test files.

    `counts` are those of training and test images, `image` is the shape of one.
    """
    kind = f"images-idx{1 + len(image)}-ubyte"
    names_and_shapes = (
        (f"train-{kind}", (counts[0], *image)),
        ("train-labels-idx1-ubyte", (counts[0],)),
        (f"{test}-{kind}", (counts[1], *image)),
        (f"{test}-labels-idx1-ubyte", (counts[1],)),
    )
    rows = zip(names_and_shapes, archive_md5s, md5s, sha256s, strict=True)
    return tuple(IdxFile(*file, packed, md5, sha256) for file, packed, md5, sha256 in rows)


def header(shape: tuple[int, ...]) -> bytes:
    """Return the IDX header of an array of unsigned bytes."""
    return struct.pack(f">4B{len(shape)}I", 0, 0, UNSIGNED_BYTE, len(shape), *shape)


def check(path: Path, shape: tuple[int, ...], hint: str) -> None:
    """Raise DataError unless the file holds exactly one array of this shape."""
    expected = header(shape)
    length = len(expected) + math.prod(shape)
    try:
        with path.open("rb") as file:
            start = file.read(len(expected))
            found = os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        raise DataError("is not there", where=str(path), hint=hint) from None
    except OSError as error:
        raise _unreadable(path, error, hint) from error
    if found != length:
        state = "truncated" if found < length else "too long"
        what = f"is {state}: expected {length} bytes, got {found}"
        raise DataError(what, where=str(path), hint=hint)
    if start != expected:
        what = f"is altered: its header is not that of {' × '.join(map(str, shape))} bytes"
        raise DataError(what, where=str(path), hint=hint)


def read(path: Path, shape: tuple[int, ...], hint: str) -> np.ndarray:
    """Return the file's array (uint8) as a memory map; raise DataError as `check` does.

    The map is copy-on-write, because torch warns of arrays that are not writable.
    """
    import numpy as np

    check(path, shape, hint)
    return np.memmap(path, np.uint8, "c", offset=len(header(shape)), shape=shape)


def digest(path: Path, algorithm: str) -> str:
    """Return a file's hexadecimal digest; raise OSError if it can't be read."""
    with path.open("rb") as file:
        # Not for security: a FIPS build of Python would otherwise refuse MD5.
        return hashlib.file_digest(
            file, lambda: hashlib.new(algorithm, usedforsecurity=False)
        ).hexdigest()


def check_digest(path: Path, algorithm: str, expected: str, hint: str) -> None:
    """Raise DataError unless the file exists and has this digest."""
    try:
        found = digest(path, algorithm)
    except OSError as error:
        raise _unreadable(path, error, hint) from error
    if found != expected:
        what = f"is altered: expected {algorithm.upper()} {expected}, got {found}"
        raise DataError(what, where=str(path), hint=hint)


def digest_of_set(digests: Mapping[str, str]) -> str:
    """Return one digest for a data set, from the digests of its files by name."""
    lines = (f"{digests[name]}  {name}\n" for name in sorted(digests))
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


def _unreadable(path: Path, error: OSError, hint: str) -> DataError:
    return DataError(f"cannot be read: {error.strerror or error}", where=str(path), hint=hint)
