"""A study as the suite: in each pair, every worktree's own bench adds a timing block per cell."""

import json
import os
import random
import signal
import subprocess
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.analysis.comparisons import ACCURACY, block_times, trained_trials
from bench.analysis.configurations import name_cells
from bench.analysis.disturbances import disturbance_reasons
from bench.analysis.folder_comparison import measurement_conditions
from bench.analysis.results import Results, read_results
from bench.analysis.table_files import read_mapping
from bench.errors import BenchError
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
from bench.regress.worktrees import Worktrees

FAILED = 1  # exit code if a run failed: the other cells still count


@dataclass(frozen=True)
class StudySuite:
    """A study file: its cells are the benchmarks, compared by the time of a training step.

    In each pair `bench run` adds a timing block to the results of each role, in shuffled order,
    and reuses the earlier ones. With `accuracy` it also trains the cells, with the pair's number
    as the seed.
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
        order = random.Random(printable(f"{pair} {self.path}")).sample(ROLES, len(ROLES))
        folders: dict[Role, Path] = {}
        for i, role in enumerate(order):
            reporter.running(self.path.stem, role, i, len(order))
            folders[role] = self._run(pair, role)
        tables = {role: read_results(folder) for role, folder in folders.items()}
        environments = [
            read_mapping(folders[role] / "environment.json", json.loads)
            for role in ("base", "head")
        ]
        cells = {role: list(name_cells(t.trials).values()) for role, t in tables.items()}
        observations: list[Observation] = []
        missing: list[MissingSample] = []
        for role, results in tables.items():
            observations += _times(results, pair, role)
            observations += _accuracies(results, pair, role)
            missing += _failures(results, role)
        kept = [o for o in observations if names is None or o.benchmark in names]
        return PairSamples(
            tuple(kept),
            (*missing, *(missing_benchmarks(cells) if names is None else ())),
            tuple(differing_conditions(*map(measurement_conditions, environments))),
        )

    def _run(self, pair: int, role: Role) -> Path:
        side = self.trees.head if role == "head" else self.trees.base
        out = self.trees.scratch / f"results-{role}"
        seeds = ",".join(map(str, range(1, pair + 1)))
        sets = [f"timing.blocks={pair}", "timing.spares=0", f"seeds=[{seeds}]"]
        sets += [] if self.accuracy else ["base.epochs=0"]
        command = [side.python, "-P", "-m", "bench", "run", str(self.path), "--no-report"]
        command += ["--out", str(out), *(f"--set={change}" for change in sets)]
        command += ["--offline"] * self.offline
        if self.data_dir is not None:
            command += ["--data-dir", str(self.data_dir.absolute())]
        with subprocess.Popen(
            command,
            cwd=side.folder,
            env=worker_environment(self.trees, side, pair),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",  # file names may have any encoding
            start_new_session=True,  # the gate handles Ctrl-C, and kills it with its children
        ) as process:
            try:
                _, errors = process.communicate()
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        folders = list(out.glob("*/trials.csv"))
        if process.returncode not in (0, FAILED) or not folders:
            raise BenchError(
                f"`bench run` ended with exit code {process.returncode}:\n{errors.strip()}",
                where=side.description,
            )
        return folders[0].parent


def _times(tables: Results, pair: int, role: Role) -> Iterator[Observation]:
    """Yield the times of the last block, which belongs to this pair."""
    labels = name_cells(tables.trials)
    last = tables.blocks["block"].max()
    blocks = tables.blocks[(tables.blocks["role"] == "planned") & (tables.blocks["block"] == last)]
    reasons = dict(zip(blocks["cell_id"], disturbance_reasons(blocks), strict=True))
    measured = block_times(tables.timings, tables.blocks)
    is_new = (measured["role"] == "planned") & (measured["block"] == last)
    timed = measured[is_new & (measured["step"] > 0)]
    for cell_id, step_s in zip(timed["cell_id"], timed["step"], strict=True):
        yield Observation(labels[cell_id], "step", pair, 0, role, float(step_s), reasons[cell_id])


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
