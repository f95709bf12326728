"""A results folder as `bench run` leaves it, made up without training anything."""

import json
import math
from pathlib import Path
from typing import Any

from bench.records import BlockRow, EpochRow, MetricRow, Outcome, TimingRow, TrialRow
from bench.store import Store

CONFIG: dict[str, Any] = {
    "model": "convnet", "dataset": "mnist", "batch_size": 64, "optimizer": "adam", "lr": 0.001,
    "device": "cpu", "compile": False, "optimizer.eps": 1e-8, "optimizer.momentum": None,
}  # fmt: skip
CELLS = {"a": {}, "b": {"batch_size": 512}, "c": {"device": "cuda"}}
NO_CUDA = "no CUDA device: a | b, “c”"
F_BETA = "f_beta(beta=2.0)"
SEEDS, EPOCHS, BLOCKS = 3, 2, 6


def trial(cell_id: str, seed: int) -> Outcome:
    """Make a trial that began `seed` minutes past noon; on CUDA it is skipped."""
    trial_id = f"{cell_id}-s{seed}"
    reported = {"trial_id": trial_id, "seed": seed, "machine": "Example CPU | 2 cores"}
    epochs = tuple(
        EpochRow(
            trial_id=trial_id, seed=seed, epoch=epoch, train_loss=1 / epoch, test_loss=0.5 / epoch,
            test_accuracy=0.97 + 0.01 * epoch + 0.001 * seed, train_s=4.0, eval_s=0.5,
            elapsed_train_s=4.0 * epoch,
        )
        for epoch in range(1, EPOCHS + 1)
    )  # fmt: skip
    metrics = tuple(
        MetricRow(trial_id=trial_id, seed=seed, epoch=epoch.epoch, metric=F_BETA,
                  value=epoch.test_accuracy - 0.01)
        for epoch in epochs
    )  # fmt: skip
    row = TrialRow(
        **reported, status="ok", epochs_done=EPOCHS, test_accuracy=epochs[-1].test_accuracy,
        test_loss=0.25, train_s=8.0, wall_s=10.0, images_per_s=15_000.0 + seed,
        time_to_target_s=math.inf, peak_memory_bytes=2**28, parameters=61_706,
    )  # fmt: skip
    skipped = TrialRow(**reported, status="skipped", reason=NO_CUDA)
    is_skipped = CELLS[cell_id].get("device") == "cuda"
    return Outcome(
        run_id=trial_id, kind="trial", study="made-up", cell_id=cell_id,
        config={**CONFIG, **CELLS[cell_id]}, status="skipped" if is_skipped else "ok",
        trial=skipped if is_skipped else row, epochs=() if is_skipped else epochs,
        metrics=() if is_skipped else metrics,
        started_at=f"2025-11-23T12:{seed:02}:00+00:00", wall_s=10.0,
    )  # fmt: skip


def block(cell_id: str, number: int) -> Outcome:
    rounds = tuple(
        TimingRow(block=number, phase=phase, round=i, seconds=seconds * (1 + 0.01 * number),
                  is_warmup=i == 0)
        for phase, seconds in (("data", 0.001), ("step", 0.008))
        for i in range(3)
    )  # fmt: skip
    return Outcome(
        run_id=f"{cell_id}-b{number}", kind="block", study="made-up", cell_id=cell_id,
        config={**CONFIG, **CELLS[cell_id]}, status="ok", timings=rounds,
        block=BlockRow(block=number, role="planned", status="ok"), wall_s=1.0,
    )  # fmt: skip


def write(folder: Path, seeds: int = SEEDS) -> Path:
    store = Store(folder)
    trials = [trial(cell_id, seed) for cell_id in CELLS for seed in range(seeds)]
    outcomes = [*trials, *(block("a", number) for number in range(BLOCKS))]
    for outcome in outcomes:
        store.save(outcome)
    store.write_tables(outcomes)
    (folder / "environment.json").write_text(json.dumps({}), encoding="utf-8")
    return folder
