"""How `digits` is made: real handwriting, brought to MNIST's geometry and multiplied.

The sources are the 1,797 digits that scikit-learn ships: 8 × 8 pixels of 0 to 16, the test part
of "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak, UCI, 1998). A change of
anything that moves a byte needs a new folder and new digests in `digits.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.data.distortion import DRAWS, SIDE, distort
from bench.data.images import Progress
from bench.errors import DataError

TRAIN_IMAGES, TEST_IMAGES = 60_000, 10_000
SPLIT_SEED, TRAIN_SEED, TEST_SEED = 1, 2, 3

SOURCE_SIDE, SOURCE_WHITE = 8, 16
BOX_SIDE = 20  # what the 8 pixels of a source become, as in MNIST
CANVAS_SIDE = 40  # room for a digit whose centre of mass is far off its middle
CHUNK = 256  # images at a time: their temporaries fit into a processor's cache


@dataclass(frozen=True)
class Handwriting:
    """The source images, (S, 8, 8) of 0 to 16, and their labels, (S,)."""

    images: np.ndarray
    labels: np.ndarray


def load_sources() -> Handwriting:
    """Read the digits that scikit-learn ships; raise DataError where it can't be imported."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DataError(
            f"`digits` is made from scikit-learn's images, and it cannot be imported: {error}",
            hint="`pip install --upgrade scikit-learn` brings it.",
        ) from error
    digits = load_digits()
    return Handwriting(digits.images.astype(np.int64), digits.target.astype(np.uint8))


def split_sources(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Choose the sources for training and for testing, 6 to 1 in every class; none is in both."""
    stream = np.random.PCG64(SPLIT_SEED)
    train, test = [], []
    for label in range(10):
        members = np.flatnonzero(labels == label)
        members = members[_shuffled(stream, len(members))]
        held_out = (len(members) + 3) // 7
        test.append(members[:held_out])
        train.append(members[held_out:])
    return np.concatenate(train), np.concatenate(test)


def enlarge(images: np.ndarray) -> np.ndarray:
    """Bring sources to MNIST's size, centre of mass in the centre: (S, 8, 8) -> (S, 40, 40).

    Bicubic (Keys 1981, a = -1/2), out of a black surrounding; white is about 1.
    """
    mass = images.sum(axis=(1, 2))  # of integers: exact in any order
    place = np.arange(SOURCE_SIDE)
    centre_y = (images.sum(axis=2) * place).sum(axis=1) / mass
    centre_x = (images.sum(axis=1) * place).sum(axis=1) / mass
    steps = (np.arange(CANVAS_SIDE) - (CANVAS_SIDE - 1) / 2) * (SOURCE_SIDE / BOX_SIDE)
    grey = images / SOURCE_WHITE
    rows = np.zeros((len(images), CANVAS_SIDE, SOURCE_SIDE))
    canvases = np.zeros((len(images), CANVAS_SIDE, CANVAS_SIDE))
    for k in range(SOURCE_SIDE):
        weight = _cubic(centre_y[:, None] + steps - k)  # (S, 40)
        rows += weight[:, :, None] * grey[:, k, None, :]
    for k in range(SOURCE_SIDE):
        weight = _cubic(centre_x[:, None] + steps - k)
        canvases += rows[:, :, k, None] * weight[:, None, :]
    return canvases


def expand(
    canvases: np.ndarray, chosen: np.ndarray, count: int, seed: int, tell: Callable[[int], None]
) -> tuple[np.ndarray, np.ndarray]:
    """Make `count` images from the chosen sources: (count, 28, 28) uint8, and each one's source.

    Each source serves equally often, to within one, and in random order. `tell` is called with
    the number of bytes just made.
    """
    stream = np.random.PCG64(seed)
    which = chosen[_shuffled(stream, count) % len(chosen)]
    images = np.empty((count, SIDE, SIDE), np.uint8)
    for start in range(0, count, CHUNK):
        part = which[start : start + CHUNK]
        # An image's own draws stand together: the size of a chunk moves none of them.
        draws = _uniform(stream, len(part) * DRAWS).reshape(len(part), DRAWS)
        images[start : start + CHUNK] = distort(canvases, part, draws)
        tell(len(part) * SIDE * SIDE)
    return images, which


def make(progress: Progress) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Make training images, training labels, test images and test labels; takes seconds."""
    sources = load_sources()
    canvases = enlarge(sources.images)
    train, test = split_sources(sources.labels)
    done, total = 0, (TRAIN_IMAGES + TEST_IMAGES) * SIDE * SIDE

    def tell(made: int) -> None:
        nonlocal done
        done += made
        progress("digits", done, total)

    train_images, train_which = expand(canvases, train, TRAIN_IMAGES, TRAIN_SEED, tell)
    test_images, test_which = expand(canvases, test, TEST_IMAGES, TEST_SEED, tell)
    labels = sources.labels
    return train_images, labels[train_which], test_images, labels[test_which]


def _cubic(distance: np.ndarray) -> np.ndarray:
    d = np.abs(distance)
    near = (1.5 * d - 2.5) * d * d + 1.0
    far = ((2.5 - 0.5 * d) * d - 4.0) * d + 2.0
    return np.where(d < 1.0, near, np.where(d < 2.0, far, 0.0))


# PCG64's raw bits are what NumPy promises never to change (NEP 19); its distributions are not.


def _shuffled(stream: np.random.PCG64, count: int) -> np.ndarray:
    return np.argsort(stream.random_raw(count), kind="stable")


def _uniform(stream: np.random.PCG64, count: int) -> np.ndarray:
    """Draw from [-1, 1) in steps of 2⁻⁵²; every operation is exact."""
    return (stream.random_raw(count) >> np.uint64(11)) * 2.0**-52 - 1.0
