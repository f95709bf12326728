"""What bounds a step is the largest of four times."""

import pandas as pd
import pytest

from bench.analysis.configurations import LIMITS
from bench.analysis.summary import step_bounds

CELL = {
    "data_median": 0.01, "step_median": 0.5, "device_median": None, "two_images_s": 0.02,
    "step_bytes": 3e9, "peak_bytes_per_s": 1e11, "step_flops": 4e10, "peak_flops_per_s": 1e12,
}  # fmt: skip


def of(**changed: float | None) -> pd.Series:
    (index, row), *rest = step_bounds(pd.DataFrame([CELL | changed]).astype(float)).iterrows()
    assert (index, rest) == (0, [])
    return row


def test_each_limit_has_the_seconds_that_it_alone_would_take() -> None:
    row = of()
    assert [row[f"{word}_bound_s"] for word in LIMITS] == pytest.approx([0.01, 0.02, 0.03, 0.04])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"data_median": 0.05}, "data"),
        ({"two_images_s": 0.05}, "launch"),
        ({"step_bytes": 5e9}, "memory"),
        ({}, "compute"),
    ],
)
def test_the_largest_gives_its_word(change: dict[str, float], word: str) -> None:
    assert of(**change)["bottleneck"] == word


def test_on_a_gpu_launching_is_what_the_step_takes_longer_than_the_gpu() -> None:
    row = of(step_median=0.5, device_median=0.1)
    assert row["launch_bound_s"] == pytest.approx(0.4)
    assert row["bottleneck"] == "launch"


def test_a_gpu_that_is_never_idle_leaves_no_time_for_launching() -> None:
    row = of(step_median=0.5, device_median=0.6)
    assert row["launch_bound_s"] == 0
    assert row["bottleneck"] == "compute"


@pytest.mark.parametrize("blank", ["step_median", "data_median", "step_bytes", "step_flops"])
def test_without_a_measurement_there_is_no_word(blank: str) -> None:
    assert pd.isna(of(**{blank: None})["bottleneck"])


def test_without_the_time_of_two_images_the_others_still_name_it() -> None:
    row = of(two_images_s=None)
    assert pd.isna(row["launch_bound_s"])
    assert row["bottleneck"] == "compute"


def test_every_cell_keeps_its_place() -> None:
    cells = pd.DataFrame([CELL, CELL | {"data_median": 1.0}], index=[7, 3]).astype(float)
    assert step_bounds(cells)["bottleneck"].to_dict() == {7: "compute", 3: "data"}
