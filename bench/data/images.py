"""Data sets in memory, and the normalisation of their pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # `bench plan` lists data sets without NumPy
    import numpy as np

Channels = Sequence[float]  # a value for each channel


@dataclass(frozen=True)
class DataShape:
    """The shape of a data set's images, and its number of classes."""

    channels: int
    height: int
    width: int
    classes: int

    @property
    def image(self) -> tuple[int, int, int]:
        """The shape of an image: channels, height, width."""
        return self.channels, self.height, self.width

    @property
    def image_size(self) -> int | tuple[int, int]:
        """The side of square images, else height and width."""
        return self.height if self.height == self.width else (self.height, self.width)


GREY_DIGITS = DataShape(1, 28, 28, 10)  # MNIST, and sets of its structure


@dataclass(frozen=True)
class ImageSet:
    """A data set of small images; the arrays may be memory maps.

    Pixels are 8-bit, or floating-point numbers on a scale of the data set's own.
    """

    name: str
    train_images: np.ndarray  # (N, C, H, W) uint8 or float32
    train_labels: np.ndarray  # (N,) integers
    test_images: np.ndarray  # (M, C, H, W), like the training images
    test_labels: np.ndarray  # (M,) integers
    mean: Channels  # of the training pixels, of 8-bit ones over 255, as normalisation uses it
    std: Channels
    classes: int = 10

    @property
    def shape(self) -> DataShape:
        """The shape of the images, and the number of classes."""
        channels, height, width = self.train_images.shape[1:]
        return DataShape(channels, height, width, self.classes)

    @property
    def scale(self) -> int:
        """What pixels are divided by before normalisation: 255 where they are 8-bit, else 1."""
        return 255 if self.train_images.dtype.name == "uint8" else 1


# What is subtracted from a pixel (8-bit: 0 black, 1 white), and the divisor of the difference.
NORMALISATIONS: Mapping[str, Callable[[ImageSet], tuple[Channels, Channels]]] = {
    "standard": lambda images: (images.mean, images.std),  # mean 0, standard deviation 1
    "unit": lambda _: ((0.0,), (1.0,)),  # 0 to 1
    "symmetric": lambda _: ((0.5,), (0.5,)),  # −1 to 1
    "lecun": lambda _: ((0.1 / 1.275,), (1 / 1.275,)),  # −0.1 to 1.175, as in the paper of 1998
}


def black(normalisation: str, images: ImageSet) -> Channels:
    """Return the normalised value of a black pixel, one for each channel or one for all."""
    mean, std = NORMALISATIONS[normalisation](images)
    return [-m / s for m, s in zip(mean, std, strict=True)]
