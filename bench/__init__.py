"""Benchmarks and ablation studies of small vision networks.

The public API is what `__all__` lists; every other name may change without notice.
"""

# With `python -m bench` this runs while modules of the current folder would hide Python's own:
# nothing is imported here that Python has not loaded already.

TYPE_CHECKING = False  # typing.TYPE_CHECKING, to type checkers
if TYPE_CHECKING:
    from bench.api import (
        BenchError,
        FinishedStudy,
        FolderComparison,
        Plan,
        Results,
        compare,
        load,
        plan,
        report,
        run,
    )

__all__ = [
    "BenchError",
    "FinishedStudy",
    "FolderComparison",
    "Plan",
    "Results",
    "__version__",
    "compare",
    "load",
    "plan",
    "report",
    "run",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import a public name when it is used first, so that `import bench` stays fast."""
    if name not in __all__:
        raise AttributeError(f"module 'bench' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module("bench.api"), name)


def __dir__() -> list[str]:
    return __all__
