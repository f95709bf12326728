"""What `bench run` adds to a plan when it sees how the planned runs ended.

Timing sets that a budget allows, that replace disturbed ones or narrow intervals; and trials with
further seeds, until the accuracies are decided.
"""

import itertools
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from bench.planning import Deciding, Narrowing
from bench.runner.session import Session
from bench.study.runs import Run, trial_run
from bench.study.spec import MIN_SETS, Cell, Study
from bench.study.timing_sets import SetPart, replacement_runs, set_counts, timed_cells


@dataclass(frozen=True)
class Narrowed:
    """What `--until-ci` or `--budget` added: sets and seconds.

    `still_wide` counts the cells whose interval is wider than requested; None without a request.
    """

    sets: int
    spent_s: float
    still_wide: int | None


@dataclass(frozen=True)
class Decided:
    """What `--until-decided` added: trials and seconds, and how many cells are not decided."""

    trials: int
    spent_s: float
    undecided: int


def fill_budget(session: Session, look: int) -> None:
    """Time as many sets as the budget allows, which the first six tell; not what failed."""
    timing = session.plan.study.timing
    if timing is None or timing.sets is not None or not session.plan.to_execute:
        return
    wanted = session.wanted()
    if wanted > MIN_SETS and (runs := session.missing_runs(wanted, look=look)):
        session.add(runs, "timing.budget allows them")


def replace_disturbed(session: Session) -> None:
    """Time cells with disturbed sets again, unless most sets of this session were."""
    timing = session.plan.study.timing
    for _ in range(timing.spares if timing else 0):
        if not (runs := _replacements(session)):
            return
        session.add(runs, "the machine was disturbed")


def _replacements(session: Session) -> list[Run]:
    from bench.analysis.disturbances import disturbance  # imports pandas

    parts = {part: disturbance(asdict(row)) for part, row in session.timed_parts().items()}
    plan = session.plan
    runs = [planned.run for planned in plan.runs if planned.outcome is None]
    own = {SetPart(run.cell.cell_id, run.role, run.block) for run in runs if run.kind == "block"}
    reasons = [reason for part, reason in parts.items() if part in own]
    if not reasons or 2 * sum(map(bool, reasons)) > len(reasons):
        return []
    clean = [part for part, reason in parts.items() if not reason]
    number, wanted, most = plan.next_block, session.wanted(), plan.most_cells
    return replacement_runs(plan.study, plan.cells, parts, clean, number, wanted, most)


def narrow(session: Session, narrowing: Narrowing) -> Narrowed:
    """Add timing sets until the budget ends or, with a width, every interval is narrow.

    With a width, sets are added from look to look, since it depends on the numbers whether
    more are added: `bench.stats.stopping` keeps the level of the intervals.
    """
    from bench.stats.stopping import next_look  # imports scipy

    started_s = time.monotonic()
    timed = timed_cells(session.plan.study, session.plan.cells)
    before = session.plan.all_blocks
    looks = [row.look or 1 for row in session.timed_parts().values()]
    look = 1 + max(looks, default=1)
    while True:
        spent_s = time.monotonic() - started_s
        wide = _wide_cells(session, timed, narrowing.half_width)
        # Every set has the baseline in it.
        others = [cell for cell in wide if cell is not timed[0]]
        cells = [timed[0], *others] if wide else []
        wanted = _affordable(session, cells, narrowing.budget_s - spent_s)
        if narrowing.half_width:
            wanted = min(wanted, next_look(min(_counts(session, cells), default=0)))
        runs = session.missing_runs(wanted, cells, look if narrowing.half_width else 0)
        if not runs:
            break
        why = "an interval is wide" if narrowing.half_width else "--budget allows them"
        session.add(runs, why)
        look += 1
        if any(session.status_of(run) not in ("ok", None) for run in runs):
            break
    still_wide = len(wide) if narrowing.half_width else None
    added, spent_s = len(session.plan.all_blocks - before), time.monotonic() - started_s
    return Narrowed(added, spent_s, still_wide)


def _wide_cells(session: Session, timed: Sequence[Cell], half_width: float) -> list[Cell]:
    """Return the cells whose ratio of step times has a wide interval."""
    from bench.analysis.time_comparisons import wide_cells  # imports pandas

    results = session.results()
    ids = set(wide_cells(results.summary, results.comparisons, half_width))
    return [cell for cell in timed if cell.cell_id in ids]


def _counts(session: Session, cells: Sequence[Cell]) -> list[int]:
    return list(set_counts(cells, session.timed_parts()).values()) if cells else []


def _affordable(session: Session, cells: Sequence[Cell], left_s: float) -> int:
    """Return how many sets each of these cells has once the remaining time is spent."""
    if not cells:
        return 0
    own = {cell.cell_id for cell in cells}
    parts = session.timed_parts().items()
    walls_s = [row.wall_s for part, row in parts if part.cell_id in own and row.wall_s is not None]
    if not walls_s:
        return 0
    set_s = (len(cells) + 1) * statistics.median(walls_s)
    return min(_counts(session, cells)) + max(0, int(left_s / set_s))


def decide(session: Session, deciding: Deciding) -> Decided:
    """Train with further seeds until every accuracy is decided, or the budget would be exceeded.

    Cells that are decided get no more, the baseline does. It depends on the numbers whether more
    are added: the looks at them are counted, and `bench.stats.stopping` keeps the intervals' level.
    """
    from bench.analysis.accuracy_comparisons import looks_at, undecided_cells  # imports pandas
    from bench.stats.stopping import next_seeds

    started_s = time.monotonic()
    study, cells = session.plan.study, session.plan.cells
    look = 1 + max(1, looks_at(session.results().trials))
    trials = 0
    while True:
        undecided = undecided_cells(session.results().comparisons)
        chosen = [cell for cell in cells[1:] if cell.cell_id in undecided]
        members = [cells[0], *chosen] if chosen else []
        if not members:
            break
        done = {
            (p.run.cell.cell_id, p.run.seed) for p in session.plan.runs if p.run.kind == "trial"
        }
        fewest = min(sum(cell_id == cell.cell_id for cell_id, _ in done) for cell in chosen)
        runs = [
            trial_run(study, cell, seed, look)
            for seed in _seeds(study, next_seeds(fewest))
            for cell in members
            if (cell.cell_id, seed) not in done
        ]
        walls_s = session.trial_walls_s()
        cost_s = sum(walls_s.get(run.cell.cell_id, 0.0) for run in runs)
        left_s = deciding.budget_s - (time.monotonic() - started_s)
        if cost_s / session.plan.trials_at_once(members) > left_s:
            break
        session.add(runs, "an accuracy is inconclusive")
        trials, look = trials + len(runs), look + 1
        if any(session.status_of(run) not in ("ok", None) for run in runs):
            undecided = undecided_cells(session.results().comparisons)
            break
    return Decided(trials, time.monotonic() - started_s, len(undecided))


def _seeds(study: Study, count: int) -> list[int]:
    """Return the study's seeds and then the smallest others, but for those of tuning trials."""
    own = (*study.seeds, *(study.tune.seeds if study.tune else ()))
    others = (seed for seed in itertools.count() if seed not in own)
    return [*study.seeds, *itertools.islice(others, max(0, count - len(study.seeds)))]
