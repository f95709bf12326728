"""What black and white become."""

import numpy as np
import pytest

from bench.data.images import NORMALISATIONS, ImageSet, black

NOTHING = np.zeros((0, 1, 28, 28), np.uint8)
NO_LABELS = np.zeros(0, np.uint8)
IMAGES = ImageSet("x", NOTHING, NO_LABELS, NOTHING, NO_LABELS, (0.25,), (0.5,))


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("standard", -0.5, 1.5), ("unit", 0, 1), ("symmetric", -1, 1), ("lecun", -0.1, 1.175)],
)
def test_the_ends_of_the_grey_scale(name: str, low: float, high: float) -> None:
    [mean], [std] = NORMALISATIONS[name](IMAGES)
    assert black(name, IMAGES) == pytest.approx([low])
    assert (1 - mean) / std == pytest.approx(high)


def test_every_normalisation_is_tested_here() -> None:
    assert set(NORMALISATIONS) == {"standard", "unit", "symmetric", "lecun"}
