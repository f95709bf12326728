"""How `digits` is generated: handwriting resized to MNIST's geometry, and augmented.

The sources are scikit-learn's 1,797 digits, 8 × 8 pixels of 0 to 16: the test part of "Optical
Recognition of Handwritten Digits" (Alpaydin and Kaynak, UCI, 1998). Each is distorted by a random
affine map and an elastic field after Simard, Steinkraus and Platt, "Best Practices for
Convolutional Neural Networks Applied to Visual Document Analysis" (ICDAR 2003): a random
displacement of every pixel, smoothed and scaled.

The bytes must be the same on every machine and with every NumPy. Therefore distortion uses only
+, -, ×, ÷ and comparisons on float64 in a fixed order: no sine (its last bit differs between
processors), no matrix product and no float sum (their order of addition varies). A change of any
byte needs a new folder and new digests in `embedded_sets.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.data.exact_draws import refine, shuffled, uniform
from bench.data.source import Progress
from bench.errors import DataError

SIDE = 28
TRAIN_IMAGES, TEST_IMAGES = 60_000, 10_000
SPLIT_SEED, TRAIN_SEED, TEST_SEED = 1, 2, 3

SOURCE_SIDE, SOURCE_WHITE = 8, 16
BOX_SIDE = 20  # size of the 8 source pixels in the output, as in MNIST
CANVAS_SIDE = 40  # fits digits whose centre of mass is far from their middle
CHUNK = 256  # images at a time, so that temporaries fit in the CPU cache

# Maximum distortions, in radians/2, fractions, fractions, and pixels.
HALF_TURN = 0.09  # tangent of half the rotation: about ±10°
SCALE = 0.10
SHEAR = 0.15
SHIFT = 1.0
ELASTIC = 2.0

# The elastic field is drawn at 7 × 7 points, 8 pixels apart, and refined three times to a uniform
# cubic B-spline: a smoothing with a standard deviation of 4.6 pixels (Simard's: 4).
CONTROL = 7
REFINEMENTS = 3

# Grey values up to DARK become black, those from BRIGHT on white: edges as steep as MNIST's.
DARK, BRIGHT = 0.35, 0.8

AFFINE_DRAWS = 6
DRAWS = AFFINE_DRAWS + 2 * CONTROL * CONTROL


@dataclass(frozen=True)
class Handwriting:
    """Source images, (S, 8, 8) of 0 to 16, and their labels, (S,)."""

    images: np.ndarray
    labels: np.ndarray


def load_sources() -> Handwriting:
    """Return scikit-learn's digits; raise DataError if it can't be imported."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DataError(
            f"`digits` needs scikit-learn's images, but importing it failed: {error}",
            hint="`pip install --upgrade scikit-learn` installs it.",
        ) from error
    digits = load_digits()
    return Handwriting(digits.images.astype(np.int64), digits.target.astype(np.uint8))


def split_sources(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return disjoint training and test sources, 6 to 1 in every class."""
    stream = np.random.PCG64(SPLIT_SEED)
    train, test = [], []
    for label in range(10):
        members = np.flatnonzero(labels == label)
        members = members[shuffled(stream, len(members))]
        held_out = (len(members) + 3) // 7
        test.append(members[:held_out])
        train.append(members[held_out:])
    return np.concatenate(train), np.concatenate(test)


def enlarge(images: np.ndarray) -> np.ndarray:
    """Resize sources to MNIST's size, centre of mass in the middle: (S, 8, 8) -> (S, 40, 40).

    Bicubic (Keys 1981, a = -1/2) on a black background; white is about 1.
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
    canvases: np.ndarray, chosen: np.ndarray, count: int, seed: int, report: Callable[[int], None]
) -> tuple[np.ndarray, np.ndarray]:
    """Return images, (count, 28, 28) uint8, and the index of each one's source, (count,).

    Sources are used equally often, to within one, in random order. `report` is called with the
    number of bytes just generated.
    """
    stream = np.random.PCG64(seed)
    which = chosen[shuffled(stream, count) % len(chosen)]
    images = np.empty((count, SIDE, SIDE), np.uint8)
    for start in range(0, count, CHUNK):
        part = which[start : start + CHUNK]
        # An image's draws are consecutive, so that CHUNK does not change the result.
        draws = uniform(stream.random_raw(len(part) * DRAWS)).reshape(len(part), DRAWS)
        images[start : start + CHUNK] = distort(canvases, part, draws)
        report(len(part) * SIDE * SIDE)
    return images, which


def make(progress: Progress) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return training images, training labels, test images and test labels; takes seconds."""
    sources = load_sources()
    canvases = enlarge(sources.images)
    train, test = split_sources(sources.labels)
    done, total = 0, (TRAIN_IMAGES + TEST_IMAGES) * SIDE * SIDE

    def report(made: int) -> None:
        nonlocal done
        done += made
        progress("digits", done, total)

    train_images, train_which = expand(canvases, train, TRAIN_IMAGES, TRAIN_SEED, report)
    test_images, test_which = expand(canvases, test, TEST_IMAGES, TEST_SEED, report)
    labels = sources.labels
    return train_images, labels[train_which], test_images, labels[test_which]


def _cubic(distance: np.ndarray) -> np.ndarray:
    d = np.abs(distance)
    near = (1.5 * d - 2.5) * d * d + 1.0
    far = ((2.5 - 0.5 * d) * d - 4.0) * d + 2.0
    return np.where(d < 1.0, near, np.where(d < 2.0, far, 0.0))


def distort(canvases: np.ndarray, which: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Return a distorted image of each chosen canvas, (N, 28, 28) uint8.

    `canvases` is (S, C, C), grey values of 0 to 1; `which` is (N,), their indices; `draws` is
    (N, DRAWS), uniform in [-1, 1).
    """
    x, y = _affine(draws[:, :AFFINE_DRAWS])
    field = _elastic(draws[:, AFFINE_DRAWS:].reshape(-1, 2, CONTROL, CONTROL))
    grey = _sample(canvases, which, x + field[:, 0], y + field[:, 1])
    grey = (grey - DARK) / (BRIGHT - DARK)
    grey = np.minimum(np.maximum(grey, 0.0), 1.0)
    return (grey * 255.0 + 0.5).astype(np.uint8)


def _affine(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each pixel's position in its source, from the centre: (N, 6) -> two (N, 28, 28)."""
    half, wide, high, shear, right, down = draws.T[:, :, None, None]
    tangent = half * HALF_TURN
    square = tangent * tangent
    cosine = (1.0 - square) / (1.0 + square)
    sine = 2.0 * tangent / (1.0 + square)
    place = np.arange(SIDE) - (SIDE - 1) / 2
    x = (place[None, None, :] + shear * SHEAR * place[None, :, None]) * (1.0 + wide * SCALE)
    y = place[None, :, None] * (1.0 + high * SCALE)
    return cosine * x - sine * y + right * SHIFT, sine * x + cosine * y + down * SHIFT


def _elastic(field: np.ndarray) -> np.ndarray:
    """Return smooth displacements in pixels: (N, 2, 7, 7) -> (N, 2, 28, 28)."""
    for _ in range(REFINEMENTS):
        field = refine(refine(field).swapaxes(2, 3)).swapaxes(2, 3)
    margin = (field.shape[2] - SIDE) // 2
    return field[:, :, margin : margin + SIDE, margin : margin + SIDE] * ELASTIC


def _sample(canvases: np.ndarray, which: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return bilinearly interpolated grey values of the canvases."""
    side = canvases.shape[1]
    last = side - 1.5  # positions outside are clamped to the canvas's black edge
    x = np.minimum(np.maximum(x + (side - 1) / 2, 0.0), last)
    y = np.minimum(np.maximum(y + (side - 1) / 2, 0.0), last)
    column, row = x.astype(np.int64), y.astype(np.int64)
    x, y = x - column, y - row
    corner = (which[:, None, None] * side + row) * side + column
    flat = canvases.reshape(-1)
    left, right = flat.take(corner), flat.take(corner + 1)
    upper = left + (right - left) * x
    left, right = flat.take(corner + side), flat.take(corner + side + 1)
    lower = left + (right - left) * x
    grey: np.ndarray = upper + (lower - upper) * y
    return grey
