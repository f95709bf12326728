from pathlib import Path

import numpy as np
import pytest

from bench.data import digits_recipe
from bench.data.digits_recipe import (
    DRAWS,
    distort,
    enlarge,
    expand,
    load_sources,
    split_sources,
)
from bench.data.embedded_sets import DIGITS


def ignore(made: int) -> None:
    pass


@pytest.fixture(scope="module")
def sources() -> digits_recipe.Handwriting:
    return load_sources()


@pytest.fixture(scope="module")
def canvases(sources: digits_recipe.Handwriting) -> np.ndarray:
    return enlarge(sources.images)


def test_there_are_1797_sources(sources: digits_recipe.Handwriting) -> None:
    assert sources.images.shape == (1797, 8, 8)
    assert sources.images.min() == 0
    assert sources.images.max() == 16


def test_no_source_serves_both_training_and_testing(sources: digits_recipe.Handwriting) -> None:
    train, test = split_sources(sources.labels)
    assert sorted([*train, *test]) == list(range(1797))


def test_every_class_is_split_six_to_one(sources: digits_recipe.Handwriting) -> None:
    train, test = split_sources(sources.labels)
    for label in range(10):
        held_out = np.sum(sources.labels[test] == label)
        assert held_out == round(np.sum(sources.labels == label) / 7)
    assert (len(train), len(test)) == (1540, 257)


def test_the_split_is_not_the_order_of_the_writers(sources: digits_recipe.Handwriting) -> None:
    _, test = split_sources(sources.labels)
    assert np.histogram(test, bins=4, range=(0, 1797))[0].min() > 257 / 4 / 2


def test_each_image_shows_a_chosen_source_and_each_source_serves_equally_often(
    canvases: np.ndarray,
) -> None:
    chosen = np.array([3, 14, 159, 265])
    _, which = expand(canvases, chosen, count=42, seed=0, report=ignore)
    assert sorted(np.bincount(which)[chosen]) == [10, 10, 11, 11]
    assert set(which) == set(chosen)


def test_an_image_that_nothing_distorts_is_its_source_in_mnists_geometry(
    sources: digits_recipe.Handwriting, canvases: np.ndarray
) -> None:
    every = np.arange(1797)
    plain = distort(canvases, every, np.zeros((1797, DRAWS)))
    place = np.arange(28)
    mass = plain.sum(axis=(1, 2))
    centre_y = (plain.sum(axis=2) * place).sum(axis=1) / mass
    centre_x = (plain.sum(axis=1) * place).sum(axis=1) / mass
    assert np.abs(centre_y - 13.5).max() < 1.5
    assert np.abs(centre_x - 13.5).max() < 1.5
    # Most sources fill their 8 rows, which become 20.
    height = np.array([np.ptp(np.flatnonzero(image.max(axis=1) > 127)) + 1 for image in plain])
    assert np.median(height) in (19, 20)
    assert height.max() <= 21


def test_no_ink_is_lost_at_the_edge_of_a_canvas(canvases: np.ndarray) -> None:
    edge = np.ones(canvases.shape[1:], bool)
    edge[1:-1, 1:-1] = False
    assert canvases[:, edge].max() == 0


def test_the_draws_move_the_image(canvases: np.ndarray) -> None:
    which = np.zeros(DRAWS + 1, np.int64)
    images = distort(canvases, which, np.eye(DRAWS + 1, DRAWS))
    moved = [bool((image != images[-1]).any()) for image in images[:-1]]
    assert all(moved[:6])
    # Points of the elastic field that lie outside the 28 × 28 pixels' reach may move nothing.
    assert np.mean(moved[6:]) > 0.5


@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_the_same_seed_gives_the_same_bytes_however_the_work_is_cut(
    canvases: np.ndarray, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    chosen = np.arange(50)
    once, which_once = expand(canvases, chosen, count=64, seed=7, report=ignore)
    monkeypatch.setattr(digits_recipe, "CHUNK", chunk)
    again, which_again = expand(canvases, chosen, count=64, seed=7, report=ignore)
    assert once.tobytes() == again.tobytes()
    assert which_once.tolist() == which_again.tolist()


def test_another_seed_gives_other_images(canvases: np.ndarray) -> None:
    one, _ = expand(canvases, np.arange(50), count=64, seed=7, report=ignore)
    other, _ = expand(canvases, np.arange(50), count=64, seed=8, report=ignore)
    assert (one != other).any()


def test_every_generated_byte_is_reported(canvases: np.ndarray) -> None:
    reported: list[int] = []
    expand(canvases, np.arange(50), count=600, seed=0, report=reported.append)
    assert sum(reported) == 600 * 28 * 28


def test_the_complete_set_is_the_same_bytes_on_every_machine(digits_dir: Path) -> None:
    DIGITS.verify(digits_dir)  # holds it against SHA-256 constants
