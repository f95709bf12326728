"""A data set as tensors: normalised images (N, 1, 28, 28) float32 and labels (N,) int64."""

import math
import mmap
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.data.images import NORMALISATIONS, ImageSet

if os.name == "posix":
    import fcntl

MADV_POPULATE_READ = 22  # Linux 5.14: maps all pages now instead of one by one on first use


def normalised_images(
    images: ImageSet, normalisation: str, shared: Path | None = None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return training images and labels, then test images and labels.

    With `shared`, a file in memory, the tensors are made by the first process and mapped by all.
    A process that changes them changes its own copy.
    """

    def make() -> list[Tensor]:
        return [
            *_normalised(images, normalisation, images.train_images, images.train_labels),
            *_normalised(images, normalisation, images.test_images, images.test_labels),
        ]

    if shared is None:
        train_images, train_labels, test_images, test_labels = make()
    else:
        counts = (len(images.train_labels), len(images.test_labels))
        train_images, train_labels, test_images, test_labels = _mapped(shared, counts, make)
    return train_images, train_labels, test_images, test_labels


def _normalised(
    images: ImageSet, normalisation: str, pixels: np.ndarray, labels: np.ndarray
) -> tuple[Tensor, Tensor]:
    """Map (N, 28, 28) uint8 to (N, 1, 28, 28) float32, with the same arithmetic as the pipeline."""
    mean, std = NORMALISATIONS[normalisation](images)
    batch = torch.from_numpy(pixels).unsqueeze(1).float()
    batch.div_(255).sub_(mean).div_(std)
    return batch, torch.from_numpy(labels).long()


def _mapped(path: Path, counts: Sequence[int], make: Callable[[], list[Tensor]]) -> list[Tensor]:
    """Map the file as tensors, images and labels for each count; write it first.

    A process that ended while it wrote leaves a part, which is written again.
    """
    complete = sum(
        count * (28 * 28 * torch.float32.itemsize + torch.int64.itemsize) for count in counts
    )
    with path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_size != complete:
            file.truncate()
            for tensor in make():
                file.write(tensor.numpy().tobytes())
            file.flush()
        fcntl.flock(file, fcntl.LOCK_UN)
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    if hasattr(memory, "madvise"):
        with suppress(OSError):  # an older kernel
            memory.madvise(MADV_POPULATE_READ)
    tensors, offset = [], 0
    for count in counts:
        for shape, dtype in (((count, 1, 28, 28), torch.float32), ((count,), torch.int64)):
            size = math.prod(shape)
            flat = torch.frombuffer(memory, dtype=dtype, count=size, offset=offset)
            tensors.append(flat.view(shape))
            offset += size * dtype.itemsize
    return tensors
