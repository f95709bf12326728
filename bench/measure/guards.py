"""Guards of a measurement: what the machine did while a cell took its turns in a timing set.

Counters of the machine and of this process, read at both ends of each turn, and a fixed
calibration kernel, timed before and after all turns. The report judges them.
"""

import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from bench.measure.clock import Clock, clock_for
from bench.measure.counters import (
    NOTHING,
    Proc,
    Reading,
    added,
    cpu_over_wall,
    others_cores,
    pressure_share,
    read,
    steal_share,
)
from bench.measure.gpu_state import GpuState, gpu_state

CALIBRATION_REPEATS = 5
# By device type: side of the square product, and bytes updated after it, which exceed a CPU
# core's L2 cache or a GPU's shared L2 cache.
CALIBRATION_SIDE = {"cpu": 768, "cuda": 4096}
CALIBRATION_BYTES = {"cpu": 32 * 2**20, "cuda": 256 * 2**20}


@dataclass(frozen=True, kw_only=True)
class Guards:
    """State of the machine during all turns; None where it was not measured or not reported.

    `calibration_*_s` are medians over repeats. `steal_share` is a share of all cores' time,
    `pressure_share` the share of wall time in which some task waited for a core (also a thread of
    this process). `others_cores` are cores used by processes other than this one and its
    children, `cpu_over_wall` those used by this process.
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
def calibrate(
    device: torch.device, clock: Clock | None = None, repeats: int = CALIBRATION_REPEATS
) -> float | None:
    """Return the median seconds of an fp32 matrix product and a pass through memory.

    Comparable only within a cell, whose threads and tf32 setting it uses. Leaves the random state
    unchanged and frees its memory, but raises peak memory. None if memory runs out.
    """
    clock = clock or clock_for(device)
    seconds = []
    try:
        kernel = _calibration_kernel(device)
        for _ in range(1 + repeats):
            started_s = clock.now_s()
            kernel()
            seconds.append(clock.now_s() - started_s)
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


class Watch:
    """Records the guards of the time within `turn`, between `start` and `stop`.

    With `calibrates` the calibration kernel is timed, and the GPU queried before the first turn
    too; both take a few tenths of a second. `processes` are those of the set, which are no others.
    """

    def __init__(
        self,
        device: torch.device,
        proc: Proc | None = None,
        *,
        calibrates: bool = True,
        processes: int = 1,
    ) -> None:
        self._device = device
        self._proc = proc or Proc()
        self._calibrates = calibrates
        self._processes = processes
        self._calibration_s: float | None = None
        self._gpu: GpuState | None = None
        self._total: Reading = NOTHING

    def start(self) -> None:
        """Time the calibration kernel and query the GPU.

        The kernel raises peak memory: reset that afterwards.
        """
        if self._calibrates:
            self._calibration_s = calibrate(self._device)
            self._gpu = gpu_state(self._device)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Add what the counters show while the block runs."""
        clock_for(self._device).now_s()  # synchronises
        before = read(self._proc)
        try:
            yield
        finally:
            clock_for(self._device).now_s()  # synchronises
            self._total = added(self._total, before, read(self._proc))

    def stop(self) -> Guards:
        """Query the warm GPU, time the calibration kernel again, and return all."""
        total = self._total
        states = [state for state in (self._gpu, gpu_state(self._device)) if state is not None]
        clocks = [state.clock_mhz for state in states if state.clock_mhz is not None]
        reasons = [state.throttle for state in states if state.throttle is not None]
        processes = [state.processes for state in states if state.processes is not None]
        return Guards(
            calibration_before_s=self._calibration_s,
            calibration_after_s=calibrate(self._device) if self._calibrates else None,
            steal_share=steal_share(NOTHING, total),
            pressure_share=pressure_share(NOTHING, total),
            others_cores=others_cores(NOTHING, total),
            involuntary_switches=total.involuntary_switches,
            cpu_over_wall=cpu_over_wall(NOTHING, total),
            gpu_clock_mhz=min(clocks, default=None),
            gpu_throttle=" ".join(sorted(set().union(*reasons))) if reasons else None,
            # Each of the set's processes is listed once it has used the GPU.
            gpu_others=max(max(processes) - self._processes, 0) if processes else None,
        )
