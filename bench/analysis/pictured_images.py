"""The test images that are worth a look: those that most seeds get wrong, and those that change.

Their pixels lie in the results folder, so that a report can be drawn where the data set is missing.
"""

import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.misclassified_images import MOST, misclassified_images
from bench.errors import StoreError
from bench.stats.estimates import Floats
from bench.store import write_atomic

FILE = "pictured_images.npz"
MOST_IMAGES = 10  # in a row of the figure
COLOURS = 3  # channels of a picture in colour
MOST_CELLS = 3  # that have rows of their own
# What NumPy raises for files that it did not write, or that were damaged since.
UNREADABLE = (OSError, EOFError, ValueError, TypeError, KeyError, BadZipFile, zlib.error)
HINT = "Delete it: it is optional, and `bench run` writes a new one."

Pictures = Mapping[int, NDArray[np.uint8]]  # pixels, (height, width) or with channels, by index


@dataclass(frozen=True)
class PicturedImage:
    """A test image, its label, and the class that wrong seeds predict most often.

    `before` and `after` are the shares of seeds that misclassify it: of the baseline and of
    the cell, or both of all cells.
    """

    image: int
    label: int
    predicted: int
    before: float
    after: float


@dataclass(frozen=True)
class PictureRow:
    """Images that one cell gets wrong and the baseline does not, or the reverse (`is_gain`).

    Without a cell: the images that the largest share of all cells' seeds gets wrong.
    """

    cell_id: str | None
    is_gain: bool
    images: tuple[PicturedImage, ...]


def picture_rows(misclassified: pd.DataFrame, baseline: str) -> list[PictureRow]:
    """Choose images from the rows of misclassified.csv, of the cells with the baseline's test set.

    The cells are those that differ from the baseline on the most images, at most three.
    """
    if baseline not in set(misclassified["cell_id"]):
        return []
    first = misclassified[misclassified["cell_id"] == baseline].iloc[0]
    alike = misclassified[
        (misclassified["dataset"] == first["dataset"])
        & (misclassified["test_images"] == first["test_images"])
    ]
    wrong = misclassified_images(alike)
    if wrong.empty:
        return []
    confusions = wrong.groupby(["image", "label", "predicted"]).size().reset_index(name="times")
    # of each image the most frequent confusion, the first of equally frequent ones
    top = confusions.sort_values(["times", "predicted"], ascending=[False, True], kind="stable")
    classes = top.drop_duplicates("image").set_index("image")[["label", "predicted"]]
    size = int(first["test_images"])
    shares = {
        str(cell_id): _counts(wrong[wrong["cell_id"] == cell_id], size) / rows["seed"].nunique()
        for cell_id, rows in alike.groupby("cell_id", sort=False)
    }
    others = [cell_id for cell_id in shares if cell_id != baseline]
    gains = {cell_id: shares[baseline] - shares[cell_id] for cell_id in others}
    changes = {c: np.count_nonzero(np.abs(gain) > MOST) for c, gain in gains.items()}
    chosen = sorted(others, key=lambda cell_id: -changes[cell_id])[:MOST_CELLS]
    mean = np.mean(list(shares.values()), axis=0)
    rows = [PictureRow(None, False, _pictured(mean, mean, mean, 0.0, classes))]
    for cell_id in sorted(chosen, key=others.index):
        for sign in (-1, 1):
            order = sign * gains[cell_id]
            images = _pictured(order, shares[baseline], shares[cell_id], MOST, classes)
            rows.append(PictureRow(cell_id, sign > 0, images))
    return [row for row in rows if row.images]


def _counts(wrong: pd.DataFrame, images: int) -> Floats:
    """Return how many seeds misclassify each image."""
    return np.bincount(wrong["image"].astype(int), minlength=images).astype(np.float64)


def _pictured(
    order: Floats, before: Floats, after: Floats, more_than: float, classes: pd.DataFrame
) -> tuple[PicturedImage, ...]:
    """Return the images of the largest values in `order`, if larger than `more_than`."""
    largest = np.argsort(-order, kind="stable")[:MOST_IMAGES]
    return tuple(
        PicturedImage(
            int(image),
            int(classes.loc[image, "label"]),
            int(classes.loc[image, "predicted"]),
            float(before[image]),
            float(after[image]),
        )
        for image in largest
        if order[image] > more_than
    )


def pictures_of(
    rows: Sequence[PictureRow], test_images: NDArray[np.uint8] | NDArray[np.float32]
) -> Pictures:
    """Return the pixels of all images in these rows, of `test_images` (N, C, H, W).

    Floating-point pixels are scaled to their least and largest value. Images that are neither grey
    nor red, green and blue are drawn by their first channel.
    """
    indices = sorted({each.image for row in rows for each in row.images})
    pixels = np.array(test_images[indices])
    if pixels.dtype != np.uint8:
        low, span = pixels.min(), np.ptp(pixels) or 1.0
        pixels = ((pixels - low) / span * 255).astype(np.uint8)
    pixels = pixels.transpose(0, 2, 3, 1) if pixels.shape[1] == COLOURS else pixels[:, 0]
    return dict(zip(indices, pixels, strict=True))


def write_pictures(pictures: Pictures, path: Path) -> None:
    """Write pixels to an .npz file, the same bytes for the same pixels."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        image=np.array(list(pictures), dtype=np.int64),
        pixels=np.stack([*pictures.values()]),
    )
    write_atomic(path, buffer.getvalue())


def read_pictures(folder: Path) -> Pictures:
    """Read the pixels in a results folder; none where there is no file."""
    path = folder / FILE
    if not path.is_file():
        return {}
    try:
        with np.load(path) as file:
            return dict(zip(file["image"].tolist(), file["pixels"], strict=True))
    except UNREADABLE as error:
        raise StoreError(f"not readable: {error}", where=str(path), hint=HINT) from None
