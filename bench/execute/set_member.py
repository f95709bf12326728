"""What a member of a timing set does in its turns."""

import time
from collections.abc import Sequence
from dataclasses import asdict, replace

import torch

from bench.errors import UnavailableError
from bench.execute.executor import RunContext
from bench.execute.single_run import MEASURED_EPOCHS, Recorder, ok
from bench.execute.timing_set import Command, Finish, Pass, SetUp, Turn, WarmUp
from bench.execute.training_setup import TrainingSetup, set_up_training
from bench.measure.counters import Proc
from bench.measure.guards import Watch
from bench.measure.peaks import Peaks, machine_peaks
from bench.measure.phases import (
    Sample,
    StepParts,
    StepTimer,
    full_batches,
    garbage_collection_off,
    time_two_images,
)
from bench.measure.thread_affinity import busiest_threads, cores_apart
from bench.measure.whole_steps import Marks, WholeStep
from bench.records import LOCKSTEP, BlockRow, Outcome, TimingRow
from bench.study.runs import Run
from bench.train import evaluate, train_epoch


class SetMember:
    """Times one cell in a timing set, doing in each turn what it is commanded."""

    def __init__(self, run: Run, run_context: RunContext) -> None:
        self._run = run
        self._run_context = run_context
        self._recorder = Recorder(run, run_context)
        self._active_s = 0.0
        self._timing: _Timing | None = None

    def obey(self, command: Command) -> float | Outcome:
        """Return the seconds of a step, or 0; the outcome at the end or after an error."""
        started_s = time.monotonic()
        try:
            reply = self._obey(command)
        except Exception as error:
            return self._recorder.failed(error, self._active_s + time.monotonic() - started_s)
        self._active_s += time.monotonic() - started_s
        if isinstance(reply, Outcome):
            return self._recorder.finished(reply, self._active_s)
        return reply

    def _obey(self, command: Command) -> float | Outcome:
        if self._timing is None:
            assert isinstance(command, SetUp), "the first command"
            self._timing = _Timing(self._run, self._run_context, command)
            return 0.0
        match command:
            case WarmUp():
                return self._timing.warm_up()
            case Turn(steps, discarded):
                self._timing.take_turn(steps, discarded)
            case Pass():
                self._timing.time_pass()
            case Finish():
                return self._timing.outcome()
        return 0.0


class _Timing:
    """The measurement of one cell in a set."""

    def __init__(self, run: Run, run_context: RunContext, command: SetUp) -> None:
        if run.cell.skip is not None:
            raise UnavailableError(run.cell.skip)
        self._run = run
        self._setup = set_up_training(run.cell, run.seed, run_context, epochs=MEASURED_EPOCHS)
        self._started_s = command.started_s
        self._passes: list[Sample] = []
        self._threads: Sequence[int] = ()  # each gets a core of its own in a turn
        self._parts = _step_parts(self._setup)
        self.timer = StepTimer(self._parts, self._setup.clock, self._setup.device)
        self._passes_s = 0.0
        before_s = time.monotonic()
        self._watch = Watch(
            self._setup.device, calibrates=run.is_detailed, processes=command.processes
        )
        self._watch.start()
        self._passes_s += time.monotonic() - before_s

    def warm_up(self) -> float:
        """Take steps until they are steady; return the seconds of a step."""
        proc = Proc()
        before = proc.ran_ns()
        step_s = self.timer.warm_up()
        if self._binds_threads():
            self._threads = busiest_threads(before, proc.ran_ns(), torch.get_num_threads())
        return step_s

    def _binds_threads(self) -> bool:
        """Workers of a data loader would inherit the main thread's core."""
        loader = self._run.cell.loader.parameters
        return self._setup.device.type == "cpu" and not loader.get("workers")

    def take_turn(self, steps: int, discarded: int) -> None:
        """Time some steps."""
        with self._watch.turn(), cores_apart(self._threads):
            self.timer.take_turn(steps, discarded)

    def time_pass(self) -> None:
        """Time an epoch and an evaluation."""
        started_s = time.monotonic()
        training, loader, clock = self._setup.training, self._setup.loader, self._setup.clock
        with self._watch.turn(), garbage_collection_off(), cores_apart(self._threads):
            train_s = train_epoch(training, loader.train(), clock).train_s
            eval_s = evaluate(training, loader.test(), clock).eval_s
        number = len(self._passes) // 2
        self._passes += [Sample("epoch", number, train_s), Sample("eval", number, eval_s)]
        training.model.train()
        self._passes_s += time.monotonic() - started_s

    def outcome(self) -> Outcome:
        """Return all that was measured."""
        run, loader = self._run, self._setup.loader
        before_s = time.monotonic()
        guards = self._watch.stop()
        peaks = self._machine_peaks() if run.is_detailed else None
        two_images_s = self._two_images_s() if run.is_detailed else None
        self._passes_s += time.monotonic() - before_s
        row = BlockRow(
            block=run.block,
            role=run.role,
            status="ok",
            protocol=LOCKSTEP,
            look=run.look,
            train_images=loader.train_images,
            step_images=loader.step_images,
            passes_s=self._passes_s,
            step_page_faults=self.timer.step_page_faults,
            **asdict(guards),
            peak_flops_per_s=peaks.flops_per_s if peaks else None,
            peak_bytes_per_s=peaks.bytes_per_s if peaks else None,
            two_images_s=two_images_s,
        )
        samples = [*self.timer.samples, *self._passes]
        timings = tuple(self._timing_row(sample) for sample in samples)
        return replace(ok(run, self._setup), block=row, timings=timings)

    def _timing_row(self, sample: Sample) -> TimingRow:
        """Return a sample as a row, its time since the set began."""
        values = asdict(sample)
        if sample.at_s is not None:
            values["at_s"] = sample.at_s - self._started_s
        return TimingRow(block=self._run.block, role=self._run.role, **values)

    def _machine_peaks(self) -> Peaks | None:
        setup = self._setup
        try:
            return machine_peaks(setup.device, setup.cell.precision, setup.clock)
        except torch.OutOfMemoryError:  # a GPU without the memory for it
            return None

    def _two_images_s(self) -> float | None:
        """Time two images on a CPU; a compiled network would be compiled again for them.

        None for a step that is timed as a whole, whose launches are more than those of the network.
        """
        if self._setup.cell.compile or self._setup.device.type != "cpu":
            return None
        if isinstance(self._parts, WholeStep):
            return None
        images, labels = self._parts.batch()
        return time_two_images(self._parts, (images[:2], labels[:2]), self._setup.clock)


def _step_parts(setup: TrainingSetup) -> StepParts | WholeStep:
    training = setup.training
    training.model.train()
    batch = full_batches(setup.loader.train, setup.loader.step_images)
    if training.own_step is not None:
        marks = Marks(setup.clock, setup.device)
        training.mark = marks.phase
        return WholeStep(batch, lambda batch: training.step(*batch), marks)
    return StepParts(
        batch=batch,
        zero_grad=lambda: training.optimizer.zero_grad(set_to_none=True),
        forward=lambda batch: training.loss(*batch),
        backward=training.backward,
        update=training.update,
    )
