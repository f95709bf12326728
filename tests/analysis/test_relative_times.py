"""In a timing set, every turn is compared with the baseline's turn in the same round."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from lockstep_sets import BASELINE, CONTROL, Part, Turns, pace, sets_of
from side_by_side import MOODS, blocks_of, timings_of, trials_of

from bench.analysis.comparisons import compare_with_baseline
from bench.analysis.set_times import block_times, looks_of, raw_block_times, relative_times

B: Part = ("b", "planned")
CELLS = trials_of({"a": [None], "b": [None], "c": [None]})


def ratios(tables: tuple[pd.DataFrame, pd.DataFrame]) -> dict[tuple[str, int, str], float]:
    found = relative_times(*tables)
    keys = zip(found["cell_id"], found["block"], found["role"], strict=True)
    return dict(zip(keys, np.exp(found["log_ratio"]), strict=True))


def steps(tables: tuple[pd.DataFrame, pd.DataFrame]) -> Any:
    """Compare the step times of cell b with those of cell a."""
    rows = compare_with_baseline(CELLS, *tables)
    (row,) = rows[rows["measure"] == "step"].to_dict("records")
    return row


def test_a_machine_that_slows_down_amid_a_set_leaves_the_ratio_exact() -> None:
    found = ratios(sets_of(pace(1.0, 1.0, 2.0, 2.0)))
    assert found == pytest.approx(
        {("a", 0, "planned"): 1.0, ("a", 0, "twin"): 1.01, ("b", 0, "planned"): 1.5}
    )


def test_sets_on_a_slower_machine_have_the_same_ratio() -> None:
    moods = [pace(*(mood * f for f in (1.0, 1.1, 2.0))) for mood in MOODS]
    row = steps(sets_of(*moods))
    assert (row["ratio"], row["low"], row["high"]) == pytest.approx((1.5, 1.5, 1.5))
    assert (row["n"], row["verdict"]) == (6, "REGRESSED")


def test_warm_up_rounds_do_not_count() -> None:
    warmup = {part: [50.0, 90.0] for part in pace()}
    assert ratios(sets_of(pace(1.0, 2.0), warmup=warmup))["b", 0, "planned"] == pytest.approx(1.5)


def test_turns_are_matched_though_the_warm_ups_had_different_lengths() -> None:
    warmup: dict[Part, Turns] = {BASELINE: [9.0], CONTROL: [9.0] * 5, B: [9.0] * 3}
    found = ratios(sets_of(pace(1.0, 3.0, 7.0, 20.0), warmup=warmup))
    assert found["b", 0, "planned"] == pytest.approx(1.5)
    assert found["a", 0, "twin"] == pytest.approx(1.01)


@pytest.mark.parametrize("disturbed", [BASELINE, B])
def test_a_disturbed_turn_is_dropped_with_its_counterpart(disturbed: Part) -> None:
    turns = {BASELINE: [1.0, 1.0, 1.0], CONTROL: [1.0, 1.0, 1.0], B: [1.5, 1.7, 2.5]}
    found = ratios(sets_of(turns, disturbed=[(0, disturbed, 2)]))
    assert found["b", 0, "planned"] == pytest.approx((1.5 * 1.7) ** 0.5)


def test_a_disturbed_turn_of_the_control_leaves_the_cells_alone() -> None:
    turns = {BASELINE: [1.0, 1.0, 1.0], CONTROL: [1.0, 1.0, 9.0], B: [1.5, 1.7, 2.5]}
    found = ratios(sets_of(turns, disturbed=[(0, CONTROL, 2)]))
    assert found["b", 0, "planned"] == pytest.approx(1.7)
    assert found["a", 0, "twin"] == pytest.approx(1.0)


@pytest.mark.parametrize(("turns", "is_usable"), [((0, 1), True), ((0, 1, 2), False)])
def test_half_of_the_rounds_must_be_undisturbed(turns: tuple[int, ...], is_usable: bool) -> None:
    tables = sets_of(pace(1.0, 1.0, 2.0, 2.0), disturbed=[(0, B, turn) for turn in turns])
    found = relative_times(*tables).set_index(["cell_id", "role"])["is_usable"]
    assert found["b", "planned"] == is_usable
    assert found["a", "planned"] and found["a", "twin"]


def test_a_set_with_too_few_undisturbed_rounds_is_left_out_as_disturbed() -> None:
    bad = {**pace(1.0, 1.0, 1.0), B: [9.0, 9.0, 1.5]}
    tables = sets_of(*[pace(1.0, 1.0, 1.0)] * 6, bad, disturbed=[(6, B, 0), (6, B, 1)])
    row = steps(tables)
    assert (row["n"], row["left_out"]) == (6, 1)
    assert row["high"] == pytest.approx(1.5)


def test_different_batch_sizes_are_compared_per_image() -> None:
    row = steps(sets_of(*[pace(1.0, 2.0)] * 6, batch={"a": 100, "b": 300}))
    assert row["ratio"] == pytest.approx(0.5)
    assert row["before"] == pytest.approx(0.015)  # 1.5 s in the median, of 100 images


def test_times_of_an_epoch_are_not_divided_by_images() -> None:
    tables = sets_of(*[pace(2.0)] * 6, batch={"a": 100, "b": 300}, phase="epoch")
    (row,) = compare_with_baseline(CELLS, *tables).to_dict("records")
    assert (row["measure"], row["before"], row["ratio"]) == ("epoch", 2.0, pytest.approx(1.5))


@pytest.mark.parametrize("missing", [BASELINE, CONTROL])
def test_a_set_without_its_baseline_or_control_has_no_rows(missing: Part) -> None:
    lacking = {part: turns for part, turns in pace(1.0, 2.0).items() if part != missing}
    found = relative_times(*sets_of(lacking, pace(1.0, 2.0)))
    assert set(found["block"]) == {1}


def test_a_member_that_ended_early_is_compared_in_the_rounds_that_it_had() -> None:
    short = {BASELINE: [1.0, 1.0, 4.0], CONTROL: [1.0, 1.0, 4.0], B: [1.5, 1.5]}
    assert ratios(sets_of(short))["b", 0, "planned"] == pytest.approx(1.5)


def test_every_cell_is_compared_in_each_of_its_sets() -> None:
    """Cells beyond the limit of a set are timed in another one, with the baseline again."""
    first, second = pace(1.0, 1.0), {**pace(2.0, 2.0), ("c", "planned"): [6.0, 6.0]}
    del second[B]
    found = ratios(sets_of(first, second))
    assert found["b", 0, "planned"] == pytest.approx(1.5)
    assert found["c", 1, "planned"] == pytest.approx(3.0)


def test_a_cell_has_the_looks_of_its_last_set() -> None:
    _, blocks = sets_of(*[pace(1.0, 1.0)] * 3)
    blocks.loc[(blocks["block"] == 2) & (blocks["cell_id"] == "b"), "look"] = 4
    assert looks_of(blocks) == {"a": 0, "b": 4}


def test_further_looks_widen_the_interval() -> None:
    moods = [{BASELINE: [1.0], CONTROL: [1.01], B: [1.5 + 0.01 * i]} for i in range(12)]
    timings, blocks = sets_of(*moods)
    fixed = steps((timings, blocks))
    looked = steps((timings, blocks.assign(look=3)))
    assert looked["ratio"] == fixed["ratio"]
    assert looked["low"] < fixed["low"] < fixed["high"] < looked["high"]


def test_sets_that_were_added_after_a_look_count_like_the_others() -> None:
    timings, blocks = sets_of(*[pace(1.0, 2.0)] * 8)
    blocks["look"] = blocks["block"].map(lambda number: 1 if number >= 6 else 0)
    assert steps((timings, blocks))["n"] == 8


@pytest.mark.parametrize("has_column", [True, False])
def test_older_tables_have_no_relative_times_and_keep_their_own(has_column: bool) -> None:
    times = {"a": MOODS, "b": [1.5 * s for s in MOODS]}
    timings = timings_of(times, twin=MOODS)
    blocks = blocks_of(timings, ("b", "planned", 1))
    if not has_column:  # as `read_results` fills it
        blocks = blocks.assign(protocol=pd.Series(pd.NA, index=blocks.index, dtype="string"))
    assert relative_times(timings, blocks).empty
    raw = raw_block_times(timings, blocks)
    pd.testing.assert_frame_equal(block_times(timings, blocks), raw)
    row = steps((timings, blocks))
    assert (row["ratio"], row["n"], row["left_out"]) == (pytest.approx(1.5), 5, 1)


def test_times_relative_to_the_baseline_are_those_of_a_steady_machine() -> None:
    """In seconds: the baseline's median over sets times the ratio in each set."""
    measured = block_times(*sets_of(pace(1.0), pace(2.0), pace(3.0)))
    own = measured[(measured["cell_id"] == "b")]["step"] * 100
    assert own.to_list() == pytest.approx([3.0] * 3)
