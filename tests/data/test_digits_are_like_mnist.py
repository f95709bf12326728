from pathlib import Path

import numpy as np
import pytest

from bench.data.embedded_sets import DIGITS
from bench.data.images import ImageSet


@pytest.fixture(scope="module")
def digits(digits_dir: Path) -> ImageSet:
    return DIGITS.read(digits_dir)


def test_the_shapes_are_mnists(digits: ImageSet) -> None:
    assert digits.train_images.shape == (60_000, 1, 28, 28)
    assert digits.train_labels.shape == (60_000,)
    assert digits.test_images.shape == (10_000, 1, 28, 28)
    assert digits.test_labels.shape == (10_000,)
    arrays = (digits.train_images, digits.train_labels, digits.test_images, digits.test_labels)
    assert {array.dtype for array in arrays} == {np.dtype(np.uint8)}
    assert (digits.name, digits.classes) == ("digits", 10)


def test_the_border_is_nearly_always_black(digits: ImageSet) -> None:
    border = np.ones((28, 28), bool)
    border[4:-4, 4:-4] = False  # outside MNIST's 20 × 20
    assert np.mean(digits.train_images[:, 0, border] > 0) < 0.03
    border[1:-1, 1:-1] = False  # the outermost ring
    assert np.mean((digits.train_images[:, 0, border] > 0).any(axis=1)) < 0.05


def test_every_image_has_ink(digits: ImageSet) -> None:
    assert digits.train_images.max(axis=(1, 2, 3)).min() > 200
    assert digits.test_images.max(axis=(1, 2, 3)).min() > 200


@pytest.mark.parametrize("labels", ["train_labels", "test_labels"])
def test_the_classes_are_balanced(digits: ImageSet, labels: str) -> None:
    share = np.bincount(getattr(digits, labels), minlength=10) / len(getattr(digits, labels))
    assert share.min() > 0.095
    assert share.max() < 0.105


def test_the_order_is_mixed(digits: ImageSet) -> None:
    for start in range(0, 60_000, 6_000):
        assert np.bincount(digits.train_labels[start : start + 6_000]).min() > 450


def test_the_constants_are_the_training_pixels_own(digits: ImageSet) -> None:
    assert [np.mean(digits.train_images) / 255] == pytest.approx(digits.mean, abs=5e-5)
    assert [np.std(digits.train_images) / 255] == pytest.approx(digits.std, abs=5e-5)


def test_no_test_image_is_a_training_image(digits: ImageSet) -> None:
    train = {image.tobytes() for image in digits.train_images}
    assert len(train) == 60_000
    assert not any(image.tobytes() in train for image in digits.test_images)
