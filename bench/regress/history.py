"""The trend of every benchmark over what is stored, one machine at a time, and its steps."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.regress.benchmark_names import short_names
from bench.regress.stored_benchmarks import Measured, Session
from bench.stats.change_points import change_points
from bench.stats.estimates import Estimate, unpaired_ratio
from bench.stats.verdicts import LEAST_FLOOR

FALSE_ALARMS = 0.05  # the chance that anything at all is found in a history where nothing steps


@dataclass(frozen=True)
class Step:
    """A benchmark's new level: from which session on, and its ratio to the level before."""

    at: int
    after: str  # the last commit with the old level
    by: str  # the first with the new one
    ratio: Estimate


@dataclass(frozen=True)
class Trend:
    """One benchmark on one kind of machine: its sessions in order, and where it steps.

    `benchmark` is its full name, `name` a short one that is no other's.
    """

    fingerprint: str
    benchmark: str
    name: str
    sessions: tuple[Session, ...]
    steps: tuple[Step, ...]

    @property
    def measured(self) -> list[Measured]:
        """What each session measured."""
        return [session.benchmarks[self.benchmark] for session in self.sessions]


def trends(sessions: Sequence[Session]) -> list[Trend]:
    """Follow every benchmark on every machine; sessions of a dirty tree are left out.

    Different fingerprints make different trends. A step is a change of level by more than 2%
    that chance alone would hardly give: over all benchmarks together, once in twenty histories.
    """
    clean = [session for session in sessions if not session.is_dirty]
    lines = {
        (session.fingerprint, name): [
            s for s in clean if s.fingerprint == session.fingerprint and name in s.benchmarks
        ]
        for session in clean
        for name in session.benchmarks
    }
    names = short_names(name for _, name in lines)
    level = FALSE_ALARMS / max(len(lines), 1)
    return [
        Trend(fingerprint, name, names[name], tuple(its), tuple(_steps(its, name, level)))
        for (fingerprint, name), its in sorted(lines.items(), key=lambda line: line[0])
    ]


def _steps(sessions: Sequence[Session], name: str, level: float) -> list[Step]:
    medians = [session.benchmarks[name].median_s for session in sessions]
    points = change_points(medians, level)
    borders = [0, *points, len(medians)]
    steps = []
    for start, at, end in zip(borders, points, borders[2:], strict=False):
        ratio = unpaired_ratio(medians[start:at], medians[at:end])
        if abs(ratio.value - 1) > LEAST_FLOOR:
            steps.append(Step(at, sessions[at - 1].commit, sessions[at].commit, ratio))
    return steps
