"""How long idle OpenMP threads spin before they sleep.

libgomp, which torch uses on Linux, spins 300,000 times (milliseconds) so that the next operation
starts sooner. When another process needs the core, spinning threads delay those that do work.
libgomp reads the count once, on loading. Source: https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

SPIN_COUNT = 1000  # libgomp's own value when there are more threads than cores
VARIABLE = "GOMP_SPINCOUNT"
DEFAULT = "default"  # that of libgomp or of the user's environment


def spin_variables(count: int | str = "auto") -> dict[str, str]:
    """Return the environment variables that set a spin count; none for "default".

    "auto" respects a count or wait policy that the user has set.
    """
    if count == "auto":
        count = DEFAULT if {VARIABLE, "OMP_WAIT_POLICY"} & os.environ.keys() else SPIN_COUNT
    return {} if count == DEFAULT else {VARIABLE: str(count)}


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables while the block runs."""
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
