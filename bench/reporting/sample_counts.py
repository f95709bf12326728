"""Where speeds are read, and what stands behind a number: how many of what."""

from dataclasses import dataclass

import pandas as pd

from bench.stats.estimates import MIN_FOR_INTERVAL


@dataclass(frozen=True)
class Speed:
    """Where a study's speed is read: the timing blocks, or the training clock without them."""

    measure: str
    clock: str  # what the seconds hold
    sample: str  # what n counts


TIMED = Speed("step_images_per_s", "data + training step", "timing block")
TRAINED = Speed("images_per_s", "training clock", "seed")


def speed_of(cells: pd.DataFrame) -> Speed:
    """Take the speed from the timing blocks where any cell has one."""
    return TIMED if (cells[f"{TIMED.measure}_n"] > 0).any() else TRAINED


def counted(counts: pd.Series, noun: str) -> str:
    """Write a count, or a range of counts, with its noun: "6 timing blocks", "1–3 seeds"."""
    low, high = int(counts.min()), int(counts.max())
    number = f"{low:,}" if low == high else f"{low:,}–{high:,}"
    return f"{number} {noun}{'' if number == '1' else 's'}"


def interval_note(speed: Speed, cells: pd.DataFrame) -> str:
    """Say what a point and its bar are, or that there are too few samples for a bar."""
    counts = cells[f"{speed.measure}_n"]
    bar = ", bar: 95% interval" if counts.max() >= MIN_FOR_INTERVAL else ""
    return f"{median_note(counts, speed.sample)}{bar}"


def median_note(counts: pd.Series, noun: str) -> str:
    """Say what a median stands on, and whether that is too little."""
    known = counts[counts > 0]
    samples = counted(known, noun)
    said = f"value of {samples}" if known.max() == 1 else f"median over {samples}"
    return said if known.max() >= MIN_FOR_INTERVAL else f"{said}, exploratory"


def accuracy_note(cells: pd.DataFrame) -> str:
    """Say what stands behind an accuracy and its bar."""
    seeds = counted(cells.loc[cells["accuracy_mean"].notna(), "seeds"], "seed")
    if cells["accuracy_low"].isna().all():
        return f"value of {seeds}, exploratory"
    return f"mean over {seeds}, bar: 95% interval"
