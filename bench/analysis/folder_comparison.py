"""Compare two results folders: match their cells, decide on each, and explain what is missing.

Cells of different sessions did not take turns, so that the noise floor of either session is not
enough: the machine may have changed between them. The floor is widened by the change of the fixed
kernel's time, and by an allowance for what the kernel doesn't show.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.accuracy_comparisons import (
    TEST_ACCURACY,
    by_seed,
    compare_accuracies,
    final_values,
    metrics_of,
    trained_trials,
)
from bench.analysis.comparison_table import ACCURACY, Comparison, comparison_frame
from bench.analysis.configurations import configurations
from bench.analysis.disturbances import (
    calibration_ratio,
    describe_disturbances,
    disturbance_reasons,
)
from bench.analysis.misclassified_images import ImageComparison, compare_images
from bench.analysis.results import Results, read_results
from bench.analysis.set_times import aa_log_ratios, raw_block_times, timing_protocol
from bench.analysis.table_files import read_mapping
from bench.cell_names import comparable, differing, name_cells, none_if_blank
from bench.errors import StoreError
from bench.records import PHASES
from bench.stats.estimates import MIN_FOR_INTERVAL, Floats, median_intervals, unpaired_ratio
from bench.stats.rank_tests import mann_whitney
from bench.stats.verdicts import minimum_detectable_effect, noise_floor, verdict

# With it, none of 374 unchanged cells was called changed between two sessions on a shared machine
# (`validation/count_verdicts.py between`); their step times were off by 4 to 11% in the median.
BETWEEN_SESSIONS = 0.05
LEAST_WITHIN = 0.02  # of the noise floor of either session
EQUIVALENT_WITHIN = 0.05
MACHINE = ("cpu", "cores", "quota", "gpus")
NO_BLOCK, NO_TRIAL, NO_EPOCH = "no timing set", "no trial", "no trial that trained an epoch"
SKIPPED = "skipped: "
NOT_MEASURED = frozenset({NO_BLOCK, NO_TRIAL, NO_EPOCH})
FOLDERS = ("before", "after")
MOST_NAMES = 3  # of cells with the same reason

Configs = Mapping[str, Mapping[str, Any]]
Folders = Sequence[tuple[Path, Results]]


@dataclass(frozen=True)
class Match:
    """A cell of A, the cell of B that is compared with it, and the fields that B changed."""

    before: str
    after: str
    changed: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, eq=False)
class FolderComparison:
    """Folder B compared with folder A.

    `rows` are those of comparisons.csv. `differences` say where machine, software or the timing
    protocol differ: with any, times are INCOMPARABLE, and accuracies unless only the protocol
    differs. `labels` name B's cells. `missing` says what was measured without a comparison, and
    why. `images` compare the test images that both misclassify.
    """

    rows: pd.DataFrame
    matched: Sequence[Match]
    labels: Mapping[str, str]
    only_before: Sequence[str]
    only_after: Sequence[str]
    differences: Sequence[str]
    warnings: Sequence[str]
    missing: Sequence[str]
    images: Sequence[ImageComparison] = ()


def compare_folders(before: Path, after: Path, *, every_measure: bool = False) -> FolderComparison:
    """Compare two results folders, cell by cell.

    Raises StoreError for a folder that cannot be read, and where no cell of one matches any of
    the other.
    """
    a, b = read_results(before), read_results(after)
    matched = match_cells(a.trials, b.trials)
    if not matched:
        raise StoreError(
            f"no cell matches a cell of {before}",
            where=str(after),
            hint="Cells match where they differ only in fields that changed for the entire study.",
        )
    rows = compare_matched_cells(a, b, matched)
    if not every_measure:
        is_shown = ~rows["measure"].isin(PHASES) | (rows["measure"] == "step")
        rows = rows[is_shown].reset_index(drop=True)
    folders = ((before, a), (after, b))
    labels = [name_cells(configurations(results.trials)) for results in (a, b)]
    if rows.empty:
        reasons = missing_comparisons(folders, matched, rows, labels[1])
        raise StoreError(
            "\n  ".join([f"nothing to compare with {before}", *reasons]),
            where=str(after),
            hint="Times need undisturbed timing sets in both folders, accuracies an epoch with "
            "the same seed.",
        )
    differences = _differences(before, after)
    if differences:
        rows[["verdict", "further"]] = "INCOMPARABLE", None
    is_time = rows["measure"].isin(PHASES)
    protocols = [timing_protocol(results.timings, results.blocks) for results in (a, b)]
    if is_time.any() and protocols[0] != protocols[1]:
        rows.loc[is_time, ["verdict", "further"]] = "INCOMPARABLE", None
        advice = "`bench run` times the earlier one's cells again"
        protocol = f"timing protocol: {protocols[0]} before, {protocols[1]} after"
        differences.append(f"{protocol}; {advice}")
    notes = [(folder, describe_disturbances(results.blocks)) for folder, results in folders]
    ids = [{m.before for m in matched}, {m.after for m in matched}]
    only_before, only_after = (
        [label for cell_id, label in side.items() if cell_id not in known]
        for side, known in zip(labels, ids, strict=True)
    )
    return FolderComparison(
        rows=rows,
        matched=matched,
        labels=labels[1],
        only_before=only_before,
        only_after=only_after,
        differences=differences,
        warnings=[f"{folder}: {note}" for folder, note in notes if note],
        missing=missing_comparisons(folders, matched, rows, labels[1], measured_only=True),
        images=list(_compare_images(a, b, matched)),
    )


def _compare_images(a: Results, b: Results, matched: Sequence[Match]) -> Iterator[ImageComparison]:
    """Yield the comparison of the test images of each pair of cells that has them."""
    tables = [results.misclassified for results in (a, b)]
    if any(table.empty for table in tables):
        return
    before, after = (dict(iter(table.groupby("cell_id"))) for table in tables)
    for match in matched:
        if match.before in before and match.after in after:
            compared = compare_images(before[match.before], after[match.after])
            if compared is not None:
                yield compared


def _differences(before: Path, after: Path) -> list[str]:
    """Describe where the machine or the software of two folders differs."""
    environments = [read_mapping(f / "environment.json", json.loads) for f in (before, after)]
    old, new = map(measurement_conditions, environments)
    common = [name for name in old if name in new]
    return [f"{k}: {old[k]} before, {new[k]} after" for k in common if old[k] != new[k]]


def match_cells(trials_a: pd.DataFrame, trials_b: pd.DataFrame) -> list[Match]:
    """Match the cells of two studies, in B's order.

    Equal configurations match. Of the others, two match that are equal in every field but those
    whose values A and B don't share at all: the change between the two studies. An ambiguous
    match is none.
    """
    a, b = configurations(trials_a), configurations(trials_b)
    # A field of the harness that an older bench did not have yet is unknown there.
    fields_of = [{name for cell in side.values() for name in cell} for side in (a, b)]
    unknown = {name for name in fields_of[0] ^ fields_of[1] if "." not in name}
    found = {cell_id: Match(cell_id, cell_id, {}) for cell_id in b if cell_id in a}
    left_a, left_b = ({k: v for k, v in side.items() if k not in found} for side in (a, b))
    for before, after in _alike(left_a, left_b):
        old, new = left_a[before], left_b[after]
        fields = differing(old, new, list(dict.fromkeys([*old, *new])))
        changed = {
            name: (none_if_blank(old.get(name)), none_if_blank(new.get(name)))
            for name in fields
            if name not in unknown
        }
        found[after] = Match(before, after, changed)
    return [found[cell_id] for cell_id in b if cell_id in found]


def _alike(before: Configs, after: Configs) -> Iterator[tuple[str, str]]:
    """Pair cells that agree in all fields of which the two sides share a value."""
    sides = (before, after)
    fields = dict.fromkeys(name for side in sides for cell in side.values() for name in cell)
    values = {f: [{comparable(c.get(f)) for c in side.values()} for side in sides] for f in fields}
    shared = [field for field, (old, new) in values.items() if old & new]
    alike: dict[tuple[object, ...], tuple[list[str], list[str]]] = {}
    for i, side in enumerate(sides[::-1]):  # in B's order
        for cell_id, cell in side.items():
            key = tuple(comparable(cell.get(name)) for name in shared)
            alike.setdefault(key, ([], []))[1 - i].append(cell_id)
    yield from ((a[0], b[0]) for a, b in alike.values() if len(a) == len(b) == 1)


def compare_matched_cells(a: Results, b: Results, matched: Sequence[Match]) -> pd.DataFrame:
    """Compare matched cells of two folders: the rows of comparisons.csv, B against A.

    `baseline_id` is A's cell. Times are two independent samples of set medians.
    """
    rows = list(_compare_times(a, b, matched))
    afters = [m.after for m in matched]
    pairs = {m.after: ([(FOLDERS[0], m.before)], [(FOLDERS[1], m.after)]) for m in matched}
    shared = [metric for metric in metrics_of(b.metrics) if metric in metrics_of(a.metrics)]
    for metric in (TEST_ACCURACY, *shared):
        trained = [(trained_trials(results.trials), results.metrics) for results in (a, b)]
        wides = [by_seed(t, final_values(t, metrics, metric.name)) for t, metrics in trained]
        both = pd.concat(wides, axis=1, keys=FOLDERS)
        rows += compare_accuracies(both, pairs, metric=metric)
    order = {cell_id: i for i, cell_id in enumerate(afters)}
    rows.sort(key=lambda row: order[row.cell_id])  # stable: times, accuracy, metrics
    frame = comparison_frame(str(b.trials["study"].iloc[0]) if rows else "", "", rows)
    baselines = {m.after: m.before for m in matched}
    return frame.assign(baseline_id=[baselines[cell_id] for cell_id in frame["cell_id"]])


def _compare_times(a: Results, b: Results, matched: Sequence[Match]) -> Iterator[Comparison]:
    sides = [raw_block_times(results.timings, results.blocks) for results in (a, b)]
    planned = [dict(iter(side[side["role"] == "planned"].groupby("cell_id"))) for side in sides]
    aa_logs = {measure: [aa_log_ratios(side, measure) for side in sides] for measure in PHASES}
    for match in matched:
        if match.before not in planned[0] or match.after not in planned[1]:
            continue
        cells = [planned[0][match.before], planned[1][match.after]]
        machine = calibration_ratio(
            a.blocks[a.blocks["cell_id"] == match.before],
            b.blocks[b.blocks["cell_id"] == match.after],
        )
        compared = (_compare_cell_times(match, m, cells, aa_logs[m], machine) for m in PHASES)
        yield from (comparison for comparison in compared if comparison is not None)


def _compare_cell_times(
    match: Match,
    measure: str,
    cells: Sequence[pd.DataFrame],
    aa_logs: Sequence[Floats],
    machine: float | None,
) -> Comparison | None:
    """Compare one measure of a cell in two sessions; `machine` is the fixed kernel's ratio."""
    samples = [
        cell.loc[~cell["is_disturbed"] & (cell[measure] > 0), measure].to_numpy(dtype=float)
        for cell in cells
    ]
    before, after = samples
    if not (before.size and after.size):
        return None
    ratio = unpaired_ratio(before, after)
    within = [noise_floor(logs, ratio.n, LEAST_WITHIN) for logs in aa_logs]
    between = max(machine, 1 / machine) if machine else 1.0
    floor = float(np.prod([1 + f for f in within]) * between * (1 + BETWEEN_SESSIONS) - 1)
    is_noise_known = machine is not None and all(len(d) >= MIN_FOR_INTERVAL for d in aa_logs)
    scatter = np.concatenate([np.log(times / np.median(times)) for times in samples])
    return Comparison.of_times(
        (match.after, measure),
        before,
        after,
        ratio,
        p_value=mann_whitney(before, after),
        floor=floor,
        mde=minimum_detectable_effect(np.sqrt(2) * scatter, floor, ratio.n, median_intervals),
        verdict=verdict(ratio, floor, EQUIVALENT_WITHIN) if is_noise_known else "INCONCLUSIVE",
        left_out=sum(int(cell["is_disturbed"].sum()) for cell in cells),
    )


def measurement_conditions(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return what must be equal for comparable numbers, as text, from environment.json."""
    machine, software = (environment.get(name) or {} for name in ("machine", "software"))
    found = {name: machine[name] for name in MACHINE if name in machine}
    found |= {name: version for name, version in software.items() if name != "bench"}
    found |= {f"content of {name}": d for name, d in (environment.get("datasets") or {}).items()}
    if (variables := environment.get("variables")) is not None:
        assignments = " ".join(f"{name}={value}" for name, value in variables.items())
        found["environment variables"] = assignments or "none"
    texts = {k: ", ".join(v) if isinstance(v, list) else v for k, v in found.items()}
    return {name: "none" if value is None else str(value) for name, value in texts.items()}


def missing_comparisons(
    folders: Folders,
    matched: Sequence[Match],
    rows: pd.DataFrame,
    labels: Mapping[str, str],
    *,
    measured_only: bool = False,
) -> list[str]:
    """Explain for the matched cells without a time or an accuracy in `rows` why they have none.

    With `measured_only`, what neither folder measured is left out. The first folder has the cells
    `before`, the second those `after`.
    """
    is_time = rows["measure"].isin(PHASES)
    compared = {(cell_id, "time") for cell_id in rows.loc[is_time, "cell_id"]}
    is_accuracy = rows["measure"] == ACCURACY
    compared |= {(cell_id, "accuracy") for cell_id in rows.loc[is_accuracy, "cell_id"]}
    cells: dict[str, list[str]] = {}
    for what, why_missing in (("time", _why_no_time), ("accuracy", _why_no_accuracy)):
        for match in matched:
            if (match.after, what) in compared:
                continue
            ids = (match.before, match.after)
            reasons = [
                (folder, why_missing(results, cell_id))
                for (folder, results), cell_id in zip(folders, ids, strict=True)
            ]
            if measured_only and all(_is_not_measured(reason) for _, reason in reasons):
                continue
            known = "; ".join(f"{folder}: {reason}" for folder, reason in reasons if reason)
            if reasons[0][1] == reasons[1][1]:
                known = f"{reasons[0][1]}, in both folders"
            text = f"no {what} is compared: {known}"
            cells.setdefault(text, []).append(labels[match.after])
    counts = {text: len(names) - MOST_NAMES for text, names in cells.items()}
    more = {text: f" and {n} more cells" if n > 0 else "" for text, n in counts.items()}
    return [f"{', '.join(names[:MOST_NAMES])}{more[t]}: {t}" for t, names in cells.items()]


def _is_not_measured(reason: str) -> bool:
    """Return whether a cell was not asked for, or can't run on this machine."""
    return reason in NOT_MEASURED or reason.startswith(SKIPPED)


def _why_no_time(results: Results, cell_id: str) -> str:
    """Return why a cell has no times; an empty text where it has."""
    rows = results.blocks
    blocks = rows[(rows["cell_id"] == cell_id) & (rows["role"] == "planned")]
    ended = blocks[blocks["status"] == "ok"]
    if ended.empty:
        return _statuses(blocks, "timing sets") if len(blocks) else NO_BLOCK
    reasons = disturbance_reasons(ended)
    if (reasons == "").any():
        return ""
    distinct = dict.fromkeys(reason for text in reasons for reason in text.split(", "))
    return f"all timing sets were disturbed ({len(ended)}: {', '.join(distinct)})"


def _why_no_accuracy(results: Results, cell_id: str) -> str:
    """Return why a cell has no accuracy; an empty text where it has."""
    trials = results.trials[results.trials["cell_id"] == cell_id]
    if trials.empty:
        return NO_TRIAL
    if not (trials["status"] == "ok").any():
        return _statuses(trials, "trials")
    return "" if len(trained_trials(trials)) else NO_EPOCH


def _statuses(rows: pd.DataFrame, what: str) -> str:
    statuses = ", ".join(f"{n} {status}" for status, n in rows["status"].value_counts().items())
    reason = next(iter(rows["reason"].dropna()), "")
    if (rows["status"] == "skipped").all():
        return f"{SKIPPED}{reason}"
    return f"no {what} ended ok ({statuses}{f': {reason}' if reason else ''})"
