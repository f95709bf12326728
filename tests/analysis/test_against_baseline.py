"""Every cell is held against the baseline cell of the same block, and of the same seed."""

from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hand_made import table
from side_by_side import MOODS, Times, blocks_of, timings_of, trials_of

from bench.analysis.comparisons import compare_with_baseline
from bench.analysis.results import read_results
from bench.stats.rank_tests import holm, signed_rank
from bench.stats.verdicts import LEAST_FLOOR, noise_floor

CELLS = trials_of({"a": [None], "b": [None], "c": [None]})
SLOWER: Times = {"a": MOODS, "b": [1.5 * s for s in MOODS]}


def compared(timings: pd.DataFrame, *disturbed: tuple[str, str, int]) -> pd.DataFrame:
    return compare_with_baseline(CELLS, timings, blocks_of(timings, *disturbed))


def only(rows: pd.DataFrame) -> Any:
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        (1.5, "REGRESSED"), (0.5, "IMPROVED"), (1.0, "EQUIVALENT"), (1.01, "INCONCLUSIVE"),
        (1.03, "REGRESSED"),
    ],
)  # fmt: skip
def test_a_drift_on_both_sides_of_a_block_cancels(factor: float, expected: str) -> None:
    noise = (1.0, 0.999, 1.001, 0.98, 1.022, 1.0)
    times = {"a": MOODS, "b": [factor * s * e for s, e in zip(MOODS, noise, strict=True)]}
    row = only(compared(timings_of(times, twin=MOODS)))
    assert row["ratio"] == pytest.approx(factor, rel=0.005)
    assert (row["verdict"], row["floor"]) == (expected, LEAST_FLOOR)
    assert row[["study", "cell_id", "baseline_id", "measure", "n"]].tolist() == [
        "s", "b", "a", "step", 6,
    ]  # fmt: skip


def test_blocks_are_paired_by_number_and_not_by_place() -> None:
    turned = timings_of(SLOWER).iloc[::-1]
    assert only(compared(turned))["ratio"] == pytest.approx(1.5)


def test_a_block_that_only_one_side_has_is_no_pair() -> None:
    later = timings_of({"a": [1.0], "b": []}, first=6)
    row = only(compared(pd.concat([timings_of(SLOWER), later])))
    assert (row["n"], row["left_out"]) == (6, 0)


def test_fewer_than_six_blocks_are_inconclusive_and_state_how_many_are_missing() -> None:
    few = {cell_id: times[:4] for cell_id, times in SLOWER.items()}
    row = only(compared(timings_of(few, twin=MOODS)))
    assert (row["n"], row["verdict"], row["further"]) == (4, "INCONCLUSIVE", 2)
    assert pd.isna(row["low"]) and pd.isna(row["high"]) and pd.isna(row["mde"])


@pytest.mark.parametrize(("twins", "further"), [(0, 6), (4, 2)])
def test_a_session_whose_noise_was_not_measured_decides_nothing(twins: int, further: int) -> None:
    row = only(compared(timings_of(SLOWER, twin=MOODS[:twins])))
    assert row["low"] == pytest.approx(1.5)
    assert (row["verdict"], row["further"]) == ("INCONCLUSIVE", further)


def test_a_cell_whose_pairs_were_all_disturbed_keeps_its_row_and_decides_nothing() -> None:
    every = [("b", "planned", block) for block in range(6)]
    row = only(compared(timings_of(SLOWER, twin=MOODS), *every))
    assert row["ratio"] == pytest.approx(1.5)
    assert (row["n"], row["left_out"], row["verdict"]) == (0, 6, "INCONCLUSIVE")
    assert pd.isna(row["low"])


def test_twins_that_differ_raise_the_floor() -> None:
    unlike = [s * (1.3 if i % 2 else 0.8) for i, s in enumerate(MOODS)]
    row = only(compared(timings_of(SLOWER, twin=unlike)))
    logs = [log(twin / own) for own, twin in zip(MOODS, unlike, strict=True)]
    assert row["floor"] == pytest.approx(noise_floor(logs, 6))
    assert row["floor"] > LEAST_FLOOR
    assert only(compared(timings_of(SLOWER)))["floor"] == LEAST_FLOOR


@pytest.mark.parametrize("disturbed", [("a", "planned", 2), ("b", "planned", 2)])
def test_a_disturbed_block_is_left_out_with_its_pair_and_counted(
    disturbed: tuple[str, str, int],
) -> None:
    spoilt = {cell_id: list(times) for cell_id, times in SLOWER.items()}
    spoilt[disturbed[0]][2] *= 100
    six = {"a": [*spoilt["a"], 1.0], "b": [*spoilt["b"], 1.5]}
    row = only(compared(timings_of(six), disturbed))
    assert (row["n"], row["left_out"]) == (6, 1)
    assert row["high"] == pytest.approx(1.5)


def test_another_cells_disturbance_leaves_a_pair_alone() -> None:
    rows = compared(timings_of({**SLOWER, "c": MOODS}), ("c", "planned", 2))
    assert rows.set_index("cell_id")["left_out"].to_dict() == {"b": 0, "c": 1}


def test_a_disturbed_twin_states_nothing_of_the_floor() -> None:
    twin = [s * (1.5 if i > 2 else 1) for i, s in enumerate(MOODS)]
    made = timings_of(SLOWER, twin=twin)
    assert only(compared(made))["floor"] > LEAST_FLOOR
    row = only(compared(made, *(("a", "twin", block) for block in (3, 4, 5))))
    assert (row["floor"], row["n"], row["left_out"]) == (LEAST_FLOOR, 6, 0)


def test_extra_blocks_of_older_results_are_not_looked_at() -> None:
    made = timings_of(SLOWER, twin=MOODS)
    extra = timings_of({"a": [9.0] * 9, "b": [1.0] * 9}, role="extra", first=6)
    more = pd.concat([made, extra])
    assert compared(more).to_csv() == compared(made).to_csv()


def test_the_second_opinion_is_corrected_for_the_number_of_cells() -> None:
    times = {"a": [1.0, 1.1, 1.2, 1.3, 1.4, 1.5], "b": [2.0, 2.1, 2.2, 2.3, 2.4, 2.5]}
    times["c"] = [1.05, 1.15, 1.25, 1.35, 1.45, 1.55]
    rows = compared(timings_of(times))
    raw = [signed_rank(np.log(times[i]) - np.log(times["a"])) for i in ("b", "c")]
    assert rows["p_value"].tolist() == pytest.approx(holm(raw).tolist())
    assert rows["p_value"].iloc[0] == pytest.approx(2 * raw[0])


def test_rows_come_in_the_order_of_the_cells_and_the_phases() -> None:
    trials = trials_of({"a": [0.9], "c": [0.9], "b": [0.9]})
    made = timings_of({**SLOWER, "c": MOODS})
    rows = compare_with_baseline(
        trials, pd.concat([made.assign(phase="forward"), made]), blocks_of(made)
    )
    measures = ["forward", "step", "test_accuracy"]
    assert rows[["cell_id", "measure"]].to_numpy().tolist() == [
        [cell_id, measure] for cell_id in ("c", "b") for measure in measures
    ]


def test_a_phase_of_no_time_at_all_is_no_side_of_a_ratio() -> None:
    made = timings_of({"a": [0.0, *MOODS], "b": [0.0, *MOODS]}, twin=[0.0, *MOODS])
    assert only(compared(made))["n"] == 6


@pytest.mark.parametrize(
    ("trials", "timings"),
    [
        (table("trials"), table("timings")),
        (CELLS, table("timings")),
        (CELLS, timings_of({"b": MOODS, "c": MOODS})),  # the baseline cell was never timed
        (trials_of({"a": [0.9]}), timings_of({"a": MOODS}, twin=MOODS)),
        (trials_of({"a": [None], "b": [0.9]}), table("timings")),
    ],
    ids=["nothing", "no blocks", "no baseline", "one cell", "no baseline accuracy"],
)
def test_where_there_is_nothing_to_hold_against_there_are_no_rows(
    trials: pd.DataFrame, timings: pd.DataFrame
) -> None:
    rows = compare_with_baseline(trials, timings, blocks_of(timings))
    assert rows.empty
    assert list(rows.columns) == list(compared(timings_of(SLOWER)).columns)


def test_computed_twice_the_bytes_are_the_same() -> None:
    made = timings_of({**SLOWER, "c": MOODS}, twin=[1.1 * s for s in MOODS])
    first, second = (compared(made).to_csv(index=False) for _ in range(2))
    assert first == second
    assert first.count("\n") == 3


def test_tables_that_were_written_and_read_again_compare_the_same(tmp_path: Path) -> None:
    trials = trials_of({"a": [0.91, 0.93, 0.9], "b": [0.95, 0.96, 0.97]})
    made = timings_of(SLOWER, twin=[1.1 * s for s in MOODS])
    guards = blocks_of(made, ("b", "planned", 1))
    for name, frame in (("trials", trials), ("timings", made), ("blocks", guards)):
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    there = compare_with_baseline(trials, made, guards).to_csv(index=False)
    assert read_results(tmp_path).comparisons.to_csv(index=False) == there
