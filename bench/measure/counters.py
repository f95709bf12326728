"""The kernel's counters of the whole machine and of this process, read at one moment.

Nothing here judges, and nothing needs torch.
"""

import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

JIFFIES_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Jiffies:
    """All cores' time since boot, in ticks of the kernel's clock."""

    busy: int
    steal: int
    total: int


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Every counter at one moment; all only grow."""

    wall_s: float
    own_s: float
    children_s: float
    involuntary_switches: int
    jiffies: Jiffies | None
    pressure_us: int | None


class Proc:
    """Reads the kernel's counters of the whole machine; None for a file absent or odd."""

    def __init__(self, root: Path = Path("/proc")) -> None:
        self._root = root

    def jiffies(self) -> Jiffies | None:
        """Read the sum over all cores, `stat`'s first line (proc_stat(5)).

        Guests' time is left out, since `user` and `nice` hold it already.
        """
        name, *fields = self._first_line("stat")
        if name != "cpu" or len(fields) < 8 or not all(map(str.isdecimal, fields[:8])):
            return None
        user, nice, system, idle, iowait, irq, softirq, steal = map(int, fields[:8])
        busy = user + nice + system + irq + softirq
        return Jiffies(busy, steal, busy + idle + iowait + steal)

    def cpu_pressure_us(self) -> int | None:
        """Read since when `some` task waited for a core, in microseconds summed up.

        Source: https://docs.kernel.org/accounting/psi.html
        """
        name, *fields = self._first_line("pressure/cpu")
        told = dict(field.partition("=")[::2] for field in fields)
        total = told.get("total", "")
        return int(total) if name == "some" and total.isdecimal() else None

    def children_s(self, pid: str = "self") -> float:
        """Read the CPU time of what a process has started, and that of theirs, while they live.

        With what they have waited for themselves; 0 where the kernel doesn't list children.
        """
        lists = [p.relative_to(self._root) for p in self._root.glob(f"{pid}/task/*/children")]
        children = [child for path in lists for child in self._first_line(str(path))]
        return sum(self._cpu_s(child) + self.children_s(child) for child in children if child)

    def _cpu_s(self, pid: str) -> float:
        """Read utime, stime, cutime and cstime (proc_pid_stat(5)); 0 for a process that ended."""
        _, _, told = " ".join(self._first_line(f"{pid}/stat")).rpartition(")")
        return sum(map(int, told.split()[11:15])) / JIFFIES_PER_S

    def _first_line(self, name: str) -> list[str]:
        """Give a file's first line in words, at least one."""
        try:
            with (self._root / name).open(encoding="ascii") as file:
                return file.readline().split() or [""]
        except (OSError, ValueError):  # absent, switched off in the kernel, or no text
            return [""]


def read(proc: Proc) -> Reading:
    """Read every counter; this process's own hold all its threads, and not its children."""
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


def steal_share(before: Reading, after: Reading) -> float | None:
    """Give the part of all cores' time that the hypervisor gave to others."""
    if before.jiffies is None or after.jiffies is None:
        return None
    steal = max(after.jiffies.steal - before.jiffies.steal, 0)
    return _ratio(steal, after.jiffies.total - before.jiffies.total)


def pressure_share(before: Reading, after: Reading) -> float | None:
    """Give the part of the wall time in which some task waited for a core."""
    if before.pressure_us is None or after.pressure_us is None:
        return None
    waited_s = max(after.pressure_us - before.pressure_us, 0) / 1e6
    return _ratio(waited_s, after.wall_s - before.wall_s)


def others_cores(before: Reading, after: Reading) -> float | None:
    """Give the cores that everything else kept busy, not below 0.

    The kernel counts in ticks (1/100 s as a rule): a window of 1 s knows this to a few hundredths.
    """
    if before.jiffies is None or after.jiffies is None:
        return None
    busy_s = (after.jiffies.busy - before.jiffies.busy) / JIFFIES_PER_S
    others_s = busy_s - (after.own_s - before.own_s) - (after.children_s - before.children_s)
    return _ratio(max(others_s, 0.0), after.wall_s - before.wall_s)


def cpu_over_wall(before: Reading, after: Reading) -> float | None:
    """Give the cores that this process kept busy itself."""
    return _ratio(after.own_s - before.own_s, after.wall_s - before.wall_s)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
