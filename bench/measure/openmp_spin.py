"""How long OpenMP's threads spin at the end of an operation before they sleep.

libgomp, which torch uses on Linux, lets a thread that has nothing to do spin 300,000 times, some
milliseconds, so that the next operation finds it awake. Where another process needs the core, the
threads that spin keep those from it that everyone waits for. libgomp reads the count once, when it
is loaded. Source: https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

SPIN_COUNT = 1000  # what libgomp itself takes where it has more threads than cores
VARIABLE = "GOMP_SPINCOUNT"
DEFAULT = "default"  # as libgomp, or the user's environment, has it


def spin_variables(count: int | str = "auto") -> dict[str, str]:
    """Return the environment variables that set a count; none where the environment has its own."""
    if count == "auto":
        count = DEFAULT if {VARIABLE, "OMP_WAIT_POLICY"} & os.environ.keys() else SPIN_COUNT
    return {} if count == DEFAULT else {VARIABLE: str(count)}


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for what is started, or loaded, while the block runs."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
