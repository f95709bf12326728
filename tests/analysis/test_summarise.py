import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hand_made import table

from bench.analysis.summary import block_measures
from bench.analysis.summary import summarise as summarise_tables
from bench.records import ROWS, columns_of
from bench.stats.estimates import bootstrap_median, mean_t

Table = Callable[..., pd.DataFrame]

# As CONTRACT.md has them.
CONTRACT = [
    f"{measure}_{part}"
    for measure in (
        *("data", "forward", "backward", "optimizer", "step", "device", "epoch", "eval"),
        *("step_images_per_s", "efficiency"),
        *("images_per_s", "train_s", "eval_s", "time_to_target_s", "steps_to_target"),
        "peak_memory_bytes",
    )
    for part in ("median", "low", "high", "n")
] + [
    *("accuracy_mean", "accuracy_low", "accuracy_high", "accuracy_lower_bound", "seeds"),
    *("parameters", "flops_per_image", "step_flops", "step_bytes", "step_operations"),
    *("step_peak_bytes", "step_base_bytes", "step_device_bytes"),
    *("achieved_flops_per_s", "efficiency"),
    *("data_bound_s", "launch_bound_s", "memory_bound_s", "compute_bound_s", "bottleneck"),
    *(
        "phases_over_step",
        "epoch_over_steps",
        "step_images",
        "disturbed_blocks",
        "outlying_blocks",
        "status",
        "reason",
    ),
]


def summarise(
    trials: pd.DataFrame,
    timings: pd.DataFrame,
    blocks: pd.DataFrame | None = None,
    costs: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Summarise tables of which the last two may be empty."""
    empty = {name: table(name) for name in ("blocks", "costs")}
    return summarise_tables(
        trials,
        timings,
        empty["blocks"] if blocks is None else blocks,
        empty["costs"] if costs is None else costs,
    )


def only(summary: pd.DataFrame) -> Any:
    assert len(summary) == 1
    return summary.iloc[0]


def test_the_columns_are_identity_configuration_and_the_contract(
    trials: Table, timed: Table
) -> None:
    made = trials({})
    summary = summarise(made, timed())
    own = columns_of(ROWS["trials"])
    assert list(summary.columns) == [c for c in made.columns if c not in own] + CONTRACT


def test_there_is_one_row_a_cell_in_order_of_first_appearance(trials: Table, timed: Table) -> None:
    made = trials({"cell_id": "b"}, {"cell_id": "a"}, {"cell_id": "b"}, {"cell_id": "c"})
    assert summarise(made, timed({"step": 1.0}))["cell_id"].to_list() == ["b", "a", "c"]


def test_a_block_gives_its_median_and_a_cell_the_median_over_blocks(
    trials: Table, timings: Table
) -> None:
    rounds = [[1.0, 2.0, 9.0], [4.0, 5.0, 30.0], [7.0, 7.5, 8.0]]
    made = timings(*({"block": b, "seconds": s} for b, block in enumerate(rounds) for s in block))
    row = only(summarise(trials({}), made))
    assert row["step_median"] == 5.0
    assert row["step_n"] == 3  # blocks, not their nine rounds
    assert math.isnan(row["step_low"]) and math.isnan(row["step_high"])


def test_warm_up_rounds_do_not_count(trials: Table, timings: Table) -> None:
    made = timings({"seconds": 100.0, "is_warmup": True}, {"seconds": 1.0}, {"seconds": 1.2})
    assert only(summarise(trials({}), made))["step_median"] == pytest.approx(1.1)


def test_six_blocks_have_the_interval_of_the_bootstrap(trials: Table, timed: Table) -> None:
    seconds = [1.0, 1.1, 0.9, 1.3, 1.05, 0.95]
    row = only(summarise(trials({}), timed(*({"step": s} for s in seconds))))
    expected = bootstrap_median(seconds)
    assert (row["step_median"], row["step_n"]) == (expected.value, 6)
    assert (row["step_low"], row["step_high"]) == (expected.low, expected.high)


def test_the_speed_of_a_step_counts_data_and_step_within_each_block(
    trials: Table, timed: Table
) -> None:
    made = timed({"data": 0.1, "step": 0.4}, {"data": 0.3, "step": 0.7}, {"data": 0.0, "step": 0.2})
    row = only(summarise(trials({}), made))
    assert row["step_images_per_s_median"] == pytest.approx(100 / 0.5)  # of 200, 100, 500
    assert row["step_images_per_s_n"] == 3


def test_a_failed_block_lowers_n_and_changes_nothing_else(trials: Table, timed: Table) -> None:
    fine = timed({"step": 1.0}, {"step": 3.0})
    failed = fine.iloc[[0]].assign(
        block=2, phase=None, round=None, seconds=np.nan, is_warmup=None, status="oom", reason="x"
    )
    row = only(summarise(trials({}), pd.concat([fine, failed])))
    assert (row["step_median"], row["step_n"]) == (2.0, 2)


def test_only_trials_that_ran_to_the_end_count(trials: Table, timed: Table) -> None:
    made = trials(
        {"test_accuracy": 0.98, "images_per_s": 100.0, "parameters": 7},
        {"test_accuracy": 0.99, "images_per_s": 300.0, "parameters": 7},
        {"status": "diverged", "reason": "loss is nan", "images_per_s": 9e9},
    )
    row = only(summarise(made, timed()))
    expected = mean_t([0.98, 0.99])
    assert (row["seeds"], row["images_per_s_n"], row["images_per_s_median"]) == (2, 2, 200.0)
    assert row["accuracy_mean"] == pytest.approx(expected.value)
    assert row["accuracy_low"] == pytest.approx(expected.low)
    assert row["accuracy_high"] == 1.0  # the interval itself would pass it
    assert row["parameters"] == 7


def test_one_seed_has_a_mean_and_no_interval(trials: Table, timed: Table) -> None:
    row = only(summarise(trials({"test_accuracy": 0.98}), timed()))
    assert row["accuracy_mean"] == 0.98
    assert math.isnan(row["accuracy_low"]) and math.isnan(row["accuracy_high"])


@pytest.mark.parametrize(
    ("times", "median"),
    [([10.0, 20.0, math.inf], 20.0), ([10.0, math.inf, math.inf], math.inf)],
)
def test_a_missed_target_takes_part_in_the_median(
    trials: Table, timed: Table, times: list[float], median: float
) -> None:
    row = only(summarise(trials(*({"time_to_target_s": t} for t in times)), timed()))
    assert (row["time_to_target_s_median"], row["time_to_target_s_n"]) == (median, 3)


def test_without_a_target_its_time_is_blank(trials: Table, timed: Table) -> None:
    row = only(summarise(trials({}), timed()))
    assert math.isnan(row["time_to_target_s_median"])
    assert row["time_to_target_s_n"] == 0


def test_work_per_second_divides_by_the_complete_step(
    trials: Table, timed: Table, costs: Table
) -> None:
    phases = {"forward": 0.1, "backward": 0.2, "optimizer": 0.1}
    cost = costs({"flops_per_image": 1e6})
    with_step = only(summarise(trials({}), timed({**phases, "step": 0.5}), costs=cost))
    assert with_step["achieved_flops_per_s"] == pytest.approx(1e6 * 100 / 0.5)
    without = only(summarise(trials({}), timed(phases), costs=cost))
    assert math.isnan(without["achieved_flops_per_s"])
    assert math.isnan(without["efficiency"])  # the machine's peak is not known


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["ok", "ok"], "ok"),
        (["ok", "failed"], "failed"),
        (["ok", "timeout", "failed", "failed"], "failed"),
    ],
)
def test_a_cell_is_ok_only_if_all_its_trials_are(
    trials: Table, timed: Table, statuses: list[str], expected: str
) -> None:
    made = trials(*({"status": s, "reason": None if s == "ok" else f"why {s}"} for s in statuses))
    row = only(summarise(made, timed()))
    assert row["status"] == expected
    assert pd.isna(row["reason"]) if expected == "ok" else row["reason"] == f"why {expected}"


def test_a_cell_that_was_only_timed_keeps_its_row(trials: Table, timed: Table) -> None:
    summary = summarise(trials({}), timed({"step": 1.0}, cell_id="timed", model="lenet5"))
    assert summary[["cell_id", "model"]].to_numpy().tolist() == [
        ["a", "convnet"],
        ["timed", "lenet5"],
    ]
    assert summary["step_n"].to_list() == [0, 1]


def test_a_part_of_the_cells_can_be_summarised_alone(trials: Table, timed: Table) -> None:
    made = trials({"cell_id": "a", "test_accuracy": 0.9}, {"cell_id": "b", "test_accuracy": 0.8})
    timed = pd.concat([timed({"step": 1.0}), timed({"step": 2.0}, cell_id="b")])
    whole = summarise(made, timed)
    alone = summarise(made[made["cell_id"] == "b"], timed[timed["cell_id"] == "b"])
    pd.testing.assert_frame_equal(alone, whole.iloc[[1]].reset_index(drop=True))


def test_block_measures_leave_out_what_was_not_timed(timed: Table) -> None:
    measures = block_measures(timed({"step": 0.5, "data": 0.5}, {"forward": 0.1}), table("blocks"))
    assert measures["block"].to_list() == [0, 1]
    assert measures["step_images_per_s"].iloc[0] == 100
    assert measures[["step", "step_images_per_s", "backward"]].iloc[1].isna().all()
