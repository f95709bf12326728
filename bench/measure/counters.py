"""Kernel counters of the machine and of this process; needs no torch."""

import os
import resource
import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

JIFFIES_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Jiffies:
    """Time of all cores since boot, in kernel clock ticks."""

    busy: int
    steal: int
    total: int


@dataclass(frozen=True, kw_only=True)
class Reading:
    """All counters at one moment; each is monotonic."""

    wall_s: float
    own_s: float
    children_s: float
    involuntary_switches: int
    jiffies: Jiffies | None
    pressure_us: int | None


class Proc:
    """Reads counters under /proc; None where a file is missing or malformed."""

    def __init__(self, root: Path = Path("/proc")) -> None:
        self._root = root

    def jiffies(self) -> Jiffies | None:
        """Return the sum over all cores: the first line of `stat`, proc_stat(5).

        Guest time is left out because `user` and `nice` include it.
        """
        name, *fields = self._first_line("stat")
        if name != "cpu" or len(fields) < 8 or not all(map(str.isdecimal, fields[:8])):
            return None
        user, nice, system, idle, iowait, irq, softirq, steal = map(int, fields[:8])
        busy = user + nice + system + irq + softirq
        return Jiffies(busy, steal, busy + idle + iowait + steal)

    def cpu_pressure_us(self) -> int | None:
        """Return the total time in microseconds in which `some` task waited for a core.

        Source: https://docs.kernel.org/accounting/psi.html
        """
        name, *fields = self._first_line("pressure/cpu")
        total = dict(field.partition("=")[::2] for field in fields).get("total", "")
        return int(total) if name == "some" and total.isdecimal() else None

    def children_s(self, pid: str = "self") -> float:
        """Return the CPU time of a process's living descendants, with their ended children.

        0 where the kernel doesn't list children.
        """
        lists = [p.relative_to(self._root) for p in self._root.glob(f"{pid}/task/*/children")]
        children = [child for path in lists for child in self._first_line(str(path))]
        return sum(self._cpu_s(child) + self.children_s(child) for child in children if child)

    def _cpu_s(self, pid: str) -> float:
        """Return utime + stime + cutime + cstime, proc_pid_stat(5); 0 for an ended process."""
        after_name = " ".join(self._first_line(f"{pid}/stat")).rpartition(")")[2]
        return sum(map(int, after_name.split()[11:15])) / JIFFIES_PER_S

    def ran_ns(self) -> dict[int, int]:
        """Return how long each of this process's threads has run, by thread id, in nanoseconds.

        From the first number of `task/*/schedstat`; without threads whose file is missing.
        """
        lines = {path.parent.name: self._schedstat(path) for path in self._tasks()}
        return {int(tid): int(line[0]) for tid, line in lines.items() if line}

    def waited_s(self) -> float | None:
        """Return how long this process's threads have waited for a core, in all.

        From the second number of `task/*/schedstat`, in nanoseconds. A thread that ended in the
        meantime is no longer counted. None where the kernel does not keep it.
        Source: https://docs.kernel.org/scheduler/sched-stats.html
        """
        waits = [int(line[1]) for line in map(self._schedstat, self._tasks()) if line]
        return sum(waits) / 1e9 if waits else None

    def _tasks(self) -> Iterator[Path]:
        return self._root.glob("self/task/*/schedstat")

    def _schedstat(self, path: Path) -> list[str]:
        """Return the three numbers of a thread; nothing if the kernel does not keep them."""
        line = self._first_line(str(path.relative_to(self._root)))
        return line if len(line) == 3 and all(map(str.isdecimal, line)) else []

    def _first_line(self, name: str) -> list[str]:
        """Return the words of a file's first line, at least one."""
        try:
            with (self._root / name).open(encoding="ascii") as file:
                return file.readline().split() or [""]
        except (OSError, ValueError):  # missing, disabled in the kernel, or not text
            return [""]


def read(proc: Proc) -> Reading:
    """Return a reading of all counters; `own_s` covers all threads, but no child process."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Reading(
        wall_s=time.perf_counter(),
        own_s=own.ru_utime + own.ru_stime,
        children_s=ended.ru_utime + ended.ru_stime + proc.children_s(),
        involuntary_switches=own.ru_nivcsw,
        jiffies=proc.jiffies(),
        pressure_us=proc.cpu_pressure_us(),
    )


NOTHING = Reading(
    wall_s=0.0,
    own_s=0.0,
    children_s=0.0,
    involuntary_switches=0,
    jiffies=Jiffies(0, 0, 0),
    pressure_us=0,
)


def added(total: Reading, before: Reading, after: Reading) -> Reading:
    """Return `total` with what was counted between two readings; None where one was missing."""
    jiffies, pressure_us = None, None
    if total.jiffies and before.jiffies and after.jiffies:
        counts = (astuple(each) for each in (total.jiffies, before.jiffies, after.jiffies))
        jiffies = Jiffies(*(t + max(a - b, 0) for t, b, a in zip(*counts, strict=True)))
    if not (total.pressure_us is None or before.pressure_us is None or after.pressure_us is None):
        pressure_us = total.pressure_us + max(after.pressure_us - before.pressure_us, 0)
    return Reading(
        wall_s=total.wall_s + after.wall_s - before.wall_s,
        own_s=total.own_s + after.own_s - before.own_s,
        children_s=total.children_s + after.children_s - before.children_s,
        involuntary_switches=total.involuntary_switches
        + after.involuntary_switches
        - before.involuntary_switches,
        jiffies=jiffies,
        pressure_us=pressure_us,
    )


def page_faults() -> int:
    """Return the pages that the system has mapped for this process without reading a file."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def steal_share(before: Reading, after: Reading) -> float | None:
    """Return the share of all cores' time that the hypervisor gave to other guests."""
    if before.jiffies is None or after.jiffies is None:
        return None
    steal = max(after.jiffies.steal - before.jiffies.steal, 0)
    return _ratio(steal, after.jiffies.total - before.jiffies.total)


def pressure_share(before: Reading, after: Reading) -> float | None:
    """Return the share of the wall time in which some task waited for a core."""
    if before.pressure_us is None or after.pressure_us is None:
        return None
    waited_s = max(after.pressure_us - before.pressure_us, 0) / 1e6
    return _ratio(waited_s, after.wall_s - before.wall_s)


def others_cores(before: Reading, after: Reading) -> float | None:
    """Return how many cores other processes kept busy, at least 0.

    Resolution is the kernel's tick (usually 10 ms): a few hundredths for a window of 1 s.
    """
    if before.jiffies is None or after.jiffies is None:
        return None
    busy_s = (after.jiffies.busy - before.jiffies.busy) / JIFFIES_PER_S
    others_s = busy_s - (after.own_s - before.own_s) - (after.children_s - before.children_s)
    return _ratio(max(others_s, 0.0), after.wall_s - before.wall_s)


def cpu_over_wall(before: Reading, after: Reading) -> float | None:
    """Return how many cores this process kept busy."""
    return _ratio(after.own_s - before.own_s, after.wall_s - before.wall_s)


def _ratio(part: float, total: float) -> float | None:
    return part / total if total > 0 else None
