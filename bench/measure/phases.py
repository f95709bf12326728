"""Timing of a training step's phases, round by round; MEASUREMENT.md gives the reasons.

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
from bench.records import STEP_PHASES

WARMUP_WINDOW_STEPS = 5
WARMUP_CAP_STEPS = 60
WARMUP_TOLERANCE = 0.05
STEPS_PER_GPU_ROUND = 10
GPU_CYCLES_PER_S = 2e9  # about the fastest GPU clock: a slower GPU waits longer


@dataclass(frozen=True)
class Sample:
    """One timed pass through one phase."""

    phase: str
    round: int
    seconds: float
    is_warmup: bool = False


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


def time_steps(parts: StepParts, clock: Clock, device: torch.device, rounds: int) -> list[Sample]:
    """Warm up, then time `rounds` of each phase and of the complete step.

    Raises DivergedError for a loss that is not finite, whose step may take another time.
    """
    with _garbage_collection_off():
        warmup = _warm_up(parts, clock)
        first = len(warmup)
        if device.type == "cuda":
            samples = _gpu_steps(parts, clock, first, rounds)
            samples += _gpu_phases(parts, device, first, rounds)
            step_s = statistics.median(s.seconds for s in samples if s.phase == "step")
            samples += _gpu_alone(parts, device, first, rounds, step_s)
        else:
            samples = _cpu_rounds(parts, clock, first, rounds)
    return warmup + samples


def time_two_images(parts: StepParts, batch: Any, clock: Clock) -> float:
    """Return the median seconds of forward and backward of two images: mostly launch overhead."""
    seconds = []
    with _garbage_collection_off():
        for _ in range(2 * WARMUP_WINDOW_STEPS):
            parts.zero_grad()
            started_s = clock.now_s()
            parts.backward(parts.forward(batch))
            seconds.append(clock.now_s() - started_s)
    return statistics.median(seconds[WARMUP_WINDOW_STEPS:])


def time_passes(
    phase: str, run: Callable[[], float], passes: int, *, is_warmup: bool = False
) -> list[Sample]:
    """Return samples of a long phase (epoch, evaluation) that measures its own seconds."""
    with _garbage_collection_off():
        return [Sample(phase, i, run(), is_warmup) for i in range(passes)]


def _warm_up(parts: StepParts, clock: Clock) -> list[Sample]:
    """Take steps until two consecutive windows agree; return all, the cold one first."""
    seconds: list[float] = []
    while len(seconds) < WARMUP_CAP_STEPS and not _settled(seconds):
        batch = parts.batch()
        parts.zero_grad()
        started_s = clock.now_s()
        loss = parts.step(batch)
        seconds.append(clock.now_s() - started_s)
    _require_finite(loss)
    return [Sample("step", i, s, is_warmup=True) for i, s in enumerate(seconds)]


def _settled(seconds: list[float]) -> bool:
    if len(seconds) < 2 * WARMUP_WINDOW_STEPS:
        return False
    before = statistics.median(seconds[-2 * WARMUP_WINDOW_STEPS : -WARMUP_WINDOW_STEPS])
    now = statistics.median(seconds[-WARMUP_WINDOW_STEPS:])
    return abs(now - before) <= WARMUP_TOLERANCE * before


def _cpu_rounds(parts: StepParts, clock: Clock, first: int, rounds: int) -> list[Sample]:
    """Alternate single phases with a complete step, so that drift affects both alike."""
    samples: list[Sample] = []
    for i in range(first, first + rounds):
        t0 = clock.now_s()
        batch = parts.batch()
        t1 = clock.now_s()
        parts.zero_grad()
        t2 = clock.now_s()
        loss = parts.forward(batch)
        t3 = clock.now_s()
        loss = parts.backward(loss)
        t4 = clock.now_s()
        parts.update()
        t5 = clock.now_s()
        batch = parts.batch()
        parts.zero_grad()
        t6 = clock.now_s()
        loss = parts.step(batch)
        t7 = clock.now_s()
        spans = {
            "data": t1 - t0,
            "forward": t3 - t2,
            "backward": t4 - t3,
            "optimizer": t5 - t4,
            "step": t7 - t6,
        }
        samples += [Sample(phase, i, s) for phase, s in spans.items()]
    _require_finite(loss)
    return samples


def _gpu_steps(parts: StepParts, clock: Clock, first: int, rounds: int) -> list[Sample]:
    """Time groups of complete steps, synchronised only at their ends; seconds of one step.

    Batches are fetched before a group, so that `step` means the same as on the CPU. Gradients are
    reset within it: host work that runs ahead of the device.
    """
    samples = []
    for i in range(first, first + rounds):
        batches = [parts.batch() for _ in range(STEPS_PER_GPU_ROUND)]
        started_s = clock.now_s()
        for batch in batches:
            parts.zero_grad()
            loss = parts.step(batch)
        elapsed_s = clock.now_s() - started_s
        samples.append(Sample("step", i, elapsed_s / STEPS_PER_GPU_ROUND))
    _require_finite(loss)
    return samples


def _gpu_phases(parts: StepParts, device: torch.device, first: int, rounds: int) -> list[Sample]:
    """Time the phases by CUDA events, with one synchronisation at the end."""
    names = STEP_PHASES
    events = [
        [torch.cuda.Event(enable_timing=True) for _ in range(2 * len(names))]  # type: ignore[no-untyped-call]
        for _ in range(rounds)
    ]
    torch.cuda.synchronize(device)  # synchronises
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
    _require_finite(loss)
    return [
        Sample(name, first + i, e[2 * k].elapsed_time(e[2 * k + 1]) / 1e3)
        for i, e in enumerate(events)
        for k, name in enumerate(names)
    ]


def _gpu_alone(
    parts: StepParts, device: torch.device, first: int, rounds: int, step_s: float
) -> list[Sample]:
    """Time complete steps without launch overhead: launch them while the GPU is kept waiting.

    The difference from the time of a normal step is the time in which the GPU waits for launches.
    A step that synchronises by itself shows no difference.
    """
    wait_cycles = int(2 * step_s * GPU_CYCLES_PER_S)  # longer than launching a step
    starts, ends = (
        [torch.cuda.Event(enable_timing=True) for _ in range(rounds)]  # type: ignore[no-untyped-call]
        for _ in range(2)
    )
    for start, end in zip(starts, ends, strict=True):
        batch = parts.batch()
        parts.zero_grad()
        torch.cuda._sleep(wait_cycles)  # type: ignore[no-untyped-call]
        start.record()
        parts.step(batch)
        end.record()
        torch.cuda.synchronize(device)  # synchronises
    return [
        Sample("device", first + i, start.elapsed_time(end) / 1e3)
        for i, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def _require_finite(loss: Any) -> None:
    value = float(loss.detach() if isinstance(loss, torch.Tensor) else loss)  # synchronises
    if not math.isfinite(value):
        raise DivergedError(f"loss became {value} during timing")


@contextmanager
def _garbage_collection_off() -> Iterator[None]:
    was_on = gc.isenabled()
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
