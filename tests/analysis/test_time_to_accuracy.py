import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hand_made import table
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.summary import summarise
from bench.analysis.time_to_accuracy import time_to_accuracy
from bench.stats.estimates import bootstrap_median, paired_ratio, unpaired_ratio

INF = math.inf
TARGET = 0.9896


def cell(cell_id: str, *seeds: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"cell_id": cell_id, "seed": i, "status": "ok", **seed} for i, seed in enumerate(seeds)]


def timed(*times: float, steps: float | None = None) -> list[dict[str, Any]]:
    """Make seeds by the time to the target; where steps are given, a miss has infinite ones."""
    return [
        {"time_to_target_s": t, "steps_to_target": INF if t == INF and steps else steps}
        for t in times
    ]


def reported(*cells: list[dict[str, Any]], target: float = TARGET) -> pd.DataFrame:
    rows = [row for rows in cells for row in rows]
    return time_to_accuracy(table("trials", *rows), target).set_index("cell_id")


def spread(median: float) -> list[float]:
    return [median * factor for factor in (0.8, 0.9, 0.95, 1.05, 1.1, 1.2)]


def test_a_miss_is_infinite_and_takes_part_in_the_median() -> None:
    made = reported(cell("a", *timed(10, 20, INF)), cell("b", *timed(10, INF, INF)))
    assert made["time_to_target_s_median"].to_list() == [20, INF]
    assert made["reached"].to_list() == [2, 1]
    assert made["known"].to_list() == [3, 3]


def test_a_seed_that_began_and_did_not_end_is_a_miss() -> None:
    broken = {"status": "diverged", "reason": "loss is nan"}
    row = reported(cell("a", *timed(10, 20), broken)).loc["a"]
    assert (row["time_to_target_s_median"], row["reached"], row["known"]) == (20, 2, 3)
    assert (row["tried"], row["ended"]) == (3, 2)


def test_a_seed_that_was_skipped_was_never_tried() -> None:
    skipped = cell("b", {"status": "skipped", "reason": "no CUDA device"})
    assert list(reported(cell("a", *timed(10.0)), skipped).index) == ["a"]


def test_without_a_look_at_the_target_nothing_is_known_of_it() -> None:
    row = reported(cell("a", {"test_accuracy": 0.99}, {"test_accuracy": 0.98})).loc["a"]
    assert row["known"] == 0
    assert math.isnan(row["time_to_target_s_median"])


def test_six_seeds_have_the_interval_of_the_bootstrap() -> None:
    times = [3.0, 4.0, 5.0, 6.0, 7.0, INF]
    row = reported(cell("a", *timed(*times))).loc["a"]
    expected = bootstrap_median(times)
    assert row["time_to_target_s_low"] == expected.low
    assert row["time_to_target_s_high"] == expected.high
    few = reported(cell("a", *timed(*times[:5]))).loc["a"]
    assert math.isnan(few["time_to_target_s_low"])


def test_the_time_is_split_into_steps_and_seconds_a_step() -> None:
    seeds = [
        {"time_to_target_s": 10.0, "steps_to_target": 100.0},  # 0.1 s a step
        {"time_to_target_s": 40.0, "steps_to_target": 200.0},  # 0.2 s
        {"time_to_target_s": 90.0, "steps_to_target": 300.0},  # 0.3 s
        {"time_to_target_s": INF, "steps_to_target": INF},
    ]
    row = reported(cell("a", *seeds)).loc["a"]
    assert row["steps_to_target_median"] == 250  # the miss takes part
    assert row["step_s_median"] == pytest.approx(0.2)  # of those that reached it


def test_older_tables_have_no_steps() -> None:
    row = reported(cell("a", *timed(10, 20))).loc["a"]
    assert math.isnan(row["steps_to_target_median"]) and math.isnan(row["step_s_median"])


def test_the_ratio_of_the_medians_is_over_the_first_cell() -> None:
    made = reported(cell("a", *timed(*spread(60))), cell("b", *timed(*spread(3))))
    expected = unpaired_ratio(spread(60), spread(3))
    assert made.loc["b", "time_ratio"] == pytest.approx(0.05)
    assert made.loc["b", ["time_ratio_low", "time_ratio_high"]].to_list() == [
        expected.low,
        expected.high,
    ]
    assert math.isnan(made.loc["a", "time_ratio"])


def test_a_cell_that_missed_is_infinitely_slower_than_a_baseline_that_did_not() -> None:
    made = reported(cell("a", *timed(10, 20, 30)), cell("b", *timed(10, INF, INF)))
    assert made.loc["b", "time_ratio"] == INF


def test_nothing_is_held_against_a_baseline_that_missed() -> None:
    made = reported(cell("a", *timed(10, INF, INF)), cell("b", *timed(10, 11, 12)))
    assert math.isnan(made.loc["b", "time_ratio"])


def test_misses_on_both_sides_leave_a_ratio_without_an_interval() -> None:
    made = reported(cell("a", *timed(*[10.0] * 6, INF)), cell("b", *timed(*[5.0] * 6, INF)))
    assert made.loc["b", "time_ratio"] == 0.5
    assert math.isnan(made.loc["b", "time_ratio_low"])
    assert made.loc["b", "time_ratio_n"] == 7


def test_training_times_are_paired_by_seed() -> None:
    before = [{"train_s": s, "test_accuracy": 0.99} for s in (100.0, 200.0, 400.0)]
    after = [{"train_s": s, "test_accuracy": 0.99} for s in (10.0, 50.0, 40.0)]
    made = reported(cell("a", *before), cell("b", *after))
    expected = math.sqrt(0.1 * math.sqrt(0.1 * 0.25))  # of 0.1, 0.25, 0.1; not 40 / 200
    assert made.loc["b", "train_ratio"] == pytest.approx(expected)
    assert made.loc["b", "train_ratio_n"] == 3
    assert made.loc["b", "train_s_median"] == 40


def test_only_seeds_that_the_baseline_has_make_pairs() -> None:
    after = [{"train_s": 10.0}] * 7
    made = reported(cell("a", {"train_s": 20.0}, {"train_s": 40.0}), cell("b", *after))
    assert (made.loc["b", "train_ratio_n"], made.loc["b", "ended"]) == (2, 7)
    assert made.loc["b", "train_ratio"] == pytest.approx(math.sqrt(0.5 * 0.25))
    assert math.isnan(made.loc["b", "train_ratio_low"])


def test_six_pairs_have_the_interval_of_paired_ratios() -> None:
    made = reported(
        cell("a", *({"train_s": s} for s in spread(100))),
        cell("b", *({"train_s": s} for s in reversed(spread(50)))),
    )
    logs = np.log(np.array(spread(50)[::-1]) / np.array(spread(100)))
    expected = paired_ratio(logs)
    row = made.loc["b"]
    assert (row["train_ratio"], row["train_ratio_low"], row["train_ratio_high"]) == pytest.approx(
        (expected.value, expected.low, expected.high)
    )


def accuracies(*values: float) -> list[dict[str, Any]]:
    return [{"test_accuracy": value, "train_s": 10.0} for value in values]


@pytest.mark.parametrize(
    ("values", "certified"),
    [
        ((0.9900, 0.9901, 0.9902), True),
        ((0.9890, 0.9900, 0.9910), False),  # the mean is above the target, its bound is not
        ((0.9896, 0.9896, 0.9896), True),  # at the target, whatever the mean rounds to
        ((0.9894, 0.9894, 0.9894), False),
    ],
)
def test_a_cell_is_certified_if_the_lower_bound_is_at_the_target(
    values: Sequence[float], certified: bool
) -> None:
    assert reported(cell("a", *accuracies(*values))).loc["a", "certified"] == certified


def test_two_seeds_certify_nothing_and_refute_nothing() -> None:
    row = reported(cell("a", *accuracies(0.9950, 0.9951))).loc["a"]
    assert pd.isna(row["certified"])
    assert math.isnan(row["final_lower_bound"])


def test_a_seed_that_did_not_end_keeps_its_cell_from_being_certified() -> None:
    broken = {"status": "timeout", "reason": "took too long"}
    made = reported(cell("a", *accuracies(0.995, 0.995, 0.995), broken), cell("b", broken))
    assert made["certified"].to_list() == [False, False]


def test_where_nothing_was_tried_there_are_no_rows() -> None:
    assert reported(cell("a", {"status": "skipped"})).empty


@given(st.lists(st.floats(0.9, 1), min_size=3, max_size=12), st.floats(0.9, 1))
def test_the_summary_has_the_same_bound_and_median_as_the_certificate(
    values: list[float], target: float
) -> None:
    seeds = [
        {"test_accuracy": v, "time_to_target_s": 100 * v, "steps_to_target": 7.0} for v in values
    ]
    trials = table("trials", *cell("a", *seeds))
    summary = summarise(trials, table("timings"), table("blocks"), table("costs")).iloc[0]
    row = time_to_accuracy(trials, target).iloc[0]
    for column, same in (
        ("final_lower_bound", "accuracy_lower_bound"),
        ("final_mean", "accuracy_mean"),
        ("time_to_target_s_median", "time_to_target_s_median"),
    ):
        assert row[column] == pytest.approx(summary[same])
    assert summary["steps_to_target_median"] == row["steps_to_target_median"] == 7
    assert row["certified"] == (summary["accuracy_lower_bound"] >= target - 1e-9)
