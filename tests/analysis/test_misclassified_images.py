"""Two cells are compared image by image, by the images that their seeds misclassify."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from bench.analysis.misclassified_images import (
    ImageComparison,
    compare_images,
    misclassified_images,
)
from bench.misclassified import Wrong, pack_misclassified, unpack_misclassified

IMAGES = 100


def parsed(wrong: str) -> list[Wrong]:
    """Parse "3:4>9 97:2>7"."""
    numbers = [re.split("[:>]", part) for part in wrong.split()]
    return [(int(image), int(label), int(predicted)) for image, label, predicted in numbers]


def rows(cell_id: str, *wrong: str, images: int = IMAGES) -> pd.DataFrame:
    """Make rows of misclassified.csv: a seed each."""
    return pd.DataFrame(
        {
            "cell_id": cell_id,
            "seed": range(len(wrong)),
            "test_images": images,
            "wrong": [pack_misclassified(parsed(each)) for each in wrong],
        }
    )


def compared(before: Sequence[str], after: Sequence[str]) -> ImageComparison:
    found = compare_images(rows("a", *before), rows("b", *after))
    assert found is not None
    return found


def test_the_text_of_a_trial_has_a_row_an_image() -> None:
    images = misclassified_images(rows("a", "3:4>9 97:2>7", "", "3:4>1"))
    assert images.to_numpy().tolist() == [
        ["a", 0, 3, 4, 9],
        ["a", 0, 97, 2, 7],
        ["a", 2, 3, 4, 1],
    ]


def test_the_difference_is_in_accuracy_and_its_interval_over_images() -> None:
    # Of 100 images, a gets four wrong and b two of them, with every seed: d = 1 twice, else 0.
    found = compared(["1:0>1 2:0>1 3:0>1 4:0>1"] * 2, ["1:0>1 2:0>1"] * 2)
    d = np.array([1, 1, *[0] * 98])
    half = 1.959964 * d.std(ddof=1) / 10
    assert found.difference.value == pytest.approx(0.02)
    assert found.difference.low == pytest.approx(0.02 - half, abs=1e-7)
    assert found.difference.high == pytest.approx(0.02 + half, abs=1e-7)
    assert (found.cell_id, found.images, found.difference.n) == ("b", IMAGES, IMAGES)


def test_images_count_where_most_seeds_of_one_cell_alone_are_wrong() -> None:
    found = compared(["1:0>1 2:0>1", "1:0>1", "3:5>6"], ["2:0>1 3:5>6", "3:5>6", "3:5>6"])
    assert (found.only_before, found.only_after) == (1, 1)  # image 1; image 3


def test_confusions_are_means_over_seeds() -> None:
    found = compared(["1:4>9 2:4>9", "1:4>9"], ["1:4>9 5:7>1", ""])
    table = found.confusions.set_index(["label", "predicted"])
    assert table.loc[(4, 9)].to_list() == [1.5, 0.5]
    assert table.loc[(7, 1)].to_list() == [0.0, 0.5]
    assert found.classes().loc[4].to_list() == [1.5, 0.5]


def test_seeds_of_one_cell_alone_do_not_count() -> None:
    found = compared(["1:0>1", "2:0>1"], ["1:0>1", "2:0>1", "3:0>1 4:0>1 5:0>1"])
    assert (found.difference.value, found.difference.low, found.only_after) == (0, 0, 0)
    other = rows("b", "3:0>1 4:0>1").assign(seed=7)
    apart = compare_images(rows("a", "1:0>1", "2:0>1"), other)
    assert apart is not None and apart.difference.value == pytest.approx(-0.01)


def test_two_flawless_cells_do_not_differ() -> None:
    found = compared(["", ""], ["", ""])
    assert (found.difference.value, found.difference.low, found.difference.high) == (0, 0, 0)
    assert found.confusions.empty and found.classes().empty


def test_other_test_sets_are_not_compared() -> None:
    assert compare_images(rows("a", "1:0>1"), rows("b", "1:0>1", images=50)) is None
    assert compare_images(rows("a", "1:0>1").iloc[:0], rows("b", "1:0>1")) is None


MANY = [(i, i % 10, (i + 3) % 10) for i in range(9_999)]


@pytest.mark.parametrize("images", [[], [(0, 1, 2)], MANY], ids=len)
def test_a_packed_text_gives_its_images_back(images: list[Wrong]) -> None:
    packed = pack_misclassified(images)
    assert list(unpack_misclassified(packed)) == images
    assert packed.isascii() and len(packed) < 60 + len(images)


@pytest.mark.parametrize("text", ["", "8:5>6", "eJw=", "????"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(unpack_misclassified(text))
