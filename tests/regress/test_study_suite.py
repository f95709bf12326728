"""A study as a gate's suite: its cells are the benchmarks."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from toy_repository import git

from bench.regress.benchmark_samples import ROLES, MissingSample, PairSamples, Role
from bench.regress.study_suite import StudySuite
from bench.regress.worktrees import Worktree, Worktrees

PUBLISHED = Path(__file__).parents[2] / "results/published/amd-epyc-2c/baseline"


class Nobody:
    def running(self, benchmark: str, role: Role | None, done: int, of: int) -> None:
        pass


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudySuite:
    """A study whose every run gives the published results; on head steps take twice as long."""

    def folder_of(role: Role) -> Path:
        folder = tmp_path / role
        shutil.copytree(PUBLISHED, folder, dirs_exist_ok=True)
        if role == "head":
            timings = pd.read_csv(folder / "timings.csv")
            timings["seconds"] *= 2
            timings.to_csv(folder / "timings.csv", index=False)
            trials = pd.read_csv(folder / "trials.csv")
            failed = trials["cell_id"] == trials["cell_id"].iloc[-1]
            trials.loc[failed, ["status", "reason"]] = "failed", "boom"
            trials.to_csv(folder / "trials.csv", index=False)
        return folder

    def run(self: StudySuite, pair: int) -> dict[Role, Path]:
        return {role: folder_of(role) for role in ROLES}

    monkeypatch.setattr(StudySuite, "_run", run)
    side = Worktree("main", "1234567", tmp_path, tmp_path, "python")
    trees = Worktrees(tmp_path, side, side, tmp_path)
    return StudySuite(trees, Path("precision.yaml"), True, None, True)


@pytest.fixture
def pair(suite: StudySuite) -> PairSamples:
    return suite.measure(1, None, Nobody())


def test_a_pair_is_the_last_block_of_every_cell(pair: PairSamples) -> None:
    steps = {(o.benchmark, o.role): o.value for o in pair.observations if o.measure == "step"}
    cells = {benchmark for benchmark, _ in steps}
    assert "convnet · batch 512 · adam · cpu" in cells
    assert len(steps) == len(cells) * len(ROLES)
    for cell in cells:
        assert steps[cell, "base"] == steps[cell, "twin"]
        assert steps[cell, "head"] == pytest.approx(2 * steps[cell, "base"])


def test_accuracies_are_those_of_the_pairs_own_seed(pair: PairSamples) -> None:
    trials = pd.read_csv(PUBLISHED / "trials.csv")
    of_seed = set(trials.loc[trials["seed"] == 1, "test_accuracy"].dropna())
    found = {o.value for o in pair.observations if o.measure == "test_accuracy"}
    assert found
    assert found <= of_seed


def test_a_failed_cell_is_missing_with_its_reason(pair: PairSamples) -> None:
    failed = {lost for lost in pair.missing if lost.status == "failed"}
    assert {(lost.role, lost.reason) for lost in failed} == {("head", "failed: boom")}


def test_cells_that_both_sides_skip_are_skipped(pair: PairSamples) -> None:
    skipped = [lost for lost in pair.missing if lost.status == "skipped"]
    assert {lost.role for lost in skipped} == set(ROLES)
    assert all(isinstance(lost, MissingSample) and lost.reason for lost in skipped)


def test_only_named_cells_are_returned(suite: StudySuite) -> None:
    again = suite.measure(2, ["convnet · batch 512 · adam · cpu"], Nobody())
    assert {o.benchmark for o in again.observations} == {"convnet · batch 512 · adam · cpu"}


def test_an_invalid_study_shows_the_message_of_bench_run(
    tmp_path: Path, run_bench: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    (tmp_path / "wrong.yaml").write_text("name: wrong\nbase: {modle: mlp}\n", encoding="utf-8")
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message=first")
    done = run_bench(tmp_path, "gate", "--base", "main", "--suite", "wrong.yaml")
    assert done.returncode == 2
    assert "Did you mean 'model'?" in done.stderr
