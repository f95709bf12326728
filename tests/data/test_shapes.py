"""The embedded colour set: the same bytes everywhere, and a task that needs shape and colour."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from data_doubles import no_progress
from sklearn.linear_model import RidgeClassifier

from bench.data import shapes_recipe
from bench.data.embedded_sets import SHAPES
from bench.data.images import DataShape, ImageSet
from bench.data.shapes_recipe import CLASS_NAMES, TEST_SEED, TRAIN_SEED, draw_set

Drawn = tuple[np.ndarray, np.ndarray]
BRIGHTNESS = np.array([0.299, 0.587, 0.114])


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return draw_set(3000, TRAIN_SEED, lambda made: None)


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageSet]:
    folder: Path = tmp_path_factory.mktemp("shapes")
    SHAPES.fetch(folder, no_progress)  # compares each file with its SHA-256
    yield SHAPES.read(folder)


def test_another_size_of_chunks_draws_the_same(
    drawn: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = draw_set(50, TRAIN_SEED, lambda made: None)
    monkeypatch.setattr(shapes_recipe, "CHUNK", 7)
    again = draw_set(50, TRAIN_SEED, lambda made: None)
    assert all(np.array_equal(one, other) for one, other in zip(few, again, strict=True))


def test_the_first_images_are_the_same_bytes_on_every_machine() -> None:
    images, _ = draw_set(20_000, TRAIN_SEED, lambda made: None)
    assert sha256(images[:100].tobytes()).hexdigest()[:16] == "871f6b10b453cd90"


def test_the_complete_set_has_balanced_classes_and_its_own_statistics(complete: ImageSet) -> None:
    assert complete.shape == DataShape(3, 32, 32, 10)
    assert np.bincount(complete.train_labels).tolist() == [2000] * 10
    assert np.bincount(complete.test_labels).tolist() == [500] * 10
    pixels = complete.train_images / 255
    assert complete.mean == pytest.approx(pixels.mean(axis=(0, 2, 3)), abs=5e-5)
    assert complete.std == pytest.approx(pixels.std(axis=(0, 2, 3)), abs=5e-5)
    train = {image.tobytes() for image in complete.train_images}
    assert len(train) == 20_000
    assert not any(image.tobytes() in train for image in complete.test_images)


def test_the_classes_have_names() -> None:
    assert SHAPES.class_names == CLASS_NAMES
    assert len(set(CLASS_NAMES)) == 10


def test_brightness_does_not_tell_the_colour_order(drawn: Drawn) -> None:
    images, labels = drawn
    grey = (images / 255).transpose(0, 2, 3, 1) @ BRIGHTNESS
    means = [
        (each[12:20, 12:20].mean() - each.mean(), label % 2)
        for each, label in zip(grey, labels, strict=True)
    ]
    warm, cool = ([m for m, order in means if order == side] for side in (0, 1))
    error = (np.var(warm) / len(warm) + np.var(cool) / len(cool)) ** 0.5
    assert abs(np.mean(warm) - np.mean(cool)) < 4 * error


def test_classes_are_not_linearly_separable(drawn: Drawn) -> None:
    images, labels = drawn
    small = images.reshape(-1, 3, 16, 2, 16, 2).mean(axis=(3, 5)).reshape(len(images), -1) / 255
    others, other_labels = draw_set(1000, TEST_SEED, lambda made: None)
    tested = others.reshape(-1, 3, 16, 2, 16, 2).mean(axis=(3, 5)).reshape(1000, -1) / 255
    model = RidgeClassifier().fit(small, labels)
    assert model.score(tested, other_labels) < 0.5
