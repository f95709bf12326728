"""Timing of a training step's phases, round by round; MEASUREMENT.md says why each line.

The phases belong to whoever trains: they come in as callables, so that what is timed here is
exactly what trains there.
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
GPU_CYCLES_PER_S = 2e9  # about the fastest clock of a GPU: a slower one waits longer


@dataclass(frozen=True)
class Sample:
    """One timed pass through one phase."""

    phase: str
    round: int
    seconds: float
    is_warmup: bool = False


@dataclass(frozen=True)
class StepParts:
    """A training step taken apart: each call does one phase, in this order.

    `backward` takes the loss and returns it without its graph, whose memory is then free. Where
    it stayed, memory would be had from the system anew, and a step take longer than in training.
    """

    batch: Callable[[], Any]
    zero_grad: Callable[[], None]
    forward: Callable[[Any], Any]
    backward: Callable[[Any], Any]
    update: Callable[[], None]

    def whole(self, batch: Any) -> Any:
        """Do forward, backward and update with nothing between them; returns the loss."""
        loss = self.backward(self.forward(batch))
        self.update()
        return loss


def time_steps(parts: StepParts, clock: Clock, device: torch.device, rounds: int) -> list[Sample]:
    """Warm up, then time `rounds` of each phase and of the whole step.

    Raises DivergedError when a loss is not finite: such a step's time is not a training step's.
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


def time_two_images(parts: StepParts, two: Any, clock: Clock) -> float:
    """Time forward and backward of a batch of two images: what is left is launching. Seconds."""
    seconds = []
    with _garbage_collection_off():
        for _ in range(2 * WARMUP_WINDOW_STEPS):
            parts.zero_grad()
            started_s = clock.now_s()
            parts.backward(parts.forward(two))
            seconds.append(clock.now_s() - started_s)
    return statistics.median(seconds[WARMUP_WINDOW_STEPS:])


def time_passes(
    phase: str, run: Callable[[], float], passes: int, *, is_warmup: bool = False
) -> list[Sample]:
    """Time a long phase (an epoch, an evaluation) that reports its own seconds."""
    with _garbage_collection_off():
        return [Sample(phase, i, run(), is_warmup) for i in range(passes)]


def _warm_up(parts: StepParts, clock: Clock) -> list[Sample]:
    """Step until two neighbouring windows agree; keeps every step, the cold one first."""
    seconds: list[float] = []
    while len(seconds) < WARMUP_CAP_STEPS and not _settled(seconds):
        batch = parts.batch()
        parts.zero_grad()
        started_s = clock.now_s()
        loss = parts.whole(batch)
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
    """Alternate a step taken apart with a whole one, so that both see the same machine."""
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
        loss = parts.whole(batch)
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
    """Time groups of whole steps, synchronised at their ends only; seconds of one step.

    The batches of a group are gathered before it, so that `step` means the same as on the CPU.
    Gradients are dropped inside it, which on a GPU is host work that runs ahead of the device.
    """
    samples = []
    for i in range(first, first + rounds):
        batches = [parts.batch() for _ in range(STEPS_PER_GPU_ROUND)]
        started_s = clock.now_s()
        for batch in batches:
            parts.zero_grad()
            loss = parts.whole(batch)
        elapsed_s = clock.now_s() - started_s
        samples.append(Sample("step", i, elapsed_s / STEPS_PER_GPU_ROUND))
    _require_finite(loss)
    return samples


def _gpu_phases(parts: StepParts, device: torch.device, first: int, rounds: int) -> list[Sample]:
    """Time the phases by events that the device itself records; one synchronisation at the end."""
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
    """Time whole steps on the GPU alone: all of a step is launched while the GPU is kept waiting.

    Against the time of a whole step, this shows what the launches cost: a GPU that needs less
    than the step takes was waiting for them. A step that synchronises by itself gives no such
    difference.
    """
    wait_cycles = int(2 * step_s * GPU_CYCLES_PER_S)  # longer than launching a step can take
    begun, ended = (
        [torch.cuda.Event(enable_timing=True) for _ in range(rounds)]  # type: ignore[no-untyped-call]
        for _ in range(2)
    )
    for start, end in zip(begun, ended, strict=True):
        batch = parts.batch()
        parts.zero_grad()
        torch.cuda._sleep(wait_cycles)  # type: ignore[no-untyped-call]
        start.record()
        parts.whole(batch)
        end.record()
        torch.cuda.synchronize(device)  # synchronises
    return [
        Sample("device", first + i, start.elapsed_time(end) / 1e3)
        for i, (start, end) in enumerate(zip(begun, ended, strict=True))
    ]


def _require_finite(loss: Any) -> None:
    value = float(loss.detach() if isinstance(loss, torch.Tensor) else loss)  # synchronises
    if not math.isfinite(value):
        raise DivergedError(f"the loss became {value} while the steps were timed")


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
    """Return a function that gives one batch of `images` a call, from as many epochs as it takes.

    The smaller batch that ends an epoch is left out: its step is another step.
    """
    batches = itertools.chain.from_iterable(epoch() for _ in itertools.count())
    full = (batch for batch in batches if len(batch[1]) == images)
    return lambda: next(full)
