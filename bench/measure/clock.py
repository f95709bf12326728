"""Clocks that are read after the device has finished: GPU work is asynchronous, CPU work is not."""

import time
from typing import Protocol

import torch


class Clock(Protocol):
    """A monotonic clock in seconds, read after all submitted work has finished."""

    def now_s(self) -> float:
        """Wait for the device, then return the time."""


class CpuClock:
    """Reads `perf_counter_ns`."""

    def now_s(self) -> float:
        """Return the time; CPU calls have finished when they return."""
        return time.perf_counter_ns() / 1e9


class CudaClock:
    """Synchronises one GPU before reading `perf_counter_ns`."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def now_s(self) -> float:
        """Synchronise, then return the time."""
        torch.cuda.synchronize(self._device)  # synchronises
        return time.perf_counter_ns() / 1e9


def clock_for(device: torch.device) -> Clock:
    """Return the clock for a device."""
    return CudaClock(device) if device.type == "cuda" else CpuClock()
