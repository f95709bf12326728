"""Every run in this process."""

import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import redirect_stdout

from bench.errors import BenchError
from bench.execute.captured_output import caught, printed, with_printed
from bench.execute.executor import Emit, Event, Printed, RunContext, Started, Stopping, never
from bench.measure.openmp_spin import environment, spin_variables
from bench.measure.resources import Resources, local_resources
from bench.records import Outcome
from bench.study.runs import PlannedCell, Run
from bench.study.spec import Cell


class InlineExecutor:
    """Executes in this process: for debugging, and where processes cannot be started.

    Raises BenchError for several jobs at once.
    """

    def __init__(self, jobs: int = 1) -> None:
        if jobs > 1:
            raise BenchError(
                f"--jobs {jobs}: the inline executor has one process", hint="Use --executor local."
            )
        self._printed = ""  # by the check, in which modules are imported for the first run, too

    def site(self, cells: Sequence[Cell]) -> Resources:
        """Look at this machine."""
        return local_resources()

    def check(self, cells: Sequence[PlannedCell]) -> list[str]:
        """Build every cell's network once."""
        with environment(spin_variables()):  # where torch is not loaded yet
            from bench.execute.training_setup import check

        with tempfile.TemporaryFile() as file:
            try:
                with caught(file):
                    problems = check(cells)
            except SystemExit as end:
                problems = [f"a network ended the process with exit code {end.code}"]
            self._printed = printed(file)
        return with_printed(problems, self._printed)

    def execute(
        self,
        runs: Sequence[Run],
        run_context: RunContext,
        emit: Emit,
        is_stopping: Stopping = never,
    ) -> Generator[Outcome, None, None]:
        """Execute the runs in order."""
        with environment(spin_variables()):
            from bench.execute.single_run import execute

        own = sys.stdout

        def tell(event: Event) -> None:
            with redirect_stdout(own):  # what bench prints is not the network's
                emit(event)

        for run in runs:
            if is_stopping():
                return
            emit(Started(run.run_id))
            with tempfile.TemporaryFile() as file:
                try:
                    with caught(file):
                        outcome = execute(run, run_context, tell)
                except SystemExit as end:  # what a network does is never how bench ends
                    reason = f"SystemExit: exit code {end.code}"
                    outcome = run_context.mark(run.ended("failed", reason, 0.0))
                if text := self._printed + printed(file):
                    emit(Printed(run.run_id, text))
                self._printed = ""
            yield outcome

    def close(self) -> None:
        """Hold nothing."""
