"""`digits`: a data set like MNIST that needs no download.

Generated once by `digits_recipe.py` and kept in `<data_dir>/digits/v1` as four IDX files.
"""

import shlex
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from bench.data.dataset_files import (
    IdxFile,
    atomic_file,
    check,
    check_digest,
    digest_of_set,
    header,
    read_image_set,
)
from bench.data.images import ImageSet, Progress
from bench.errors import DataError

FOLDER = "v1"  # the version of the recipe


@dataclass(frozen=True)
class GeneratedFile(IdxFile):
    """A file of the set with its SHA-256, the same on every machine."""

    sha256: str


MEAN, STD = 0.1343, 0.3068

FILES = (
    GeneratedFile(
        "train-images-idx3-ubyte",
        (60_000, 28, 28),
        "97f74ba45b793b988ce8a49e16b1f32a6133edcbbbbee1062dd7a1f525624b3d",
    ),
    GeneratedFile(
        "train-labels-idx1-ubyte",
        (60_000,),
        "47613cb580e176a77b7d29160e939c31d4b30b4c0a36eefe8363f0526b185bf4",
    ),
    GeneratedFile(
        "test-images-idx3-ubyte",
        (10_000, 28, 28),
        "8dd76c0ba5d1d512b8374e95507ad9bd869ff10fac25d3f54dfbb3095dc3ecda",
    ),
    GeneratedFile(
        "test-labels-idx1-ubyte",
        (10_000,),
        "f4831f7bf8b8e9b47f2cfe78cde55fca8531a0cf36dc6a23fd75703c55fc959a",
    ),
)


@dataclass(frozen=True)
class DigitsSource:
    """The 1,797 handwritten digits of scikit-learn, distorted to 60,000 and 10,000 images."""

    name: str = "digits"
    summary: str = "scikit-learn's handwritten digits, distorted to MNIST's size (no download)"
    embedded: bool = True

    def missing(self, data_dir: Path) -> str | None:
        """Return None: it can be generated anywhere."""
        return None

    def fetch(self, data_dir: Path, progress: Progress) -> None:
        """Generate the set unless an intact one exists."""
        try:
            self.verify(data_dir)
        except DataError:
            self._generate(data_dir, progress)

    def verify(self, data_dir: Path) -> None:
        """Raise DataError for the first file that is missing or does not match its digest."""
        hint = self._hint(data_dir)
        for file in FILES:
            path = self._folder(data_dir) / file.name
            check(path, file.shape, hint)
            check_digest(path, "sha256", file.sha256, hint)

    def paths(self, data_dir: Path) -> list[Path]:
        """Return the four files."""
        return [self._folder(data_dir) / file.name for file in FILES]

    def digest(self, data_dir: Path) -> str:
        """Return the digest of the only valid content, generated yet or not."""
        return digest_of_set({file.name: file.sha256 for file in FILES})

    def read(self, data_dir: Path) -> ImageSet:
        """Open the four files; generate them first if one is missing (a few seconds, once)."""
        if not all(path.exists() for path in self.paths(data_dir)):
            self._generate(data_dir, _ignore_progress)
        folder = self._folder(data_dir)
        return read_image_set(
            folder, FILES, name=self.name, mean=MEAN, std=STD, hint=self._hint(data_dir)
        )

    def _generate(self, data_dir: Path, progress: Progress) -> None:
        from bench.data.digits_recipe import make

        folder = self._folder(data_dir)
        arrays = make(progress)
        for file, array in zip(FILES, arrays, strict=True):
            content = header(file.shape) + array.tobytes()
            if sha256(content).hexdigest() != file.sha256:
                raise _unexpected_content(file)
            with atomic_file(folder / file.name) as out:
                out.write(content)

    def _folder(self, data_dir: Path) -> Path:
        return data_dir / self.name / FOLDER

    def _hint(self, data_dir: Path) -> str:
        command = f"bench data fetch {self.name} --data-dir {shlex.quote(str(data_dir))}"
        return f"`{command}` generates it again; that needs no download."


def _unexpected_content(file: GeneratedFile) -> DataError:
    from importlib.metadata import version

    return DataError(
        f"generating {file.name} gave other bytes than on the machines where it was tested "
        f"(NumPy {version('numpy')}, scikit-learn {version('scikit-learn')})",
        where="digits",
        hint="Please report this machine; `dataset: mnist` does not depend on it.",
    )


def _ignore_progress(what: str, done: int, total: int) -> None:
    """Ignore progress."""
