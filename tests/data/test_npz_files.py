"""Arrays in a NumPy file."""

from pathlib import Path

import numpy as np
import own_sets
import pytest
from data_doubles import no_progress

from bench.data.images import DataShape, ImageSet
from bench.errors import DataError
from bench.study.dataset_choice import DatasetChoice


def read(path: Path, **parameters: object) -> ImageSet:
    given = {"name": "npz", "path": str(path), **parameters}
    source = DatasetChoice.model_validate(given).source()
    source.fetch(path.parent / "data", no_progress)
    folder = source.locate(path.parent / "data").folder
    assert folder is not None
    return source.read(folder)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "images.npz"


@pytest.mark.parametrize(
    "names",
    [
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("x_train", "y_train", "x_test", "y_test"),
    ],
)
def test_arrays_are_read_under_both_sets_of_names(path: Path, names: tuple[str, ...]) -> None:
    arrays = own_sets.four()
    np.savez(path, **dict(zip(names, arrays, strict=True)))
    images = read(path)
    assert images.shape == DataShape(3, 8, 8, 3)
    np.testing.assert_array_equal(images.train_images, arrays[0])
    np.testing.assert_array_equal(images.test_labels, arrays[3])


def test_labels_may_be_a_column(path: Path) -> None:
    images, labels = own_sets.arrays(30)
    np.savez(path, images=images, labels=labels[:, None])
    assert np.bincount(read(path, test=0.5).test_labels).tolist() == [5, 5, 5]


@pytest.mark.parametrize("names", [("train_images", "train_labels"), ("x_train", "y_train")])
def test_without_test_arrays_a_share_is_split_off(path: Path, names: tuple[str, ...]) -> None:
    np.savez(path, **dict(zip(names, own_sets.arrays(30), strict=True)))
    assert np.bincount(read(path, test=0.5).test_labels).tolist() == [5, 5, 5]


def test_test_images_without_labels_are_not_left_out(path: Path) -> None:
    images, labels = own_sets.arrays(30)
    np.savez(path, train_images=images, train_labels=labels, test_images=images)
    with pytest.raises(DataError, match="expected arrays train_images, train_labels, and test_"):
        read(path)


def test_other_names_are_reported(path: Path) -> None:
    np.savez(path, pictures=np.zeros(3))
    with pytest.raises(DataError, match=r"expected arrays train_images, .*; got pictures"):
        read(path)


def test_a_file_that_is_missing_or_no_npz_is_named(path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read(path)
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"not readable: this is not an \.npz file") as caught:
        read(path)
    assert caught.value.where == str(path)


def test_objects_are_not_unpickled(path: Path) -> None:
    np.savez(path, images=np.array([{}], dtype=object), labels=np.zeros(1))
    with pytest.raises(DataError, match="not readable"):
        read(path)


def test_names_of_classes_bound_the_labels(path: Path) -> None:
    images, labels = own_sets.arrays()
    given = {"train_images": images, "train_labels": labels, "test_images": images}
    np.savez(path, **given, test_labels=labels, class_names=["a", "b"])
    with pytest.raises(DataError, match="a label in train_labels is 2, and there are 2 classes"):
        read(path)
