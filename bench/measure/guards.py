"""Evidence from outside a number: what the machine did while a block was timed.

Counters of the whole machine and of this process, read at both ends of a window, and one fixed
piece of work timed before and after it. Nothing here judges; a report does.
"""

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

import torch

from bench.measure.clock import Clock, clock_for
from bench.measure.counters import (
    Proc,
    Reading,
    cpu_over_wall,
    others_cores,
    pressure_share,
    read,
    steal_share,
)
from bench.measure.gpu_state import GpuState, gpu_state

CALIBRATION_REPEATS = 5
# By device type: the side of the square product, and the bytes walked through after it. The
# bytes exceed a core's second-level cache and, on a GPU, the cache that all its cores share.
CALIBRATION_SIDE = {"cpu": 768, "cuda": 4096}
CALIBRATION_BYTES = {"cpu": 32 * 2**20, "cuda": 256 * 2**20}


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
