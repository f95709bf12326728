"""Executors: where runs are executed."""

from collections.abc import Callable, Mapping

from bench.execute.executor import Executor
from bench.execute.inline_executor import InlineExecutor
from bench.execute.local_executor import LocalExecutor
from bench.execute.ray_executor import RayExecutor

# Each takes the number of jobs, 1 by default; `ray` also takes an address.
EXECUTORS: Mapping[str, Callable[..., Executor]] = {
    "local": LocalExecutor,
    "inline": InlineExecutor,
    "ray": RayExecutor,
}
