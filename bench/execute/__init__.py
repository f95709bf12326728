"""Where runs are executed."""

from collections.abc import Callable, Mapping

from bench.execute.executor import Executor
from bench.execute.inline import InlineExecutor
from bench.execute.local import LocalExecutor

# Each takes the number of jobs, 1 unless it is given.
EXECUTORS: Mapping[str, Callable[..., Executor]] = {
    "local": LocalExecutor,
    "inline": InlineExecutor,
}
