"""Metrics of a network's output on the test set, besides accuracy. A study lists them in `metrics`.

A metric is called as `metric(output, labels)` with all test images at once: `output` (N, classes)
in 32 bits and `labels` (N,), both on the CPU. It returns a number.
"""

from collections.abc import Mapping

from bench.registry import Entry

METRICS: Mapping[str, Entry] = {
    "top_5": Entry(
        "bench.metrics.classification:top_5", "share of labels among the five largest outputs"
    ),
    "balanced_accuracy": Entry(
        "bench.metrics.classification:balanced_accuracy", "mean share of each class that is right"
    ),
    "macro_f1": Entry("bench.metrics.classification:macro_f1", "mean F1 score of the classes"),
}
