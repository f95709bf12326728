"""Results of outcomes in memory equal those that are read from their tables."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.analysis.results import make_results, read_results
from bench.errors import StoreError
from bench.records import (
    ROWS,
    BlockRow,
    CostRow,
    EpochRow,
    Outcome,
    TimingRow,
    TrialRow,
    TuningRow,
)
from bench.store import Store


def outcome(kind: Any, cell_id: str, seed: int, **config: Any) -> Outcome:
    return Outcome(
        run_id=f"{kind}-{cell_id}-{seed}", kind=kind, study="s", cell_id=cell_id,
        config={"model": "net", "device": "cpu", "threads": 1, **config}, status="ok",
    )  # fmt: skip


def trial(cell_id: str, seed: int, **config: Any) -> Outcome:
    done = outcome("trial", cell_id, seed, **config)
    row = TrialRow(
        trial_id=done.run_id, seed=seed, status="ok", epochs_done=1, machine="m",
        test_accuracy=0.1 + seed / 7, train_s=1 / 3 + seed, time_to_target_s=float("inf"),
    )  # fmt: skip
    epoch = EpochRow(
        trial_id=done.run_id, seed=seed, epoch=1, test_loss=0.1 + 0.2, test_accuracy=2 / 3,
        eval_s=float("nan"), elapsed_train_s=1e-17,
    )  # fmt: skip
    return replace(done, trial=row, epochs=(epoch,))


def block(cell_id: str, number: int, **config: Any) -> Outcome:
    done = outcome("block", cell_id, number, **config)
    timings = tuple(
        TimingRow(block=number, phase="step", round=r, seconds=(number + 1) / 3, is_warmup=r == 0)
        for r in range(3)
    )
    row = BlockRow(
        block=number, role="planned", status="ok", train_images=1000, step_images=64,
        gpu_throttle="", steal_share=0.001,
    )  # fmt: skip
    return replace(done, timings=timings, block=row)


def outcomes() -> list[Outcome]:
    failed = TrialRow(trial_id="x", seed=9, status="failed", reason="=1+1, \udc80 in a name")
    tried = TuningRow(trial_id="t", seed=0, status="ok", validation_accuracy=0.5)
    return [
        *(trial("a", seed, lr=0.1, **{"optimizer.momentum": None}) for seed in range(3)),
        *(trial("b", seed, lr=1, **{"z.tag": "1.0"}) for seed in range(3)),
        replace(trial("b", 9, lr=1), trial=failed, epochs=()),
        *(block(c, number, lr=lr) for number in range(7) for c, lr in (("a", 0.1), ("b", 1))),
        replace(outcome("cost", "a", 0, lr=0.1), cost=CostRow(status="ok", step_peak_bytes=2**40)),
        replace(outcome("tuning", "c", 0, lr=0.01), tuning=tried),
    ]


@pytest.mark.parametrize("kept", ["all", "trials", "none"])
def test_made_and_read_results_are_equal(tmp_path: Path, kept: str) -> None:
    known = {"all": outcomes(), "trials": outcomes()[:3], "none": []}[kept]
    Store(tmp_path).write_tables(known)
    (tmp_path / "study.yaml").write_text("tune: {over: [lr]}", encoding="utf-8")
    made, read = make_results(known, tmp_path, ["lr"]), read_results(tmp_path)
    for name in (*ROWS, "summary", "comparisons"):
        pd.testing.assert_frame_equal(
            getattr(made, name), getattr(read, name), check_exact=True, obj=name
        )
    assert list(made.tuned) == list(read.tuned)


def test_rows_of_different_hardware_are_refused(tmp_path: Path) -> None:
    first, second = trial("a", 0), trial("a", 1)
    assert second.trial is not None
    moved = replace(second, trial=replace(second.trial, machine="other"))
    with pytest.raises(StoreError, match="different hardware"):
        make_results([first, moved], tmp_path)
