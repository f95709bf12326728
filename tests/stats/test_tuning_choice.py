import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats.selection import best_candidate, halved

accuracies = st.one_of(st.none(), st.floats(0, 1))
scores = st.dictionaries(st.text(max_size=3), st.lists(accuracies, max_size=4), min_size=1)


def test_the_highest_mean_is_chosen() -> None:
    assert best_candidate({"a": [0.97, 0.98], "b": [0.99, 0.975], "c": [0.98, 0.97]}) == "b"


def test_a_candidate_with_a_failed_trial_ranks_below_all_complete_ones() -> None:
    assert best_candidate({"a": [0.999, None], "b": [0.5, 0.4]}) == "b"


def test_ties_go_to_the_first_in_the_studys_order() -> None:
    # In floating point 0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1: a sum by order would break the tie.
    assert best_candidate({"c": [0.1, 0.2, 0.3], "a": [0.3, 0.2, 0.1]}) == "c"
    assert best_candidate({"a": [0.3, 0.2, 0.1], "c": [0.1, 0.2, 0.3]}) == "a"


def test_without_a_complete_candidate_more_finished_trials_rank_higher() -> None:
    assert best_candidate({"a": [0.99, None, None], "b": [0.2, 0.3, None]}) == "b"


def test_without_a_complete_candidate_equal_counts_go_by_the_mean_and_then_by_order() -> None:
    assert best_candidate({"a": [0.8, None], "b": [None, 0.9]}) == "b"
    assert best_candidate({"a": [0.9, None], "b": [None, 0.9]}) == "a"


def test_where_nothing_finished_the_first_is_taken() -> None:
    assert best_candidate({"a": [None], "b": [], "c": [None, None]}) == "a"


def test_an_accuracy_that_is_no_number_counts_as_a_failed_trial() -> None:
    assert best_candidate({"a": [float("nan"), 0.99], "b": [0.5, 0.5]}) == "b"


def test_nothing_to_choose_from_is_refused() -> None:
    with pytest.raises(ValueError, match="no candidate"):
        best_candidate({})


@given(scores)
def test_what_is_chosen_beats_every_candidate_alone(made: dict[str, list[float | None]]) -> None:
    best = best_candidate(made)
    assert all(best_candidate({best: made[best], other: made[other]}) == best for other in made)


@given(scores, st.randoms())
def test_the_order_of_the_seeds_changes_nothing(
    made: dict[str, list[float | None]], chance: random.Random
) -> None:
    shuffled = {name: chance.sample(values, len(values)) for name, values in made.items()}
    assert best_candidate(shuffled) == best_candidate(made)


@given(scores)
def test_a_complete_candidate_is_chosen_wherever_there_is_one(
    made: dict[str, list[float | None]],
) -> None:
    whole = {name for name, values in made.items() if values and None not in values}
    assert not whole or best_candidate(made) in whole


@pytest.mark.parametrize(("n", "left"), [(1, 1), (2, 1), (3, 1), (4, 2), (9, 3), (10, 4)])
def test_halving_keeps_the_best_third_in_the_studys_order(n: int, left: int) -> None:
    scores = {f"c{i}": [i * 7 % 11 / 11] for i in range(n)}
    best = sorted(scores, key=lambda c: -(scores[c][0] or 0))[:left]
    assert halved(scores) == [candidate for candidate in scores if candidate in best]


def test_halving_keeps_no_candidate_with_a_failed_trial_before_one_without() -> None:
    assert halved({"a": [0.9, None], "b": [0.1, 0.1], "c": [0.2, 0.2], "d": [None]}) == ["b", "c"]
