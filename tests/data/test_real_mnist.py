import shutil
from pathlib import Path

import numpy as np
import pytest
from data_doubles import no_progress

from bench.data.torchvision_sets import MNIST
from bench.errors import DataError

pytestmark = pytest.mark.mnist


@pytest.fixture
def own_mnist(mnist_dir: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    for file in MNIST.files:
        shutil.copyfile(mnist_dir / "MNIST/raw" / file.name, tmp_path / "MNIST/raw" / file.name)
    return tmp_path


def test_mnist_is_there_and_right(mnist_dir: Path) -> None:
    assert MNIST.missing(mnist_dir) is None
    MNIST.verify(mnist_dir)


def test_mnist_begins_with_the_labels_that_everybody_knows(mnist_dir: Path) -> None:
    images = MNIST.read(mnist_dir)
    assert images.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert images.test_labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert images.train_images.shape == (60_000, 1, 28, 28)
    assert images.test_images.shape == (10_000, 1, 28, 28)


def test_mnist_is_normalised_by_its_own_mean_and_spread(mnist_dir: Path) -> None:
    images = MNIST.read(mnist_dir)
    assert [np.mean(images.train_images) / 255] == pytest.approx(images.mean, abs=5e-5)
    assert [np.std(images.train_images) / 255] == pytest.approx(images.std, abs=5e-5)


def test_a_right_mnist_is_not_fetched(mnist_dir: Path) -> None:
    # Neither the network nor the folder, which may be read-only, is touched.
    MNIST.fetch(mnist_dir, no_progress)


@pytest.mark.parametrize("name", [file.name for file in MNIST.files])
def test_one_altered_bit_of_mnist_is_found_and_named(own_mnist: Path, name: str) -> None:
    path = own_mnist / "MNIST" / "raw" / name
    with path.open("r+b") as file:
        file.seek(5000)
        byte = file.read(1)[0]
        file.seek(5000)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(DataError, match="altered") as caught:
        MNIST.verify(own_mnist)
    assert caught.value.where == str(path)
    assert "bench data fetch mnist" in caught.value.hint
