"""Execute one run, from its configuration to its outcome, whatever happens."""

import itertools
import math
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import torch

from bench.errors import DivergedError, UnavailableError, last_line
from bench.execute.components import build_metric
from bench.execute.executor import Emit, Evaluated, RunContext, Stepped
from bench.execute.training_setup import (
    ALREADY_LOADED,
    TrainingSetup,
    count_flops_per_image,
    process_environment,
    set_up_training,
)
from bench.import_graph import users_line
from bench.measure.cost import count_step, parameter_count
from bench.measure.memory import device_bytes, peak_bytes, reset_peak
from bench.misclassified import pack_misclassified
from bench.outcome_keys import loaded_parts
from bench.records import (
    CostRow,
    EpochRow,
    Kind,
    MetricRow,
    MisclassifiedRow,
    Outcome,
    Status,
    TrialRow,
    TuningRow,
)
from bench.study.runs import Run
from bench.train import Evaluation, StepLog, evaluate, train_epoch

MEASURED_EPOCHS = 1_000_000  # span of a schedule where steps are measured, not trained
MEMORY_STEPS = 3  # optimizers allocate their state in the first


class Recorder:
    """Completes the outcome of a run with when, where and with which code it was measured."""

    def __init__(self, run: Run, run_context: RunContext) -> None:
        self._run = run
        self._run_context = run_context
        self._started_at = datetime.now(UTC).isoformat(timespec="seconds")
        self._since_s, self._searched = time.time(), tuple(sys.path)

    def finished(self, outcome: Outcome, wall_s: float) -> Outcome:
        """Return the outcome of a run that took `wall_s`."""
        trial, block, tuning = outcome.trial, outcome.block, outcome.tuning
        complete = replace(
            outcome,
            started_at=self._started_at,
            wall_s=wall_s,
            key=loaded_parts(ALREADY_LOADED, self._since_s, self._searched),
            trial=trial and replace(trial, wall_s=wall_s, look=self._run.look or None),
            tuning=tuning and replace(tuning, wall_s=wall_s),
            block=block and replace(block, started_at=self._started_at, wall_s=wall_s),
        )
        return self._run_context.mark(complete)

    def failed(self, error: Exception, wall_s: float) -> Outcome:
        """Return the outcome of a run that raised this error."""
        status: Status = "failed"
        reason = f"{last_line(error)}{users_line(error)}"
        trace = "".join(traceback.format_exception(error))
        match error:
            case UnavailableError() | DivergedError():
                status = "skipped" if isinstance(error, UnavailableError) else "diverged"
                reason, trace = str(error), ""
            case MemoryError() | torch.OutOfMemoryError():
                status = "oom"
            # torch has no exception class for lack of CPU memory.
            case _ if "can't allocate memory" in str(error):
                status = "oom"
        outcome = replace(self._run.ended(status, reason, wall_s), traceback=trace or None)
        return self.finished(outcome, wall_s)


def execute_run(run: Run, run_context: RunContext, emit: Emit) -> Outcome:
    """Execute one run in this process."""
    recorder, started_s = Recorder(run, run_context), time.monotonic()
    try:
        if run.cell.skip is not None:
            raise UnavailableError(run.cell.skip)
        outcome = WORK[run.kind](run, run_context, emit)
    except Exception as error:
        return recorder.failed(error, time.monotonic() - started_s)
    return recorder.finished(outcome, time.monotonic() - started_s)


def _trial(run: Run, run_context: RunContext, emit: Emit) -> Outcome:
    """Train and evaluate a cell with one seed."""
    cell = run.cell
    setup = set_up_training(cell, run.seed, run_context, epochs=cell.epochs)
    reset_peak(setup.device)
    trained = _train(run, setup, emit, verbose=run_context.verbose)
    epochs, last = trained.epochs, trained.epochs[-1]
    train_s = last.elapsed_train_s if cell.epochs else None
    images = setup.loader.train_images * cell.epochs
    time_to_target_s, steps_to_target = _reach_target(run, trained)
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
    return replace(
        ok(run, setup),
        trial=row,
        epochs=tuple(epochs),
        misclassified=_misclassified(run, trained.test) if cell.epochs else None,
        metrics=tuple(trained.metrics),
    )


def _misclassified(run: Run, test: Evaluation) -> MisclassifiedRow:
    """Return the row of the test images whose predicted class is not their label."""
    labels, predicted = test.labels.cpu(), test.predicted.cpu()
    indices = (labels != predicted).nonzero()[:, 0]
    classes = labels[indices].tolist(), predicted[indices].tolist()
    wrong = pack_misclassified(zip(indices.tolist(), *classes, strict=True))
    return MisclassifiedRow(
        trial_id=run.run_id, seed=run.seed, test_images=test.images, wrong=wrong
    )


def _tuning(run: Run, run_context: RunContext, emit: Emit) -> Outcome:
    """Train a candidate with one seed and evaluate it on held-out training images."""
    cell, parts = run.cell, (run.validation, run.train_share)
    setup = set_up_training(cell, run.seed, run_context, epochs=cell.epochs, tuning=parts)
    last = _train(run, setup, emit, verbose=run_context.verbose).epochs[-1]
    row = TuningRow(
        trial_id=run.run_id,
        seed=run.seed,
        status="ok",
        validation_accuracy=last.test_accuracy,
        validation_loss=last.test_loss,
        validation_images=setup.loader.test_images,
        train_share=run.train_share,
        train_s=last.elapsed_train_s,
    )
    return replace(ok(run, setup), tuning=row)


def ok(run: Run, setup: TrainingSetup) -> Outcome:
    """Return the outcome of a run that ended well, without its measurements."""
    outcome = run.ended("ok", None, 0.0)
    return replace(outcome, environment=process_environment(setup.device))


@dataclass(frozen=True)
class _Trained:
    """A row for each epoch, the steps taken until its end, its metrics; the last evaluation."""

    epochs: Sequence[EpochRow]
    steps: Sequence[int]
    metrics: Sequence[MetricRow]
    test: Evaluation


def _train(run: Run, setup: TrainingSetup, emit: Emit, *, verbose: bool) -> _Trained:
    """Train all epochs, evaluating after each; a cell without epochs is evaluated once."""
    metrics = {metric.label: build_metric(metric) for metric in run.metrics}
    metric_rows: list[MetricRow] = []
    training, loader, clock = setup.training, setup.loader, setup.clock
    epochs = setup.cell.epochs
    rows: list[EpochRow] = []
    steps_taken: list[int] = []
    elapsed_s = 0.0
    for epoch in range(1, epochs + 1) if epochs else [0]:
        trained: dict[str, float] = {}
        if epoch:
            loader.batch_size = training.batch_size

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
        test = evaluate(training, loader.test(), clock, metrics)
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
        steps_taken.append(training.steps)
        metric_rows += _metric_rows(run, epoch, test)
        emit(Evaluated(run.run_id, epoch, epochs, test.loss, test.correct, test.images))
    return _Trained(rows, steps_taken, metric_rows, test)


def _metric_rows(run: Run, epoch: int, test: Evaluation) -> Iterator[MetricRow]:
    for metric in run.metrics:
        value = test.metrics[metric.label]
        yield MetricRow(
            trial_id=run.run_id,
            seed=run.seed,
            epoch=epoch,
            metric=metric.label,
            value=value if math.isfinite(value) else None,
            is_lower_better=metric.is_lower_better,
        )


def _reach_target(run: Run, trained: _Trained) -> tuple[float | None, float | None]:
    """Return training seconds and steps at the first evaluation at the target; inf if missed."""
    reached: Sequence[float | None]
    if run.target is not None:
        label, least = run.target.metric.label, run.target.at_least
        reached = [row.value for row in trained.metrics if row.metric == label]
    elif run.target_accuracy is not None:
        reached, least = [e.test_accuracy for e in trained.epochs], run.target_accuracy
    else:
        return None, None
    for value, epoch, steps in zip(reached, trained.epochs, trained.steps, strict=True):
        if value is not None and value >= least:
            return epoch.elapsed_train_s, float(steps)
    return math.inf, math.inf


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
    return replace(ok(run, setup), cost=row)


WORK: Mapping[Kind, Callable[[Run, RunContext, Emit], Outcome]] = {
    "trial": _trial,
    "tuning": _tuning,
    "cost": _cost,
}
