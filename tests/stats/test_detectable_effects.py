import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.stats.estimates import Floats, paired_ratio
from bench.stats.verdicts import minimum_detectable_effect, verdict

Noise = Callable[[np.random.Generator, tuple[int, int]], Floats]
SETS = 800

scatters = st.lists(st.floats(-0.5, 0.5), min_size=6, max_size=8)
floors = st.floats(0, 0.3)


def normal(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return rng.normal(0, 0.03, shape)


def heavy_tailed(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return 0.03 * rng.standard_t(3, shape)


def found(noise: Noise, measured: int, planned: int) -> float:
    """Count how often new blocks call an effect of the size that other blocks named."""
    rng = np.random.default_rng(41)
    named = [minimum_detectable_effect(d, 0.02, planned) for d in noise(rng, (SETS, measured))]
    regressed = [
        verdict(paired_ratio(np.log1p(effect) + d), 0.02) == "REGRESSED"
        for effect, d in zip(named, noise(rng, (SETS, planned)), strict=True)
        if effect is not None
    ]
    assert len(regressed) == SETS
    return sum(regressed) / SETS


@pytest.mark.parametrize("blocks", [6, 12])
@pytest.mark.parametrize("noise", [normal, heavy_tailed])
def test_the_effect_it_names_is_found_four_times_in_five(noise: Noise, blocks: int) -> None:
    assert 0.72 < found(noise, blocks, blocks) < 0.86


def test_it_foresees_what_more_blocks_will_find() -> None:
    assert 0.74 < found(normal, 8, 12) < 0.86


def test_an_effect_half_as_far_above_the_floor_is_mostly_missed() -> None:
    rng = np.random.default_rng(17)
    measured = 0.03 * rng.normal(size=(SETS, 8))
    effects = [minimum_detectable_effect(d, 0.02) or math.nan for d in measured]
    halves = [0.02 + (effect - 0.02) / 2 for effect in effects]
    fresh = 0.03 * rng.normal(size=(SETS, 8))
    pairs = zip(halves, fresh, strict=True)
    verdicts = [verdict(paired_ratio(np.log1p(h) + d), 0.02) for h, d in pairs]
    assert verdicts.count("REGRESSED") / SETS < 0.5


@settings(deadline=None)
@given(scatters, floors)
def test_nothing_below_the_floor_can_be_detected(log_ratios: list[float], floor: float) -> None:
    effect = minimum_detectable_effect(log_ratios, floor)
    assert effect is not None and effect >= floor


def test_without_scatter_everything_above_the_floor_can_be_detected() -> None:
    assert minimum_detectable_effect([0.4] * 6, 0.05) == pytest.approx(0.05)


@settings(deadline=None)
@given(scatters, floors, st.floats(1, 3))
def test_more_scatter_needs_a_larger_effect(
    log_ratios: list[float], floor: float, factor: float
) -> None:
    quiet = minimum_detectable_effect(log_ratios, floor)
    noisy = minimum_detectable_effect([factor * d for d in log_ratios], floor)
    assert quiet is not None and noisy is not None
    assert noisy >= quiet * (1 - 1e-9)


@settings(deadline=None)
@given(scatters, floors, st.sampled_from([-0.25, 0.5]))
def test_it_is_the_scatter_that_counts_and_not_the_ratio(
    log_ratios: list[float], floor: float, shift: float
) -> None:
    moved = minimum_detectable_effect([d + shift for d in log_ratios], floor)
    assert moved == pytest.approx(minimum_detectable_effect(log_ratios, floor), abs=1e-9)


def test_more_blocks_find_a_smaller_effect() -> None:
    log_ratios = np.random.default_rng(2).normal(0, 0.1, 8)
    effects = [minimum_detectable_effect(log_ratios, 0.02, n) for n in (6, 8, 12, 48)]
    assert None not in effects
    assert effects == sorted(effects, key=float, reverse=True)  # type: ignore[arg-type]
    assert effects[1] == minimum_detectable_effect(log_ratios, 0.02)


def test_where_there_is_no_interval_nothing_can_be_stated() -> None:
    assert minimum_detectable_effect([0.1] * 5, 0.02) is None
    assert minimum_detectable_effect([0.1] * 5, 0.02, 20) is None
    assert minimum_detectable_effect([0.1] * 20, 0.02, 5) is None


@pytest.mark.parametrize(
    ("log_ratios", "floor"),
    [([], 0.02), ([0.1, math.nan], 0.02), ([0.1, math.inf], 0.02), ([0.1] * 6, -0.02)],
)
def test_what_has_no_scatter_or_floor_is_refused(log_ratios: list[float], floor: float) -> None:
    with pytest.raises(ValueError):
        minimum_detectable_effect(log_ratios, floor)
