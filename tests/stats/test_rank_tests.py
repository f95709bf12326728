import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from bench.stats.rank_tests import holm, least_p, mann_whitney, signed_rank

few = st.lists(st.integers(0, 4), min_size=1, max_size=4)
p_values = st.lists(st.floats(0, 1), max_size=12)


def halves_with_u(n: int, u: int) -> tuple[list[int], list[int]]:
    """Split 1..2n so that the first half wins `u` of its n² comparisons (u at most n)."""
    first = [*range(1, n), n + u]
    return first, [k for k in range(1, 2 * n + 1) if k not in first]


# Mann & Whitney (1947), Annals of Mathematical Statistics 18, table I: P(U <= u). Beside it, the
# count behind it: as many of the C(2n, n) orders have U <= u as there are partitions of 0 to u.
@pytest.mark.parametrize(
    ("n", "u", "table", "orders"),
    [
        (4, 0, 0.014, 1),
        (4, 1, 0.029, 2),
        (4, 2, 0.057, 4),
        (4, 3, 0.100, 7),
        (5, 2, 0.016, 4),
        (6, 0, 0.001, 1),
        (6, 5, 0.021, 19),
    ],
)
def test_the_exact_p_is_twice_that_of_the_published_table(
    n: int, u: int, table: float, orders: int
) -> None:
    p = mann_whitney(*halves_with_u(n, u))
    assert p / 2 == pytest.approx(table, abs=5e-4)
    assert p == pytest.approx(2 * orders / math.comb(2 * n, n))


def test_samples_too_large_to_count_out_are_still_exact_without_ties() -> None:
    first, second = range(30), range(30, 60)
    assert mann_whitney(first, second) == pytest.approx(2 / math.comb(60, 30))


def test_ties_are_counted_out_by_hand() -> None:
    # Of the six splits of 1, 2, 2, 3 two give the first pair a rank sum of 3.5, its smallest.
    assert mann_whitney([1, 2], [2, 3]) == pytest.approx(2 * 2 / 6)


@given(few, few)
def test_ties_are_counted_out_over_every_split(first: list[int], second: list[int]) -> None:
    def wins(chosen: tuple[int, ...]) -> float:
        rest = [k for k in range(len(pooled)) if k not in chosen]
        return sum(
            (pooled[i] > pooled[j]) + 0.5 * (pooled[i] == pooled[j]) for i in chosen for j in rest
        )

    pooled = first + second
    splits = [wins(chosen) for chosen in combinations(range(len(pooled)), len(first))]
    observed = wins(tuple(range(len(first))))
    tails = [sum(u <= observed for u in splits), sum(u >= observed for u in splits)]
    assert mann_whitney(first, second) == pytest.approx(min(1, 2 * min(tails) / len(splits)))


def test_many_values_with_ties_fall_back_to_the_normal_approximation() -> None:
    first, second = [k // 2 for k in range(20)], [k // 2 + 3 for k in range(20)]
    approximate = mannwhitneyu(first, second, method="asymptotic").pvalue
    assert mann_whitney(first, second) == pytest.approx(approximate)
    assert mann_whitney([1.0] * 20, [1.0] * 20) == 1


@given(
    st.lists(st.integers(-50, 50), min_size=2, max_size=12, unique=True),
    st.integers(1, 11),
)
def test_only_ranks_count_and_the_sides_count_alike(values: list[int], cut: int) -> None:
    first, second = values[: min(cut, len(values) - 1)], values[min(cut, len(values) - 1) :]
    p = mann_whitney(first, second)
    assert 0 < p <= 1
    assert mann_whitney(second, first) == pytest.approx(p)
    assert mann_whitney(np.exp2(first), np.exp2(second)) == pytest.approx(p)


def test_a_missed_target_ranks_last() -> None:
    missed = mann_whitney([1, 2, 3], [4, 5, math.inf])
    assert missed == mann_whitney([1, 2, 3], [4, 5, 6])


@pytest.mark.parametrize("n", range(1, 13))
def test_the_least_p_is_that_of_samples_that_do_not_meet(n: int) -> None:
    least = least_p(n, is_paired=False)
    assert least == pytest.approx(mann_whitney(range(n), range(n, 2 * n)))


@pytest.mark.parametrize("n", range(1, 13))
def test_the_least_p_of_pairs_is_that_of_differences_of_one_sign(n: int) -> None:
    assert least_p(n, is_paired=True) == pytest.approx(signed_rank(range(1, n + 1)))


def test_of_nothing_the_least_p_is_one() -> None:
    assert least_p(0, is_paired=False) == least_p(0, is_paired=True) == 1.0


def test_the_signed_rank_test_of_plants_in_pairs() -> None:
    # Cross- against self-fertilised maize, Darwin (1876), in eighths of an inch; ranks of one
    # sign sum to 24, which has an exact two-sided p of 0.0413: Wilcoxon (1945).
    differences = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    assert signed_rank(differences) == pytest.approx(0.0413, abs=5e-5)


def test_without_any_difference_the_signed_rank_test_finds_none() -> None:
    assert signed_rank([0.0] * 6) == 1.0
    assert math.isnan(signed_rank([]))


def test_against_nothing_there_is_no_p() -> None:
    assert math.isnan(mann_whitney([], [1.0, 2.0]))
    assert math.isnan(mann_whitney([1.0, 2.0], []))


@pytest.mark.parametrize("values", [[1.0, math.nan], [[1.0, 2.0]]])
def test_what_cannot_be_ranked_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError):
        mann_whitney(values, [1.0, 2.0])


def test_holm_multiplies_the_smallest_by_all_and_the_next_by_one_fewer() -> None:
    # Holm (1979), Scandinavian Journal of Statistics 6, section 3, by hand: 4 · .005, 3 · .01,
    # 2 · .03, and .04, which may not fall below the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_leaves_blanks_blank_and_does_not_count_them() -> None:
    adjusted = holm([0.01, math.nan, 0.04, 0.03, math.nan, 0.005])
    assert np.isnan(adjusted[[1, 4]]).all()
    assert adjusted[[0, 2, 3, 5]] == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_of_nothing_is_nothing() -> None:
    assert holm([]).shape == (0,)
    assert np.isnan(holm([math.nan])).all()


@given(p_values)
def test_holm_lies_between_the_raw_values_and_those_of_bonferroni(raw: list[float]) -> None:
    adjusted = holm(raw)
    assert (adjusted >= raw).all()
    assert (adjusted <= np.minimum(1, len(raw) * np.array(raw))).all()


@given(p_values)
def test_holm_keeps_the_order(raw: list[float]) -> None:
    assert (np.diff(holm(sorted(raw))) >= 0).all()
    by_value = dict(zip(raw, holm(raw), strict=True))
    assert [by_value[p] for p in sorted(raw)] == holm(sorted(raw)).tolist()


@pytest.mark.parametrize("raw", [[0.5, 1.5], [-0.1], [[0.1, 0.2]]])
def test_what_is_no_probability_is_refused(raw: list[float]) -> None:
    with pytest.raises(ValueError):
        holm(raw)
