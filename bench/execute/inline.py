"""Every run in this process."""

from collections.abc import Generator, Iterable, Sequence

from bench.errors import BenchError
from bench.execute.executor import Emit, Started, Workplace
from bench.records import Outcome
from bench.study.plan import PlannedCell, Run


class InlineExecutor:
    """Executes in this process: for debugging, and where processes cannot be started.

    Raises BenchError for several jobs at once.
    """

    def __init__(self, jobs: int = 1) -> None:
        if jobs > 1:
            raise BenchError(
                f"--jobs {jobs}: the inline executor has one process", mend="Use --executor local."
            )

    def check(self, cells: Sequence[PlannedCell]) -> list[str]:
        """Build every cell's network once."""
        from bench.execute.set_up import check  # torch only once something is executed

        return check(cells)

    def execute(
        self, runs: Iterable[Run], workplace: Workplace, emit: Emit
    ) -> Generator[Outcome, None, None]:
        """Execute the runs in order."""
        from bench.execute.run import execute

        for run in runs:
            emit(Started(run.run_id))
            yield execute(run, workplace, emit)
