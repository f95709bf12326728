"""Timing of phases with a clock that a script moves, so that every figure is known beforehand."""

import gc
from typing import Any

import pytest
import torch

from bench.errors import DivergedError
from bench.measure.phases import (
    WARMUP_CAP_STEPS,
    WARMUP_WINDOW_STEPS,
    StepParts,
    full_batches,
    time_passes,
    time_steps,
    time_two_images,
)

CPU = torch.device("cpu")
COST_S = {"data": 1.0, "zero_grad": 100.0, "forward": 2.0, "backward": 4.0, "optimizer": 8.0}


class Work:
    """A step whose parts take a known time on a clock of their own."""

    def __init__(self, slow_steps: int = 0, loss: float = 1.0) -> None:
        self.time_s = 0.0
        self.steps = 0
        self.gc_was_on: list[bool] = []
        self._slow_steps = slow_steps
        self._loss = loss

    def now_s(self) -> float:
        return self.time_s

    def spend(self, part: str) -> None:
        slow = 10.0 if self.steps < self._slow_steps and part == "forward" else 1.0
        self.time_s += slow * COST_S[part]

    def forward(self, batch: Any) -> float:
        self.spend("forward")
        self.gc_was_on.append(gc.isenabled())
        return self._loss

    def backward(self, loss: float) -> float:
        self.spend("backward")
        return loss

    def update(self) -> None:
        self.spend("optimizer")
        self.steps += 1

    def parts(self) -> StepParts:
        return StepParts(
            batch=lambda: self.spend("data"),
            zero_grad=lambda: self.spend("zero_grad"),
            forward=self.forward,
            backward=self.backward,
            update=self.update,
        )


def test_each_phase_gets_its_own_time_and_zeroing_gradients_belongs_to_none() -> None:
    work = Work()
    samples = time_steps(work.parts(), work, CPU, rounds=7)
    timed = [s for s in samples if not s.is_warmup]
    assert len(timed) == 7 * 5
    for phase, seconds in {**COST_S, "step": 14.0}.items():
        if phase != "zero_grad":
            assert [s.seconds for s in timed if s.phase == phase] == [seconds] * 7


def test_warm_up_lasts_until_two_windows_agree_and_keeps_the_cold_step() -> None:
    work = Work(slow_steps=2)
    warmup = [s for s in time_steps(work.parts(), work, CPU, rounds=1) if s.is_warmup]
    assert warmup[0].round == 0
    assert warmup[0].seconds == 32.0
    assert len(warmup) == 2 * WARMUP_WINDOW_STEPS  # the medians of the first two windows agree
    slower = Work(slow_steps=3)  # now the first window's median is a slow step
    assert len([s for s in time_steps(slower.parts(), slower, CPU, 1) if s.is_warmup]) == 11


def test_warm_up_has_a_cap() -> None:
    work = Work()
    growing = StepParts(
        batch=lambda: None,
        zero_grad=lambda: None,
        forward=lambda batch: 1.0,
        backward=lambda loss: loss,
        update=lambda: setattr(work, "time_s", 1.5 * work.time_s + 1.0),
    )
    warmup = [s for s in time_steps(growing, work, CPU, rounds=1) if s.is_warmup]
    assert len(warmup) == WARMUP_CAP_STEPS


def test_rounds_go_on_counting_after_the_warm_up() -> None:
    work = Work()
    samples = time_steps(work.parts(), work, CPU, rounds=3)
    warmup = sum(s.is_warmup for s in samples)
    rounds = sorted({s.round for s in samples if not s.is_warmup})
    assert rounds == [warmup, warmup + 1, warmup + 2]


def test_a_loss_that_is_not_finite_ends_the_timing() -> None:
    work = Work(loss=float("nan"))
    with pytest.raises(DivergedError, match="nan"):
        time_steps(work.parts(), work, CPU, rounds=1)


def test_garbage_is_not_collected_inside_a_block_and_is_again_after_it() -> None:
    work = Work()
    time_steps(work.parts(), work, CPU, rounds=1)
    assert work.gc_was_on
    assert not any(work.gc_was_on)
    assert gc.isenabled()


def test_long_phases_report_their_own_seconds() -> None:
    seconds = iter([3.0, 4.0])
    samples = time_passes("epoch", lambda: next(seconds), passes=2)
    assert [(s.phase, s.round, s.seconds, s.is_warmup) for s in samples] == [
        ("epoch", 0, 3.0, False),
        ("epoch", 1, 4.0, False),
    ]


def test_two_images_take_forward_and_backward_without_the_cold_ones() -> None:
    work = Work()
    seconds = time_two_images(work.parts(), None, work)
    assert seconds == COST_S["forward"] + COST_S["backward"]


def test_batches_go_on_into_the_next_epoch() -> None:
    epochs = iter([zip("ab", "12", strict=True), zip("cd", "34", strict=True)])
    batch = full_batches(lambda: next(epochs), images=1)
    assert [batch()[0] for _ in range(4)] == list("abcd")


def test_the_smaller_batch_that_ends_an_epoch_is_not_timed() -> None:
    epoch = [("two", [1, 2]), ("two more", [3, 4]), ("one", [5])]
    batch = full_batches(lambda: iter(epoch), images=2)
    assert [batch()[0] for _ in range(4)] == ["two", "two more", "two", "two more"]
