"""Two ways to bring batches to a network; the same seed gives both the same batches.

Shapes: images (N, 1, 28, 28) float32, normalised; labels (N,) int64.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from bench.data.images import ImageSet
from bench.data.torchvision_import import import_torchvision

Batch = tuple[Tensor, Tensor]


class Loader(Protocol):
    """Batches of one data set on one device."""

    train_images: int
    test_images: int
    steps_per_epoch: int

    def train(self) -> Iterator[Batch]:
        """Yield one epoch's batches in the next shuffled order; the last may be smaller."""

    def test(self) -> Iterator[Batch]:
        """Yield the test set's batches, in the data set's order."""


class _Order(Sampler[int]):
    """A new order of the training images for every epoch, which the seed alone decides.

    What `shuffle=True` does, but from a generator of its own, so that nothing else that draws
    random numbers moves the order, and both loaders have the same one.
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


class _Counted:
    """What both loaders know about their sizes and order."""

    def __init__(self, images: ImageSet, batch_size: int, seed: int) -> None:
        self.train_images = len(images.train_images)
        self.test_images = len(images.test_images)
        self.steps_per_epoch = -(-self.train_images // batch_size)
        self._batch_size = batch_size
        self._order = _Order(self.train_images, seed)


class ResidentLoader(_Counted):
    """Hold the whole normalised set on the device and gather batches there."""

    def __init__(
        self, images: ImageSet, *, batch_size: int, seed: int, device: torch.device
    ) -> None:
        super().__init__(images, batch_size, seed)
        self._device = device
        self._train = _normalised(images, images.train_images, images.train_labels, device)
        self._test = _normalised(images, images.test_images, images.test_labels, device)

    def train(self) -> Iterator[Batch]:
        """Yield one epoch's batches in the next shuffled order."""
        images, labels = self._train
        order = self._order.permutation().to(self._device)
        for index in torch.split(order, self._batch_size):
            yield images[index], labels[index]

    def test(self) -> Iterator[Batch]:
        """Yield the test set's batches as views."""
        yield from zip(*(torch.split(t, self._batch_size) for t in self._test), strict=True)


class PipelineLoader(_Counted):
    """The reference's pipeline: ToTensor, Normalize, DataLoader, shuffled, no workers."""

    def __init__(
        self, images: ImageSet, *, batch_size: int, seed: int, device: torch.device
    ) -> None:
        super().__init__(images, batch_size, seed)
        self._device = device
        transforms = import_torchvision().transforms
        transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((images.mean,), (images.std,))]
        )
        train = _Pictures(images.train_images, images.train_labels, transform)
        test = _Pictures(images.test_images, images.test_labels, transform)
        # A generator of their own keeps the DataLoaders from drawing on torch's global one.
        own = torch.Generator()
        self._train = DataLoader(train, batch_size=batch_size, sampler=self._order, generator=own)
        self._test = DataLoader(test, batch_size=batch_size, generator=own)

    def train(self) -> Iterator[Batch]:
        """Yield one epoch's batches in the next shuffled order."""
        return self._moved(self._train)

    def test(self) -> Iterator[Batch]:
        """Yield the test set's batches."""
        return self._moved(self._test)

    def _moved(self, batches: "DataLoader[tuple[Tensor, int]]") -> Iterator[Batch]:
        for images, labels in batches:
            yield images.to(self._device), labels.to(self._device)


LOADERS: dict[str, type[ResidentLoader] | type[PipelineLoader]] = {
    "resident": ResidentLoader,
    "dataloader": PipelineLoader,
}


class _Pictures(Dataset[tuple[Tensor, int]]):
    """Images one by one as torchvision's MNIST gives them: PIL, transformed, label an int."""

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, transform: Callable[[Image.Image], Tensor]
    ) -> None:
        self._images = torch.from_numpy(np.array(images))
        self._labels = torch.from_numpy(np.array(labels)).long()
        self._transform = transform

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture = Image.fromarray(self._images[index].numpy(), mode="L")
        return self._transform(picture), int(self._labels[index])


def _normalised(
    images: ImageSet, pixels: np.ndarray, labels: np.ndarray, device: torch.device
) -> Batch:
    """Turn (N, 28, 28) uint8 into (N, 1, 28, 28) float32, with the pipeline's own arithmetic."""
    batch = torch.from_numpy(np.array(pixels)).to(device).unsqueeze(1).float()
    batch.div_(255).sub_(images.mean).div_(images.std)
    return batch, torch.from_numpy(np.array(labels)).to(device).long()
