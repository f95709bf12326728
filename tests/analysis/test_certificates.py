"""A certificate compares a cell's mean accuracy over seeds with a target."""

from collections.abc import Sequence

import pytest
from side_by_side import trials_of

from bench.analysis.certificates import Certificate, certificates
from bench.stats.estimates import mean_bounds

TEN = [0.9890 + 0.0002 * (i % 5) for i in range(10)]


def certified(*accuracies: float | None, target: float = 0.9896) -> Certificate:
    (only,) = certificates(trials_of({"a": accuracies}), target)
    return only


@pytest.mark.parametrize(
    ("target", "verdict"),
    [(0.9891, "CERTIFIED"), (0.9894, "INCONCLUSIVE"), (0.9898, "BELOW")],
)
def test_the_bound_decides_and_not_the_mean(target: float, verdict: str) -> None:
    each = certified(*TEN, target=target)
    assert (each.low, each.high) == mean_bounds(TEN)
    assert (each.verdict, each.seeds, each.ended) == (verdict, 10, 10)


@pytest.mark.parametrize("accuracies", [[0.999], [0.999, 0.999]])
def test_fewer_than_three_seeds_certify_nothing(accuracies: Sequence[float]) -> None:
    each = certified(*accuracies)
    assert (each.verdict, each.low, each.high) == ("INCONCLUSIVE", None, None)


def test_a_trial_that_failed_keeps_its_cell_from_being_certified() -> None:
    each = certified(0.999, 0.999, 0.998, None)
    assert (each.verdict, each.seeds, each.ended) == ("INCONCLUSIVE", 4, 3)


def test_equal_accuracies_at_the_target_reach_it() -> None:
    assert certified(0.9896, 0.9896, 0.9896).verdict == "CERTIFIED"


def test_bounds_allow_for_the_looks_after_which_seeds_were_added() -> None:
    trials = trials_of({"a": TEN})
    (plain,) = certificates(trials, 0.9892)
    (looked,) = certificates(trials.assign(look=3), 0.9892)
    assert looked.low is not None and plain.low is not None
    assert looked.low < plain.low
    assert (plain.verdict, looked.verdict) == ("CERTIFIED", "INCONCLUSIVE")
