"""Rounds measured in lockstep: which of them count."""

from collections.abc import Sequence

import numpy as np

from bench.regress.benchmark_samples import Role, Rounds
from bench.regress.round_times import comparable_rounds, summarise


def rounds_of(slices: Sequence[Sequence[float]], start_s: float = 0.0) -> Rounds:
    """Return rounds of these seconds, slice by slice; a slice starts every 10 s."""
    index = np.repeat(np.arange(len(slices)), [len(times_s) for times_s in slices])
    times_s = np.array([time_s for times_s in slices for time_s in times_s])
    opens = np.diff(index, prepend=-1) > 0
    return Rounds(start_s + 10.0 * index, times_s, index + 1, opens)


def counted(**slices: Sequence[Sequence[float]]) -> dict[str, list[float]]:
    roles: dict[Role, Rounds] = {role: rounds_of(s) for role, s in slices.items()}  # type: ignore[misc]
    return {role: list(rounds.time_s) for role, rounds in comparable_rounds(roles).items()}


def test_the_first_round_of_each_slice_is_left_out() -> None:
    same = [[9.0], [9.0, 1.0, 2.0], [9.0, 3.0]]
    assert counted(base=same, head=same) == {"base": [1, 2, 3], "head": [1, 2, 3]}


def test_single_rounds_all_count_even_if_a_few_slices_had_two() -> None:
    same = [[1.0], [2.0], [3.0, 4.0]]
    assert counted(base=same, head=[*same, [5.0], [6.0]])["base"] == [1, 2, 3, 4]


def test_a_role_with_few_warm_rounds_lets_the_cold_ones_of_all_count() -> None:
    warm, cold = [[1.0], [2.0, 3.0]], [[1.0], [2.0]]
    assert counted(base=warm, head=cold) == {"base": [1, 2, 3], "head": [1, 2]}


def test_rounds_after_the_first_role_has_finished_do_not_count() -> None:
    alone = [[1.0], [2.0], [3.0], [4.0]]
    assert counted(base=alone, twin=alone[:2], head=alone[:3])["base"] == [1, 2]


def test_nothing_counts_where_nothing_was_measured() -> None:
    assert comparable_rounds({}) == {}


def test_a_summary_is_the_fastest_or_the_median_round() -> None:
    rounds = rounds_of([[3.0, 1.0, 2.0]])
    assert (summarise(rounds, "min"), summarise(rounds, "median")) == (1.0, 2.0)
