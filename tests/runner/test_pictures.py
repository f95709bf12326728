"""A session keeps the pixels of the test images that its report shows."""

from pathlib import Path

import numpy as np
import pytest
from runner_doubles import Ask, FakeExecutor, carry_out

from bench.analysis.pictured_images import FILE, read_pictures
from bench.analysis.results import read_results
from bench.data import DATASETS
from bench.data.images import ImageSet
from bench.errors import DataError
from bench.runner import session


def test_the_pixels_are_those_of_the_misclassified_images(ask: Ask) -> None:
    request = ask()
    finished = carry_out(request, FakeExecutor())
    test_images = DATASETS["digits"].read(request.data_dir).test_images
    [(index, pixels)] = read_pictures(finished.folder).items()
    assert index == 7
    np.testing.assert_array_equal(pixels, test_images[7])
    assert list(finished.results.pictures) == list(read_results(finished.folder).pictures) == [7]


class Elsewhere:
    """A data set that only the machines of a cluster have."""

    def read(self, data_dir: Path) -> ImageSet:
        raise DataError("is not there", where=str(data_dir))


def test_a_study_whose_data_set_is_elsewhere_has_no_pixels(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "DATASETS", {"digits": Elsewhere()})
    finished = carry_out(ask(), FakeExecutor())
    assert finished.results.pictures == {}
    assert not (finished.folder / FILE).exists()
