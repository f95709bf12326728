"""torchvision's classification data sets by name: `torchvision:CIFAR10`.

MNIST, Fashion-MNIST and KMNIST are built in: reading them needs no torchvision.
"""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from bench.data import TORCHVISION
from bench.data.decoded_set import DecodedSet
from bench.data.imported_set import collected
from bench.data.prepared import PreparedSource
from bench.data.source import Progress
from bench.errors import DataError, last_line
from bench.registry import PositiveInt
from bench.torchvision_import import import_torchvision

Arguments = Mapping[str, Any]
FLAGS: tuple[Arguments, ...] = ({"train": True}, {"train": False})
SPLITS: tuple[Arguments, ...] = ({"split": "train"}, {"split": "test"})
# The arguments of the training and of the test images; one for a set without test images. Not
# CLEVRClassification: its classes, three to ten objects, are not numbered from 0.
SETS: Mapping[str, tuple[Arguments, ...]] = {
    **dict.fromkeys(("CIFAR10", "CIFAR100", "EMNIST", "QMNIST", "USPS"), FLAGS),
    **dict.fromkeys(("SVHN", "STL10", "GTSRB", "DTD", "Flowers102", "Food101"), SPLITS),
    **dict.fromkeys(("PCAM", "RenderedSST2", "Country211", "StanfordCars"), SPLITS),
    **dict.fromkeys(("FGVCAircraft", "OxfordIIITPet"), ({"split": "trainval"}, {"split": "test"})),
    "Imagenette": ({"split": "train"}, {"split": "val"}),
    **dict.fromkeys(("EuroSAT", "SUN397", "Caltech101", "Caltech256", "SEMEION"), ({},)),
}
CONNECT_S = 8.0  # without an answer


class TorchvisionSet(PreparedSource):
    """A classification set of torchvision, downloaded and decoded once.

    With `size`, images are scaled so that their shorter side has that length, and cropped in the
    middle to a square; sets whose images differ in size need it.
    """

    is_local = False

    def __init__(
        self, *, name: str, torchvision_name: str, size: PositiveInt | None = None
    ) -> None:
        super().__init__(name)
        self._name, self._size = torchvision_name, size
        self._arguments: Arguments = {}

    def request(self) -> Mapping[str, Any]:
        """Return this source's target, name and parameters."""
        parameters = {"torchvision_name": self._name, "size": self._size, **self._arguments}
        return {
            "target": f"{__name__}:{type(self).__name__}",
            "name": self.name,
            "parameters": parameters,
        }

    def state(self) -> str:
        """Return an empty text: the published files don't change."""
        return ""

    def missing(self, data_dir: Path) -> str | None:
        """Return None once it is decoded."""
        is_there = self.locate(data_dir).folder is not None
        return None if is_there else f"{self.name} is not in {data_dir}"

    def decode(self, data_dir: Path, progress: Progress) -> DecodedSet:
        """Read the files in torchvision's folders, which are downloaded where they are missing."""
        socket.setdefaulttimeout(CONNECT_S)
        set_name = self._name.removeprefix(TORCHVISION)
        make = getattr(import_torchvision().datasets, set_name)
        progress(self.name, 0, 0)
        parts = []
        for arguments in SETS[set_name]:
            given = {**self._arguments, **arguments}
            try:
                parts.append(make(data_dir, download=True, **given))
            except (OSError, RuntimeError) as error:
                hint = "Check the connection, or put torchvision's files into the data folder."
                what = f"cannot be read or downloaded: {last_line(error)}"
                raise DataError(what, hint=hint) from None
        returned = tuple(parts) if len(parts) == 2 else parts[0]
        return _from_zero(collected(returned, self.name, progress, self._size))


class EmnistSet(TorchvisionSet):
    """EMNIST (Cohen et al., 2017), one of its splits."""

    def __init__(
        self,
        *,
        name: str,
        torchvision_name: str,
        split: Literal["balanced", "byclass", "bymerge", "digits", "letters", "mnist"] = "balanced",
        size: PositiveInt | None = None,
    ) -> None:
        super().__init__(name=name, torchvision_name=torchvision_name, size=size)
        self._arguments = {"split": split}


def _from_zero(decoded: DecodedSet) -> DecodedSet:
    """Return classes numbered from 0; EMNIST's letters start at 1, after a class "N/A"."""
    if not decoded.class_names or decoded.class_names[0] != "N/A":
        return decoded
    assert decoded.test_labels is not None
    return DecodedSet(
        decoded.train_images,
        decoded.train_labels - 1,
        decoded.test_images,
        decoded.test_labels - 1,
        decoded.class_names[1:],
    )
