"""Data sets in memory, and the normalisation of their pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # `bench plan` lists data sets without NumPy
    import numpy as np


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


# What is subtracted from a grey value (0 black, 1 white), and the divisor of the difference.
NORMALISATIONS: Mapping[str, Callable[[ImageSet], tuple[float, float]]] = {
    "standard": lambda images: (images.mean, images.std),  # mean 0, standard deviation 1
    "unit": lambda _: (0.0, 1.0),  # 0 to 1
    "symmetric": lambda _: (0.5, 0.5),  # −1 to 1
    "lecun": lambda _: (0.1 / 1.275, 1 / 1.275),  # −0.1 to 1.175, as in the paper of 1998
}


def black(normalisation: str, images: ImageSet) -> float:
    """Return the normalised value of a black pixel."""
    mean, std = NORMALISATIONS[normalisation](images)
    return -mean / std
