"""Where runs are executed."""

from collections.abc import Callable, Mapping

from bench.execute.executor import Executor
from bench.execute.inline import InlineExecutor
from bench.execute.local import LocalExecutor

EXECUTORS: Mapping[str, Callable[[], Executor]] = {
    "local": LocalExecutor,
    "inline": InlineExecutor,
}
