"""Timing of training steps of the user's own: as a whole, and by what they mark as a phase."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from bench.measure.clock import Clock

Span = tuple[str, Any, Any]  # a phase, and its ends: seconds on the clock, or events on a GPU


class Marks:
    """Times the phases that a step marks itself, between `begin` and `end`."""

    def __init__(self, clock: Clock, device: torch.device) -> None:
        self._read: Callable[[], Any] = _recorded_event if device.type == "cuda" else clock.now_s
        self._spans: list[Span] | None = None

    def begin(self) -> None:
        """Start timing what is marked."""
        self._spans = []

    def end(self) -> list[Span]:
        """Return what was marked since `begin`, and time no more."""
        spans, self._spans = self._spans or [], None
        return spans

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Mark what the block does as this phase."""
        if self._spans is None:
            yield
            return
        started = self._read()
        yield
        self._spans.append((name, started, self._read()))


@dataclass(frozen=True)
class WholeStep:
    """A training step that is timed as a whole, and by the phases that it marks.

    `take` resets the gradients itself.
    """

    batch: Callable[[], Any]
    take: Callable[[Any], Any]
    marks: Marks

    def zero_grad(self) -> None:
        """Do nothing: the step resets the gradients."""

    def step(self, batch: Any) -> Any:
        """Take the step; return its loss."""
        return self.take(batch)


def time_whole_steps(
    parts: WholeStep, now_s: Callable[[], float], steps: int, discarded: int
) -> tuple[dict[str, list[float]], Any]:
    """Time whole steps, and the sum of each phase that one marks."""
    spans: defaultdict[str, list[float]] = defaultdict(list)
    for i in range(discarded + steps):
        t0 = now_s()
        batch = parts.batch()
        t1 = now_s()
        parts.marks.begin()
        loss = parts.step(batch)
        t2 = now_s()
        marked = _sums((name, ended - started) for name, started, ended in parts.marks.end())
        for name, seconds in {"data": t1 - t0, **marked, "step": t2 - t1}.items():
            if i >= discarded:
                spans[name].append(seconds)
    return spans, loss


def _sums(parts: Iterable[tuple[str, float]]) -> dict[str, float]:
    sums: defaultdict[str, float] = defaultdict(float)
    for name, seconds in parts:
        sums[name] += seconds
    return sums


def marked_gpu_phases(parts: WholeStep, device: torch.device, steps: int) -> dict[str, list[float]]:
    """Time loading, and what steps mark, by CUDA events, with one synchronisation at the end."""
    marked = []
    for _ in range(steps):
        parts.marks.begin()
        with parts.marks.phase("data"):
            batch = parts.batch()
        parts.step(batch)
        marked.append(parts.marks.end())
    torch.cuda.synchronize(device)  # synchronises
    spans: defaultdict[str, list[float]] = defaultdict(list)
    for step in marked:
        for name, s in _sums((name, a.elapsed_time(b) / 1e3) for name, a, b in step).items():
            spans[name].append(s)
    return spans


def _recorded_event() -> torch.cuda.Event:
    event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    event.record()
    return event
