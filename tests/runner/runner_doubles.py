"""An executor that makes its outcomes up, and a reporter that only remembers."""

from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace

from bench.execute.executor import Emit, Event, IsStopping, RunContext, Shapes, Started, never
from bench.measure.resources import Resources, local_resources
from bench.misclassified import pack_misclassified
from bench.planning import Plan, PlannedRun, Request
from bench.records import (
    LOCKSTEP,
    BlockRow,
    CostRow,
    EpochRow,
    MisclassifiedRow,
    Outcome,
    TimingRow,
    TrialRow,
    TuningRow,
)
from bench.runner import FinishedStudy, run_study
from bench.study.choice import MetricChoice
from bench.study.runs import Run
from bench.study.spec import Cell

STUDY = """
name: made_up
base: {dataset: digits, epochs: 1, device: cpu}
axes: {batch_size: [64, 512]}
seeds: [0, 1]
timing: {sets: 2, rounds: 2}
"""
# Two cells: two trials and a cost pass each, and two timing sets of both and the baseline's twin.
TRIALS, COSTS, BLOCKS = 2 * 2, 2, 2 * 3
ALL = TRIALS + COSTS + BLOCKS

# Of the images of `digits`: the cell of batch 512 gets right what that of 64 gets wrong.
WRONG = defaultdict(lambda: pack_misclassified([]), {64: pack_misclassified([(7, 1, 2)])})

Ask = Callable[..., Request]
Seconds = Callable[[Run], float]


@dataclass
class FakeExecutor:
    """Gives an outcome for each run at once; may fail or lose some, and be interrupted.

    `step_s` gives the step time of a part of a set; `passed` hears of the seconds that a run took.
    """

    failing: Callable[[Run], bool] = lambda run: False
    interrupt_after: int | None = None
    loses: Callable[[Run], bool] = lambda run: False
    problems: list[str] = field(default_factory=list)
    step_s: Seconds = lambda run: 0.05
    disturbed: Callable[[Run], bool] = lambda run: False
    validation: Callable[[Run], float] = lambda run: 0.5
    accuracy: Callable[[Run], float] = lambda run: 0.9
    wall_s: Seconds = lambda run: 2.0
    passed: Callable[[float], None] = lambda seconds: None
    runs: list[Run] = field(default_factory=list)

    @property
    def executed(self) -> list[str]:
        return [run.run_id for run in self.runs]

    def resources(self, cells: Sequence[Cell], metrics: Sequence[MetricChoice] = ()) -> Resources:
        return local_resources()

    def check(
        self, cells: Sequence[Cell], shapes: Shapes, metrics: Sequence[MetricChoice] = ()
    ) -> list[str]:
        return self.problems

    def close(self) -> None:
        pass

    def execute(
        self,
        runs: Sequence[Run],
        run_context: RunContext,
        emit: Emit,
        is_stopping: IsStopping = never,
    ) -> Generator[Outcome, None, None]:
        for run in runs:
            if is_stopping():
                return
            if len(self.runs) == self.interrupt_after:
                raise KeyboardInterrupt
            emit(Started(run.run_id))
            self.runs.append(run)
            if self.loses(run):
                continue
            self.passed(self.wall_s(run))
            yield self.outcome(run)

    def outcome(self, run: Run) -> Outcome:
        if self.failing(run):
            return run.ended("failed", "RuntimeError: made up", 1.0)
        done = run.ended("ok", None, self.wall_s(run))
        match run.kind:
            case "block":
                how = (self.step_s(run), self.wall_s(run), self.disturbed(run))
                return replace(done, **_timed(run, *how))
            case "cost":
                return replace(done, cost=CostRow(status="ok", flops_per_image=20.0))
            case "trial":
                return replace(done, **_trained(run, self.accuracy(run)))
            case "tuning":
                return replace(done, tuning=_tried(run, self.validation(run)))


def _timed(run: Run, step_s: float, wall_s: float, disturbed: bool) -> dict[str, object]:
    rows = (
        TimingRow(
            block=run.block,
            phase=phase,
            round=r,
            seconds=seconds,
            is_warmup=False,
            role=run.role,
            at_s=float(r),
        )
        for phase, seconds in (("data", 0.001), ("forward", 0.01), ("step", step_s))
        for r in range(2)
    )
    block = BlockRow(
        block=run.block, role=run.role, status="ok", train_images=60_000, protocol=LOCKSTEP,
        look=run.look, wall_s=wall_s, passes_s=0.0, steal_share=0.5 if disturbed else 0.0,
        calibration_before_s=0.01 if run.is_detailed else None,
    )  # fmt: skip
    return {"timings": tuple(rows), "block": block}


def _tried(run: Run, accuracy: float) -> TuningRow:
    return TuningRow(
        trial_id=run.run_id,
        seed=run.seed,
        status="ok",
        validation_accuracy=accuracy,
        train_share=run.train_share,
    )


def _trained(run: Run, accuracy: float) -> dict[str, object]:
    epoch = EpochRow(
        trial_id=run.run_id, seed=run.seed, epoch=1, train_loss=0.5, test_loss=0.4,
        test_accuracy=accuracy, train_s=1.5, eval_s=0.2, images_per_s=40_000.0, elapsed_train_s=1.5,
    )  # fmt: skip
    trial = TrialRow(
        trial_id=run.run_id, seed=run.seed, status="ok", epochs_done=1, test_accuracy=accuracy,
        test_loss=0.4, best_test_accuracy=accuracy, train_s=1.5, eval_s=0.2, wall_s=2.0,
        images_per_s=40_000.0, parameters=10, look=run.look or None,
    )  # fmt: skip
    wrong = MisclassifiedRow(
        trial_id=run.run_id, seed=run.seed, test_images=10_000, wrong=WRONG[run.cell.batch_size]
    )
    return {"trial": trial, "epochs": (epoch,), "misclassified": wrong}


@dataclass
class Silent:
    """A reporter that only remembers."""

    plan: Plan | None = None
    seen: list[str] = field(default_factory=list)
    added: list[list[str]] = field(default_factory=list)

    def downloading(self, what: str, done: int, total: int) -> None:
        pass

    def planned(self, plan: Plan) -> None:
        self.plan = plan

    def happened(self, event: Event) -> None:
        pass

    def ended(self, planned: PlannedRun, outcome: Outcome) -> None:
        self.seen.append(outcome.run_id)

    def is_stopping(self) -> bool:
        return False

    def detecting(self, noise: object) -> None:
        pass

    def extended(self, runs: Sequence[PlannedRun], why: str) -> None:
        self.added.append([planned.run.run_id for planned in runs])


def carry_out(request: Request, executor: FakeExecutor) -> FinishedStudy:
    return run_study(request, Silent(), executor)


def batch(run: Run) -> int:
    return run.cell.batch_size


def once(what: Callable[[Run], bool]) -> Callable[[Run], bool]:
    """Find the first run that is so, and no other."""
    left = [True]
    return lambda run: bool(left) and what(run) and left.pop()
