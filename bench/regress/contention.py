"""What the machine did while one benchmark ran on one side."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.analysis.disturbances import disturbance
from bench.measure.counters import Proc, others_cores, pressure_share, read, steal_share

SHORTEST_S = 0.2


@dataclass
class Seen:
    """What disturbed a window of time, known once it is over; empty for nothing."""

    disturbance: str = ""


@contextmanager
def watched() -> Iterator[Seen]:
    """Read the kernel's counters at both ends; this process and its children are not others.

    Their ticks are too coarse to say anything of a window shorter than a fifth of a second.
    """
    proc, seen = Proc(), Seen()
    before = read(proc)
    yield seen
    after = read(proc)
    if after.wall_s - before.wall_s < SHORTEST_S:
        return
    counted = {
        "steal_share": steal_share(before, after),
        "pressure_share": pressure_share(before, after),
        "others_cores": others_cores(before, after),
        "gpu_throttle": None,
        "gpu_others": None,
    }
    seen.disturbance = disturbance(counted)
