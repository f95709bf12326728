"""Every run in this process."""

from collections.abc import Iterator, Sequence

from bench.execute.executor import Emit, Started, Workplace
from bench.records import Outcome
from bench.study.plan import PlannedCell, Run


class InlineExecutor:
    """Executes in this process: for debugging, and where processes cannot be started."""

    def check(self, cells: Sequence[PlannedCell]) -> list[str]:
        """Build every cell's network once."""
        from bench.execute.set_up import check  # torch only once something is executed

        return check(cells)

    def execute(self, runs: Sequence[Run], workplace: Workplace, emit: Emit) -> Iterator[Outcome]:
        """Execute the runs in order."""
        from bench.execute.run import execute

        for run in runs:
            emit(Started(run.run_id))
            yield execute(run, workplace, emit)
