"""Evidence from outside a number: what the machine did while a block was timed.

Counters of the whole machine and of this process, read at both ends of a window, and one fixed
piece of work timed before and after it. Nothing here judges; a report does.
"""

import math
import os
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.measure.clock import Clock, clock_for
from bench.measure.gpu_state import GpuState, gpu_state

CALIBRATION_REPEATS = 5
# By device type: the side of the square product, and the bytes walked through after it. The
# bytes exceed a core's second-level cache and, on a GPU, the cache that all its cores share.
CALIBRATION_SIDE = {"cpu": 768, "cuda": 4096}
CALIBRATION_BYTES = {"cpu": 32 * 2**20, "cuda": 256 * 2**20}
JIFFIES_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Guards:
    """What a window of time looked like from outside; None where the system does not say.

    `calibration_*_s` are medians of the fixed kernel's repeats. `steal_share` is a part of all
    cores' time, `pressure_share` the part of the wall time in which some task waited for a core
    (a process with more busy threads than cores waits for itself). `others_cores` is what
    everything but this process and those that it started used, `cpu_over_wall` of it alone.
    """

    calibration_before_s: float | None
    calibration_after_s: float | None
    steal_share: float | None
    pressure_share: float | None
    others_cores: float | None
    involuntary_switches: int | None
    cpu_over_wall: float | None
    gpu_clock_mhz: float | None
    gpu_throttle: str | None
    gpu_others: int | None


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


@torch.no_grad()
def calibrate(device: torch.device, clock: Clock | None = None) -> float | None:
    """Time the fixed kernel: an fp32 product and a pass through memory; median seconds.

    Runs with the threads that are set, and on a GPU with the cell's own choice of tf32: compare
    only within a cell. Leaves the random state alone and gives its memory back, but raises the
    memory's peak. None where its memory is not to be had.
    """
    clock = clock or clock_for(device)
    try:
        kernel = _calibration_kernel(device)
        seconds = [_timed(kernel, clock) for _ in range(1 + CALIBRATION_REPEATS)]
    except (MemoryError, torch.OutOfMemoryError):
        return None
    if device.type == "cuda":
        del kernel
        torch.cuda.empty_cache()  # synchronises
    return statistics.median(seconds[1:])  # the first is cold


def _calibration_kernel(device: torch.device) -> Callable[[], None]:
    side, size = CALIBRATION_SIDE[device.type], CALIBRATION_BYTES[device.type]
    left = torch.linspace(-1, 1, side * side, dtype=torch.float32, device=device).view(side, side)
    product = torch.empty_like(left)
    memory = torch.zeros(size // 4, dtype=torch.float32, device=device)

    def run() -> None:
        torch.mm(left, left, out=product)
        memory.add_(1.0)

    return run


def _timed(work: Callable[[], None], clock: Clock) -> float:
    started_s = clock.now_s()
    work()
    return clock.now_s() - started_s


class Watch:
    """Guards one window of time, between the end of `start` and the beginning of `stop`."""

    def __init__(self, device: torch.device, proc: Proc | None = None) -> None:
        self._device = device
        self._proc = proc or Proc()
        self._calibration_s: float | None = None
        self._gpu: GpuState | None = None
        self._before: Reading | None = None

    def start(self) -> None:
        """Time the fixed kernel and ask the GPU, then begin to read.

        The kernel raises the memory's peak: reset that afterwards.
        """
        self._calibration_s = calibrate(self._device)
        self._gpu = gpu_state(self._device)  # before the counters: its process takes CPU time
        _wait_for(self._device)
        self._before = read(self._proc)

    def stop(self) -> Guards:
        """Stop to read, then ask the GPU while it is warm and time the fixed kernel again."""
        _wait_for(self._device)
        after = read(self._proc)
        before = self._before
        if before is None:
            raise RuntimeError("a watch was stopped that had not been started")
        asked = [told for told in (self._gpu, gpu_state(self._device)) if told is not None]
        return Guards(
            calibration_before_s=self._calibration_s,
            calibration_after_s=calibrate(self._device),
            steal_share=steal_share(before, after),
            pressure_share=pressure_share(before, after),
            others_cores=others_cores(before, after),
            involuntary_switches=after.involuntary_switches - before.involuntary_switches,
            cpu_over_wall=cpu_over_wall(before, after),
            gpu_clock_mhz=_lowest_clock_mhz(asked),
            gpu_throttle=_throttle(asked),
            gpu_others=_most_others(asked),
        )


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)  # synchronises


def _lowest_clock_mhz(asked: list[GpuState]) -> float | None:
    lowest = min((told.clock_mhz for told in asked if told.clock_mhz is not None), default=math.inf)
    return lowest if lowest < math.inf else None


def _throttle(asked: list[GpuState]) -> str | None:
    """Join the reasons of all answers; empty where each said that there was none."""
    told = [state.throttle for state in asked if state.throttle is not None]
    return " ".join(sorted({reason for reasons in told for reason in reasons})) if told else None


def _most_others(asked: list[GpuState]) -> int | None:
    """Take off this process, which is listed once it has used the GPU."""
    most = max((told.processes for told in asked if told.processes is not None), default=-1)
    return max(most - 1, 0) if most >= 0 else None
