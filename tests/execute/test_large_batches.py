"""Whatever the batch size, a step has the images that it was given, and no more."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.execute import EXECUTORS
from bench.execute.executor import RunContext
from bench.measure import phases
from bench.records import Outcome
from bench.study.runs import Run
from bench.train import Training

Runs = Callable[..., list[Run]]
TIMING = {"sets": 1, "rounds": 1, "epochs": 0}


def outcome_of(run: Run, folder: Path) -> Outcome:
    (outcome,) = EXECUTORS["inline"]().execute([run], RunContext(folder), lambda event: None)
    return outcome


def test_step_images_are_counted_in_a_batch_larger_than_the_set(
    networks: str, digits_dir: Path, runs_of: Runs
) -> None:
    config = {"model": {"import": f"{networks}:Plain"}, "batch_size": 100_000, "epochs": 1}
    seen: list[int] = []
    run = runs_of(config, "block", timing=TIMING)[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(phases, "WARMUP_CAP_STEPS", 2)
        real = Training.loss
        patch.setattr(
            Training, "loss", lambda self, x, y: (seen.append(len(y)), real(self, x, y))[1]
        )
        outcome = outcome_of(run, digits_dir)
    assert outcome.block is not None
    assert outcome.block.step_images == 60_000
    assert {count for count in seen if count != 2} == {60_000}  # two are timed alone


@pytest.mark.parametrize("kind", ["trial", "cost"])
def test_one_cycle_over_a_single_step_works(
    networks: str, digits_dir: Path, runs_of: Runs, kind: str
) -> None:
    config = {
        "model": {"import": f"{networks}:Plain"},
        "batch_size": 60_000,
        "epochs": 1,
        "schedule": "one_cycle",
    }
    outcome = outcome_of(runs_of(config, kind, timing=TIMING)[0], digits_dir)
    assert outcome.status == "ok", outcome.reason
