"""A data set as decoding returns it: checked, split and described before its arrays are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.data.images import DataShape
from bench.errors import DataError

CHUNK_VALUES = 1 << 24  # whose statistics are computed at a time
MOST_CHANNELS = 4  # that are recognised as the last dimension
# Names of the arrays in a file or mapping; those of Keras, and those without test images.
NAMES = (
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels"),
    ("x_train", "y_train"),
    ("images", "labels"),
)
CLASS_NAMES = "class_names"
SHARE_OF_TEST = 0.2  # of the images, where a data set has no test images


@dataclass(frozen=True)
class DecodedSet:
    """Arrays of images and labels, for training and test, and the names of the classes.

    Images are (N, C, H, W), (N, H, W, C) or (N, H, W); labels are (N,) or (N, 1). Without test
    images, `test_images` and `test_labels` are None.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray | None
    test_labels: np.ndarray | None
    class_names: Sequence[str] = ()

    @classmethod
    def of(cls, parts: Sequence[np.ndarray], class_names: Sequence[str] = ()) -> DecodedSet:
        """Return images and labels for training and, if there are four parts, for test."""
        train_images, train_labels = parts[:2]
        test_images, test_labels = parts[2:] if len(parts) == 4 else (None, None)
        return cls(train_images, train_labels, test_images, test_labels, class_names)

    @classmethod
    def of_named(cls, arrays: Mapping[str, Any]) -> DecodedSet:
        """Return the arrays of a mapping under one of the sets of names.

        Raises DataError where it has none of them.
        """
        names = next((names for names in NAMES if arrays.keys() >= set(names)), ())
        unused = {name for each in NAMES for name in each if name in arrays} - set(names)
        if not names or unused:
            found = ", ".join(map(str, arrays)) or "none"
            train, test = (", ".join(NAMES[0][i : i + 2]) for i in (0, 2))
            raise DataError(f"expected arrays {train}, and {test} for the test; got {found}")
        class_names = [str(name) for name in arrays.get(CLASS_NAMES, ())]
        return cls.of([as_array(arrays[name]) for name in names], class_names)

    def arrays(self) -> Mapping[str, np.ndarray]:
        """Return the arrays by name, those of the test too."""
        assert self.test_images is not None and self.test_labels is not None
        return {
            "train_images": self.train_images,
            "train_labels": self.train_labels,
            "test_images": self.test_images,
            "test_labels": self.test_labels,
        }

    @property
    def shape(self) -> DataShape:
        """The shape of the images (N, C, H, W), and the number of classes."""
        channels, height, width = self.train_images.shape[1:]
        classes = len(self.class_names) or int(self.train_labels.max()) + 1
        return DataShape(channels, height, width, classes)


def as_array(value: Any) -> np.ndarray:
    """Return an array or a tensor, on whatever device, as an array."""
    value = value.detach().cpu() if hasattr(value, "detach") else value
    return np.asarray(value)


def checked(decoded: DecodedSet) -> DecodedSet:
    """Return a data set with images (N, C, H, W), uint8 or float32, and labels (N,) int64.

    Raises DataError for what can't be trained on.
    """
    if decoded.test_images is None:
        decoded = split(decoded, SHARE_OF_TEST, seed=0)
    arrays = {
        name: _images(name, array) if name.endswith("images") else _labels(name, array)
        for name, array in decoded.arrays().items()
    }
    for part in ("train", "test"):
        images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        if len(images) != len(labels):
            raise DataError(f"has {len(images)} {part} images and {len(labels)} {part} labels")
        if not len(images):
            raise DataError(f"has no {part} images")
    train, test = arrays["train_images"], arrays["test_images"]
    if train.shape[1:] != test.shape[1:] or train.dtype != test.dtype:
        pair = " and ".join(f"{each.dtype} {each.shape[1:]}" for each in (train, test))
        raise DataError(f"training and test images differ: {pair}")
    names = [str(name) for name in decoded.class_names]
    result = replace(decoded, **arrays, class_names=names)
    _check_classes(result)
    return result


def split(decoded: DecodedSet, share: float, seed: int) -> DecodedSet:
    """Return a data set whose test images are a random share of each class, at least one."""
    labels = np.asarray(decoded.train_labels).reshape(-1)
    draw = np.random.default_rng(seed)
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = draw.permutation(np.flatnonzero(labels == label))
        held_out[members[: max(1, round(share * len(members)))]] = True
    images = np.asarray(decoded.train_images)
    return replace(
        decoded,
        train_images=images[~held_out],
        train_labels=labels[~held_out],
        test_images=images[held_out],
        test_labels=labels[held_out],
    )


def statistics(images: np.ndarray) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each channel of (N, C, H, W), of 8-bit pixels over 255.

    A channel without variance has the standard deviation 1, lest normalisation divide by 0.
    """
    scale = 255 if images.dtype == np.uint8 else 1
    count = images[:, 0].size
    step = max(1, CHUNK_VALUES // images[0].size)
    total, squares = np.zeros(images.shape[1]), np.zeros(images.shape[1])
    for start in range(0, len(images), step):
        total += images[start : start + step].sum(axis=(0, 2, 3), dtype=np.float64)
    mean = total / count
    for start in range(0, len(images), step):
        difference = images[start : start + step] - mean[:, None, None]
        squares += np.square(difference).sum(axis=(0, 2, 3))
    std = np.sqrt(squares / count)
    std[std == 0] = scale
    return (mean / scale).tolist(), (std / scale).tolist()


def _images(name: str, array: np.ndarray) -> np.ndarray:
    """Return images (N, C, H, W), uint8 or float32."""
    images = np.asarray(array)
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim != 4:
        expected = "(N, C, H, W), (N, H, W, C) or (N, H, W)"
        raise DataError(f"expected {name} of shape {expected}, got {images.shape}")
    is_last = images.shape[3] <= MOST_CHANNELS < images.shape[1]
    images = images.transpose(0, 3, 1, 2) if is_last else images
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind in "iub":
        if images.size and (images.min() < 0 or images.max() > 255):
            extremes = f"{images.min()} to {images.max()}"
            raise DataError(f"expected integer {name} from 0 to 255, got {extremes}")
        return images.astype(np.uint8)
    if images.dtype.kind != "f":
        raise DataError(f"expected {name} of numbers, got {images.dtype}")
    if not np.isfinite(images).all():
        bad = ~np.isfinite(images).all(axis=(1, 2, 3))
        first, count = int(bad.argmax()), np.count_nonzero(bad)
        which = f"image {first}" if count == 1 else f"{count} images, first image {first}"
        raise DataError(f"{name} contain values that are not finite: {which}")
    return images.astype(np.float32)


def _labels(name: str, array: np.ndarray) -> np.ndarray:
    labels = np.asarray(array)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise DataError(f"expected {name} of shape (N,), got {labels.shape}")
    whole = labels.astype(np.int64) if labels.dtype.kind in "iubf" else None
    if whole is None or not np.array_equal(whole, labels):
        raise DataError(f"expected {name} of whole numbers, got {labels.dtype}")
    if len(whole) and whole.min() < 0:
        raise DataError(f"a label in {name} is {whole.min()}; classes are numbered from 0")
    return whole


def _check_classes(decoded: DecodedSet) -> None:
    """Raise DataError for a class without training images, and for a label out of range."""
    classes, names = decoded.shape.classes, decoded.class_names
    arrays = decoded.arrays()
    for name in ("train_labels", "test_labels"):
        largest = int(arrays[name].max())
        if names and largest >= classes:
            raise DataError(f"a label in {name} is {largest}, and there are {classes} classes")
    present = np.unique(arrays["train_labels"])
    for label in np.unique(arrays["test_labels"]):
        if label not in present:
            shown = f"{label} ({names[label]})" if names else str(label)
            raise DataError(f"class {shown} has test images and no training images")
    absent = sorted(set(range(classes)) - set(present.tolist()))
    if absent:
        shown = ", ".join(f"{i} ({names[i]})" if names else str(i) for i in absent[:3])
        more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
        largest = int(arrays["train_labels"].argmax())
        of = f"; the largest, {present[-1]}, is that of training image {largest}"
        hint = "Number the classes 0, 1, 2 and so on, or remove the names of empty ones."
        raise DataError(f"no training image has the label {shown}{more}{of}", hint=hint)
    if classes < 2:
        raise DataError("has a single class; expected two or more")
