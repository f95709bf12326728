"""MNIST, Fashion-MNIST and KMNIST in torchvision's folders.

Names, URLs and digests are those of `torchvision.datasets` (a test compares them), copied so that
checks and downloads neither import torch nor fail with a torchvision that doesn't match it.
"""

import gzip
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec

from bench.data.dataset_files import (
    IdxFile,
    atomic_file,
    check,
    check_digest,
    digest,
    digest_of_set,
    read_image_set,
)
from bench.data.images import ImageSet, Progress
from bench.errors import DataError

P = ParamSpec("P")

SECURE = frozenset({"https"})
GIVE_UP_S = 8.0  # of ten seconds in all: two are left to start and to report the error


@dataclass(frozen=True)
class RawFile(IdxFile):
    """An unpacked file with the MD5 of its archive (.gz), and its own if published."""

    archive_md5: str
    md5: str | None = None


@dataclass(frozen=True)
class TorchvisionSource:
    """A data set in `<data_dir>/<folder>/raw`.

    For files without a published digest, `fetch` records one, taken from the verified archive.
    """

    name: str
    folder: str
    summary: str
    mean: float
    std: float
    mirrors: tuple[str, ...]
    files: tuple[RawFile, ...]  # training images, training labels, test images, test labels
    embedded: bool = False
    schemes: frozenset[str] = SECURE
    give_up_s: float = GIVE_UP_S  # without a response, all mirrors together

    def missing(self, data_dir: Path) -> str | None:
        """Return which files are missing and, if any is, what is wrong with the others."""
        absent = [path.name for path in self.paths(data_dir) if not path.exists()]
        if not absent:
            return None
        others = [file for file in self.files if file.name not in absent]
        wrong = [fault for file in others if (fault := self._fault(data_dir, file))]
        return "; ".join([f"{self._raw(data_dir)} lacks {', '.join(absent)}", *wrong])

    def fetch(self, data_dir: Path, progress: Progress) -> None:
        """Download and unpack the files that fail `verify`, from the first mirror that works."""
        # Imported here because it takes as long as all other imports of `bench plan`.
        from bench.data.download import download

        mirrors = self.mirrors
        for file in self.files:
            if _passes(self._verify, data_dir, file):
                continue
            path = self._raw(data_dir) / file.name
            archive = _archive(path)
            if not _passes(check_digest, archive, "md5", file.archive_md5, ""):
                hint = (
                    f"Check the connection, or put the four files into {path.parent} yourself. "
                    "`dataset: digits` needs no download."
                )
                used = download(
                    archive,
                    mirrors,
                    file.archive_md5,
                    progress,
                    hint=hint,
                    schemes=self.schemes,
                    give_up_s=self.give_up_s,
                )
                # Don't wait again for a mirror that didn't answer.
                mirrors = (used, *(mirror for mirror in mirrors if mirror != used))
            _unpack(archive, path, file, self._hint(data_dir))

    def verify(self, data_dir: Path) -> None:
        """Raise DataError for a file that doesn't match its digest, or else its archive.

        Without either, only its structure is checked.
        """
        for file in self.files:
            self._verify(data_dir, file)

    def paths(self, data_dir: Path) -> list[Path]:
        """Return the four unpacked files."""
        return [self._raw(data_dir) / file.name for file in self.files]

    def digest(self, data_dir: Path) -> str | None:
        """Return a digest of the four unpacked files; None if one can't be read.

        Uses published MD5s, which `verify` has compared with the files.
        """
        try:
            return digest_of_set(
                {
                    file.name: file.md5 or digest(self._raw(data_dir) / file.name, "sha256")
                    for file in self.files
                }
            )
        except OSError:
            return None

    def read(self, data_dir: Path) -> ImageSet:
        """Open the four files."""
        return read_image_set(
            self._raw(data_dir),
            self.files,
            name=self.name,
            mean=self.mean,
            std=self.std,
            hint=self._hint(data_dir),
        )

    def _verify(self, data_dir: Path, file: RawFile) -> None:
        path, hint = self._raw(data_dir) / file.name, self._hint(data_dir)
        archive, record = _archive(path), _record(path)
        check(path, file.shape, hint)
        if file.md5 is not None:
            check_digest(path, "md5", file.md5, hint)
        elif record.is_file():
            check_digest(path, "sha256", _recorded(record, hint), hint)
        elif archive.is_file():
            check_digest(archive, "md5", file.archive_md5, hint)
            with gzip.open(archive) as unpacked, path.open("rb") as raw:
                if unpacked.read() != raw.read():
                    what = f"is altered: it differs from the content of {archive.name}"
                    raise DataError(what, where=str(path), hint=hint)

    def _fault(self, data_dir: Path, file: RawFile) -> str:
        try:
            self._verify(data_dir, file)
        except DataError as error:
            return f"{file.name} {error.what}"
        return ""

    def _raw(self, data_dir: Path) -> Path:
        return data_dir / self.folder / "raw"

    def _hint(self, data_dir: Path) -> str:
        command = f"bench data fetch {self.name} --data-dir {shlex.quote(str(data_dir))}"
        return f"`{command}` downloads it again."


def _passes(verify: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> bool:
    try:
        verify(*args, **kwargs)
    except DataError:
        return False
    return True


def _archive(path: Path) -> Path:
    return path.with_name(f"{path.name}.gz")


def _record(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _recorded(record: Path, hint: str) -> str:
    """Return the digest in a file that `sha256sum -c` can read."""
    words = record.read_text(encoding="ascii", errors="replace").split()
    if not words:
        raise DataError("expected a digest, got an empty file", where=str(record), hint=hint)
    return words[0]


def _unpack(archive: Path, path: Path, file: RawFile, hint: str) -> None:
    """Unpack a verified archive, and record the digest of its content."""
    with gzip.open(archive) as packed, atomic_file(path) as raw:
        shutil.copyfileobj(packed, raw)
    check(path, file.shape, hint)
    if file.md5 is None:
        with atomic_file(_record(path)) as record:
            record.write(f"{digest(path, 'sha256')}  {path.name}\n".encode())


def four_files(archive_md5s: tuple[str, ...], md5s: tuple[str | None, ...]) -> tuple[RawFile, ...]:
    """Return the files of a set with MNIST's structure, given the MD5s of archives and files.

    `md5s` holds None for files without a published MD5.
    """
    names = (
        IdxFile("train-images-idx3-ubyte", (60_000, 28, 28)),
        IdxFile("train-labels-idx1-ubyte", (60_000,)),
        IdxFile("t10k-images-idx3-ubyte", (10_000, 28, 28)),
        IdxFile("t10k-labels-idx1-ubyte", (10_000,)),
    )
    rows = zip(names, archive_md5s, md5s, strict=True)
    return tuple(RawFile(file.name, file.shape, packed, raw) for file, packed, raw in rows)


MNIST = TorchvisionSource(
    name="mnist",
    folder="MNIST",
    summary="handwritten digits (LeCun and Cortes; downloaded)",
    mean=0.1307,
    std=0.3081,
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    files=four_files(
        (
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
        (
            "6bbc9ace898e44ae57da46a324031adb",
            "a25bea736e30d166cdddb491f175f624",
            "2646ac647ad5339dbf082846283269ea",
            "27ae3e4e09519cfbb04c329615203637",
        ),
    ),
)

# torchvision has only http URLs for this set and the next; these are the authors' https URLs.
FASHION_MNIST = TorchvisionSource(
    name="fashion_mnist",
    folder="FashionMNIST",
    summary="images of clothes in ten classes (Zalando; downloaded)",
    mean=0.2860,
    std=0.3530,
    mirrors=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
    ),
    files=four_files(
        (
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
        (None, None, None, None),
    ),
)

KMNIST = TorchvisionSource(
    name="kmnist",
    folder="KMNIST",
    summary="handwritten Japanese characters in ten classes (CODH; downloaded)",
    mean=0.1918,
    std=0.3483,
    mirrors=("https://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    files=four_files(
        (
            "bdb82020997e1d708af4cf47b453dcf7",
            "e144d726b3acfaa3e44228e80efcd344",
            "5c965bf0a639b31b8f53240b1b52f4d7",
            "7320c461ea6c1c855c0b718fb2a4b134",
        ),
        (None, None, None, None),
    ),
)
