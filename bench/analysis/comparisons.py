"""Compare every cell of a study with its baseline cell."""

import pandas as pd

from bench.analysis.accuracy_comparisons import (
    TEST_ACCURACY,
    by_seed,
    compare_accuracies,
    final_values,
    looks_at,
    metrics_of,
    trained_trials,
)
from bench.analysis.comparison_table import MEASURES, Comparison, comparison_frame
from bench.analysis.set_times import aa_log_ratios, block_times, looks_of, times_by_block
from bench.analysis.time_comparisons import (
    SessionNoise,
    baseline_and_others,
    compare_times_by_block,
)
from bench.records import PHASES


def compare_with_baseline(
    trials: pd.DataFrame,
    timings: pd.DataFrame,
    blocks: pd.DataFrame,
    metrics: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Compare every cell with the baseline cell, the first one of the trials.

    One row per cell and measure, in the order of the cells: the phases' times, test accuracy, then
    the study's other metrics.
    Sets with the role `extra` in older results, added to narrow an interval, don't count.
    """
    if trials.empty:
        return comparison_frame("", "", [])
    study, baseline_id = (str(trials[name].iloc[0]) for name in ("study", "cell_id"))
    measured = block_times(timings, blocks)
    looks = looks_of(blocks)
    rows: list[Comparison] = []
    for measure in PHASES:
        every, clean = times_by_block(measured, measure)
        if baseline_id in every:
            rows += compare_times_by_block(
                measure,
                baseline_and_others(every, baseline_id),
                baseline_and_others(clean, baseline_id),
                SessionNoise(aa_log_ratios(measured, measure)),
                looks,
            )
    known = pd.DataFrame() if metrics is None else metrics
    trained, own = trained_trials(trials), metrics_of(known)
    for metric in (TEST_ACCURACY, *own):
        values = by_seed(trained, final_values(trained, known, metric.name))
        if baseline_id in values:
            others = [str(cell_id) for cell_id in values if cell_id != baseline_id]
            contrasts = {name: ([baseline_id], [name]) for name in others}
            rows += compare_accuracies(values, contrasts, looks_at(trials), metric)
    order = {cell_id: i for i, cell_id in enumerate(trials["cell_id"].unique())}
    measures = [*MEASURES, *(metric.name for metric in own)]
    rows.sort(key=lambda c: (order.get(c.cell_id, len(order)), measures.index(c.measure)))
    return comparison_frame(study, baseline_id, rows)
