"""MNIST and the two sets made in its image, in the folders that torchvision uses.

Names, addresses and digests are those of `torchvision.datasets` (a test compares them), held
here so that neither a look at the data folder nor a download waits for torch to be imported,
or fails because torchvision doesn't fit it.
"""

import gzip
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec

from bench.data.digests import check_digest, digest, digest_of_set
from bench.data.idx import IdxFile, check, read_image_set
from bench.data.images import ImageSet, Progress
from bench.data.whole import atomic_file
from bench.errors import DataError

P = ParamSpec("P")

SECURE = frozenset({"https"})
GIVE_UP_S = 8.0  # leaves two of ten seconds to start the program and to say what went wrong


@dataclass(frozen=True)
class RawFile(IdxFile):
    """An unpacked file, the MD5 of the archive (.gz) that it comes in, and its own if known."""

    archive_md5: str
    md5: str | None = None


@dataclass(frozen=True)
class TorchvisionSource:
    """A data set in `<data_dir>/<folder>/raw`.

    Where a file's own digest isn't published, `fetch` leaves one beside it that was taken from
    an archive with the right digest.
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
    give_up_s: float = GIVE_UP_S  # without an answer, over all mirrors together

    def missing(self, data_dir: Path) -> str | None:
        """Name the files that aren't there, and what is wrong with the others then."""
        absent = [path.name for path in self.paths(data_dir) if not path.exists()]
        if not absent:
            return None
        others = [file for file in self.files if file.name not in absent]
        wrong = [told for file in others if (told := self._fault(data_dir, file))]
        return "; ".join([f"{self._raw(data_dir)} lacks {', '.join(absent)}", *wrong])

    def fetch(self, data_dir: Path, progress: Progress) -> None:
        """Download and unpack the files that `verify` refuses, from the first mirror that can."""
        # Here, because it takes as long as everything else that planning a study imports.
        from bench.data.download import download

        mirrors = self.mirrors
        for file in self.files:
            if _passes(self._verify, data_dir, file):
                continue
            path = self._raw(data_dir) / file.name
            archive = _archive(path)
            if not _passes(check_digest, archive, "md5", file.archive_md5, ""):
                hint = (
                    f"Look at the connection, or put the four files into {path.parent} yourself. "
                    "`dataset: digits` needs no download."
                )
                served = download(
                    archive,
                    mirrors,
                    file.archive_md5,
                    progress,
                    hint=hint,
                    schemes=self.schemes,
                    give_up_s=self.give_up_s,
                )
                # The next file needn't wait again for a mirror that didn't answer.
                mirrors = (served, *(mirror for mirror in mirrors if mirror != served))
            _unpack(archive, path, file, self._mend(data_dir))

    def verify(self, data_dir: Path) -> None:
        """Hold each file against its digest, or else against the archive that it came in.

        Where neither is there, only its structure is checked.
        """
        for file in self.files:
            self._verify(data_dir, file)

    def paths(self, data_dir: Path) -> list[Path]:
        """List the four unpacked files."""
        return [self._raw(data_dir) / file.name for file in self.files]

    def digest(self, data_dir: Path) -> str | None:
        """Return a digest of the four unpacked files; None where one can't be read.

        `verify` has held a file against its MD5 where that is published.
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
        """Map the four files."""
        return read_image_set(
            self._raw(data_dir),
            self.files,
            name=self.name,
            mean=self.mean,
            std=self.std,
            hint=self._mend(data_dir),
        )

    def _verify(self, data_dir: Path, file: RawFile) -> None:
        path, hint = self._raw(data_dir) / file.name, self._mend(data_dir)
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
                    what = f"is altered: it is not what {archive.name} holds"
                    raise DataError(what, where=str(path), hint=hint)

    def _fault(self, data_dir: Path, file: RawFile) -> str:
        try:
            self._verify(data_dir, file)
        except DataError as error:
            return f"{file.name} {error.what}"
        return ""

    def _raw(self, data_dir: Path) -> Path:
        return data_dir / self.folder / "raw"

    def _mend(self, data_dir: Path) -> str:
        command = f"bench data fetch {self.name} --data-dir {shlex.quote(str(data_dir))}"
        return f"`{command}` gets it again."


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
    """Read the digest out of what `sha256sum -c` would read too."""
    words = record.read_text(encoding="ascii", errors="replace").split()
    if not words:
        raise DataError("is empty where a digest belongs", where=str(record), hint=hint)
    return words[0]


def _unpack(archive: Path, path: Path, file: RawFile, hint: str) -> None:
    """Unpack an archive whose digest is right, and record the digest of what was in it."""
    with gzip.open(archive) as packed, atomic_file(path) as raw:
        shutil.copyfileobj(packed, raw)
    check(path, file.shape, hint)
    if file.md5 is None:
        with atomic_file(_record(path)) as record:
            record.write(f"{digest(path, 'sha256')}  {path.name}\n".encode())


def four_files(archive_md5s: tuple[str, ...], md5s: tuple[str | None, ...]) -> tuple[RawFile, ...]:
    """List the files of a set of MNIST's form, in its order, by their MD5 packed and unpacked.

    A set whose publisher gives no MD5 of the unpacked files has None there.
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
    summary="handwritten digits, the reference's own (LeCun and Cortes; downloaded)",
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

# torchvision names this set and the next by plain http only; these are their authors' own https.
FASHION_MNIST = TorchvisionSource(
    name="fashion_mnist",
    folder="FashionMNIST",
    summary="pictures of clothes, ten kinds (Zalando; downloaded)",
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
    summary="handwritten Japanese characters, ten of them (CODH; downloaded)",
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
