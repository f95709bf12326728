"""`image_folder`: a folder of image files, a subfolder for each class."""

import hashlib
import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from bench.data.decoded_set import SHARE_OF_TEST, DecodedSet, split
from bench.data.prepared import PreparedSource
from bench.data.source import Progress
from bench.errors import DataError, did_you_mean, last_line
from bench.registry import Fraction, NonNegativeInt, PositiveInt

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".pgm", ".ppm", ".tif", ".tiff", ".webp"}
)
TRAIN, TEST = "train", ("test", "val", "valid", "validation")
GREY = frozenset({"1", "L", "LA", "I", "I;16", "I;16B", "I;16L"})  # modes of Pillow
BATCH = 512  # images that a process decodes at a time
RECENT_NS = 2_000_000_000  # a file may change again within a time stamp


@dataclass(frozen=True)
class ImageFile:
    """An image file by its path in the folder, its class, and what changes when it does."""

    path: str
    label: str
    is_test: bool
    stamp: tuple[int, int]  # size and modification time in ns


class ImageFolder(PreparedSource):
    """Images in `path`, a subfolder for each class: PNG, JPEG and what else Pillow reads.

    Either `path` has the folders `train` and `test`, each with a folder for each class, or a random
    share `test` of each class, drawn with `split_seed`, is the test set. With `size`, images are
    scaled so that their shorter side has that length, and cropped in the middle to a square. By
    default images are in colour unless all of them are grey.
    """

    def __init__(
        self,
        *,
        name: str,
        path: str,
        size: PositiveInt | None = None,
        colour: Literal["auto", "grey", "rgb"] = "auto",
        test: Fraction = 0.2,
        split_seed: NonNegativeInt = 0,
    ) -> None:
        super().__init__(name)
        self._root = Path(path).expanduser().absolute()
        self._settings = {"size": size, "colour": colour, "test": test, "split_seed": split_seed}
        self._size, self._colour = size, colour
        self._test, self._split_seed = test, split_seed
        self._files: Sequence[ImageFile] | None = None

    def request(self) -> Mapping[str, Any]:
        """Return this source's target, name and parameters."""
        parameters = {"path": str(self._root), **self._settings}
        return {
            "target": f"{__name__}:{type(self).__name__}",
            "name": self.name,
            "parameters": parameters,
        }

    def state(self) -> str:
        """Return a digest of all files' names, sizes and modification times."""
        files = self._listed()
        newest_ns = max(file.stamp[1] for file in files)
        # A file that has just been written may change again within its time stamp.
        recent = time.time_ns() if newest_ns > time.time_ns() - RECENT_NS else 0
        stamps = [(file.path, *file.stamp) for file in files]
        return hashlib.sha256(repr((recent, stamps)).encode("utf-8", "surrogateescape")).hexdigest()

    def content(self) -> str:
        """Return a digest of all files' names and bytes."""
        files = self._listed()
        digest = hashlib.sha256()
        for file in files:
            try:
                data = (self._root / file.path).read_bytes()
            except OSError as error:
                what = f"cannot be read: {error.strerror or error}"
                raise DataError(what, where=str(self._root / file.path)) from None
            digest.update(f"{file.path} {len(data)}\n".encode("utf-8", "surrogateescape"))
            digest.update(data)
        return digest.hexdigest()[:16]

    def decode(self, data_dir: Path, progress: Progress) -> DecodedSet:
        """Decode all images, on all cores."""
        files = self._listed()
        pixels = self._pixels(files, progress)
        names = sorted({file.label for file in files})
        numbers = {name: number for number, name in enumerate(names)}
        labels = np.array([numbers[file.label] for file in files])
        is_test = np.array([file.is_test for file in files])
        if is_test.any():
            train = ~is_test
            parts = (pixels[train], labels[train], pixels[is_test], labels[is_test])
            return DecodedSet(*parts, names)
        return split(DecodedSet(pixels, labels, None, None, names), self._test, self._split_seed)

    def _pixels(self, files: Sequence[ImageFile], progress: Progress) -> np.ndarray:
        """Return the pixels of all images: (N, C, H, W) uint8."""
        batches = [files[i : i + BATCH] for i in range(0, len(files), BATCH)]
        mode = "L" if self._colour == "grey" else "RGB"
        work = [
            _Batch([self._root / file.path for file in batch], self._size, mode)
            for batch in batches
        ]
        images: np.ndarray | None = None
        is_grey, done = True, 0
        damaged: list[tuple[Path, str]] = []
        progress(self.name, 0, len(files))
        with multiprocessing.Pool(_cores()) as pool:
            for batch, decoded in zip(batches, pool.imap(_decode, work), strict=True):
                for file, image in zip(batch, decoded.images, strict=True):
                    if isinstance(image, str):
                        damaged.append((self._root / file.path, image))
                        continue
                    if images is None:
                        first, images = file, np.empty((len(files), *image.shape), np.uint8)
                    if image.shape != images.shape[1:]:
                        raise self._sizes_differ(first, images.shape[1:], file, image.shape)
                    images[done] = image
                    done += 1
                is_grey = is_grey and decoded.is_grey
                progress(self.name, done + len(damaged), len(files))
        if images is None or damaged:
            others = len(damaged) - 1
            more = f" ({others} more {'is' if others == 1 else 'are'} damaged)" if others else ""
            path, problem = damaged[0]
            hint = "Replace or delete it."
            raise DataError(f"is damaged: {problem}{more}", where=str(path), hint=hint)
        images = images.transpose(0, 3, 1, 2)
        return images[:, :1] if is_grey and self._colour == "auto" else images

    def _sizes_differ(
        self, first: ImageFile, size: Sequence[int], file: ImageFile, other: Sequence[int]
    ) -> DataError:
        sizes = " and ".join(
            f"{each.path} has {width}×{height} pixels"
            for each, (height, width, _) in ((first, size), (file, other))
        )
        hint = f"`size: {min(size[:2])}` of the image_folder scales all images to one size."
        return DataError(f"the sizes of images differ: {sizes}", where=str(self._root), hint=hint)

    def _listed(self) -> Sequence[ImageFile]:
        """Return all image files in a fixed order. Raises DataError for a folder without some."""
        if self._files is None:
            if not self._root.is_dir():
                what = "is not a folder" if self._root.exists() else "is not there"
                hint = "`path` of an image_folder is relative to the folder where bench is started."
                raise DataError(what, where=str(self._root), hint=hint)
            self._files = list(self._found())
        return self._files

    def _found(self) -> Iterator[ImageFile]:
        train, test = self._part((TRAIN,)), self._part(TEST)
        if train is None and test is None:
            yield from self._classes(self._root, is_test=False)
            return
        if train is None or test is None:
            there, lacking = (TRAIN, TEST[0]) if test is None else (TEST[0], TRAIN)
            hint = f"Name it {lacking}; or put the classes into {self._root} itself, to be split."
            what = f"has a folder {there} and none for {lacking}"
            raise DataError(what, where=str(self._root), hint=hint)
        if self._test != SHARE_OF_TEST:
            what = f"has a folder {test.name}; `test: {self._test}` would split off another part"
            raise DataError(what, where=str(self._root), hint="Leave one of the two out.")
        trained = list(self._classes(train, is_test=False))
        yield from trained
        known = {file.label for file in trained}
        for file in self._classes(test, is_test=True):
            if file.label not in known:
                where = str(test / file.label)
                hint = f"Add it to {train}, or remove it here. {did_you_mean(file.label, known)}"
                raise DataError(
                    "is a class without training images", where=where, hint=hint.strip()
                )
            yield file

    def _part(self, names: Sequence[str]) -> Path | None:
        """Return the folder of training or test images, of whatever case, if there is one.

        One that holds images itself is a class of that name.
        """
        folders = sorted(entry.name for entry in os.scandir(self._root) if entry.is_dir())
        by_name = {name.lower(): self._root / name for name in folders}
        found = (by_name[name] for name in names if name in by_name)
        return next((path for path in found if not any(map(_is_image, os.scandir(path)))), None)

    def _classes(self, folder: Path, *, is_test: bool) -> Iterator[ImageFile]:
        """Yield the images of each class, which may lie in subfolders."""
        names = sorted(e.name for e in os.scandir(folder) if e.is_dir() and e.name[0] != ".")
        if not names:
            hint = "It needs a subfolder for each class, with the images in it."
            raise DataError("has no subfolders", where=str(folder), hint=hint)
        for name in names:
            files = sorted(_images_below(folder / name))
            if not files:
                kinds = ", ".join(sorted(SUFFIXES))
                hint = f"Remove the folder, or add images ({kinds})."
                raise DataError("has no images", where=str(folder / name), hint=hint)
            for path, stamp in files:
                yield ImageFile(os.path.relpath(path, self._root), name, is_test, stamp)


def _is_image(entry: os.DirEntry[str]) -> bool:
    return Path(entry.name).suffix.lower() in SUFFIXES


def _images_below(folder: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the path, size and modification time of each image file."""
    for entry in os.scandir(folder):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _images_below(Path(entry.path))
        elif _is_image(entry):
            try:
                status = entry.stat()
            except OSError as error:  # a link to nowhere
                what = f"cannot be read: {error.strerror or error}"
                hint = "Replace or delete it."
                raise DataError(what, where=entry.path, hint=hint) from None
            yield entry.path, (status.st_size, status.st_mtime_ns)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class _Batch:
    """Files to decode, the side to scale them to, and Pillow's mode: L or RGB."""

    paths: Sequence[Path]
    size: int | None
    mode: str


@dataclass(frozen=True)
class _Decoded:
    """Pixels (H, W, C) of each file, or what is wrong with it; and whether all were grey."""

    images: Sequence[np.ndarray | str]
    is_grey: bool


def _decode(batch: _Batch) -> _Decoded:
    images: list[np.ndarray | str] = []
    is_grey = True
    for path in batch.paths:
        try:
            with Image.open(path) as file:
                is_grey = is_grey and file.mode in GREY
                image = _eight_bit(file).convert(batch.mode)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            images.append(last_line(error))
            continue
        pixels = np.asarray(image if batch.size is None else scaled(image, batch.size))
        images.append(pixels if pixels.ndim == 3 else pixels[:, :, None])
    return _Decoded(images, is_grey)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Return an image of 16-bit greys as one of 8 bits; Pillow would clip it."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))


def scaled(image: Image.Image, side: int) -> Image.Image:
    """Scale the shorter side, bilinearly with antialiasing, and crop the middle to a square."""
    width, height = image.size
    if (width, height) == (side, side):
        return image
    shorter = min(width, height)
    left, top = (width - shorter) / 2, (height - shorter) / 2
    box = (left, top, left + shorter, top + shorter)
    return image.resize((side, side), Image.Resampling.BILINEAR, box=box)
