"""IDX, the format that MNIST came in: a magic number, the dimensions, then plain bytes.

The magic number is two zeros, 8 (unsigned bytes) and the number of dimensions; each dimension
is a big-endian 32-bit integer (http://yann.lecun.com/exdb/mnist/).
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.data.images import ImageSet
from bench.errors import DataError

if TYPE_CHECKING:
    import numpy as np

UNSIGNED_BYTE = 8


@dataclass(frozen=True)
class IdxFile:
    """A file of unsigned bytes: its name in the data set's folder, and what it must hold."""

    name: str
    shape: tuple[int, ...]


def header(shape: tuple[int, ...]) -> bytes:
    """Write what stands before the values of an array of unsigned bytes."""
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
        what = f"cannot be read: {error.strerror or error}"
        raise DataError(what, where=str(path), hint=hint) from error
    if found != length:
        state = "truncated" if found < length else "too long"
        what = f"is {state}: {found} bytes where {length} belong"
        raise DataError(what, where=str(path), hint=hint)
    if start != expected:
        what = f"is altered: its header is not that of {' × '.join(map(str, shape))} bytes"
        raise DataError(what, where=str(path), hint=hint)


def read(path: Path, shape: tuple[int, ...], hint: str) -> np.ndarray:
    """Map the file's array (uint8); raise DataError as `check` does.

    What is written to it stays in memory, so that torch takes it as it is, without a copy.
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
        # A loss function meets a label out of range with a crash that doesn't name the file.
        if labels.max() >= images.classes:
            what = f"is altered: a label is {labels.max()}, and there are {images.classes} classes"
            raise DataError(what, where=str(folder / file.name), hint=hint)
    return images
