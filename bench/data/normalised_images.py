"""A data set as tensors: normalised images (N, C, H, W) float32 and labels (N,) int64."""

import math
import mmap
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.data.images import NORMALISATIONS, Channels, ImageSet

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
        shapes = (images.train_images.shape, images.test_images.shape)
        train_images, train_labels, test_images, test_labels = _mapped(shared, shapes, make)
    return train_images, train_labels, test_images, test_labels


def _normalised(
    images: ImageSet, normalisation: str, pixels: np.ndarray, labels: np.ndarray
) -> tuple[Tensor, Tensor]:
    """Normalise pixels (N, C, H, W), with the same arithmetic as the pipeline."""
    mean, std = (per_channel(values) for values in NORMALISATIONS[normalisation](images))
    batch = torch.from_numpy(pixels).to(torch.float32, copy=True)
    if images.scale != 1:
        batch.div_(images.scale)
    batch.sub_(mean).div_(std)
    return batch, torch.from_numpy(labels).long()


def per_channel(values: Channels) -> Tensor:
    """Return a value for each channel as a tensor (C, 1, 1) float32."""
    return torch.tensor(values, dtype=torch.float32)[:, None, None]


def _mapped(
    path: Path, shapes: Sequence[tuple[int, ...]], make: Callable[[], list[Tensor]]
) -> list[Tensor]:
    """Map the file as tensors, images of each shape and their labels; write it first.

    A process that ended while it wrote leaves a part, which is written again.
    """
    layout: list[tuple[tuple[int, ...], torch.dtype]] = []
    for shape in shapes:
        layout += [(shape, torch.float32), (shape[:1], torch.int64)]
    sizes = [math.prod(shape) * dtype.itemsize for shape, dtype in layout]
    starts = [sum(map(_aligned, sizes[:i])) for i in range(len(sizes))]
    complete = starts[-1] + sizes[-1]
    with path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_size != complete:
            file.truncate()
            for start, tensor in zip(starts, make(), strict=True):
                file.seek(start)
                file.write(tensor.numpy().tobytes())
            file.flush()
        fcntl.flock(file, fcntl.LOCK_UN)
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    if hasattr(memory, "madvise"):
        with suppress(OSError):  # an older kernel
            memory.madvise(MADV_POPULATE_READ)
    return [
        torch.frombuffer(memory, dtype=dtype, count=math.prod(shape), offset=start).view(shape)
        for start, (shape, dtype) in zip(starts, layout, strict=True)
    ]


def _aligned(size: int) -> int:
    """Return the next multiple of the size of a label."""
    return -(-size // torch.int64.itemsize) * torch.int64.itemsize
