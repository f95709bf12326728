"""Data sets that a user's function returns, and torchvision's.

A function of the user's own is called at each start of `bench run`, since what it reads is unknown;
its data set counts as changed only where its arrays are.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.data.decoded_set import NAMES, DecodedSet, as_array
from bench.data.image_folder import scaled
from bench.data.prepared import PreparedSource
from bench.data.source import Progress
from bench.errors import DataError, last_line, shown
from bench.import_graph import imported_modules, is_users, source_digest, users_line
from bench.registry import load_callable

EXPECTED = (
    "a data set of torch or a pair (training, test) of them, a pair of arrays (images, labels) or "
    f"two such pairs, four arrays, or a mapping with {', '.join(NAMES[0])}"
)
REPORT_EVERY = 1000  # images


class ImportedSet(PreparedSource):
    """The data set that the callable `target` returns for its parameters."""

    def __init__(self, *, name: str, target: str, given: Mapping[str, Any]) -> None:
        super().__init__(name)
        self._target = target
        self._given = dict(given)

    def request(self) -> Mapping[str, Any]:
        """Return this source's target, name and parameters."""
        return {
            "target": f"{__name__}:{type(self).__name__}",
            "name": self.name,
            "parameters": {"target": self._target, "given": self._given},
        }

    def state(self) -> str:
        """Return a digest of the user's code."""
        modules = imported_modules(self._target.partition(":")[0], is_users)
        digests = {name: source_digest(path) for name, path in modules.items()}
        return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()

    def fetch(self, data_dir: Path, progress: Progress) -> None:
        """Call the function, and keep its arrays if they are new."""
        self._decode(data_dir, self.state(), None, progress)

    def decode(self, data_dir: Path, progress: Progress) -> DecodedSet:
        """Call the function, and collect what it returns as arrays."""
        progress(self.name, 0, 0)
        return collected(load_callable(self._target)(**self._given), self.name, progress)


def collected(returned: Any, name: str, progress: Progress, size: int | None = None) -> DecodedSet:
    """Return what a function returned as arrays, pictures scaled to squares of a size.

    Raises DataError for anything else.
    """
    collect = partial(_items, name=name, progress=progress, size=size)
    names = _class_names(returned)
    match returned:
        case Mapping():
            return DecodedSet.of_named(returned)
        case (train, test) if _is_dataset(train) and _is_dataset(test):
            total = len(train) + len(test)
            parts = collect(train, done=0, total=total) + collect(
                test, done=len(train), total=total
            )
        case dataset if _is_dataset(dataset):
            parts = collect(dataset, done=0, total=len(dataset))
        case ((_, _), (_, _)) | (_, _) if _are_arrays(*_flat(returned)):
            parts = [as_array(each) for each in _flat(returned)]
        case (_, _, _, _) if _are_arrays(*returned):
            parts = [as_array(each) for each in returned]
        case _:
            raise DataError(f"expected {EXPECTED}; got {_described(returned)}")
    return DecodedSet.of(parts, names)


def _flat(pairs: Any) -> list[Any]:
    return [each for pair in pairs for each in (pair if isinstance(pair, tuple | list) else [pair])]


def _are_arrays(*values: Any) -> bool:
    return all(hasattr(value, "shape") or hasattr(value, "__array__") for value in values)


def _is_dataset(value: Any) -> bool:
    has_items = hasattr(value, "__getitem__") and hasattr(value, "__len__")
    return has_items and not _are_arrays(value) and not isinstance(value, str | list | tuple | dict)


def _items(
    dataset: Any, done: int, *, total: int, name: str, progress: Progress, size: int | None
) -> list[np.ndarray]:
    """Return the images and labels of a data set of pairs (image, label).

    `done` of `total` images were collected before.
    """
    images: list[np.ndarray] = []
    labels: list[int] = []
    for index in range(len(dataset)):
        item = _item(dataset, index)
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise DataError(f"expected items (image, label), item {index} is {_described(item)}")
        image, label = _pixels(item[0], size), _label(item[1], index)
        if images and image.shape != images[0].shape:
            raise DataError(
                f"the sizes of images differ: image 0 is {images[0].shape}, image {index} is "
                f"{image.shape}",
                hint="Scale or crop all images to one size; torchvision's sets take `size`.",
            )
        images.append(image)
        labels.append(label)
        if index % REPORT_EVERY == 0:
            progress(name, done + index, total)
    progress(name, done + len(dataset), total)
    return [np.stack(images) if images else np.empty((0, 1, 1, 1)), np.array(labels)]


def _item(dataset: Any, index: int) -> Any:
    try:
        return dataset[index]
    except Exception as error:  # the user's own code may raise anything
        raise DataError(f"item {index}: {last_line(error)}{users_line(error)}") from error


def _label(value: Any, index: int) -> int:
    try:
        label = int(value)
    except (TypeError, ValueError):
        label = None
    if label is None or label != value:
        raise DataError(
            f"expected labels that are whole numbers, that of item {index} is {shown(value)}",
            hint="Number the classes 0, 1, 2 and so on; their names go into `classes`.",
        )
    return label


def _pixels(image: Any, size: int | None) -> np.ndarray:
    """Return a tensor, array or picture as (C, H, W) or (H, W)."""
    if hasattr(image, "getbands"):  # a picture of Pillow
        image = image if image.mode == "L" else image.convert("RGB")
        pixels = np.asarray(image if size is None else scaled(image, size))
        return pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return as_array(image)


MOST_KINDS = 4  # of items of a tuple that are named


def _class_names(returned: Any) -> list[str]:
    parts = returned if isinstance(returned, tuple | list) else (returned,)
    named: Iterator[Any] = (getattr(part, "classes", None) for part in parts)
    names = next((each for each in named if isinstance(each, list | tuple)), ())
    return [str(name[0] if isinstance(name, tuple) else name) for name in names]


def _described(value: Any) -> str:
    if isinstance(value, tuple | list):
        kinds = [type(each).__name__ for each in value[:MOST_KINDS]]
        more = ", …" if len(value) > MOST_KINDS else ""
        return f"a {type(value).__name__} of ({', '.join(kinds)}{more})"
    return type(value).__name__
