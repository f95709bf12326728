"""The executor that executes every run in this process."""

import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import redirect_stdout

from bench.errors import BenchError
from bench.execute.captured_output import captured, read_output, with_output
from bench.execute.executor import Emit, Event, IsStopping, Printed, RunContext, Started, never
from bench.measure.openmp_spin import environment, spin_variables
from bench.measure.resources import Resources, local_resources
from bench.records import Outcome
from bench.study.runs import Run
from bench.study.spec import Cell


class InlineExecutor:
    """Executes in this process: for debugging, and where no process can be started.

    Raises BenchError for several jobs.
    """

    def __init__(self, jobs: int = 1) -> None:
        if jobs > 1:
            message = f"--jobs {jobs}: the inline executor has one process"
            raise BenchError(message, hint="Use --executor local.")
        self._printed = ""  # by the check, which imports the first run's modules

    def resources(self, cells: Sequence[Cell]) -> Resources:
        """Return this machine."""
        return local_resources()

    def check(self, cells: Sequence[Cell]) -> list[str]:
        """Build every cell's network once."""
        with environment(spin_variables()):  # before torch is imported
            from bench.execute.training_setup import check_models

        with tempfile.TemporaryFile() as file:
            try:
                with captured(file):
                    problems = check_models(cells)
            except SystemExit as end:
                problems = [f"a network ended the process with exit code {end.code}"]
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
            from bench.execute.single_run import execute_run

        own_stdout = sys.stdout

        def emit_uncaptured(event: Event) -> None:
            with redirect_stdout(own_stdout):
                emit(event)

        for run in runs:
            if is_stopping():
                return
            emit(Started(run.run_id))
            with tempfile.TemporaryFile() as file:
                try:
                    with captured(file):
                        outcome = execute_run(run, run_context, emit_uncaptured)
                except SystemExit as end:  # a network must not end bench
                    reason = f"SystemExit: exit code {end.code}"
                    outcome = run_context.mark(run.ended("failed", reason, 0.0))
                if text := self._printed + read_output(file):
                    emit(Printed(run.run_id, text))
                self._printed = ""
            yield outcome

    def close(self) -> None:
        """Release nothing: there is nothing to release."""
