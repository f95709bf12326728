"""How people read accuracies and other metrics: shares in percent, others in their own unit."""

import math
from dataclasses import dataclass

import pandas as pd

from bench.analysis.accuracy_comparisons import final_values
from bench.analysis.comparison_table import ACCURACY
from bench.analysis.results import Results
from bench.formatting import (
    format_change,
    format_number,
    format_percent,
    format_points,
    format_target,
)
from bench.metrics import METRICS


def is_share(measure: str) -> bool:
    """Return whether a metric is a share, written in percent; those of the user's own are not."""
    return measure == ACCURACY or measure in METRICS


def value_text(measure: str, value: float, low: float = math.nan, high: float = math.nan) -> str:
    """Write a metric's value without its unit, with its interval if it has one."""
    if is_share(measure):
        return format_percent(value, low, high, unit="")
    return format_number(value, low, high)


def change_text(measure: str, value: float, low: float = math.nan, high: float = math.nan) -> str:
    """Write a difference of a metric with its sign, shares in points."""
    if is_share(measure):
        return format_points(100 * value, 100 * low, 100 * high)
    return format_change(value, low, high)


@dataclass(frozen=True)
class Target:
    """The accuracy, or the value of another metric, that a study is to reach."""

    value: float
    measure: str = ACCURACY

    @property
    def level(self) -> str:
        """The value alone: "98.96%"."""
        return format_target(self.value) if is_share(self.measure) else f"{self.value:g}"

    def __str__(self) -> str:
        """Return "98.96%" of accuracies, and "macro_f1 95%" of another metric."""
        return self.level if self.measure == ACCURACY else f"{self.measure} {self.level}"

    @property
    def what(self) -> str:
        """What is to reach the value."""
        return "test accuracy" if self.measure == ACCURACY else self.measure

    def text(self, value: float) -> str:
        """Write a value of the metric with its unit."""
        return value_text(self.measure, value) + ("%" if is_share(self.measure) else "")

    def values(self, results: Results) -> pd.Series:
        """Return the metric of each trial after its last epoch."""
        return final_values(results.trials, results.metrics, self.measure)
