"""A study as the suite: in each pair, every worktree's own bench adds a timing set, in turns."""

import json
import os
import signal
import subprocess
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from bench.analysis.accuracy_comparisons import trained_trials
from bench.analysis.comparison_table import ACCURACY
from bench.analysis.configurations import name_cells
from bench.analysis.disturbances import disturbance_reasons
from bench.analysis.folder_comparison import measurement_conditions
from bench.analysis.results import Results, read_results
from bench.analysis.set_times import raw_block_times, rounds_of
from bench.analysis.table_files import read_mapping
from bench.errors import BenchError
from bench.execute.turn_taking import grant_turns
from bench.regress.benchmark_names import printable
from bench.regress.benchmark_samples import (
    ROLES,
    GateReporter,
    MissingSample,
    Observation,
    PairSamples,
    Role,
    differing_conditions,
    missing_benchmarks,
)
from bench.regress.worker_process import worker_environment
from bench.regress.worktrees import Worktree, Worktrees

FAILED = 1  # exit code if a run failed: the other cells still count
TURN_FD = "--turn-fd"  # an older bench doesn't know it


class _OlderProtocolError(BenchError):
    """A role has a bench that can't take turns."""


@dataclass(frozen=True)
class StudySuite:
    """A study file: its cells are the benchmarks, compared by the time of a training step.

    In each pair one `bench run` a role adds a timing set to that role's results, reusing the
    earlier ones; the three run at once and take turns, so that a turn of a cell on head is timed
    next to that on base. With `accuracy` each also trains the cells, with the pair's number as
    the seed.
    """

    trees: Worktrees
    path: Path
    accuracy: bool
    data_dir: Path | None
    offline: bool

    def measure(
        self, pair: int, names: Collection[str] | None, reporter: GateReporter
    ) -> PairSamples:
        """Run the study once per role, with all cells, and return the named ones."""
        reporter.running(self.path.stem, None, 0, 1)
        try:
            folders = self._run(pair)
        except _OlderProtocolError as older:
            return PairSamples((), (), (f"timing protocol: lockstep, but not on {older.where}",))
        tables = {role: read_results(folder) for role, folder in folders.items()}
        environments = [
            read_mapping(folders[role] / "environment.json", json.loads)
            for role in ("base", "head")
        ]
        cells = {role: list(name_cells(t.trials).values()) for role, t in tables.items()}
        observations = list(_times(tables, pair))
        missing: list[MissingSample] = []
        for role, results in tables.items():
            observations += _accuracies(results, pair, role)
            missing += _failures(results, role)
        kept = [o for o in observations if names is None or o.benchmark in names]
        return PairSamples(
            tuple(kept),
            (*missing, *(missing_benchmarks(cells) if names is None else ())),
            tuple(differing_conditions(*map(measurement_conditions, environments))),
        )

    def _run(self, pair: int) -> dict[Role, Path]:
        """Run the study on all roles at once, in turns; return their results folders."""
        with ExitStack() as stack:
            runs = {role: stack.enter_context(self._started(pair, role)) for role in ROLES}
            connections = {role: connection for role, (_, connection) in runs.items()}
            grant_turns(connections, printable(f"{pair} {self.path}"))
            errors = {role: process.communicate()[1] for role, (process, _) in runs.items()}
        folders: dict[Role, Path] = {}
        for role, (process, _) in runs.items():
            found = list(self._out(role).glob("*/trials.csv"))
            if TURN_FD in errors[role]:
                raise _OlderProtocolError("has no such option", where=role)
            if process.returncode not in (0, FAILED) or not found:
                raise BenchError(
                    f"`bench run` ended with exit code {process.returncode}:\n"
                    f"{errors[role].strip()}",
                    where=self._side(role).description,
                )
            folders[role] = found[0].parent
        return folders

    def _side(self, role: Role) -> Worktree:
        return self.trees.head if role == "head" else self.trees.base

    def _out(self, role: Role) -> Path:
        return self.trees.scratch / f"results-{role}"

    @contextmanager
    def _started(
        self, pair: int, role: Role
    ) -> Iterator[tuple["subprocess.Popen[str]", Connection]]:
        """Start `bench run` on a role; it ends with the block."""
        side = self._side(role)
        seeds = ",".join(map(str, range(1, pair + 1)))
        settings = [f"timing.sets={pair}", "timing.spares=0", f"seeds=[{seeds}]"]
        settings += [] if self.accuracy else ["base.epochs=0"]
        connection, others_end = Pipe()
        command = [side.python, "-P", "-m", "bench", "run", str(self.path), "--no-report"]
        command += ["--out", str(self._out(role)), f"{TURN_FD}={others_end.fileno()}"]
        command += [f"--set={setting}" for setting in settings]
        command += ["--offline"] * self.offline
        if self.data_dir is not None:
            command += ["--data-dir", str(self.data_dir.absolute())]
        with connection:
            with others_end:
                process = subprocess.Popen(
                    command,
                    cwd=side.folder,
                    env=worker_environment(self.trees, side, pair),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    encoding="utf-8",
                    errors="replace",  # file names may have any encoding
                    pass_fds=[others_end.fileno()],
                    start_new_session=True,  # the gate handles Ctrl-C, and kills it with children
                )
            with process:
                try:
                    yield process, connection
                finally:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)


def _times(tables: Mapping[Role, Results], pair: int) -> Iterator[Observation]:
    """Yield the times of the last set, which belongs to this pair.

    Those of the A/A control and of head are base's times their ratio to it, turn by turn.
    """
    parts: dict[str, dict[Role, _Part]] = {}
    for role, results in tables.items():
        for part in _last_parts(results):
            parts.setdefault(part.name, {})[role] = part
    for name, own in parts.items():
        if (base := own.get("base")) is None:
            continue
        for role, part in own.items():
            log_ratio = (part.log_s - base.log_s).dropna().median()
            step_s = base.step_s * base.images / part.images * np.exp(log_ratio)
            if np.isfinite(step_s):
                reason = part.disturbed
                yield Observation(name, "step", pair, 0, role, float(step_s), reason)


@dataclass(frozen=True)
class _Part:
    """A cell in a set: seconds of a step per image, and log seconds of undisturbed turns."""

    name: str
    step_s: float
    images: float
    log_s: pd.Series
    disturbed: str


def _last_parts(results: Results) -> Iterator[_Part]:
    """Yield the cells that were timed in the last set."""
    names, last = name_cells(results.trials), results.blocks["block"].max()
    blocks, timings = (
        table[(table["block"] == last) & (table["role"] == "planned")]
        for table in (results.blocks, results.timings)
    )
    reasons = disturbance_reasons(blocks).groupby(blocks["cell_id"]).first()
    measured = raw_block_times(timings, blocks)
    turns = rounds_of(timings, blocks)
    turns = turns[(turns["phase"] == "step") & ~turns["is_disturbed"]]
    for _, row in measured[measured["step"] > 0].iterrows():
        cell_id = row["cell_id"]
        log_s = turns[turns["cell_id"] == cell_id].set_index("turn")["log_s"]
        yield _Part(names[cell_id], row["step"], row["step_images"], log_s, str(reasons[cell_id]))


def _accuracies(tables: Results, pair: int, role: Role) -> Iterator[Observation]:
    labels = name_cells(tables.trials)
    trials = trained_trials(tables.trials)
    trials = trials[trials["seed"] == pair]
    for cell_id, accuracy in zip(trials["cell_id"], trials[ACCURACY], strict=True):
        yield Observation(labels[cell_id], ACCURACY, pair, 0, role, float(accuracy), "")


def _failures(tables: Results, role: Role) -> Iterator[MissingSample]:
    """Yield the cells of which a run failed or was skipped."""
    labels = name_cells(tables.trials)
    for frame in (tables.trials, tables.blocks):
        bad = frame[frame["status"] != "ok"]
        for cell_id, status, reason in zip(
            bad["cell_id"], bad["status"], bad["reason"], strict=True
        ):
            kind: Literal["skipped", "failed"] = "skipped" if status == "skipped" else "failed"
            yield MissingSample(role, labels[cell_id], kind, f"{status}: {reason}")
