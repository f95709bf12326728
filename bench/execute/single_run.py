"""One run, from its configuration to its outcome. Whatever happens, an outcome comes back."""

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
    Bench,
    count_flops_per_image,
    environment,
    last_line,
    set_up,
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
MEMORY_STEPS = 3  # optimizers make their state in the first


def execute(run: Run, run_context: RunContext, emit: Emit) -> Outcome:
    """Execute one run in this process."""
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    started_s, since_s, searched = time.monotonic(), time.time(), tuple(sys.path)

    def ended(status: Status, reason: str, *, trace: bool = False) -> Outcome:
        told = traceback.format_exc() if trace else None
        outcome = run_context.mark(run.ended(status, reason, time.monotonic() - started_s))
        key = loaded_parts(ALREADY_LOADED, since_s, searched)
        return replace(outcome, started_at=started_at, traceback=told, key=key)

    try:
        if run.planned.skip is not None:
            raise UnavailableError(run.planned.skip)
        outcome = run_context.mark(WORK[run.kind](run, run_context, emit))
        wall_s = time.monotonic() - started_s
        trial, block, tuning = outcome.trial, outcome.block, outcome.tuning
        return replace(
            outcome,
            started_at=started_at,
            wall_s=wall_s,
            key=loaded_parts(ALREADY_LOADED, since_s, searched),
            trial=trial and replace(trial, wall_s=wall_s),
            tuning=tuning and replace(tuning, wall_s=wall_s),
            block=block and replace(block, started_at=started_at, wall_s=wall_s),
        )
    except UnavailableError as error:
        return ended("skipped", str(error))
    except DivergedError as error:
        return ended("diverged", str(error))
    except (MemoryError, torch.OutOfMemoryError) as error:
        return ended("oom", last_line(error), trace=True)
    except Exception as error:
        # torch has no class of its own for memory that the CPU lacks.
        out_of_memory = "can't allocate memory" in str(error)
        return ended("oom" if out_of_memory else "failed", last_line(error), trace=True)


def _trial(run: Run, run_context: RunContext, emit: Emit) -> Outcome:
    """Train and evaluate a cell with one seed."""
    cell = run.planned.cell
    bench = set_up(cell, run.seed, run_context, epochs=cell.epochs)
    reset_peak(bench.device)
    epochs = _train(run, bench, emit, verbose=run_context.verbose)
    last = epochs[-1]
    train_s = last.elapsed_train_s if cell.epochs else None
    images = bench.loader.train_images * cell.epochs
    reached = _reached(epochs, bench.loader.steps_per_epoch, run.target_accuracy)
    row = TrialRow(
        trial_id=run.run_id,
        seed=run.seed,
        status="ok",
        epochs_done=cell.epochs,
        steps=bench.training.steps,
        test_accuracy=last.test_accuracy,
        test_loss=last.test_loss,
        best_test_accuracy=max(e.test_accuracy for e in epochs),
        train_s=train_s,
        eval_s=sum(e.eval_s for e in epochs),
        images_per_s=images / train_s if train_s else None,
        time_to_target_s=reached[0] if reached else None,
        steps_to_target=reached[1] if reached else None,
        peak_memory_bytes=peak_bytes(bench.device),
        parameters=parameter_count(bench.training.model),
    )
    return replace(
        run.ended("ok", None, 0.0), trial=row, epochs=tuple(epochs), environment=environment(bench)
    )


def _tuning(run: Run, run_context: RunContext, emit: Emit) -> Outcome:
    """Train a candidate with one seed, and judge it by the training images held out."""
    cell = run.planned.cell
    bench = set_up(cell, run.seed, run_context, epochs=cell.epochs, validation=run.validation)
    last = _train(run, bench, emit, verbose=run_context.verbose)[-1]
    row = TuningRow(
        trial_id=run.run_id,
        seed=run.seed,
        status="ok",
        validation_accuracy=last.test_accuracy,
        validation_loss=last.test_loss,
        validation_images=bench.loader.test_images,
        train_s=last.elapsed_train_s,
    )
    return replace(run.ended("ok", None, 0.0), tuning=row, environment=environment(bench))


def _train(run: Run, bench: Bench, emit: Emit, *, verbose: bool) -> list[EpochRow]:
    """Train all epochs, evaluating after each; a cell without epochs is evaluated once."""
    training, loader, clock = bench.training, bench.loader, bench.clock
    rows: list[EpochRow] = []
    elapsed_s = 0.0
    for epoch in range(1, bench.cell.epochs + 1) if bench.cell.epochs else [0]:
        trained: dict[str, float] = {}
        if epoch:
            log = _logger(run, bench, emit, epoch, verbose=verbose)
            result = train_epoch(training, loader.train(), clock, log)
            elapsed_s += result.train_s
            trained = {
                "train_loss": result.train_loss,
                "train_s": result.train_s,
                "images_per_s": result.images / result.train_s,
            }
        evaluation = evaluate(training, loader.test(), clock)
        if not math.isfinite(evaluation.loss):
            raise DivergedError(f"the test loss became {evaluation.loss} in epoch {epoch}")
        rows.append(
            EpochRow(
                trial_id=run.run_id,
                seed=run.seed,
                epoch=epoch,
                test_loss=evaluation.loss,
                test_accuracy=evaluation.accuracy,
                eval_s=evaluation.eval_s,
                elapsed_train_s=elapsed_s,
                **trained,
            )
        )
        emit(
            Evaluated(
                run.run_id,
                epoch,
                bench.cell.epochs,
                evaluation.loss,
                evaluation.correct,
                evaluation.images,
            )
        )
    return rows


def _logger(
    run: Run, bench: Bench, emit: Emit, epoch: int, *, verbose: bool
) -> Callable[[StepLog], None]:
    """Pass a training's steps on as events; the loss is read only for log lines."""

    def log(step: StepLog) -> None:
        loss = step.loss.item() if verbose else None  # synchronises
        emit(
            Stepped(
                run.run_id,
                epoch,
                bench.cell.epochs,
                step.step,
                bench.loader.steps_per_epoch,
                bench.loader.train_images,
                bench.loader.step_images,
                loss,
            )
        )

    return log


def _reached(
    epochs: list[EpochRow], steps_per_epoch: int, target: float | None
) -> tuple[float, float] | None:
    """Training clock and steps at the first evaluation at the target; infinite where none is."""
    if target is None:
        return None
    reached = (
        (e.elapsed_train_s, float(steps_per_epoch * e.epoch))
        for e in epochs
        if e.test_accuracy >= target
    )
    return next(reached, (math.inf, math.inf))


def _block(run: Run, run_context: RunContext, emit: Emit) -> Outcome:
    """Time the phases of a cell's training step, then whole epochs and evaluations."""
    assert run.timing is not None
    bench = set_up(run.planned.cell, run.seed, run_context, epochs=MEASURED_EPOCHS)
    training, loader, clock = bench.training, bench.loader, bench.clock
    watch = Watch(bench.device)
    watch.start()
    parts = _step_parts(bench)
    samples = time_steps(parts, clock, bench.device, run.timing.rounds)
    samples += time_passes(
        "epoch", lambda: train_epoch(training, loader.train(), clock).train_s, run.timing.epochs
    )
    samples += time_passes(
        "eval", lambda: evaluate(training, loader.test(), clock).eval_s, run.timing.epochs
    )
    guards = watch.stop()
    peaks = _peaks(bench)
    block = BlockRow(
        block=run.block,
        role=run.role,
        status="ok",
        train_images=loader.train_images,
        step_images=loader.step_images,
        **asdict(guards),
        peak_flops_per_s=peaks.flops_per_s if peaks else None,
        peak_bytes_per_s=peaks.bytes_per_s if peaks else None,
        two_images_s=_two_images_s(bench, parts),
    )
    timings = tuple(
        TimingRow(
            block=run.block,
            phase=s.phase,
            round=s.round,
            seconds=s.seconds,
            is_warmup=s.is_warmup,
            role=run.role,
        )
        for s in samples
    )
    return replace(
        run.ended("ok", None, 0.0), block=block, timings=timings, environment=environment(bench)
    )


def _step_parts(bench: Bench) -> StepParts:
    """Take a cell's training step apart."""
    training = bench.training
    training.model.train()
    return StepParts(
        batch=full_batches(bench.loader.train, bench.loader.step_images),
        zero_grad=lambda: training.optimizer.zero_grad(set_to_none=True),
        forward=lambda batch: training.loss(*batch),
        backward=training.backward,
        update=training.update,
    )


def _peaks(bench: Bench) -> Peaks | None:
    """Measure the machine's peaks; a GPU that is too full for that has given its times already."""
    try:
        return machine_peaks(bench.device, bench.cell.precision, bench.clock)
    except torch.OutOfMemoryError:
        return None


def _two_images_s(bench: Bench, parts: StepParts) -> float | None:
    """Time two images on a CPU; a compiled network would be compiled anew for them."""
    if bench.cell.compile or bench.device.type != "cpu":
        return None
    images, labels = parts.batch()
    return time_two_images(parts, (images[:2], labels[:2]), bench.clock)


def _cost(run: Run, run_context: RunContext, emit: Emit) -> Outcome:
    """Measure the peak memory of a training step, then count what a step of it costs.

    The process is fresh, so that its resident set is this cell's. Memory comes first: counting
    takes some of its own.
    """
    cell = run.planned.cell
    bench = set_up(cell, run.seed, run_context, epochs=MEASURED_EPOCHS)
    batches = bench.loader.train()
    bench.training.model.train()
    reset_peak(bench.device)
    base = peak_bytes(bench.device)
    for images, labels in itertools.islice(batches, MEMORY_STEPS):
        bench.training.step(images, labels)
    bench.clock.now_s()  # synchronises
    peak, on_device = peak_bytes(bench.device), device_bytes(bench.device)
    plain = cell.model_copy(update={"compile": False, "cuda_graphs": False})
    eager = set_up(plain, run.seed, run_context, epochs=MEASURED_EPOCHS)
    eager.training.model.train()
    batch = next(iter(eager.loader.train()))
    eager.training.step(*batch)  # optimizers make their state in their first step
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
    return replace(run.ended("ok", None, 0.0), cost=row, environment=environment(bench))


WORK: Mapping[Kind, Callable[[Run, RunContext, Emit], Outcome]] = {
    "trial": _trial,
    "tuning": _tuning,
    "block": _block,
    "cost": _cost,
}
