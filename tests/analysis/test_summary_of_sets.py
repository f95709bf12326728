"""What blocks.csv and costs.csv add to a cell's summary."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hand_made import table

from bench.analysis.summary import summarise

Table = Callable[..., pd.DataFrame]
PEAK = {"peak_flops_per_s": 1e9, "peak_bytes_per_s": 1e9, "two_images_s": 0.001}


def only(summary: pd.DataFrame) -> Any:
    assert len(summary) == 1
    return summary.iloc[0]


@pytest.mark.parametrize("role", ["planned", "extra"])
def test_blocks_of_every_role_but_the_twins_count(
    trials: Table, timed: Table, blocks: Table, role: str
) -> None:
    made = pd.concat(
        [timed({"step": 1.0}, {"step": 3.0}, role=role), timed({"step": 9.0}, role="twin")]
    )
    guards = blocks({"role": role}, {"role": role}, {"role": "twin", "block": 0})
    row = only(summarise(trials({}), made, guards, table("costs")))
    assert (row["step_median"], row["step_n"]) == (2.0, 2)


def test_the_efficiency_of_a_block_is_of_its_own_peak(
    trials: Table, timed: Table, blocks: Table, costs: Table
) -> None:
    guards = blocks({"peak_flops_per_s": 1e9}, {"peak_flops_per_s": 2e9}, {"peak_flops_per_s": 4e9})
    made = timed({"step": 0.5}, {"step": 0.5}, {"step": 0.125})
    row = only(summarise(trials({}), made, guards, costs({"flops_per_image": 1e6})))
    # 100 images: 2e8, 2e8 and 8e8 FLOP/s of 1e9, 2e9 and 4e9
    assert row["efficiency_median"] == pytest.approx(0.2)
    assert row["efficiency"] == row["efficiency_median"]
    assert row["efficiency_n"] == 3


def test_without_a_peak_or_a_count_there_is_no_efficiency(
    trials: Table, timed: Table, blocks: Table, costs: Table
) -> None:
    for guards, cost in (
        (blocks({}), costs({"flops_per_image": 1e6})),
        (blocks(PEAK), costs({"status": "failed", "reason": "why"})),
    ):
        row = only(summarise(trials({}), timed({"step": 0.5}), guards, cost))
        assert math.isnan(row["efficiency"])
        assert row["efficiency_n"] == 0


def test_the_books_close_where_the_phases_add_up(trials: Table, timed: Table) -> None:
    made = timed({"data": 9.0, "forward": 0.2, "backward": 0.2, "optimizer": 0.1, "step": 1.0})
    row = only(summarise(trials({}), made, table("blocks"), table("costs")))
    assert row["phases_over_step"] == pytest.approx(0.5)


@pytest.mark.parametrize("left_out", ["forward", "backward", "optimizer", "step"])
def test_books_with_a_page_missing_are_not_closed(
    trials: Table, timed: Table, left_out: str
) -> None:
    phases = {"forward": 0.2, "backward": 0.2, "optimizer": 0.1, "step": 1.0}
    del phases[left_out]
    row = only(summarise(trials({}), timed(phases), table("blocks"), table("costs")))
    assert math.isnan(row["phases_over_step"])


def test_an_epoch_is_held_against_its_steps_and_their_data(
    trials: Table, timed: Table, blocks: Table
) -> None:
    guards = blocks({"train_images": 1000})  # ten steps of 100
    made = timed({"data": 0.1, "step": 0.4, "epoch": 5.5})
    row = only(summarise(trials({}), made, guards, table("costs")))
    assert row["epoch_over_steps"] == pytest.approx(1.1)


def test_where_blocks_time_no_epoch_its_books_stay_open_ended(
    trials: Table, timed: Table, blocks: Table
) -> None:
    made = timed({"data": 0.1, "step": 0.4})
    row = only(summarise(trials({}), made, blocks({"train_images": 1000}), table("costs")))
    assert math.isnan(row["epoch_over_steps"])


def test_trials_without_epochs_state_nothing_of_an_epoch(
    trials: Table, timed: Table, blocks: Table
) -> None:
    made = trials({"train_s": None, "epochs_done": 0})
    guards = blocks({"train_images": 1000})
    row = only(summarise(made, timed({"data": 0.1, "step": 0.4}), guards, table("costs")))
    assert math.isnan(row["epoch_over_steps"])


def test_disturbed_blocks_count_and_are_counted(trials: Table, timed: Table, blocks: Table) -> None:
    guards = blocks({"steal_share": 0.5}, {"steal_share": 0.0}, {"role": "twin", "steal_share": 1})
    row = only(summarise(trials({}), timed({"step": 1.0}, {"step": 3.0}), guards, table("costs")))
    assert (row["step_median"], row["step_n"], row["disturbed_blocks"]) == (2.0, 2, 1)


@pytest.mark.parametrize(("undisturbed", "expected"), [(2, 3.0), (1, 9.0)])
def test_few_undisturbed_rounds_are_no_sample_of_a_set(
    trials: Table, timings: Table, undisturbed: int, expected: float
) -> None:
    # Disturbed rounds take 9 s. Two others of four count alone; a single one is chance.
    made = timings(
        *(
            {
                "block": 0,
                "phase": "step",
                "round": i,
                "seconds": 3.0 if i < undisturbed else 9.0,
                "is_disturbed": i >= undisturbed,
            }
            for i in range(4)
        )
    )
    row = only(summarise(trials({}), made, table("blocks"), table("costs")))
    assert row["step_median"] == expected


def test_what_was_counted_is_taken_over(trials: Table, timed: Table, costs: Table) -> None:
    counted = {"step_flops": 5e9, "step_operations": 93, "step_peak_bytes": 2**28}
    row = only(summarise(trials({}), timed(), table("blocks"), costs(counted)))
    assert {name: row[name] for name in counted} == counted


def test_the_bottleneck_is_named_from_counts_and_peaks(
    trials: Table, timed: Table, blocks: Table, costs: Table
) -> None:
    cost = costs({"step_flops": 4e7, "step_bytes": 1e7, "step_operations": 50})
    made = timed({"data": 0.002, "step": 0.1})
    row = only(summarise(trials({}), made, blocks(PEAK), cost))
    assert row["bottleneck"] == "compute"
    assert row["compute_bound_s"] == pytest.approx(0.04)
    assert row["memory_bound_s"] == pytest.approx(0.01)
    assert (row["data_bound_s"], row["launch_bound_s"]) == (0.002, 0.001)


def test_no_tables_but_trials_are_a_summary_with_blanks(trials: Table) -> None:
    empty = {name: table(name) for name in ("timings", "blocks", "costs")}
    row = only(summarise(trials({}), **empty))
    assert pd.isna(row["bottleneck"])
    assert pd.isna(row["disturbed_blocks"])
    assert np.isnan(row["efficiency"])


def test_tables_without_rows_are_a_summary_without_rows() -> None:
    names = ("trials", "timings", "blocks", "costs")
    assert summarise(**{name: table(name) for name in names}).empty


def test_outlying_blocks_are_labelled_and_stay(trials: Table, timed: Table) -> None:
    made = timed(*({"step": step} for step in (1.0, 1.01, 1.02, 1.03, 1.04, 5.0)))
    row = only(summarise(trials({}), made, table("blocks"), table("costs")))
    assert (row["outlying_blocks"], row["step_n"]) == (1, 6)
    assert row["step_high"] > 1.04  # its time takes part in the interval
