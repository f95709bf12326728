"""Two ways to load batches; the same seed gives both the same batches.

Shapes: images (N, C, H, W) float32, normalised; labels (N,) int64.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from bench.data.images import NORMALISATIONS, ImageSet, black
from bench.data.normalised_images import normalised_images, per_channel
from bench.registry import NonNegativeInt
from bench.torchvision_import import import_torchvision

Batch = tuple[Tensor, Tensor]
# Maps a batch of normalised images with labels, a generator, black (C, 1, 1) and the number of
# classes to augmented images with labels (N,) or, where it mixes them, probabilities (N, classes).
Augment = Callable[[Tensor, Tensor, torch.Generator, Tensor, int], Batch]


def unchanged(
    images: Tensor, labels: Tensor, generator: torch.Generator, black: Tensor, classes: int
) -> Batch:
    """Return the images and labels as they are."""
    return images, labels


@dataclass(frozen=True)
class Feed:
    """What a loader loads, and onto which device."""

    images: ImageSet
    batch_size: int
    seed: int
    device: torch.device
    normalisation: str = "standard"
    augment: Augment = unchanged
    shared: Path | None = None  # a file that keeps the normalised images for several processes


class _Order(Sampler[int]):
    """A new order of the training images for every epoch.

    Like `shuffle=True`, but with a generator of its own, so that the order depends only on the
    seed and both loaders have the same one.
    """

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._generator = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[int]:
        return iter(self.permutation().tolist())

    def permutation(self) -> Tensor:
        """Draw the next epoch's order: (N,) int64."""
        return torch.randperm(self._size, generator=self._generator)


class Loader(ABC):
    """Batches of one data set on one device; an epoch's last may have fewer images.

    A change of `batch_size` counts from the next epoch.
    """

    def __init__(self, feed: Feed) -> None:
        self.shape = feed.images.shape
        self.train_images = len(feed.images.train_images)
        self.test_images = len(feed.images.test_images)
        self.batch_size = feed.batch_size
        self._feed = feed
        self._order = _Order(self.train_images, feed.seed)
        self._draws = torch.Generator(feed.device).manual_seed(feed.seed)
        self._black = per_channel(black(feed.normalisation, feed.images)).to(feed.device)

    @property
    def step_images(self) -> int:
        """The images of a batch but an epoch's last."""
        return min(self.batch_size, self.train_images)

    @property
    def steps_per_epoch(self) -> int:
        """The batches of an epoch."""
        return -(-self.train_images // self.batch_size)

    @abstractmethod
    def train(self) -> Iterator[Batch]:
        """Yield one epoch's batches in the next shuffled order; the last may be smaller."""

    @abstractmethod
    def test(self) -> Iterator[Batch]:
        """Yield the test set's batches, in the data set's order."""

    def _augmented(self, images: Tensor, labels: Tensor) -> Batch:
        classes = self._feed.images.classes
        return self._feed.augment(images, labels, self._draws, self._black, classes)


class ResidentLoader(Loader):
    """Keeps all normalised images on the device and gathers batches there."""

    def __init__(self, feed: Feed) -> None:
        super().__init__(feed)
        tensors = normalised_images(feed.images, feed.normalisation, feed.shared)
        train_images, train_labels, test_images, test_labels = (t.to(feed.device) for t in tensors)
        self._train = train_images, train_labels
        self._test = test_images, test_labels

    def train(self) -> Iterator[Batch]:
        """Yield one epoch's batches."""
        images, labels = self._train
        order = self._order.permutation().to(self._feed.device)
        for index in torch.split(order, self.batch_size):
            yield self._augmented(images[index], labels[index])

    def test(self) -> Iterator[Batch]:
        """Yield the test set's batches."""
        yield from zip(*(torch.split(t, self._feed.batch_size) for t in self._test), strict=True)


class PipelineLoader(Loader):
    """The reference script's pipeline: ToTensor, Normalize, shuffled DataLoader."""

    def __init__(self, feed: Feed, workers: int) -> None:
        super().__init__(feed)
        images, batch_size = feed.images, feed.batch_size
        mean, std = NORMALISATIONS[feed.normalisation](images)
        transforms = import_torchvision().transforms
        is_picture = images.scale == 255 and images.shape.channels in (1, 3)
        to_tensor = transforms.ToTensor() if is_picture else partial(_scaled, scale=images.scale)
        transform = transforms.Compose([to_tensor, transforms.Normalize(mean, std)])
        item = _PilDataset if is_picture else _TensorDataset
        train = item(images.train_images, images.train_labels, transform)
        test = item(images.test_images, images.test_labels, transform)
        # With a generator of their own, the DataLoaders don't draw from torch's global one.
        shared: dict[str, Any] = {
            "generator": torch.Generator(),
            "num_workers": workers,
            "persistent_workers": workers > 0,
        }
        self._batches_of = partial(DataLoader, train, sampler=self._order, **shared)
        self._train = self._batches_of(batch_size=batch_size)
        self._test = DataLoader(test, batch_size=batch_size, **shared)

    def train(self) -> Iterator[Batch]:
        """Yield one epoch's batches."""
        if self._train.batch_size != self.batch_size:
            self._train = self._batches_of(batch_size=self.batch_size)
        for images, labels in self._moved(self._train):
            yield self._augmented(images, labels)

    def test(self) -> Iterator[Batch]:
        """Yield the test set's batches."""
        return self._moved(self._test)

    def _moved(self, batches: "DataLoader[tuple[Tensor, int]]") -> Iterator[Batch]:
        for images, labels in batches:
            yield images.to(self._feed.device), labels.to(self._feed.device)


def resident(feed: Feed) -> Loader:
    """Return the loader of resident tensors."""
    return ResidentLoader(feed)


def dataloader(feed: Feed, *, workers: NonNegativeInt = 0) -> Loader:
    """Return the reference script's pipeline with `workers` processes that prefetch batches."""
    return PipelineLoader(feed, workers)


class _TensorDataset(Dataset[tuple[Tensor, int]]):
    """Single transformed images (C, H, W), int labels."""

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, transform: Callable[[Any], Tensor]
    ) -> None:
        self._images = torch.from_numpy(np.array(images))
        self._labels = torch.from_numpy(np.array(labels)).long()
        self._transform = transform

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self._transform(self._image(index)), int(self._labels[index])

    def _image(self, index: int) -> Any:
        return self._images[index]


class _PilDataset(_TensorDataset):
    """Single images like those of torchvision's data sets: transformed PIL images."""

    def _image(self, index: int) -> Image.Image:
        pixels = self._images[index].permute(1, 2, 0).numpy()  # (H, W, C)
        return Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0])


def _scaled(image: Tensor, scale: int) -> Tensor:
    return image.float().div(scale)
