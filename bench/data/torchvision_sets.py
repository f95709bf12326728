"""MNIST, Fashion-MNIST and KMNIST in torchvision's folders.

Names, URLs and digests are those of `torchvision.datasets` (a test compares them), copied so that
checks and downloads neither import torch nor fail with a torchvision that doesn't match it.
"""

import gzip
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, ParamSpec

from bench.data.dataset_files import (
    IdxFile,
    IdxSource,
    check,
    check_digest,
    digest,
    digest_of_set,
    four_files,
)
from bench.data.source import Progress, atomic_file
from bench.errors import DataError

P = ParamSpec("P")


@dataclass(frozen=True, kw_only=True)
class TorchvisionSource(IdxSource):
    """A data set in `<data_dir>/<folder>/raw`.

    For files without a published digest, `fetch` records one, taken from the verified archive.
    """

    folder: str
    mirrors: tuple[str, ...]
    schemes: frozenset[str] = frozenset({"https"})
    # Without a response, all mirrors together. Of ten seconds, two are left to start and to report
    # the error.
    give_up_s: float = 8.0
    again: ClassVar[str] = "downloads it again."

    def folder_in(self, data_dir: Path) -> Path:
        """Return torchvision's folder."""
        return data_dir / self.folder / "raw"

    def missing(self, data_dir: Path) -> str | None:
        """Return which files are missing and, if any is, what is wrong with the others."""
        pairs = list(zip(self.paths(data_dir), self.files, strict=True))
        absent = [path.name for path, _ in pairs if not path.exists()]
        if not absent:
            return None
        others = [pair for pair in pairs if pair[0].name not in absent]
        faults = [(f.name, _fault(self.verify_file, path, f, "")) for path, f in others]
        wrong = [f"{name} {fault}" for name, fault in faults if fault]
        return "; ".join([f"{self.folder_in(data_dir)} lacks {', '.join(absent)}", *wrong])

    def fetch(self, data_dir: Path, progress: Progress) -> None:
        """Download and unpack the files that fail `verify`, from the first mirror that works."""
        # Imported here because it takes as long as all other imports of `bench plan`.
        from bench.data.download import download

        mirrors = self.mirrors
        hint = (
            f"Check the connection, or put the four files into {self.folder_in(data_dir)} "
            "yourself. `dataset: digits` needs no download."
        )
        for path, file in zip(self.paths(data_dir), self.files, strict=True):
            archive = _archive(path)
            if not _fault(self.verify_file, path, file, ""):
                continue
            if _fault(check_digest, archive, "md5", file.archive_md5, ""):
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
            _unpack(archive, path, file, self.hint(data_dir))

    def digest(self, data_dir: Path) -> str | None:
        """Return a digest of the four unpacked files; None if one can't be read.

        Uses published MD5s, which `verify` has compared with the files.
        """
        pairs = zip(self.paths(data_dir), self.files, strict=True)
        try:
            return digest_of_set({f.name: f.md5 or digest(path, "sha256") for path, f in pairs})
        except OSError:
            return None

    def verify_file(self, path: Path, file: IdxFile, hint: str) -> None:
        """Raise DataError if the file doesn't match its digest, or else its archive.

        Without either, only its structure is checked.
        """
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


def _fault(verify: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> str:
    """Return what a check finds wrong; empty if nothing."""
    try:
        verify(*args, **kwargs)
    except DataError as error:
        return error.what
    return ""


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


def _unpack(archive: Path, path: Path, file: IdxFile, hint: str) -> None:
    """Unpack a verified archive, and record the digest of its content."""
    with gzip.open(archive) as packed, atomic_file(path) as raw:
        shutil.copyfileobj(packed, raw)
    check(path, file.shape, hint)
    if file.md5 is None:
        with atomic_file(_record(path)) as record:
            record.write(f"{digest(path, 'sha256')}  {path.name}\n".encode())


MNIST = TorchvisionSource(
    name="mnist",
    folder="MNIST",
    mean=(0.1307,),
    std=(0.3081,),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    files=four_files(
        "t10k",
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
    class_names=(
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    mean=(0.2860,),
    std=(0.3530,),
    mirrors=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
    ),
    files=four_files(
        "t10k",
        (
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
    ),
)

KMNIST = TorchvisionSource(
    name="kmnist",
    folder="KMNIST",
    class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    mean=(0.1918,),
    std=(0.3483,),
    mirrors=("https://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    files=four_files(
        "t10k",
        (
            "bdb82020997e1d708af4cf47b453dcf7",
            "e144d726b3acfaa3e44228e80efcd344",
            "5c965bf0a639b31b8f53240b1b52f4d7",
            "7320c461ea6c1c855c0b718fb2a4b134",
        ),
    ),
)


def mnist() -> TorchvisionSource:
    """Return MNIST."""
    return MNIST


def fashion_mnist() -> TorchvisionSource:
    """Return Fashion-MNIST."""
    return FASHION_MNIST


def kmnist() -> TorchvisionSource:
    """Return KMNIST."""
    return KMNIST
