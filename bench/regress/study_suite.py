"""A study as the suite: each side's own bench runs one timing block of every cell a pair."""

import json
import os
import random
import signal
import subprocess
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

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
    Lost,
    Observation,
    Pair,
    Role,
    Watcher,
    absent,
    unlike,
)
from bench.regress.side_process import environment
from bench.regress.worktrees import Sides

FAILED = 1  # the exit code of a grid in which a run failed: its other cells count


@dataclass(frozen=True)
class StudySuite:
    """A study file: its cells are the benchmarks, the time of a training step what is compared.

    In each pair `bench run` adds a timing block to what each side has, and one more to base's twin,
    in shuffled order: nothing that is there already runs again. With `accuracy` it trains the
    cells, too, with the pair's number as the seed.
    """

    sides: Sides
    path: Path
    accuracy: bool
    data_dir: Path | None
    offline: bool

    def measure(self, pair: int, names: Collection[str] | None, watcher: Watcher) -> Pair:
        """Run the study once on each side; a study is measured whole, whatever is named."""
        order = random.Random(printable(f"{pair} {self.path}")).sample(ROLES, len(ROLES))
        folders: dict[Role, Path] = {}
        for i, role in enumerate(order):
            watcher.running(self.path.stem, role, i, len(order))
            folders[role] = self._run(pair, role)
        tables = {role: read_results(folder) for role, folder in folders.items()}
        environments = [
            read_mapping(folders[role] / "environment.json", json.loads)
            for role in ("base", "head")
        ]
        cells = {role: list(name_cells(t.trials).values()) for role, t in tables.items()}
        observations: list[Observation] = []
        lost: list[Lost] = []
        for role, its in tables.items():
            observations += [*_times(its, pair, role), *_accuracies(its, pair, role)]
            lost += _failures(its, role)
        kept = [o for o in observations if names is None or o.benchmark in names]
        return Pair(
            tuple(kept),
            (*lost, *(absent(cells) if names is None else ())),
            tuple(unlike(*map(measurement_conditions, environments))),
        )

    def _run(self, pair: int, role: Role) -> Path:
        side = self.sides.head if role == "head" else self.sides.base
        out = self.sides.scratch / f"results-{role}"
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
            env=environment(self.sides, side, pair),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",  # it may name files in any encoding
            start_new_session=True,  # Ctrl-C is the gate's; and what it starts ends with it
        ) as process:
            try:
                _, said = process.communicate()
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        folders = list(out.glob("*/trials.csv"))
        if process.returncode not in (0, FAILED) or not folders:
            raise BenchError(
                f"`bench run` ended with exit code {process.returncode}:\n{said.strip()}",
                where=side.told(),
            )
        return folders[0].parent


def _times(tables: Results, pair: int, role: Role) -> Iterator[Observation]:
    """Give the times of the last block, which is this pair's."""
    labels = name_cells(tables.trials)
    last = tables.blocks["block"].max()
    blocks = tables.blocks[(tables.blocks["role"] == "planned") & (tables.blocks["block"] == last)]
    why = dict(zip(blocks["cell_id"], disturbance_reasons(blocks), strict=True))
    measured = block_times(tables.timings, tables.blocks)
    is_new = (measured["role"] == "planned") & (measured["block"] == last)
    timed = measured[is_new & (measured["step"] > 0)]
    for cell_id, step_s in zip(timed["cell_id"], timed["step"], strict=True):
        yield Observation(labels[cell_id], "step", pair, 0, role, float(step_s), why[cell_id])


def _accuracies(tables: Results, pair: int, role: Role) -> Iterator[Observation]:
    labels = name_cells(tables.trials)
    trials = trained_trials(tables.trials)
    its = trials[trials["seed"] == pair]
    for cell_id, accuracy in zip(its["cell_id"], its[ACCURACY], strict=True):
        yield Observation(labels[cell_id], ACCURACY, pair, 0, role, float(accuracy), "")


def _failures(tables: Results, role: Role) -> Iterator[Lost]:
    """Name the cells of which a run failed or was skipped, with the first reason."""
    labels = name_cells(tables.trials)
    for frame in (tables.trials, tables.blocks):
        bad = frame[frame["status"] != "ok"]
        for cell_id, status, reason in zip(
            bad["cell_id"], bad["status"], bad["reason"], strict=True
        ):
            what = f"{status}: {reason}"
            yield Lost(role, labels[cell_id], "skipped" if status == "skipped" else "failed", what)
