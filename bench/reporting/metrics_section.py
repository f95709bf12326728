"""The section "Metrics": what a study measures of the test set besides accuracy."""

from collections.abc import Sequence

from bench.analysis.accuracy_comparisons import (
    Metric,
    final_values,
    metrics_of,
    trained_trials,
)
from bench.analysis.results import Results
from bench.formatting import ACCURACY_VERDICTS, EXPLORATORY, plural_range
from bench.reporting.baseline_section import (
    baseline_name,
    difference_text,
    measure_columns,
    named_cells,
)
from bench.reporting.columns import BLANK, Column, Section, with_numbers
from bench.reporting.markdown_text import escape
from bench.reporting.metric_texts import is_share, value_text
from bench.stats.estimates import mean_accuracy

HEADINGS = ("difference", "verdict", "detects", "p (Holm)")  # of a metric's comparisons
NOTES = """\
Means over seeds after the last epoch, with their 95% intervals. Intervals and verdicts of
differences are made as those of accuracies; *equivalent* takes a difference within 0.002 in the
metric's own unit, which is 0.2 points of a percentage."""


def metrics_section(results: Results) -> Section:
    """Return the section, a row for each metric and cell; without columns where there is none."""
    metrics = metrics_of(results.metrics)
    cells, names = named_cells(results)
    baseline_id = str(results.summary["cell_id"].iloc[0])
    if metrics and baseline_id not in cells:  # the cells of a one-at-a-time study are changes
        cells = [baseline_id, *cells]
        names = [Column(n.heading, n.note, ["(the baseline cell)", *n.texts], False) for n in names]
    parts = [_columns(results, metric, cells, names) for metric in metrics]
    if not parts:
        return Section("Metrics", ())
    columns = [_stacked(same) for same in zip(*parts, strict=True)]
    if len(metrics) == 1:
        columns = columns[1:]
    intro = f"Every cell against {baseline_name(results)}."
    return Section("Metrics", with_numbers(columns), NOTES, intro=intro)


def metrics_findings(results: Results) -> list[str]:
    """Count the verdicts of each metric in markdown."""
    counts = metric_verdicts(results)
    if not counts:
        return []
    listed = "; ".join(f"{escape(metric)}: {count}" for metric, count in counts.items())
    return [f"**Metrics** against {baseline_name(results)}: {listed}."]


def metric_verdicts(results: Results) -> dict[str, str]:
    """Return of each metric how often each verdict was reached: "1 better, 2 inconclusive"."""
    verdicts = {}
    for metric in metrics_of(results.metrics):
        rows = results.comparisons[results.comparisons["measure"] == metric.name]
        counts = rows["verdict"].map(dict(ACCURACY_VERDICTS)).value_counts()
        words = [word for word in ACCURACY_VERDICTS.values() if word in counts]
        if words:
            verdicts[metric.name] = ", ".join(f"{counts[word]} {word}" for word in words)
    return verdicts


def _columns(
    results: Results, metric: Metric, cells: Sequence[str], names: Sequence[Column]
) -> list[Column]:
    """Return the columns of one metric, its name first."""
    unit = " (%)" if is_share(metric.name) else ""
    hint = ", lower is better" if metric.is_lower_better else ""
    rows = results.comparisons[results.comparisons["measure"] == metric.name]
    compared = rows.set_index("cell_id")
    title = [f"{metric.name}{unit}{hint}"] * len(cells)
    columns = [Column("metric", "", title, is_number=False), *names, _means(results, metric, cells)]
    if rows.empty:
        return [*columns, *(Column(heading, "", [BLANK] * len(cells)) for heading in HEADINGS)]
    samples = plural_range(rows["n"], "seed")
    return [
        *columns,
        *measure_columns(compared, cells, "cell", ("difference", samples), difference_text),
    ]


def _means(results: Results, metric: Metric, cells: Sequence[str]) -> Column:
    """Write the mean of each cell with its interval."""
    trained = trained_trials(results.trials)
    values = final_values(trained, results.metrics, metric.name).dropna()
    by_cell = dict(iter(values.groupby(trained["cell_id"])))
    texts = []
    for cell_id in cells:
        if cell_id not in by_cell:
            texts.append(BLANK)
            continue
        mean = mean_accuracy(by_cell[cell_id].to_numpy())
        ends = () if mean.low is None or mean.high is None else (mean.low, mean.high)
        text = value_text(metric.name, mean.value, *ends)
        texts.append(text if ends else f"{text} {EXPLORATORY}")
    return Column("mean", "", texts)


def _stacked(columns: Sequence[Column]) -> Column:
    first = columns[0]
    notes = {column.note for column in columns}
    return Column(
        first.heading,
        first.note if len(notes) == 1 else "",
        [text for column in columns for text in column.texts],
        first.is_number,
        first.is_verdict,
    )
