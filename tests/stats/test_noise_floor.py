import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm, t

from bench.stats.estimates import pseudo_medians
from bench.stats.verdicts import LEAST_FLOOR, noise_floor

log_ratios = st.lists(st.floats(-1, 1), min_size=1, max_size=12)
block_counts = st.integers(1, 12)


def normal_d(sigma: float, count: int = 400) -> list[float]:
    """Spread `count` log ratios as a normal distribution has them, without chance."""
    return list(norm.ppf((np.arange(count) + 0.5) / count, scale=sigma))


def test_without_a_comparison_of_like_with_like_the_floor_is_the_least() -> None:
    assert noise_floor([], 8) == LEAST_FLOOR == 0.005
    assert noise_floor([], 8, least=0.1) == 0.1


def test_one_block_of_normal_noise_has_the_percentile_of_its_distribution() -> None:
    # P(|exp(Z) - 1| <= q) = Phi(log(1 + q) / s) - Phi(log(1 - q) / s) for Z ~ N(0, s).
    def excess(q: float) -> float:
        return float(norm.cdf(math.log1p(q) / 0.1) - norm.cdf(math.log1p(-q) / 0.1)) - 0.975

    assert noise_floor(normal_d(0.1), 1) == pytest.approx(brentq(excess, 0.01, 0.9), rel=0.03)


def test_a_single_block_counts_the_same_in_both_directions() -> None:
    assert noise_floor([0.3], 1) == noise_floor([-0.3], 1) == pytest.approx(math.expm1(0.3))


@pytest.mark.parametrize("n", [6, 9, 12, 13, 30, 60])
@pytest.mark.parametrize("noise", [norm, t(3)], ids=["normal", "heavy tails"])
def test_one_in_forty_ratios_without_a_change_lies_beyond_the_floor(noise: Any, n: int) -> None:
    # Above 12 sets the floor is extrapolated.
    rows = 0.03 * noise.rvs(size=(8_000, n), random_state=8)
    ratios = np.exp(pseudo_medians(rows))
    floor = noise_floor(0.03 * noise.ppf((np.arange(2000) + 0.5) / 2000), n, 0)
    assert np.mean(np.abs(ratios - 1) > floor) == pytest.approx(0.025, abs=0.007)


def test_more_blocks_lower_the_floor() -> None:
    floors = [noise_floor(normal_d(0.2), n) for n in (1, 3, 6, 12, 24, 96)]
    assert floors == sorted(floors, reverse=True)
    # The pseudo-median of n normal values scatters by sigma * sqrt(pi / 3n): Hodges & Lehmann
    # (1963). 97.5% of them are within 2.24 times that.
    assert floors[-1] == pytest.approx(2.24 * 0.2 * math.sqrt(math.pi / (3 * 96)), rel=0.05)


@settings(deadline=None)
@given(log_ratios, block_counts, st.floats(0, 0.5))
def test_the_floor_is_never_below_the_least(aa: list[float], n: int, least: float) -> None:
    assert noise_floor(aa, n, least) >= least
    assert noise_floor(aa, n, least) == max(least, noise_floor(aa, n, 0))


@settings(deadline=None)
@given(log_ratios, block_counts, st.floats(1, 3))
def test_more_scatter_never_lowers_the_floor(aa: list[float], n: int, factor: float) -> None:
    assert noise_floor([factor * d for d in aa], n, 0) >= noise_floor(aa, n, 0)


@settings(deadline=None)
@given(log_ratios, block_counts, st.randoms(use_true_random=False))
def test_neither_order_nor_sign_of_the_blocks_matters(aa: list[float], n: int, random) -> None:  # type: ignore[no-untyped-def]
    shuffled = [d * random.choice([-1, 1]) for d in random.sample(aa, len(aa))]
    assert noise_floor(shuffled, n, 0) == noise_floor(aa, n, 0)


@pytest.mark.parametrize(
    ("aa", "n", "least"),
    [
        ([0.1, math.nan], 8, 0.02),
        ([0.1, math.inf], 8, 0.02),
        ([[0.1, 0.2]], 8, 0.02),
        ([0.1], 0, 0.02),
        ([], 0, 0.02),
        ([0.1], 8, -0.02),
        ([], 8, math.nan),
    ],
)
def test_what_gives_no_floor_is_refused(aa: list[float], n: int, least: float) -> None:
    with pytest.raises(ValueError):
        noise_floor(aa, n, least)
