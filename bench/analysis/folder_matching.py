"""Two results folders, measured one after the other: which cells belong together, and verdicts.

They are not interleaved, so that the noise floor of either session is not enough: the machine
may have changed between them. The floor is widened by what the fixed kernel shows of that, and
by an allowance for what the kernel cannot see.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.accuracy_comparisons import compared_accuracies, trained
from bench.analysis.baseline_comparisons import aa_log_ratios, clean_blocks
from bench.analysis.comparison_rows import ACCURACY, Comparison, corrected, framed
from bench.analysis.configurations import configurations
from bench.analysis.disturbances import drift
from bench.analysis.results import Results
from bench.cell_names import comparable, differing, plain
from bench.records import PHASES
from bench.stats.estimates import MIN_FOR_INTERVAL, Floats, unpaired_ratio
from bench.stats.rank_tests import mann_whitney
from bench.stats.verdicts import LEAST_FLOOR, minimum_detectable_effect, noise_floor, verdict

# With it, none of 374 unchanged cells was called changed between two sessions on a shared machine
# (`validation/count_verdicts.py between`); their step times were off by 4 to 11% in the median.
BETWEEN_SESSIONS = 0.05


@dataclass(frozen=True)
class Match:
    """A cell of A and the cell of B that is held against it, and the fields that B changed."""

    before: str
    after: str
    changed: Mapping[str, tuple[Any, Any]]


def matches(a: Results, b: Results) -> list[Match]:
    """Find the cells that belong together, in B's order.

    Equal configurations do. Of the others, two do that are equal in every field but those whose
    values A and B don't share at all: the change between the two studies. An ambiguous match
    is none.
    """
    cells = [configurations(tables.trials) for tables in (a, b)]
    same = [cell_id for cell_id in cells[1] if cell_id in cells[0]]
    found = {cell_id: Match(cell_id, cell_id, {}) for cell_id in same}
    left = [{k: v for k, v in side.items() if k not in found} for side in cells]
    for before, after in _alike(*left):
        changes = _changes(left[0][before], left[1][after])
        found[after] = Match(before, after, changes)
    return [found[cell_id] for cell_id in cells[1] if cell_id in found]


def between(a: Results, b: Results, matched: Sequence[Match]) -> pd.DataFrame:
    """Compare matched cells of two folders: the rows of comparisons.csv, B against A.

    `baseline_id` is A's cell. Times are two independent samples of block medians; accuracies
    are paired by seed.
    """
    sides = [(clean_blocks(t.timings, t.blocks), t) for t in (a, b)]
    compared = [
        framed(str(b.trials["study"].iloc[0]), match.before, rows)
        for match in matched
        if (rows := [*_times(sides, match), *_accuracy(a, b, match)])
    ]
    if not compared:
        return framed("", "", [])
    return corrected(pd.concat(compared, ignore_index=True))


def _alike(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    """Pair cells that agree in all fields whose values the two sides share."""
    if not before or not after:
        return
    fields = dict.fromkeys(name for side in (before, after) for c in side.values() for name in c)
    shared = [
        name
        for name in fields
        if {comparable(c.get(name)) for c in before.values()}
        & {comparable(c.get(name)) for c in after.values()}
    ]
    named = [_by_fields(side, shared) for side in (before, after)]
    for key, ids in named[1].items():
        partners = named[0].get(key, [])
        if len(ids) == len(partners) == 1:
            yield partners[0], ids[0]


def _by_fields(
    cells: Mapping[str, Mapping[str, Any]], fields: Sequence[str]
) -> dict[tuple[Any, ...], list[str]]:
    found: dict[tuple[Any, ...], list[str]] = {}
    for cell_id, cell in cells.items():
        found.setdefault(tuple(comparable(cell.get(name)) for name in fields), []).append(cell_id)
    return found


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    changed = differing(before, after, list(dict.fromkeys([*before, *after])))
    return {name: (plain(before.get(name)), plain(after.get(name))) for name in changed}


def _times(sides: Sequence[tuple[pd.DataFrame, Results]], match: Match) -> Iterator[Comparison]:
    ids = (match.before, match.after)
    moved = drift(
        *(t.blocks[t.blocks["cell_id"] == i] for (_, t), i in zip(sides, ids, strict=True))
    )
    planned = [_planned(measured, i) for (measured, _), i in zip(sides, ids, strict=True)]
    left_out = sum(int(blocks["spoilt"].sum()) for blocks in planned)
    for measure in PHASES:
        samples = [_sample(blocks, measure) for blocks in planned]
        before, after = samples
        if not (before.size and after.size):
            continue
        ratio = unpaired_ratio(before, after)
        twins = [aa_log_ratios(m, measure) for m, _ in sides]
        within = [noise_floor(d, ratio.n, least=LEAST_FLOOR) for d in twins]
        floor = _floor(within, moved)
        is_known = moved is not None and all(len(d) >= MIN_FOR_INTERVAL for d in twins)
        scatter = np.concatenate([np.log(t / np.median(t)) for t in samples])
        yield Comparison(
            cell_id=match.after,
            measure=measure,
            before=float(np.median(before)),
            after=float(np.median(after)),
            ratio=ratio.value,
            low=ratio.low,
            high=ratio.high,
            floor=floor,
            mde=minimum_detectable_effect(np.sqrt(2) * scatter, floor, ratio.n),
            session_mde=None,
            n=ratio.n,
            verdict=verdict(ratio, floor) if is_known else "INCONCLUSIVE",
            further=None,
            left_out=left_out,
            p_value=mann_whitney(before, after),
        )


def _floor(within: Sequence[float], moved: float | None) -> float:
    """Put together what either session's A/A showed and what lies between the sessions."""
    machine = max(moved, 1 / moved) if moved else 1.0
    return float(np.prod([1 + floor for floor in within]) * machine * (1 + BETWEEN_SESSIONS) - 1)


def _planned(measured: pd.DataFrame, cell_id: str) -> pd.DataFrame:
    return measured[(measured["cell_id"] == cell_id) & (measured["role"] == "planned")]


def _sample(planned: pd.DataFrame, measure: str) -> Floats:
    values = planned.loc[~planned["spoilt"], measure].dropna().to_numpy(dtype=float)
    return values[values > 0]


def _accuracy(a: Results, b: Results, match: Match) -> Iterator[Comparison]:
    by_seed = [
        trained(t.trials[t.trials["cell_id"] == cell_id]).set_index("seed")[ACCURACY].astype(float)
        for t, cell_id in ((a, match.before), (b, match.after))
    ]
    pairs = pd.concat(by_seed, axis=1, join="inner").dropna().to_numpy()
    if len(pairs):
        yield compared_accuracies(match.after, pairs[:, 0], pairs[:, 1])
