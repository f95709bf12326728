"""Speeds and times an image are by the images that a step had, which may be fewer than a batch."""

from collections.abc import Callable

import pandas as pd
import pytest
from hand_made import table

from bench.analysis.set_times import block_times
from bench.analysis.summary import summarise

Table = Callable[..., pd.DataFrame]
PHASES = {"data": 0.5, "step": 1.5}


@pytest.mark.parametrize(
    "counted", [{"step_images": 60, "train_images": 60}, {"train_images": 60}], ids=["new", "old"]
)
def test_a_step_of_fewer_images_than_a_batch_counts_those(
    trials: Table, timed: Table, blocks: Table, costs: Table, counted: dict[str, int]
) -> None:
    made = timed(PHASES, batch_size=100)
    guards = blocks({**counted, "peak_flops_per_s": 1e4})
    trial = trials({"batch_size": 100})
    row = summarise(trial, made, guards, costs({"flops_per_image": 50.0})).iloc[0]
    assert row["step_images"] == 60
    assert row["step_images_per_s_median"] == 60 / 2
    assert row["achieved_flops_per_s"] == 50 * 60 / 1.5
    assert row["efficiency"] == pytest.approx(50 * 60 / 1.5 / 1e4)
    assert block_times(made, guards)["step"].tolist() == [1.5 / 60]


def test_an_epoch_of_one_step_is_one_step(trials: Table, timed: Table, blocks: Table) -> None:
    made = timed({**PHASES, "epoch": 2.0}, batch_size=100)
    guards = blocks({"step_images": 60, "train_images": 60})
    row = summarise(trials({"batch_size": 100}), made, guards, table("costs")).iloc[0]
    assert row["epoch_over_steps"] == 1.0


def test_a_block_that_counted_nothing_had_complete_batches(
    trials: Table, timed: Table, blocks: Table
) -> None:
    row = summarise(trials({}), timed(PHASES), blocks({}), table("costs")).iloc[0]
    assert row["step_images_per_s_median"] == row["batch_size"] / 2
