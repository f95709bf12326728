"""Comparisons of mean test accuracies, or of other metrics, over seeds, with verdicts."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from bench.analysis.comparison_table import ACCURACY, Comparison
from bench.stats.contrasts import MeanDifference, mean_differences
from bench.stats.estimates import CONFIDENCE, MIN_SEEDS, Estimate
from bench.stats.rank_tests import mann_whitney
from bench.stats.stopping import confidence_after_seeds
from bench.stats.verdicts import MOST_FURTHER_SETS, POWER, Verdict

# 20 of 10,000 test images: a smaller difference has no consequence. Of a metric the same, in its
# own unit.
ACCURACY_MARGIN = 0.002
IDENTICAL = "identical"  # the method where both sides agree in every seed

Cells = Sequence[Hashable]  # columns of a table of accuracies
Contrasts = Mapping[str, tuple[Cells, Cells]]  # by name: the cells before, and those after


@dataclass(frozen=True)
class Metric:
    """What is compared: its measure in comparisons.csv, and whether less of it is better."""

    name: str
    is_lower_better: bool = False


TEST_ACCURACY = Metric(ACCURACY)


def metrics_of(metrics: pd.DataFrame) -> list[Metric]:
    """Return the metrics of a study in the order of metrics.csv."""
    if metrics.empty:
        return []
    kinds = metrics.drop_duplicates("metric")
    names, signs = kinds["metric"], kinds["is_lower_better"].fillna(False)
    return [Metric(str(name), bool(sign)) for name, sign in zip(names, signs, strict=True)]


def final_values(trials: pd.DataFrame, metrics: pd.DataFrame, name: str) -> pd.Series:
    """Return of each trial its accuracy or another metric after the last epoch, or a blank."""
    if name == ACCURACY:
        return trials[ACCURACY].astype("float64")
    rows = metrics[metrics["metric"] == name].sort_values("epoch", kind="stable")
    last = rows.drop_duplicates("trial_id", keep="last").set_index("trial_id")["value"]
    return trials["trial_id"].map(last).astype("float64")


def trained_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the trials that ended ok, were evaluated, and trained for more than 0 epochs."""
    untrained = (trials["epochs_done"] == 0).fillna(False).astype(bool)
    return trials[(trials["status"] == "ok") & trials[ACCURACY].notna() & ~untrained]


def by_seed(trials: pd.DataFrame, values: pd.Series) -> pd.DataFrame:
    """Return one value of each trial by seed (rows) and cell (columns)."""
    distinct = trials.assign(value=values).drop_duplicates(["seed", "cell_id"])
    return distinct.pivot(index="seed", columns="cell_id", values="value").astype(float)


def looks_at(trials: pd.DataFrame) -> int:
    """Return the number of looks at the accuracies after which trials were added; 0 for none."""
    looks = trials["look"].astype(float).fillna(0)
    return int(looks.max()) if len(looks) else 0


def undecided_cells(comparisons: pd.DataFrame) -> set[str]:
    """Return the cells whose accuracy is inconclusive."""
    is_accuracy = comparisons["measure"] == ACCURACY
    is_open = comparisons["verdict"] == "INCONCLUSIVE"
    return set(comparisons.loc[is_accuracy & is_open, "cell_id"])


def compare_accuracies(
    accuracies: pd.DataFrame, contrasts: Contrasts, looks: int = 0, metric: Metric = TEST_ACCURACY
) -> Iterator[Comparison]:
    """Compare means over seeds of `accuracies` (seeds, cells): of some cells with those of others.

    A contrast counts where each of its cells has an accuracy. `difference` is after − before; the
    ratio and its interval are relative to the mean before. The interval holds for all contrasts
    at once, see `mean_differences`; with `looks` at the accuracies, of which this is the last, it
    holds for all of these, too. They may be another `metric`.
    """
    known = set(accuracies.columns[accuracies.notna().any()])
    complete = {
        name: (before, after)
        for name, (before, after) in contrasts.items()
        if known.issuperset([*before, *after])
    }
    if not complete:
        return
    weights = np.zeros((len(complete), accuracies.shape[1]))
    positions: dict[Hashable, int] = {cell: i for i, cell in enumerate(accuracies.columns)}
    for row, (before, after) in zip(weights, complete.values(), strict=True):
        row[[positions[cell] for cell in before]] = -1 / len(before)
        row[[positions[cell] for cell in after]] = 1 / len(after)
    confidence = confidence_after_seeds(looks)
    # The looks may spend 5% on either side of an interval that shows equivalence: a difference
    # that is too large lies on one side only.
    individual = 1 - 2 * (1 - confidence) if looks else CONFIDENCE
    values = accuracies.to_numpy(dtype=float)
    estimates = mean_differences(values, weights, confidence, individual)
    for (name, (before, after)), estimate in zip(complete.items(), estimates, strict=True):
        sides = accuracies[list(before)], accuracies[list(after)]
        yield _comparison(name, metric, *sides, estimate)


def _comparison(
    name: str, metric: Metric, before: pd.DataFrame, after: pd.DataFrame, estimate: MeanDifference
) -> Comparison:
    samples = [side.mean(axis=1, skipna=False).dropna() for side in (before, after)]
    means = [float(side.mean().mean()) for side in (before, after)]
    difference, individual, mde = estimate.simultaneous, estimate.individual, _mde(estimate)
    method: str | None = estimate.method
    if _are_identical(before, after):
        difference = individual = Estimate(0.0, 0.0, 0.0, difference.n)
        method, mde = IDENTICAL, None
    scale = means[0] or 1.0
    ratio = difference.map(lambda d: max(0.0, 1 + d / scale))
    if scale < 0:
        ratio = Estimate(float("nan"), None, None, difference.n)
    gains = (difference, individual)
    if metric.is_lower_better:
        gains = (_negative(difference), _negative(individual))
    return Comparison(
        cell_id=name,
        measure=metric.name,
        before=means[0],
        after=means[1],
        ratio=ratio.value,
        low=ratio.low,
        high=ratio.high,
        n=ratio.n,
        floor=0.0,
        mde=None if mde is None else mde / abs(scale),
        verdict=accuracy_verdict(*gains),
        further=further_seeds(*gains),
        p_value=mann_whitney(*(sample.to_numpy() for sample in samples)),
        difference=difference.value,
        difference_low=difference.low,
        difference_high=difference.high,
        individual_low=individual.low,
        individual_high=individual.high,
        method=method,
    )


def _negative(estimate: Estimate) -> Estimate:
    low, high = (None if end is None else -end for end in (estimate.high, estimate.low))
    return Estimate(-estimate.value, low, high, estimate.n)


def accuracy_verdict(difference: Estimate, individual: Estimate) -> Verdict:
    """Decide on a difference of mean accuracies by its simultaneous and its individual interval.

    It is a change if the interval that holds for all cells at once excludes 0, else equivalent if
    its individual interval lies within ± 0.2 points.
    """
    if difference.low is None or difference.high is None:
        return "INCONCLUSIVE"
    if difference.low > 0:
        return "IMPROVED"
    if difference.high < 0:
        return "REGRESSED"
    assert individual.low is not None and individual.high is not None
    is_within = individual.low >= -ACCURACY_MARGIN and individual.high <= ACCURACY_MARGIN
    return "EQUIVALENT" if is_within else "INCONCLUSIVE"


def further_seeds(difference: Estimate, individual: Estimate) -> int | None:
    """Return how many more seeds would decide if the intervals shrank as 1/√n; 0 if decided.

    None where more than 10,000 would be needed.
    """
    if accuracy_verdict(difference, individual) != "INCONCLUSIVE":
        return 0
    if difference.high is None or individual.high is None:
        return max(1, MIN_SEEDS - difference.n)
    size = abs(difference.value)
    ways = [(difference.high - difference.value, size)]  # half an interval, and the gap it must fit
    ways.append((individual.high - individual.value, ACCURACY_MARGIN - size))
    needed = [difference.n * (half / gap) ** 2 for half, gap in ways if gap > 0]
    more = max(1, int(min(needed)) + 1 - difference.n)
    return more if more <= MOST_FURTHER_SETS else None


def _are_identical(before: pd.DataFrame, after: pd.DataFrame) -> bool:
    """Return whether two cells reached the same accuracy with each seed, at least three."""
    if before.shape[1] != 1 or after.shape[1] != 1:
        return False
    first, second = before.to_numpy(dtype=float), after.to_numpy(dtype=float)
    enough = np.count_nonzero(~np.isnan(first)) >= MIN_SEEDS
    return bool(enough) and np.array_equal(first, second, equal_nan=True)


def _mde(estimate: MeanDifference) -> float | None:
    """Return the difference whose interval excludes 0 in 4 cases of 5."""
    high, error, df = estimate.simultaneous.high, estimate.error, estimate.df
    if high is None or error is None or df is None:
        return None
    return high - estimate.simultaneous.value + float(stdtrit(df, POWER)) * error
