"""A session keeps the pixels of the test images that its report shows."""

from pathlib import Path

import numpy as np
import pytest
from runner_doubles import Ask, FakeExecutor, carry_out

from bench.analysis.pictured_images import FILE, read_pictures
from bench.analysis.results import read_results
from bench.data.embedded_sets import DIGITS, GeneratedSource
from bench.data.images import ImageSet
from bench.errors import DataError


def test_the_pixels_are_those_of_the_misclassified_images(ask: Ask) -> None:
    request = ask()
    finished = carry_out(request, FakeExecutor())
    test_images = DIGITS.read(request.data_dir).test_images
    [(index, pixels)] = read_pictures(finished.folder).items()
    assert index == 7
    np.testing.assert_array_equal(pixels, test_images[7, 0])
    assert list(finished.results.pictures) == list(read_results(finished.folder).pictures) == [7]


def elsewhere(source: GeneratedSource, folder: Path) -> ImageSet:
    """Fail as for a data set that only the machines of a cluster have."""
    raise DataError("is not there", where=str(folder))


def test_a_study_whose_data_set_is_elsewhere_has_no_pixels(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GeneratedSource, "read", elsewhere)
    finished = carry_out(ask(), FakeExecutor())
    assert finished.results.pictures == {}
    assert not (finished.folder / FILE).exists()
