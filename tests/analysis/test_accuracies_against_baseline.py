"""Mean accuracies over seeds are compared for all cells at once, and more of it is better."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hand_made import table
from side_by_side import trials_of

from bench.analysis.accuracy_comparisons import accuracy_verdict, further_seeds
from bench.analysis.comparisons import compare_with_baseline
from bench.stats.contrasts import mean_differences
from bench.stats.estimates import Estimate

BASELINE = [0.90, 0.94, 0.92]
OTHER = [0.94, 0.91, 0.91]  # the same mean, in another order


def accuracies(cells: Mapping[str, Sequence[float | None]]) -> pd.DataFrame:
    rows = compare_with_baseline(trials_of(cells), table("timings"), table("blocks"))
    assert set(rows["baseline_id"]) == {"a"} and set(rows["measure"]) == {"test_accuracy"}
    return rows.set_index("cell_id")


def accuracy(a: Sequence[float | None], b: Sequence[float | None]) -> Any:
    return accuracies({"a": a, "b": b}).loc["b"]


@pytest.mark.parametrize(
    ("change", "expected"), [(0.1, "IMPROVED"), (-0.1, "REGRESSED"), (0.0, "INCONCLUSIVE")]
)
def test_a_higher_accuracy_is_an_improvement(change: float, expected: str) -> None:
    row = accuracy(BASELINE, [x + change for x in OTHER])
    assert row["verdict"] == expected
    assert row["difference"] == pytest.approx(change)
    assert row["ratio"] == pytest.approx(1 + change / 0.92)


def test_the_columns_are_those_of_both_intervals() -> None:
    cells = {"a": BASELINE, "b": OTHER, "c": [0.95, 0.91, 0.93]}
    expected = mean_differences(np.array(list(cells.values())).T, [[-1, 1, 0], [-1, 0, 1]])
    for (_, row), estimate in zip(accuracies(cells).iterrows(), expected, strict=True):
        low, high = estimate.simultaneous.low, estimate.simultaneous.high
        assert low is not None and high is not None
        assert row["difference"] == pytest.approx(estimate.simultaneous.value)
        assert [row["low"], row["high"]] == pytest.approx([1 + low / 0.92, 1 + high / 0.92])
        assert [row["individual_low"], row["individual_high"]] == [
            estimate.individual.low,
            estimate.individual.high,
        ]
        assert (row["n"], row["method"], row["floor"]) == (3, "Dunnett", 0)


def test_small_differences_are_equivalent_where_enough_seeds_show_it() -> None:
    few, many = ([0.9885 + 0.003 * (i % 2) for i in range(n)] for n in (4, 80))
    shifted = [x + 0.0001 for x in few[1:] + few[:1]], [x + 0.0001 for x in many[1:] + many[:1]]
    assert accuracy(few, shifted[0])["verdict"] == "INCONCLUSIVE"
    assert accuracy(many, shifted[1])["verdict"] == "EQUIVALENT"


def test_equal_accuracies_with_every_seed_are_identical() -> None:
    row = accuracy(BASELINE, BASELINE)
    assert (row["verdict"], row["method"]) == ("EQUIVALENT", "identical")
    assert row[["ratio", "low", "high"]].tolist() == [1, 1, 1]
    two = accuracy(BASELINE[:2], BASELINE[:2])
    assert two["verdict"] == "INCONCLUSIVE"
    assert pd.isna(two["method"])


def test_a_seed_that_failed_on_one_side_counts_on_the_other() -> None:
    row = accuracy([0.90, None, 0.92, 0.5], [0.93, 0.97, 0.95, None])
    assert row["n"] == 3
    assert row["difference"] == pytest.approx((0.93 + 0.97 + 0.95) / 3 - (0.90 + 0.92 + 0.5) / 3)


@pytest.mark.parametrize(("n", "further"), [(1, 2), (2, 1)])
def test_fewer_than_three_seeds_have_a_difference_and_no_interval(n: int, further: int) -> None:
    row = accuracy([0.9] * n, [0.95] * n)
    assert (row["n"], row["verdict"], row["further"]) == (n, "INCONCLUSIVE", further)
    assert row["difference"] == pytest.approx(0.05)
    assert row[["low", "high", "mde"]].isna().all()


def test_accuracies_that_scatter_beyond_all_bounds_are_inconclusive() -> None:
    """The interval of three such seeds would reach below an accuracy of 0."""
    row = accuracy([0.98, 0.97, 0.98], [0.10, 0.97, 0.54])
    assert (row["low"], row["verdict"]) == (0, "INCONCLUSIVE")
    assert row["high"] > 1


def test_a_cell_that_learnt_nothing_at_all_is_compared_too() -> None:
    assert accuracy([0.1, 0.2, 0.3], [0.0, 0.0, 0.0])["ratio"] == pytest.approx(0.0)
    assert accuracy([0.0] * 3, [0.5] * 3)["verdict"] == "IMPROVED"


def test_networks_that_were_never_trained_are_not_compared() -> None:
    trials = trials_of({"a": BASELINE, "b": BASELINE}).assign(epochs_done=0)
    assert compare_with_baseline(trials, table("timings"), table("blocks")).empty


@pytest.mark.parametrize(
    ("simultaneous", "individual", "expected"),
    [
        ((0.0001, 0.003), (0.0005, 0.0026), "IMPROVED"),
        ((-0.003, -0.0001), (-0.0026, -0.0005), "REGRESSED"),
        ((-0.0001, 0.0030), (0.0003, 0.0026), "INCONCLUSIVE"),
        ((-0.0022, 0.0024), (-0.0018, 0.0020), "EQUIVALENT"),
        ((-0.0022, 0.0024), (-0.0018, 0.0021), "INCONCLUSIVE"),
        ((0.0, 0.003), (0.0001, 0.0029), "INCONCLUSIVE"),
    ],
)
def test_a_change_excludes_zero_simultaneous_and_an_equivalence_lies_within_02_points_alone(
    simultaneous: tuple[float, float], individual: tuple[float, float], expected: str
) -> None:
    estimates = [Estimate(sum(ends) / 2, *ends, 5) for ends in (simultaneous, individual)]
    assert accuracy_verdict(*estimates) == expected
    decided = expected != "INCONCLUSIVE"
    assert (further_seeds(*estimates) == 0) == decided


def test_further_seeds_are_those_that_the_nearer_border_needs() -> None:
    # Half an interval of 0.003 has to fit into 0.001, or one of 0.002 into 0.002 - 0.001.
    simultaneous, individual = Estimate(0.001, -0.002, 0.004, 5), Estimate(0.001, -0.001, 0.003, 5)
    assert further_seeds(simultaneous, individual) == 5 * 4 + 1 - 5
    nothing = Estimate(0.0, -0.003, 0.003, 5), Estimate(0.0, -0.0024, 0.0024, 5)
    assert further_seeds(*nothing) == int(5 * 1.2**2) + 1 - 5
    border = Estimate(0.002, -0.001, 0.005, 5), Estimate(0.002, -0.0005, 0.0045, 5)
    assert further_seeds(*border) == int(5 * 1.5**2) + 1 - 5
