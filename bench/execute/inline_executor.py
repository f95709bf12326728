"""The executor that executes every run in this process; members of a timing set take turns."""

import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import redirect_stdout
from functools import partial
from typing import TYPE_CHECKING, cast

from bench.errors import BenchError
from bench.execute.captured_output import captured, read_output, with_output
from bench.execute.executor import (
    Emit,
    Event,
    IsStopping,
    Printed,
    RunContext,
    Shapes,
    Started,
    never,
)
from bench.execute.timing_set import Command, turns_of_set
from bench.measure.openmp_spin import environment, spin_variables
from bench.measure.resources import Resources, local_resources
from bench.records import Outcome
from bench.study.choice import MetricChoice
from bench.study.runs import Run, run_groups
from bench.study.spec import Cell

if TYPE_CHECKING:
    from bench.execute.set_member import SetMember


class InlineExecutor:
    """Executes in this process: for debugging, and where no process can be started.

    Raises BenchError for several jobs.
    """

    def __init__(self, jobs: int = 1) -> None:
        if jobs > 1:
            message = f"--jobs {jobs}: the inline executor has one process"
            raise BenchError(message, hint="Use --executor local.")
        self._printed = ""  # by the check, which imports the first run's modules

    def resources(self, cells: Sequence[Cell], metrics: Sequence[MetricChoice] = ()) -> Resources:
        """Return this machine."""
        return local_resources()

    def check(
        self, cells: Sequence[Cell], shapes: Shapes, metrics: Sequence[MetricChoice] = ()
    ) -> list[str]:
        """Build and use every cell's components once."""
        with environment(spin_variables()):  # before torch is imported
            from bench.execute.component_checks import check_components

        with tempfile.TemporaryFile() as file:
            with captured(file):
                problems = check_components(cells, shapes, metrics)
            self._printed = read_output(file)
        return with_output(problems, self._printed)

    def execute(
        self,
        runs: Sequence[Run],
        run_context: RunContext,
        emit: Emit,
        is_stopping: IsStopping = never,
    ) -> Generator[Outcome, None, None]:
        """Execute the runs in order."""
        with environment(spin_variables()):
            from bench.execute.set_member import SetMember
            from bench.execute.single_run import execute_run

        own_stdout = sys.stdout

        def emit_uncaptured(event: Event) -> None:
            with redirect_stdout(own_stdout):
                emit(event)

        for group in run_groups(runs):
            if is_stopping():
                return
            for run in group:
                emit(Started(run.run_id))
            if group[0].kind == "block":
                members = [SetMember(run, run_context) for run in group]
                yield from self._take_turns(group, members, run_context, emit)
                continue
            (run,) = group
            execute = partial(execute_run, run, run_context, emit_uncaptured)
            yield cast("Outcome", self._captured(run, execute, run_context, emit))

    def _take_turns(
        self,
        group: Sequence[Run],
        members: "Sequence[SetMember]",
        run_context: RunContext,
        emit: Emit,
    ) -> Iterator[Outcome]:
        schedule = turns_of_set(group)
        step: tuple[int, Command] | None = next(schedule)
        while step is not None:
            number, command = step
            obey = partial(members[number].obey, command)
            message = self._captured(group[number], obey, run_context, emit)
            if isinstance(message, Outcome):
                yield message
            try:
                step = schedule.send(None if isinstance(message, Outcome) else message)
            except StopIteration:
                step = None

    def _captured(
        self,
        run: Run,
        execute: Callable[[], Outcome | float],
        run_context: RunContext,
        emit: Emit,
    ) -> Outcome | float:
        """Execute with the output captured; a network must not end bench."""
        with tempfile.TemporaryFile() as file:
            try:
                with captured(file):
                    result = execute()
            except SystemExit as end:
                reason = f"SystemExit: exit code {end.code}"
                result = run_context.mark(run.ended("failed", reason, 0.0))
            if text := self._printed + read_output(file):
                emit(Printed(run.run_id, text))
            self._printed = ""
        return result

    def close(self) -> None:
        """Release nothing: there is nothing to release."""
