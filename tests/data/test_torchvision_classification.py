"""torchvision's other data sets: decoded from torchvision's files, and named where they are not."""

import bz2
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets
from data_doubles import no_progress

from bench.data import TORCHVISION_DATASETS
from bench.data.dataset_files import header
from bench.data.images import DataShape
from bench.data.torchvision_classification import SETS, TorchvisionSet
from bench.errors import DataError
from bench.study.dataset_choice import DatasetChoice


def source_of(name: str, **parameters: object) -> TorchvisionSet:
    made = DatasetChoice.model_validate({"name": f"torchvision:{name}", **parameters}).source()
    assert isinstance(made, TorchvisionSet)
    return made


def write_usps(folder: Path) -> None:
    """Write twenty training and ten test images as USPS has them: libsvm, classes from 1."""
    folder.mkdir(exist_ok=True)
    for name, count in (("usps.bz2", 20), ("usps.t.bz2", 10)):
        lines = [
            " ".join([str(i % 10 + 1), *(f"{j + 1}:{(i % 10) / 5 - 1}" for j in range(256))])
            for i in range(count)
        ]
        (folder / name).write_bytes(bz2.compress("\n".join(lines).encode()))


def write_emnist_letters(folder: Path) -> None:
    """Write 52 training and 26 test images as EMNIST's letters: IDX, classes from 1."""
    raw = folder / "EMNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 52), ("test", 26)):
        labels = np.arange(count, dtype=np.uint8) % 26 + 1
        images = np.broadcast_to(labels[:, None, None], (count, 28, 28))
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            path = raw / f"emnist-letters-{part}-{kind}-ubyte"
            path.write_bytes(header(array.shape) + array.tobytes())


def test_every_set_is_listed_and_is_one_of_torchvisions() -> None:
    assert set(SETS) == {name.partition(":")[2] for name in TORCHVISION_DATASETS}
    assert all(hasattr(torchvision.datasets, name) for name in SETS)


def test_usps_is_decoded_from_torchvisions_files(tmp_path: Path) -> None:
    write_usps(tmp_path)
    source = source_of("USPS")
    assert source.missing(tmp_path) is not None
    source.fetch(tmp_path, no_progress)
    assert source.missing(tmp_path) is None
    location = source.locate(tmp_path)
    assert location.shape == DataShape(1, 16, 16, 10)
    assert location.folder is not None
    images = source.read(location.folder)
    assert images.train_labels.tolist() == [*range(10)] * 2
    assert np.unique(images.test_images[4]).tolist() == [int((4 / 5 - 1 + 1) / 2 * 255)]


def test_sizes_are_scaled(tmp_path: Path) -> None:
    write_usps(tmp_path)
    source = source_of("USPS", size=8)
    source.fetch(tmp_path, no_progress)
    assert source.locate(tmp_path).shape == DataShape(1, 8, 8, 10)


def test_letters_of_emnist_are_classes_from_0(tmp_path: Path) -> None:
    write_emnist_letters(tmp_path)
    source = source_of("EMNIST", split="letters")
    source.fetch(tmp_path, no_progress)
    location = source.locate(tmp_path)
    assert location.shape == DataShape(1, 28, 28, 26)
    assert list(location.class_names) == [chr(ord("a") + i) for i in range(26)]
    assert location.folder is not None
    assert source.read(location.folder).test_labels.tolist() == list(range(26))


def test_a_download_that_cannot_connect_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("https_proxy", "http_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # nothing answers there
    with pytest.raises(DataError, match="cannot be read or downloaded: ") as caught:
        source_of("SVHN").fetch(tmp_path, no_progress)
    assert caught.value.where == "torchvision:SVHN"
    assert "Check the connection" in caught.value.hint
