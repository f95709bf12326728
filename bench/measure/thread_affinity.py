"""A core for each thread of a process while it is timed.

Linux often wakes a thread on the core of the thread that woke it, although another core is idle.
With two threads on two cores a third of all turns of a timing set waited for that, and were 20 to
40% slower; with a core for each thread, 1% (LeNet-5, batch 64, ten processes a set).
"""

import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

TOPOLOGY = Path("/sys/devices/system/cpu")


def busiest_threads(before: Mapping[int, int], after: Mapping[int, int], count: int) -> list[int]:
    """Return the threads that worked most between two readings of `Proc.ran_ns`, this one first.

    They are this thread and OpenMP's, where steps of a training ran in between. Nothing if fewer
    than `count` did any work.
    """
    own = threading.get_native_id()
    worked = {tid: ran - before.get(tid, 0) for tid, ran in after.items() if tid != own}
    others = sorted((tid for tid, ns in worked.items() if ns > 0), key=lambda tid: -worked[tid])
    return [own, *others[: count - 1]] if len(others) >= count - 1 else []


@contextmanager
def cores_apart(threads: Sequence[int]) -> Iterator[None]:
    """Bind each of these threads to a core while the block runs.

    One thread is left alone, and so are more threads than there are cores.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
    if not 1 < len(threads) <= len(cores):
        yield
        return
    try:
        for tid, core in zip(threads, physical_first(tuple(cores)), strict=False):
            _bind(tid, {core})
        yield
    finally:
        for tid in threads:
            _bind(tid, cores)


def _bind(tid: int, cores: Iterable[int]) -> None:
    with suppress(ProcessLookupError):  # the thread has ended
        os.sched_setaffinity(tid, cores)


@lru_cache
def physical_first(cores: tuple[int, ...], topology: Path = TOPOLOGY) -> list[int]:
    """Order cores so that those that share a physical core come last."""
    counts: Counter[str] = Counter()
    number: dict[int, int] = {}  # of each core among its siblings
    for core in cores:
        siblings = _siblings(core, topology)
        number[core] = counts[siblings]
        counts[siblings] += 1
    return sorted(cores, key=lambda core: (number[core], core))


def _siblings(core: int, topology: Path) -> str:
    """Return what Linux calls the physical core; the core alone where it does not tell."""
    path = topology / f"cpu{core}" / "topology" / "thread_siblings_list"
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return str(core)
