"""Outcomes as runs give them, and as no run would."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.misclassified import pack_misclassified
from bench.records import (
    BlockRow,
    CostRow,
    EpochRow,
    MetricRow,
    MisclassifiedRow,
    Outcome,
    Scalar,
    TimingRow,
    TrialRow,
    TuningRow,
)
from bench.store import Store

WRONG = pack_misclassified([(8, 5, 6), (247, 4, 2)])
CONFIG: dict[str, Scalar] = {
    "model": "convnet",
    "dataset": "digits",
    "batch_size": 512,
    "optimizer": "adam",
    "lr": 0.001,
    "device": "cpu",
    "precision": "fp32",
    "compile": False,
    "epochs": 2,
    "optimizer.eps": 1e-8,
    "model.hidden": 500,
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results" / "x")


@pytest.fixture(scope="session")
def trial() -> Callable[..., Outcome]:
    """Make a trial of two epochs; its configuration can be added to."""

    def make(seed: int = 0, cell_id: str = "cell", **config: Scalar) -> Outcome:
        run_id = f"{cell_id}-s{seed}"
        epochs = tuple(
            EpochRow(
                trial_id=run_id,
                seed=seed,
                epoch=epoch,
                train_loss=1 / epoch,
                test_loss=0.5,
                test_accuracy=0.9,
                train_s=2.0,
                eval_s=0.5,
                images_per_s=30_000.0,
                elapsed_train_s=2.0 * epoch,
            )
            for epoch in (1, 2)
        )
        return Outcome(
            run_id=run_id,
            kind="trial",
            study="x",
            cell_id=cell_id,
            config=CONFIG | config,
            status="ok",
            trial=TrialRow(trial_id=run_id, seed=seed, status="ok", time_to_target_s=float("inf")),
            epochs=epochs,
            misclassified=MisclassifiedRow(
                trial_id=run_id,
                seed=seed,
                test_images=10_000,
                wrong=pack_misclassified([(8, 5, 6)]),
            ),
            metrics=(
                MetricRow(trial_id=run_id, seed=seed, epoch=1, metric="top_5", value=0.99),
                MetricRow(trial_id=run_id, seed=seed, epoch=2, metric="top_5", value=None),
            ),
            environment={"threads": 2, "torch": "2.6"},
            started_at="2025-01-01T00:00:00+00:00",
            wall_s=5.5,
            key={"configuration": "a", "code": "b"},
        )

    return make


@pytest.fixture(scope="session")
def block() -> Callable[..., Outcome]:
    """Make a part of a timing set: two rounds of one phase."""

    def make(number: int = 0, cell_id: str = "cell", **config: Scalar) -> Outcome:
        return Outcome(
            run_id=f"{cell_id}-b{number}",
            kind="block",
            study="x",
            cell_id=cell_id,
            config=CONFIG | config,
            status="ok",
            timings=tuple(
                TimingRow(block=number, phase="step", round=i, seconds=0.25, is_warmup=not i)
                for i in (0, 1)
            ),
            block=BlockRow(
                block=number, role="planned", status="ok", steal_share=0.25, gpu_throttle="a b"
            ),
        )

    return make


@pytest.fixture(scope="session")
def cost() -> Callable[..., Outcome]:
    """Make a cost pass."""

    def make(cell_id: str = "cell", **config: Scalar) -> Outcome:
        return Outcome(
            run_id=f"{cell_id}-cost",
            kind="cost",
            study="x",
            cell_id=cell_id,
            config=CONFIG | config,
            status="ok",
            cost=CostRow(status="ok", flops_per_image=7.5e6, step_operations=93),
        )

    return make


@pytest.fixture(scope="session")
def tuning() -> Callable[..., Outcome]:
    """Make a trial that tuning tried."""

    def make(seed: int = 1000, cell_id: str = "cell", **config: Scalar) -> Outcome:
        run_id = f"{cell_id}-t{seed}"
        return Outcome(
            run_id=run_id,
            kind="tuning",
            study="x",
            cell_id=cell_id,
            config=CONFIG | config,
            status="ok",
            tuning=TuningRow(trial_id=run_id, seed=seed, status="ok", validation_accuracy=0.75),
        )

    return make


@pytest.fixture(scope="session")
def failed_block() -> Outcome:
    row = TimingRow(
        block=0, phase=None, round=None, seconds=None, is_warmup=None, status="oom", reason="why"
    )
    return Outcome(
        run_id="cell-b0",
        kind="block",
        study="x",
        cell_id="cell",
        config=CONFIG,
        status="oom",
        reason="why",
        timings=(row,),
        block=BlockRow(block=0, role="planned", status="oom", reason="why"),
    )
