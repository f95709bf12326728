"""Timing of a training step's phases, turn by turn; MEASUREMENT.md gives the reasons.

Phases are passed in as callables, so that the timed code is exactly the training code.
"""

import gc
import itertools
import math
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from bench.errors import DivergedError
from bench.measure.clock import Clock
from bench.measure.counters import Proc, page_faults
from bench.measure.whole_steps import WholeStep, marked_gpu_phases, time_whole_steps
from bench.records import STEP_PHASES

WARMUP_WINDOW_STEPS = 2
WARMUP_CAP_STEPS = 60
WARMUP_TOLERANCE = 0.05
LAUNCH_STEPS = 10  # of forward and backward of two images
GPU_STEPS = 10  # whole steps of a turn on a GPU, at least
GPU_CYCLES_PER_S = 2e9  # about the fastest GPU clock: a slower GPU waits longer
WAITING = 0.25  # of a turn, in which its threads waited for a core: another process ran


@dataclass(frozen=True)
class Sample:
    """One phase in one turn, or in one pass; `at_s` is the middle of the turn on the clock."""

    phase: str
    round: int
    seconds: float
    is_warmup: bool = False
    at_s: float | None = None
    is_disturbed: bool | None = None


@dataclass(frozen=True)
class StepParts:
    """The phases of a training step as callables, in this order.

    `backward` takes the loss and returns it detached, so that its graph's memory is reused as in
    training; keeping the graph would make steps slower.
    """

    batch: Callable[[], Any]
    zero_grad: Callable[[], None]
    forward: Callable[[Any], Any]
    backward: Callable[[Any], Any]
    update: Callable[[], None]

    def step(self, batch: Any) -> Any:
        """Execute forward, backward and update without interruption; return the loss."""
        loss = self.backward(self.forward(batch))
        self.update()
        return loss


class StepTimer:
    """Times the phases of a training step in turns.

    Between turns other processes run, so that the first step of a turn finds their data in the
    caches; where that matters, it doesn't count. Raises DivergedError for a loss that is not
    finite, whose step may take another time.
    """

    def __init__(
        self,
        parts: StepParts | WholeStep,
        clock: Clock,
        device: torch.device,
        proc: Proc | None = None,
    ) -> None:
        self._parts = parts
        self._clock = clock
        self._device = device
        self._proc = proc or Proc()
        self._rounds = itertools.count()
        self.samples: list[Sample] = []
        self._page_faults = 0
        self._steps = 0

    @property
    def step_page_faults(self) -> float | None:
        """Pages that the system mapped a step, in all turns: memory given back and taken again."""
        return self._page_faults / self._steps if self._steps else None

    def warm_up(self) -> float:
        """Take steps until two consecutive windows agree; return the seconds of a step.

        The first step, which is cold, is stored too.
        """
        seconds: list[float] = []
        with garbage_collection_off():
            while len(seconds) < WARMUP_CAP_STEPS and not _settled(seconds):
                batch = self._parts.batch()
                self._parts.zero_grad()
                started_s = self._clock.now_s()
                loss = self._parts.step(batch)
                seconds.append(self._clock.now_s() - started_s)
        _require_finite(loss)
        self.samples += [Sample("step", next(self._rounds), s, is_warmup=True) for s in seconds]
        return statistics.median(seconds[-WARMUP_WINDOW_STEPS:])

    def take_turn(self, steps: int, discarded: int = 1) -> None:
        """Take the steps that don't count, then time `steps`; a phase's value is their median."""
        waited_s, faults = self._proc.waited_s(), page_faults()
        started_s = self._clock.now_s()
        with garbage_collection_off(collect=False):
            take = self._gpu_turn if self._device.type == "cuda" else self._cpu_turn
            spans, loss = take(steps, discarded)
        ended_s = self._clock.now_s()
        self._page_faults += page_faults() - faults
        self._steps += discarded + steps
        _require_finite(loss)
        after_s = self._proc.waited_s()
        is_disturbed = None
        if waited_s is not None and after_s is not None:
            is_disturbed = after_s - waited_s > WAITING * (ended_s - started_s)
        number, at_s = next(self._rounds), (started_s + ended_s) / 2
        self.samples += [
            Sample(phase, number, statistics.median(seconds), False, at_s, is_disturbed)
            for phase, seconds in spans.items()
        ]

    def _cpu_turn(self, steps: int, discarded: int) -> tuple[dict[str, list[float]], Any]:
        """Time each phase between two readings of the clock, and the step from first to last."""
        parts, now_s = self._parts, self._clock.now_s
        if isinstance(parts, WholeStep):
            return time_whole_steps(parts, now_s, steps, discarded)
        reads: list[tuple[float, ...]] = []
        for _ in range(discarded + steps):
            t0 = now_s()
            batch = parts.batch()
            t1 = now_s()
            parts.zero_grad()
            t2 = now_s()
            loss = parts.forward(batch)
            t3 = now_s()
            loss = parts.backward(loss)
            t4 = now_s()
            parts.update()
            reads.append((t0, t1, t2, t3, t4, now_s()))
        timed = reads[discarded:]
        return {
            "data": [t[1] - t[0] for t in timed],
            "forward": [t[3] - t[2] for t in timed],
            "backward": [t[4] - t[3] for t in timed],
            "optimizer": [t[5] - t[4] for t in timed],
            "step": [t[5] - t[2] for t in timed],
        }, loss

    def _gpu_turn(self, steps: int, discarded: int) -> tuple[dict[str, list[float]], Any]:
        """Time whole steps, then their phases, then a step on the GPU alone.

        Whole steps are synchronised only at both ends, phases once. Batches are fetched before,
        so that `step` means the same as on the CPU; gradients are reset within, which is host
        work that runs ahead of the device. Ends with a synchronisation: the GPU is idle when the
        turn is passed on.
        """
        parts, count = self._parts, max(steps, GPU_STEPS)
        batches = [parts.batch() for _ in range(discarded + count)]
        for batch in batches[:discarded]:
            parts.zero_grad()
            parts.step(batch)
        started_s = self._clock.now_s()  # synchronises
        for batch in batches[discarded:]:
            parts.zero_grad()
            loss = parts.step(batch)
        step_s = (self._clock.now_s() - started_s) / count  # synchronises
        fewer = max(1, count // 2)
        if isinstance(parts, WholeStep):
            spans = marked_gpu_phases(parts, self._device, fewer)
        else:
            spans = _gpu_phases(parts, self._device, fewer)
        device_s = _gpu_alone(parts, self._device, step_s)
        return {**spans, "step": [step_s], "device": [device_s]}, loss


def time_two_images(parts: StepParts, batch: Any, clock: Clock) -> float:
    """Return the median seconds of forward and backward of two images: mostly launch overhead."""
    seconds = []
    with garbage_collection_off():
        for _ in range(LAUNCH_STEPS):
            parts.zero_grad()
            started_s = clock.now_s()
            parts.backward(parts.forward(batch))
            seconds.append(clock.now_s() - started_s)
    return statistics.median(seconds[LAUNCH_STEPS // 2 :])


def _settled(seconds: list[float]) -> bool:
    if len(seconds) < 2 * WARMUP_WINDOW_STEPS:
        return False
    before = statistics.median(seconds[-2 * WARMUP_WINDOW_STEPS : -WARMUP_WINDOW_STEPS])
    now = statistics.median(seconds[-WARMUP_WINDOW_STEPS:])
    return abs(now - before) <= WARMUP_TOLERANCE * before


def _gpu_phases(parts: StepParts, device: torch.device, steps: int) -> dict[str, list[float]]:
    """Time the phases by CUDA events, with one synchronisation at the end."""
    names = STEP_PHASES
    events = [
        [torch.cuda.Event(enable_timing=True) for _ in range(2 * len(names))]  # type: ignore[no-untyped-call]
        for _ in range(steps)
    ]
    for e in events:
        e[0].record()
        batch = parts.batch()
        e[1].record()
        parts.zero_grad()
        e[2].record()
        loss = parts.forward(batch)
        e[3].record()
        e[4].record()
        loss = parts.backward(loss)
        e[5].record()
        e[6].record()
        parts.update()
        e[7].record()
    torch.cuda.synchronize(device)  # synchronises
    return {
        name: [e[2 * k].elapsed_time(e[2 * k + 1]) / 1e3 for e in events]
        for k, name in enumerate(names)
    }


def _gpu_alone(parts: StepParts | WholeStep, device: torch.device, step_s: float) -> float:
    """Time a complete step without launch overhead: launch it while the GPU is kept waiting.

    The difference from the time of a normal step is the time in which the GPU waits for launches.
    A step that synchronises by itself shows no difference.
    """
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    batch = parts.batch()
    parts.zero_grad()
    # Longer than launching a step.
    torch.cuda._sleep(int(2 * step_s * GPU_CYCLES_PER_S))  # type: ignore[no-untyped-call]
    start.record()
    parts.step(batch)
    end.record()
    torch.cuda.synchronize(device)  # synchronises
    return float(start.elapsed_time(end)) / 1e3


def _require_finite(loss: Any) -> None:
    value = float(loss.detach() if isinstance(loss, torch.Tensor) else loss)  # synchronises
    if not math.isfinite(value):
        raise DivergedError(f"loss became {value} during timing")


@contextmanager
def garbage_collection_off(*, collect: bool = True) -> Iterator[None]:
    """Collect garbage once, or not, and then none while the block runs."""
    was_on = gc.isenabled()
    if collect:
        gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def full_batches(
    epoch: Callable[[], Iterator[tuple[Any, Any]]], images: int
) -> Callable[[], tuple[Any, Any]]:
    """Return a function that returns the next batch of exactly `images`, epoch after epoch.

    An epoch's smaller last batch is skipped, since its step takes another time.
    """
    batches = itertools.chain.from_iterable(epoch() for _ in itertools.count())
    full = (batch for batch in batches if len(batch[1]) == images)
    return lambda: next(full)
