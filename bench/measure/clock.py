"""Clocks that say when the device was done, not when it was asked.

CPU work is done when the call returns. A GPU is asked and goes on by itself, so its clock waits
for it before it is read.
"""

import time
from typing import Protocol

import torch


class Clock(Protocol):
    """A monotonic clock in seconds, read when all work handed to the device is done."""

    def now_s(self) -> float:
        """Wait for the device, then read the clock."""


class CpuClock:
    """Reads `perf_counter_ns`."""

    def now_s(self) -> float:
        """Read the clock; CPU calls return when they are done."""
        return time.perf_counter_ns() / 1e9


class CudaClock:
    """Synchronises one GPU before reading `perf_counter_ns`."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def now_s(self) -> float:
        """Synchronise, then read the clock."""
        torch.cuda.synchronize(self._device)  # synchronises
        return time.perf_counter_ns() / 1e9


def clock_for(device: torch.device) -> Clock:
    """Give the clock that is right for a device."""
    return CudaClock(device) if device.type == "cuda" else CpuClock()
