"""A user's function may return a data set in any usual form; mistakes are named once."""

from pathlib import Path

import numpy as np
import own_sets
import pytest
from data_doubles import no_progress

from bench.data.images import DataShape, ImageSet
from bench.errors import DataError
from bench.study.dataset_choice import DatasetChoice

IN_COLOUR = DataShape(3, 8, 8, 3)


def prepared(function: str, data_dir: Path, **parameters: object) -> ImageSet:
    choice = DatasetChoice.model_validate({"import": f"own_sets:{function}", **parameters})
    source = choice.source()
    source.fetch(data_dir, no_progress)
    folder = source.locate(data_dir).folder
    assert folder is not None
    return source.read(folder)


@pytest.mark.parametrize("function", ["four", "pairs", "mapping", "tensors", "pictures"])
def test_every_form_gives_the_same_arrays(function: str, tmp_path: Path) -> None:
    images = prepared(function, tmp_path)
    (train, labels), (test, test_labels) = own_sets.pairs()
    assert images.shape == IN_COLOUR
    np.testing.assert_array_equal(images.train_images, train)
    np.testing.assert_array_equal(images.train_labels, labels)
    np.testing.assert_array_equal(images.test_images, test)
    np.testing.assert_array_equal(images.test_labels, test_labels)


def test_parameters_are_those_of_the_function(tmp_path: Path) -> None:
    assert len(prepared("four", tmp_path, count=15).train_images) == 15


def test_mean_and_deviation_are_those_of_each_channel(tmp_path: Path) -> None:
    images = prepared("pairs", tmp_path)
    pixels = own_sets.arrays()[0] / 255
    assert images.mean == pytest.approx(pixels.mean(axis=(0, 2, 3)))
    assert images.std == pytest.approx(pixels.std(axis=(0, 2, 3)))


def test_without_test_images_a_fifth_of_each_class_is_held_out(tmp_path: Path) -> None:
    images = prepared("one_pair", tmp_path)
    assert np.bincount(images.train_labels).tolist() == [8, 8, 8]
    assert np.bincount(images.test_labels).tolist() == [2, 2, 2]
    whole = {image.tobytes() for image in own_sets.arrays(30)[0]}
    parts = [image.tobytes() for image in (*images.train_images, *images.test_images)]
    assert sorted(parts) == sorted(whole)


def test_floating_point_images_keep_their_scale(tmp_path: Path) -> None:
    images = prepared("grey_floats", tmp_path)
    assert (images.shape, images.scale) == (DataShape(1, 8, 8, 3), 1)
    assert images.train_images.dtype == np.float32
    pixels = own_sets.grey_floats()[0]
    assert images.mean == pytest.approx([pixels.mean()], abs=1e-6)
    assert images.train_images[:, 0] == pytest.approx(pixels, abs=1e-6)


def test_channels_may_come_last(tmp_path: Path) -> None:
    np.testing.assert_array_equal(
        prepared("last_channels", tmp_path).train_images, own_sets.arrays()[0]
    )


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("nothing", "expected a data set of torch or a pair (training, test) of them, a pair of"),
        ("fails", "RuntimeError: the disk is full (own_sets.py, line "),
        ("leaves", "the process that decodes it ended with status 3"),
        ("wrong_lengths", "has 12 train images and 11 train labels"),
        ("empty_class", "no training image has the label 1, 3"),
        ("unknown_class", "class 3 has test images and no training images"),
        ("negative", "a label in train_labels is -1; classes are numbered from 0"),
        ("not_finite", "train_images contain values that are not finite"),
        ("broken", "item 10: OSError: disk gone (own_sets.py, line "),
        ("named", "expected labels that are whole numbers, that of item 0 is 'cat'"),
        ("sizes_differ", "the sizes of images differ: image 0 is (3, 8, 8), image 1 is (3, 9, 9)"),
    ],
)
def test_a_mistake_is_one_message(function: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        prepared(function, tmp_path)
    assert caught.value.what.startswith(message)
    assert caught.value.where == f"own_sets:{function}"
    assert not list(tmp_path.rglob("*.npy"))


def test_what_a_function_returned_is_described(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"got a tuple of \(list, list\)"):
        prepared("lists", tmp_path)


def test_the_first_image_that_is_not_finite_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not finite: 11 images, first image 1$"):
        prepared("not_finite", tmp_path)


def test_what_failing_code_printed_is_in_the_message(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="printed meanwhile:\nreading the disk"):
        prepared("fails", tmp_path)


def test_only_other_arrays_are_another_content(tmp_path: Path) -> None:
    source = DatasetChoice.model_validate({"import": "own_sets:four"}).source()
    source.fetch(tmp_path, no_progress)
    first = source.locate(tmp_path)
    source.fetch(tmp_path, no_progress)
    assert source.locate(tmp_path) == first
    other = DatasetChoice.model_validate({"import": "own_sets:four", "count": 9}).source()
    other.fetch(tmp_path, no_progress)
    assert other.locate(tmp_path).digest != first.digest
