"""Files of a data set: the IDX format, digests, and atomic writing.

An IDX file starts with a magic number (two zero bytes, 8 for unsigned bytes, the number of
dimensions) and each dimension as a big-endian 32-bit integer; the values follow
(http://yann.lecun.com/exdb/mnist/).
"""

from __future__ import annotations

import hashlib
import math
import os
import struct
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bench import atomic_write
from bench.data.images import ImageSet
from bench.errors import DataError

if TYPE_CHECKING:
    import numpy as np

UNSIGNED_BYTE = 8
WRITE_HINT = "Free some space, or choose a folder that you may write to with --data-dir."


@dataclass(frozen=True)
class IdxFile:
    """Name and array shape of a file of unsigned bytes."""

    name: str
    shape: tuple[int, ...]


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


def read_image_set(
    folder: Path, files: Sequence[IdxFile], *, name: str, mean: float, std: float, hint: str
) -> ImageSet:
    """Read training images, training labels, test images and test labels, in this order."""
    train_images, train_labels, test_images, test_labels = (
        read(folder / file.name, file.shape, hint) for file in files
    )
    images = ImageSet(name, train_images, train_labels, test_images, test_labels, mean, std)
    for file, labels in ((files[1], train_labels), (files[3], test_labels)):
        # In a loss function, a label out of range crashes without naming the file.
        if labels.max() >= images.classes:
            what = f"is altered: a label is {labels.max()}, and there are {images.classes} classes"
            raise DataError(what, where=str(folder / file.name), hint=hint)
    return images


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


def atomic_file(path: Path) -> AbstractContextManager[BinaryIO]:
    """Open a file for atomic writing; raise DataError if it can't be written."""
    return atomic_write.atomic_file(path, DataError, WRITE_HINT)


def _unreadable(path: Path, error: OSError, hint: str) -> DataError:
    return DataError(f"cannot be read: {error.strerror or error}", where=str(path), hint=hint)
