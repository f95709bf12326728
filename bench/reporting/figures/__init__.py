"""The figures of a report."""

from collections.abc import Callable, Mapping, Sequence

import bench.reporting.matplotlib_import  # noqa: F401

# isort: split
from bench.analysis.results import Results
from bench.reporting.figure_style import Chart
from bench.reporting.figures.along_axis import along_each_axis
from bench.reporting.figures.confusion_matrix import confusion_matrix
from bench.reporting.figures.forest import against_baseline, effects_of_axes
from bench.reporting.figures.heat_maps import heat_of_pairs
from bench.reporting.figures.learning_curves import learning_curves
from bench.reporting.figures.sensitivity import sensitivity
from bench.reporting.figures.test_images import pictured_images
from bench.reporting.figures.tradeoff import accuracy_against_cost, accuracy_against_speed
from bench.reporting.figures.training_speed import step_phases, throughput

# A function returns no chart if the study has no data for it. The report shows them in this
# order; a new figure is one function and one entry here.
FIGURES: Mapping[str, Callable[[Results], Sequence[Chart]]] = {
    "against_baseline": against_baseline,
    "main_effects": effects_of_axes,
    "learning": learning_curves,
    "throughput": throughput,
    "phases": step_phases,
    "accuracy_speed": accuracy_against_speed,
    "accuracy_cost": accuracy_against_cost,
    "axes": along_each_axis,
    "heat_maps": heat_of_pairs,
    "sensitivity": sensitivity,
    "confusion_matrix": confusion_matrix,
    "test_images": pictured_images,
}
