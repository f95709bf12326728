"""Execute one run, from its configuration to its outcome, whatever happens."""

import itertools
import math
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime

import torch

from bench.errors import DivergedError, UnavailableError
from bench.execute.executor import Emit, Evaluated, RunContext, Stepped
from bench.execute.training_setup import (
    ALREADY_LOADED,
    TrainingSetup,
    count_flops_per_image,
    last_line,
    process_environment,
    set_up_training,
)
from bench.measure.cost import count_step, parameter_count
from bench.measure.guards import Watch
from bench.measure.memory import device_bytes, peak_bytes, reset_peak
from bench.measure.peaks import Peaks, machine_peaks
from bench.measure.phases import StepParts, full_batches, time_passes, time_steps, time_two_images
from bench.outcome_keys import loaded_parts
from bench.records import (
    BlockRow,
    CostRow,
    EpochRow,
    Kind,
    Outcome,
    Status,
    TimingRow,
    TrialRow,
    TuningRow,
)
from bench.study.runs import Run
from bench.train import StepLog, evaluate, train_epoch

MEASURED_EPOCHS = 1_000_000  # span of a schedule where steps are measured, not trained
MEMORY_STEPS = 3  # optimizers allocate their state in the first


def execute_run(run: Run, run_context: RunContext, emit: Emit) -> Outcome:
    """Execute one run in this process."""
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    started_s, since_s, searched = time.monotonic(), time.time(), tuple(sys.path)

    def failed(status: Status, reason: str, *, trace: bool = False) -> Outcome:
        return finish(run.ended(status, reason, 0.0), traceback.format_exc() if trace else None)

    def finish(outcome: Outcome, trace: str | None = None) -> Outcome:
        wall_s = time.monotonic() - started_s
        key = loaded_parts(ALREADY_LOADED, since_s, searched)
        marked = run_context.mark(outcome)
        return replace(marked, started_at=started_at, wall_s=wall_s, traceback=trace, key=key)

    try:
        if run.cell.skip is not None:
            raise UnavailableError(run.cell.skip)
        outcome = finish(WORK[run.kind](run, run_context, emit))
        wall_s = outcome.wall_s
        trial, block, tuning = outcome.trial, outcome.block, outcome.tuning
        return replace(
            outcome,
            trial=trial and replace(trial, wall_s=wall_s),
            tuning=tuning and replace(tuning, wall_s=wall_s),
            block=block and replace(block, started_at=started_at, wall_s=wall_s),
        )
    except UnavailableError as error:
        return failed("skipped", str(error))
    except DivergedError as error:
        return failed("diverged", str(error))
    except (MemoryError, torch.OutOfMemoryError) as error:
        return failed("oom", last_line(error), trace=True)
    except Exception as error:
        # torch has no exception class for lack of CPU memory.
        out_of_memory = "can't allocate memory" in str(error)
        return failed("oom" if out_of_memory else "failed", last_line(error), trace=True)


def _trial(run: Run, run_context: RunContext, emit: Emit) -> Outcome:
    """Train and evaluate a cell with one seed."""
    cell = run.cell
    setup = set_up_training(cell, run.seed, run_context, epochs=cell.epochs)
    reset_peak(setup.device)
    epochs = _train(run, setup, emit, verbose=run_context.verbose)
    last = epochs[-1]
    train_s = last.elapsed_train_s if cell.epochs else None
    images = setup.loader.train_images * cell.epochs
    time_to_target_s, steps_to_target = _reach_target(run, setup, epochs)
    row = TrialRow(
        trial_id=run.run_id,
        seed=run.seed,
        status="ok",
        epochs_done=cell.epochs,
        steps=setup.training.steps,
        test_accuracy=last.test_accuracy,
        test_loss=last.test_loss,
        best_test_accuracy=max(e.test_accuracy for e in epochs),
        train_s=train_s,
        eval_s=sum(e.eval_s for e in epochs),
        images_per_s=images / train_s if train_s else None,
        time_to_target_s=time_to_target_s,
        steps_to_target=steps_to_target,
        peak_memory_bytes=peak_bytes(setup.device),
        parameters=parameter_count(setup.training.model),
    )
    return replace(_ok(run, setup), trial=row, epochs=tuple(epochs))


def _tuning(run: Run, run_context: RunContext, emit: Emit) -> Outcome:
    """Train a candidate with one seed and evaluate it on held-out training images."""
    cell, validation = run.cell, run.validation
    setup = set_up_training(cell, run.seed, run_context, epochs=cell.epochs, validation=validation)
    last = _train(run, setup, emit, verbose=run_context.verbose)[-1]
    row = TuningRow(
        trial_id=run.run_id,
        seed=run.seed,
        status="ok",
        validation_accuracy=last.test_accuracy,
        validation_loss=last.test_loss,
        validation_images=setup.loader.test_images,
        train_s=last.elapsed_train_s,
    )
    return replace(_ok(run, setup), tuning=row)


def _ok(run: Run, setup: TrainingSetup) -> Outcome:
    outcome = run.ended("ok", None, 0.0)
    return replace(outcome, environment=process_environment(setup.device))


def _train(run: Run, setup: TrainingSetup, emit: Emit, *, verbose: bool) -> list[EpochRow]:
    """Train all epochs, evaluating after each; a cell without epochs is evaluated once."""
    training, loader, clock = setup.training, setup.loader, setup.clock
    epochs = setup.cell.epochs
    rows: list[EpochRow] = []
    elapsed_s = 0.0
    for epoch in range(1, epochs + 1) if epochs else [0]:
        trained: dict[str, float] = {}
        if epoch:

            def log(step: StepLog, epoch: int = epoch) -> None:
                loss = step.loss.item() if verbose else None  # synchronises
                steps, images = loader.steps_per_epoch, loader.train_images
                done = (run.run_id, epoch, epochs, step.step, steps, images, loader.step_images)
                emit(Stepped(*done, loss))

            result = train_epoch(training, loader.train(), clock, log)
            elapsed_s += result.train_s
            trained = {
                "train_loss": result.train_loss,
                "train_s": result.train_s,
                "images_per_s": result.images / result.train_s,
            }
        test = evaluate(training, loader.test(), clock)
        if not math.isfinite(test.loss):
            raise DivergedError(f"the test loss became {test.loss} in epoch {epoch}")
        rows.append(
            EpochRow(
                trial_id=run.run_id,
                seed=run.seed,
                epoch=epoch,
                test_loss=test.loss,
                test_accuracy=test.accuracy,
                eval_s=test.eval_s,
                elapsed_train_s=elapsed_s,
                **trained,
            )
        )
        emit(Evaluated(run.run_id, epoch, epochs, test.loss, test.correct, test.images))
    return rows


def _reach_target(
    run: Run, setup: TrainingSetup, epochs: list[EpochRow]
) -> tuple[float | None, float | None]:
    """Return training seconds and steps at the first evaluation at the target; inf if missed."""
    if run.target_accuracy is None:
        return None, None
    for e in epochs:
        if e.test_accuracy >= run.target_accuracy:
            return e.elapsed_train_s, float(setup.loader.steps_per_epoch * e.epoch)
    return math.inf, math.inf


def _block(run: Run, run_context: RunContext, emit: Emit) -> Outcome:
    """Time the phases of a cell's training step, then epochs and evaluations."""
    assert run.timing is not None
    setup = set_up_training(run.cell, run.seed, run_context, epochs=MEASURED_EPOCHS)
    training, loader, clock, timing = setup.training, setup.loader, setup.clock, run.timing
    watch = Watch(setup.device)
    watch.start()
    parts = _step_parts(setup)
    samples = time_steps(parts, clock, setup.device, timing.rounds)
    samples += time_passes(
        "epoch", lambda: train_epoch(training, loader.train(), clock).train_s, timing.epochs
    )
    samples += time_passes(
        "eval", lambda: evaluate(training, loader.test(), clock).eval_s, timing.epochs
    )
    guards = watch.stop()
    try:
        peaks: Peaks | None = machine_peaks(setup.device, setup.cell.precision, clock)
    except torch.OutOfMemoryError:  # a GPU without the memory for it
        peaks = None
    row = BlockRow(
        block=run.block,
        role=run.role,
        status="ok",
        train_images=loader.train_images,
        step_images=loader.step_images,
        **asdict(guards),
        peak_flops_per_s=peaks.flops_per_s if peaks else None,
        peak_bytes_per_s=peaks.bytes_per_s if peaks else None,
        two_images_s=_two_images_s(setup, parts),
    )
    timings = tuple(TimingRow(block=run.block, role=run.role, **asdict(s)) for s in samples)
    return replace(_ok(run, setup), block=row, timings=timings)


def _step_parts(setup: TrainingSetup) -> StepParts:
    training = setup.training
    training.model.train()
    return StepParts(
        batch=full_batches(setup.loader.train, setup.loader.step_images),
        zero_grad=lambda: training.optimizer.zero_grad(set_to_none=True),
        forward=lambda batch: training.loss(*batch),
        backward=training.backward,
        update=training.update,
    )


def _two_images_s(setup: TrainingSetup, parts: StepParts) -> float | None:
    """Time two images on a CPU; a compiled network would be compiled again for them."""
    if setup.cell.compile or setup.device.type != "cpu":
        return None
    images, labels = parts.batch()
    return time_two_images(parts, (images[:2], labels[:2]), setup.clock)


def _cost(run: Run, run_context: RunContext, emit: Emit) -> Outcome:
    """Measure the peak memory of a training step, then count its operations.

    The process is fresh, so that its resident set is this cell's. Memory comes first, since
    counting needs memory too.
    """
    cell = run.cell
    setup = set_up_training(cell, run.seed, run_context, epochs=MEASURED_EPOCHS)
    batches = setup.loader.train()
    setup.training.model.train()
    reset_peak(setup.device)
    base = peak_bytes(setup.device)
    for images, labels in itertools.islice(batches, MEMORY_STEPS):
        setup.training.step(images, labels)
    setup.clock.now_s()  # synchronises
    peak, on_device = peak_bytes(setup.device), device_bytes(setup.device)
    plain = cell.model_copy(update={"compile": False, "cuda_graphs": False})
    eager = set_up_training(plain, run.seed, run_context, epochs=MEASURED_EPOCHS)
    eager.training.model.train()
    batch = next(iter(eager.loader.train()))
    eager.training.step(*batch)  # optimizers allocate their state in their first step
    count = count_step(lambda: eager.training.step(*batch))
    row = CostRow(
        status="ok",
        flops_per_image=count_flops_per_image(eager),
        step_flops=count.flops,
        step_bytes=count.bytes,
        step_operations=count.operations,
        step_peak_bytes=peak,
        step_base_bytes=base,
        step_device_bytes=on_device,
    )
    return replace(_ok(run, setup), cost=row)


WORK: Mapping[Kind, Callable[[Run, RunContext, Emit], Outcome]] = {
    "trial": _trial,
    "tuning": _tuning,
    "block": _block,
    "cost": _cost,
}
