"""A block is disturbed only on evidence from outside its own numbers."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from hand_made import table

from bench.analysis.disturbances import (
    calibration_ratio,
    calibration_spread,
    describe_disturbances,
    disturbance_reasons,
)

Table = Callable[..., pd.DataFrame]


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        ({}, ""),
        ({"steal_share": 0.02}, ""),
        ({"steal_share": 0.03}, "steal"),
        ({"pressure_share": 0.9}, ""),  # a cell that waits for its own threads
        ({"others_cores": 1.5}, ""),  # cores enough for all
        ({"pressure_share": 0.9, "others_cores": 0.1}, ""),
        ({"pressure_share": 0.2, "others_cores": 0.5}, "other processes"),
        ({"gpu_throttle": "sw_power_cap"}, ""),
        ({"gpu_throttle": ""}, ""),
        ({"gpu_throttle": "sw_power_cap hw_slowdown"}, "GPU throttled"),
        ({"gpu_others": 0}, ""),
        ({"gpu_others": 1}, "another process on the GPU"),
        ({"steal_share": 0.5, "gpu_others": 2}, "steal, another process on the GPU"),
    ],
)
def test_each_disturbance_has_its_name(blocks: Table, seen: dict[str, Any], reason: str) -> None:
    assert disturbance_reasons(blocks(seen)).tolist() == [reason]


@pytest.mark.parametrize(
    "own", [{"wall_s": 1e6}, {"cpu_over_wall": 0.01}, {"calibration_after_s": 9.0}]
)
def test_slowness_alone_is_no_disturbance(blocks: Table, own: dict[str, float]) -> None:
    assert disturbance_reasons(blocks(own)).tolist() == [""]


def test_blanks_of_a_table_that_was_read_are_no_evidence(blocks: Table) -> None:
    read = blocks({"steal_share": None, "gpu_throttle": None, "gpu_others": None})
    typed = read.astype({"steal_share": "float64", "gpu_throttle": "string", "gpu_others": "Int64"})
    assert disturbance_reasons(typed).tolist() == [""]


def test_no_blocks_are_no_disturbances() -> None:
    assert disturbance_reasons(table("blocks")).tolist() == []
    assert describe_disturbances(table("blocks")) == ""


def test_a_quiet_machine_is_not_spoken_of(blocks: Table) -> None:
    quiet = {"calibration_before_s": 0.1, "calibration_after_s": 0.1, "steal_share": 0.0}
    assert describe_disturbances(blocks(quiet, quiet)) == ""


def test_the_worst_of_what_was_seen_is_reported(blocks: Table) -> None:
    message = describe_disturbances(
        blocks(
            {"steal_share": 0.05, "pressure_share": 0.05, "others_cores": 0.0},
            {"steal_share": 0.25, "pressure_share": 0.3, "others_cores": 0.7},
            {},
        )
    )
    assert message == (
        "2 of 3 timed processes were disturbed "
        "(steal up to 25%, waiting for a core up to 30%, cores taken by others up to 0.7)"
    )


def test_what_did_not_disturb_is_not_reported(blocks: Table) -> None:
    message = describe_disturbances(blocks({"steal_share": 0.0, "gpu_throttle": "hw_slowdown"}, {}))
    assert message == "1 of 2 timed processes was disturbed (GPU throttled)"


def test_blocks_that_failed_are_not_counted(blocks: Table) -> None:
    assert describe_disturbances(blocks({"steal_share": 0.5, "status": "failed"})) == ""


def around(seconds: float, **more: Any) -> dict[str, Any]:
    return {
        "calibration_before_s": seconds - 0.01,
        "calibration_after_s": seconds + 0.01,
        **more,
    }


def test_the_fixed_work_is_held_against_its_median(blocks: Table) -> None:
    made = blocks(around(0.10), around(0.10), around(0.13))
    assert calibration_spread(made) == pytest.approx(0.3)
    assert describe_disturbances(made) == "the same fixed work took up to 30% longer in some sets"


@pytest.mark.parametrize("differs", [{"threads": 1}, {"device": "cuda"}])
def test_other_threads_and_devices_have_a_median_of_their_own(
    blocks: Table, differs: dict[str, Any]
) -> None:
    made = blocks(around(0.1), around(0.1), around(0.4, **differs))
    assert calibration_spread(made) == pytest.approx(0.0)


def test_without_fixed_work_nothing_is_stated_of_it(blocks: Table) -> None:
    assert calibration_spread(blocks({}, {})) == 0.0


def test_drift_is_the_ratio_of_the_medians(blocks: Table) -> None:
    before, after = blocks(around(0.1), around(0.2), around(0.9)), blocks(around(0.3))
    assert calibration_ratio(before, after) == pytest.approx(1.5)
    assert calibration_ratio(before, blocks({})) is None
    assert calibration_ratio(blocks(), after) is None
