"""Which measurement speeds come from, and notes on the samples behind a number."""

from dataclasses import dataclass

import pandas as pd

from bench.formatting import plural_range
from bench.stats.estimates import MIN_FOR_INTERVAL


@dataclass(frozen=True)
class Speed:
    """Where a study's speed comes from: timing sets, or the training clock without them."""

    measure: str
    clock: str  # what the seconds include
    sample: str  # what n counts


TIMED = Speed("step_images_per_s", "data + training step", "timing set")
TRAINED = Speed("images_per_s", "training clock", "seed")


def speed_of(cells: pd.DataFrame) -> Speed:
    """Return the timing sets as the source of speeds if any cell has one."""
    return TIMED if (cells[f"{TIMED.measure}_n"] > 0).any() else TRAINED


def interval_note(speed: Speed, cells: pd.DataFrame) -> str:
    """Describe a point of speed and its bar, or that too few samples allow no bar."""
    counts = cells[f"{speed.measure}_n"]
    bar = ", bar: 95% interval" if counts.max() >= MIN_FOR_INTERVAL else ""
    return f"{median_note(counts, speed.sample)}{bar}"


def median_note(counts: pd.Series, noun: str) -> str:
    """Describe the samples behind a median, and whether they are too few."""
    known = counts[counts > 0]
    statistic = "value of" if known.max() == 1 else "median over"
    note = f"{statistic} {plural_range(known, noun)}"
    return note if known.max() >= MIN_FOR_INTERVAL else f"{note}, exploratory"


def accuracy_note(cells: pd.DataFrame) -> str:
    """Describe the samples behind an accuracy and its bar."""
    seeds = plural_range(cells.loc[cells["accuracy_mean"].notna(), "seeds"], "seed")
    if cells["accuracy_low"].isna().all():
        return f"value of {seeds}, exploratory"
    return f"mean over {seeds}, bar: 95% interval"
