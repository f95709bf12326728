"""Compare two estimators of a ratio of times, over simulated sessions where the truth is known.

    python validation/estimators.py

The median over sets with its bootstrap interval, against the pseudo-median with its signed-rank
interval. `coverage` is how often the interval contains the truth, `width` its median width in
percent. The rest are verdicts of sessions with as many sets of an A/A control: `alarm`, a change
where there is none; `same`, equivalence there; `+3%` and `+5%`, true slowdowns that are found.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from bench.analysis.results import read_results  # noqa: E402
from bench.analysis.set_times import aa_log_ratios, block_times  # noqa: E402
from bench.stats.estimates import (  # noqa: E402
    Estimate,
    Floats,
    median_intervals,
    pseudo_medians,
    signed_rank_intervals,
)
from bench.stats.verdicts import LEAST_FLOOR, MOST_DRAWN, verdict  # noqa: E402

Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]

SIZES = (6, 8, 10, 20, 50, 100)
SETS, SESSIONS = 4_000, 1_000
DRAWS = 499  # behind a noise floor; bench draws more, which takes too long here


def normal(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return rng.normal(0, 0.05, shape)


def outliers(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """One process in ten is slower, on either side of the ratio."""
    slower = np.abs(rng.normal(0, 0.2, shape)) * rng.choice([-1, 1], shape)
    return rng.normal(0, 0.04, shape) + np.where(rng.random(shape) < 0.1, slower, 0)


def student(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Heavy tails: t with 3 degrees of freedom, whose standard deviation is √3, scaled to 5%."""
    return 0.05 / 3**0.5 * rng.standard_t(3, shape)


@cache
def published_log_ratios() -> Floats:
    """Return the A/A log ratios of step times in the published results, and their negatives."""
    tables = [read_results(file.parent) for file in ROOT.glob("results/published/*/*/timings.csv")]
    found = [aa_log_ratios(block_times(t.timings, t.blocks), "step") for t in tables]
    sizes = np.concatenate(found)
    return np.concatenate([sizes, -sizes])


def published(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return rng.choice(published_log_ratios(), shape)


NOISE: Mapping[str, Draw] = {
    "normal": normal, "outliers": outliers, "student": student, "published": published,
}  # fmt: skip
INTERVALS = {"median": median_intervals, "signed rank": signed_rank_intervals}


def noise_floors(method: str, aa: Floats, rng: np.random.Generator) -> Floats:
    """Return every session's noise floor as `noise_floor` does, with shared draws."""
    n = aa.shape[1]
    drawn = n if method == "median" else min(n, MOST_DRAWN)
    draws, signs = rng.integers(0, n, (DRAWS, drawn)), rng.choice([-1, 1], (DRAWS, drawn))
    floors = []
    for sizes in aa:
        resamples = sizes[draws] * signs
        if method == "median":
            centres = np.median(resamples, axis=1)
        else:
            centres = pseudo_medians(resamples) * (drawn / n) ** 0.5
        floors.append(max(LEAST_FLOOR, np.quantile(np.abs(np.expm1(centres)), 0.975)))
    return np.array(floors)


def verdicts(low: Floats, high: Floats, floors: Floats, effect: float) -> pd.Series:
    """Return the share of each verdict if every log ratio were larger by log(1 + effect)."""
    limits = np.exp(np.column_stack([low, high])) * (1 + effect)
    pairs = zip(limits, floors, strict=False)  # as many as there are floors
    found = [verdict(Estimate((a + b) / 2, a, b, 0), floor) for (a, b), floor in pairs]
    return pd.Series(found).value_counts(normalize=True)


def rows() -> Iterator[dict[str, object]]:
    for name, draw in NOISE.items():
        for n in SIZES:
            rng = np.random.default_rng((7, n))
            samples, aa = draw(rng, (SETS, n)), draw(rng, (SESSIONS, n))
            for method, intervals in INTERVALS.items():
                low, high = map(
                    np.concatenate, zip(*map(intervals, np.split(samples, 8)), strict=True)
                )
                floors = noise_floors(method, aa, rng)
                null, three, five = (verdicts(low, high, floors, e) for e in (0, 0.03, 0.05))
                yield {
                    "noise": name,
                    "n": n,
                    "method": method,
                    "coverage": np.mean((low <= 0) & (high >= 0)),
                    "width": 100 * np.median(high - low),
                    "floor": 100 * np.median(floors),
                    "alarm": null.get("REGRESSED", 0) + null.get("IMPROVED", 0),
                    "same": null.get("EQUIVALENT", 0),
                    "+3%": three.get("REGRESSED", 0),
                    "+5%": five.get("REGRESSED", 0),
                }


def main() -> None:
    print(f"{len(published_log_ratios()) // 2} published log ratios of A/A controls")
    table = pd.DataFrame(rows()).set_index(["noise", "n", "method"]).unstack("method")
    print(
        table.swaplevel(axis=1)
        .sort_index(axis=1, level=0, sort_remaining=False)
        .round(3)
        .to_string()
    )


if __name__ == "__main__":
    main()
