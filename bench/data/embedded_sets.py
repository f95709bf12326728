"""`digits` and `shapes`: data sets that need no download.

Generated once by their recipes and kept in `<data_dir>/<name>/v1` as four IDX files.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

import numpy as np

from bench.data.dataset_files import (
    IdxFile,
    IdxSource,
    check,
    check_digest,
    digest_of_set,
    four_files,
    header,
)
from bench.data.images import ImageSet
from bench.data.source import Progress, atomic_file
from bench.errors import DataError

FOLDER = "v1"  # the version of the recipes


@dataclass(frozen=True, kw_only=True)
class GeneratedSource(IdxSource):
    """A data set that the function `make` generates."""

    make: Callable[[Progress], Sequence[np.ndarray]]

    is_local: ClassVar[bool] = True
    again: ClassVar[str] = "generates it again; that needs no download."

    def folder_in(self, data_dir: Path) -> Path:
        """Return the folder of this version of the recipe."""
        return data_dir / self.name / FOLDER

    def missing(self, data_dir: Path) -> str | None:
        """Return None: it can be generated anywhere."""
        return None

    def fetch(self, data_dir: Path, progress: Progress) -> None:
        """Generate the set unless an intact one exists."""
        try:
            self.verify(data_dir)
        except DataError:
            self._generate(data_dir, progress)

    def verify_file(self, path: Path, file: IdxFile, hint: str) -> None:
        """Raise DataError if the file does not match its digest."""
        check(path, file.shape, hint)
        check_digest(path, "sha256", file.sha256, hint)

    def digest(self, data_dir: Path) -> str:
        """Return the digest of the only valid content, generated yet or not."""
        return digest_of_set({file.name: file.sha256 for file in self.files})

    def read(self, folder: Path) -> ImageSet:
        """Open the four files; generate them first if one is missing (a few seconds, once)."""
        if not all(path.exists() for path in self.paths(folder)):
            self._generate(folder, lambda what, done, total: None)
        return super().read(folder)

    def _generate(self, data_dir: Path, progress: Progress) -> None:
        from importlib.metadata import version

        arrays = self.make(progress)
        for path, file, array in zip(self.paths(data_dir), self.files, arrays, strict=True):
            content = header(file.shape) + array.tobytes()
            if sha256(content).hexdigest() != file.sha256:
                raise DataError(
                    f"generating {file.name} gave other bytes than on the machines where it was "
                    f"tested (NumPy {version('numpy')}, scikit-learn {version('scikit-learn')})",
                    where=self.name,
                    hint="Please report this machine; `dataset: mnist` does not depend on it.",
                )
            with atomic_file(path) as out:
                out.write(content)


def _make_digits(progress: Progress) -> Sequence[np.ndarray]:
    from bench.data import digits_recipe

    return digits_recipe.make(progress)


def _make_shapes(progress: Progress) -> Sequence[np.ndarray]:
    from bench.data import shapes_recipe

    return shapes_recipe.make(progress)


DIGITS = GeneratedSource(
    name="digits",
    make=_make_digits,
    mean=(0.1343,),
    std=(0.3068,),
    files=four_files(
        "test",
        sha256s=(  # the same on every machine
            "97f74ba45b793b988ce8a49e16b1f32a6133edcbbbbee1062dd7a1f525624b3d",
            "47613cb580e176a77b7d29160e939c31d4b30b4c0a36eefe8363f0526b185bf4",
            "8dd76c0ba5d1d512b8374e95507ad9bd869ff10fac25d3f54dfbb3095dc3ecda",
            "f4831f7bf8b8e9b47f2cfe78cde55fca8531a0cf36dc6a23fd75703c55fc959a",
        ),
    ),
)


def digits() -> GeneratedSource:
    """Return the digits of scikit-learn, distorted to 60,000 and 10,000 images."""
    return DIGITS


SHAPES = GeneratedSource(
    name="shapes",
    make=_make_shapes,
    mean=(0.5003, 0.5002, 0.5002),
    std=(0.2213, 0.1582, 0.2201),
    class_names=(
        *("warm disc", "cool disc", "warm ring", "cool ring", "warm square", "cool square"),
        *("warm triangle", "cool triangle", "warm cross", "cool cross"),
    ),
    files=four_files(
        "test",
        sha256s=(
            "6e53a1b88ae379fd15fff2c29f7534e4b20fd2675420b6c93c84c87eb21c9985",
            "fd734abce3cd57e3be0a27ce6f47061836a7a8aa5202a0634198235831c10552",
            "64c2564348d5c765bdb568a734bc8430397d9108a4346addd945bacc0fc96437",
            "e8464c6decb807212efd3f5edc56b239ec8dcc680e91b2e5ccdc2517690dd877",
        ),
        counts=(20_000, 5_000),
        image=(3, 32, 32),
    ),
)


def shapes() -> GeneratedSource:
    """Return shapes in two colour orders, 20,000 and 5,000 images."""
    return SHAPES
