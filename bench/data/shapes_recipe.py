"""How `shapes` is generated: ten classes of small colour images, five shapes in two colour orders.

A disc, ring, square, triangle or cross is warmer than its background, or cooler. Warm and cool
colours have the same brightness, so that both shape and colour are needed: a network that sees only
brightness can tell the shapes, not the order. Position, size, rotation and colours are random;
background and shape have textures of their own, a small second shape lies behind, and each pixel
has noise.

The bytes must be the same on every machine and with every NumPy: see `digits_recipe.py`. A change
of any byte needs a new folder and new digests in `shapes.py`.
"""

from collections.abc import Callable

import numpy as np

from bench.data.exact_draws import refine, shuffled, uniform
from bench.data.source import Progress

SIDE, CHANNELS = 32, 3
TRAIN_IMAGES, TEST_IMAGES = 20_000, 5_000
TRAIN_SEED, TEST_SEED = 11, 12
SHAPES = ("disc", "ring", "square", "triangle", "cross")
CLASS_NAMES = tuple(f"{order} {shape}" for shape in SHAPES for order in ("warm", "cool"))

CHUNK = 256  # images at a time, so that temporaries fit in the CPU cache

# Ranges of the draws: pixels, the tangent of half the rotation, and brightnesses from 0 to 1.
RADIUS, RADIUS_RANGE = 8.5, 2.5
SHIFT = 6.0
HALF_TURN = 0.4  # about ±44°
BRIGHTNESS_RANGE = 0.22
CHROMA, CHROMA_RANGE = 0.16, 0.08  # of red and blue, in opposite directions
TEXTURE = 0.16
NOISE = 0.12
SMALL = 0.4  # the radius of the second shape, as a share

# Green balances red and blue, so that brightness (0.299 R + 0.587 G + 0.114 B, ITU-R BT.601) does
# not depend on the chroma.
GREEN = -(0.299 - 0.114) / 0.587
SQRT_3_OVER_2 = 0.8660254037844386

CONTROL, REFINEMENTS = 8, 3  # a texture's points, 8 pixels apart, and how often they are doubled
SHAPE_DRAWS, COLOUR_DRAWS = 4, 2
PLAIN_DRAWS = 2 * SHAPE_DRAWS + 3 * COLOUR_DRAWS + 2
TEXTURE_DRAWS = 2 * CONTROL * CONTROL
NOISE_DRAWS = SIDE * SIDE * CHANNELS // 8  # eight bytes each
DRAWS = PLAIN_DRAWS + TEXTURE_DRAWS


def make(progress: Progress) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return training images, training labels, test images and test labels; takes seconds.

    Images are (N, 3, 32, 32) uint8, labels (N,) uint8.
    """
    done, total = 0, (TRAIN_IMAGES + TEST_IMAGES) * SIDE * SIDE * CHANNELS

    def report(made: int) -> None:
        nonlocal done
        done += made
        progress("shapes", done, total)

    train = draw_set(TRAIN_IMAGES, TRAIN_SEED, report)
    return (*train, *draw_set(TEST_IMAGES, TEST_SEED, report))


def draw_set(count: int, seed: int, report: Callable[[int], None]) -> tuple[np.ndarray, np.ndarray]:
    """Return images, (count, 3, 32, 32) uint8, and their labels, (count,) uint8.

    Classes are equally frequent, to within one, in random order. `report` is called with the number
    of bytes just generated.
    """
    stream = np.random.PCG64(seed)
    labels = (shuffled(stream, count) % len(CLASS_NAMES)).astype(np.uint8)
    images = np.empty((count, CHANNELS, SIDE, SIDE), np.uint8)
    for start in range(0, count, CHUNK):
        part = labels[start : start + CHUNK]
        # An image's draws are consecutive, so that CHUNK does not change the result.
        raw = stream.random_raw(len(part) * (DRAWS + NOISE_DRAWS)).reshape(len(part), -1)
        draws, noise = uniform(raw[:, :DRAWS]), _bytes(raw[:, DRAWS:])
        images[start : start + CHUNK] = render(part, draws, noise)
        report(images[start : start + CHUNK].nbytes)
    return images, labels


def render(labels: np.ndarray, draws: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return images of these classes, (N, 3, 32, 32) uint8.

    `draws` is (N, DRAWS), uniform in [-1, 1); `noise` is (N, 3, 32, 32), uniform in [-1, 1].
    """
    places, colours, rest = np.split(
        draws[:, :PLAIN_DRAWS], [2 * SHAPE_DRAWS, 2 * SHAPE_DRAWS + 3 * COLOUR_DRAWS], axis=1
    )
    textures = _textures(draws[:, PLAIN_DRAWS:].reshape(-1, 2, CONTROL, CONTROL))
    kinds, is_warm = labels // 2, labels % 2 == 0
    small_kinds = ((rest[:, 0] + 1.0) * (len(SHAPES) / 2)).astype(np.int64)
    sign = np.where(is_warm, 1.0, -1.0)
    small_sign = np.where(rest[:, 1] < 0.0, 1.0, -1.0)
    cover = _cover(kinds, places[:, :SHAPE_DRAWS], 1.0)
    small = _cover(small_kinds, places[:, SHAPE_DRAWS:], SMALL)
    image = _colour(colours[:, 0:2], -sign, textures[:, 0])
    second = _colour(colours[:, 2:4], small_sign, textures[:, 0])
    image = image + (second - image) * small[:, None]
    first = _colour(colours[:, 4:6], sign, textures[:, 1])
    image = image + (first - image) * cover[:, None]
    image = image + noise * NOISE
    result: np.ndarray = (np.minimum(np.maximum(image, 0.0), 1.0) * 255.0 + 0.5).astype(np.uint8)
    return result


def _cover(kinds: np.ndarray, draws: np.ndarray, scale: float) -> np.ndarray:
    """Return how much of each pixel a shape covers, 0 to 1: (N, 32, 32)."""
    radius = ((RADIUS + RADIUS_RANGE * draws[:, 0]) * scale)[:, None, None]
    shift = SHIFT / scale**0.5  # a small shape may lie anywhere
    tangent = (draws[:, 3] * HALF_TURN)[:, None, None]
    square = tangent * tangent
    cosine, sine = (1.0 - square) / (1.0 + square), 2.0 * tangent / (1.0 + square)
    steps = np.arange(SIDE) - (SIDE - 1) / 2
    right = steps[None, None, :] - (draws[:, 1] * shift)[:, None, None]
    down = steps[None, :, None] - (draws[:, 2] * shift)[:, None, None]
    x, y = cosine * right - sine * down, sine * right + cosine * down
    inside = np.empty((len(kinds), SIDE, SIDE))
    for number, distance in enumerate((_disc, _ring, _square, _triangle, _cross)):
        of_kind = kinds == number
        inside[of_kind] = distance(x[of_kind], y[of_kind], radius[of_kind])
    return np.minimum(np.maximum(inside + 0.5, 0.0), 1.0)


# Each returns how far pixels lie within the outline, in pixels; near the outline at least.


def _disc(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    result: np.ndarray = (radius * radius - x * x - y * y) / (2.0 * radius)
    return result


def _ring(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.minimum(_disc(x, y, radius), -_disc(x, y, 0.55 * radius))
    return result


def _square(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    result: np.ndarray = 0.85 * radius - np.maximum(np.abs(x), np.abs(y))
    return result


def _triangle(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    left, right = -SQRT_3_OVER_2 * x - 0.5 * y, SQRT_3_OVER_2 * x - 0.5 * y
    result: np.ndarray = 0.6 * radius - np.maximum(y, np.maximum(left, right))
    return result


def _cross(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    x, y, width = np.abs(x), np.abs(y), 0.34 * radius
    result: np.ndarray = np.maximum(
        np.minimum(width - x, radius - y), np.minimum(width - y, radius - x)
    )
    return result


def _colour(draws: np.ndarray, sign: np.ndarray, texture: np.ndarray) -> np.ndarray:
    """Return a textured colour, warm where `sign` is 1 and cool where it is -1: (N, 3, 32, 32)."""
    chroma = sign * (CHROMA + CHROMA_RANGE * draws[:, 1])
    brightness = 0.5 + BRIGHTNESS_RANGE * draws[:, 0]
    channels = np.stack(
        [brightness + chroma, brightness + GREEN * chroma, brightness - chroma], axis=1
    )
    return channels[:, :, None, None] + TEXTURE * texture[:, None]


def _textures(points: np.ndarray) -> np.ndarray:
    """Return smooth fields: (N, 2, 8, 8) -> (N, 2, 32, 32)."""
    for _ in range(REFINEMENTS):
        points = refine(refine(points).swapaxes(2, 3)).swapaxes(2, 3)
    margin = (points.shape[2] - SIDE) // 2
    return points[:, :, margin : margin + SIDE, margin : margin + SIDE]


def _bytes(raw: np.ndarray) -> np.ndarray:
    """Return the eight bytes of each draw as numbers from -1 to 1: (N, 384) -> (N, 3, 32, 32)."""
    places = np.arange(8, dtype=np.uint64) * np.uint64(8)
    values = (raw[:, :, None] >> places) & np.uint64(255)
    result: np.ndarray = (values.astype(np.float64) * (2.0 / 255.0) - 1.0).reshape(
        -1, CHANNELS, SIDE, SIDE
    )
    return result
