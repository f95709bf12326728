"""Turns of steps on a clock that a script moves, so that every figure is known beforehand."""

import gc
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from bench.errors import DivergedError
from bench.measure.counters import Proc
from bench.measure.phases import (
    WAITING,
    WARMUP_CAP_STEPS,
    WARMUP_WINDOW_STEPS,
    Sample,
    StepParts,
    StepTimer,
    full_batches,
    time_two_images,
)

CPU = torch.device("cpu")
COST_S = {"data": 1.0, "zero_grad": 100.0, "forward": 2.0, "backward": 4.0, "optimizer": 8.0}


class Work:
    """A step whose parts take a known time on a clock of their own."""

    def __init__(
        self, slow_steps: int = 0, loss: Any = 1.0, is_slow: Callable[[int], bool] | None = None
    ) -> None:
        self.time_s = 0.0
        self.steps = 0
        self.gc_was_on: list[bool] = []
        self._is_slow = is_slow or (lambda step: step < slow_steps)
        self._loss = loss

    def now_s(self) -> float:
        return self.time_s

    def spend(self, part: str) -> None:
        slow = 10.0 if part == "forward" and self._is_slow(self.steps) else 1.0
        self.time_s += slow * COST_S[part]

    def forward(self, batch: Any) -> Any:
        self.spend("forward")
        self.gc_was_on.append(gc.isenabled())
        return self._loss

    def backward(self, loss: Any) -> Any:
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


class Waits(Proc):
    """Reads from a script how long this process has waited for a core."""

    def __init__(self, *waited_s: float | None) -> None:
        super().__init__()
        self._waited_s = iter(waited_s)

    def waited_s(self) -> float | None:
        return next(self._waited_s)


class Never(Proc):
    """A process that never waits for a core."""

    def waited_s(self) -> float:
        return 0.0


def timer_of(work: Work, proc: Proc | None = None) -> StepTimer:
    return StepTimer(work.parts(), work, CPU, proc or Never())


def turns_of(work: Work, *steps: int, proc: Proc | None = None) -> list[Sample]:
    timer = timer_of(work, proc)
    for count in steps:
        timer.take_turn(count)
    return timer.samples


def seconds_of(samples: list[Sample], phase: str) -> list[float]:
    return [s.seconds for s in samples if s.phase == phase]


def test_each_phase_gets_its_own_time_and_zeroing_gradients_belongs_to_none() -> None:
    samples = turns_of(Work(), *[2] * 7)
    assert len(samples) == 7 * 5
    for phase in ("data", "forward", "backward", "optimizer"):
        assert seconds_of(samples, phase) == [COST_S[phase]] * 7


def test_a_step_lasts_from_forward_to_the_end_of_the_optimizer() -> None:
    samples = turns_of(Work(), 1, 3)
    parts = COST_S["forward"] + COST_S["backward"] + COST_S["optimizer"]
    assert seconds_of(samples, "step") == [parts] * 2


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_the_first_step_of_a_turn_does_not_count(steps: int) -> None:
    work = Work(is_slow=lambda step: step % (1 + steps) == 0)
    samples = turns_of(work, steps, steps, steps)
    assert work.steps == 3 * (1 + steps)
    assert seconds_of(samples, "forward") == [COST_S["forward"]] * 3


def test_a_turns_value_is_the_median_of_its_steps() -> None:
    work = Work(is_slow=lambda step: step == 2)
    assert seconds_of(turns_of(work, 3), "forward") == [COST_S["forward"]]
    slow = Work(is_slow=lambda step: step in (1, 2))
    assert seconds_of(turns_of(slow, 3), "forward") == [10 * COST_S["forward"]]


def test_samples_have_the_middle_of_their_turn() -> None:
    samples = turns_of(Work(), 1, 1)
    turn_s = 2 * sum(COST_S.values())
    assert {s.at_s for s in samples[:5]} == {turn_s / 2}
    assert {s.at_s for s in samples[5:]} == {turn_s * 3 / 2}


def test_a_turn_in_which_the_process_waited_for_a_core_is_disturbed() -> None:
    turn_s = 3 * sum(COST_S.values())
    much, little = (1 + 1e-3) * WAITING * turn_s, (1 - 1e-3) * WAITING * turn_s
    # Before and after each turn; what it waits between turns is no matter.
    proc = Waits(0.0, much, 500.0, 500.0 + little, 900.0, 900.0)
    samples = turns_of(Work(), 2, 2, 2, proc=proc)
    assert [s.is_disturbed for s in samples if s.phase == "step"] == [True, False, False]
    assert all(s.is_disturbed for s in samples[:5])


@pytest.mark.parametrize("waited_s", [(None, None), (0.0, None), (None, 9e9)])
def test_where_waiting_is_not_counted_a_turn_is_neither_disturbed_nor_not(
    waited_s: tuple[float | None, float | None],
) -> None:
    samples = turns_of(Work(), 2, proc=Waits(*waited_s))
    assert {s.is_disturbed for s in samples} == {None}


def test_warm_up_lasts_until_two_windows_agree_and_keeps_the_cold_step() -> None:
    timer = timer_of(Work(slow_steps=1))
    assert timer.warm_up() == 14.0
    assert all(s.is_warmup and s.phase == "step" for s in timer.samples)
    assert timer.samples[0].round == 0
    assert timer.samples[0].seconds == 32.0
    assert len(timer.samples) == 1 + 2 * WARMUP_WINDOW_STEPS  # two windows without the cold step
    slower = timer_of(Work(slow_steps=3))
    assert slower.warm_up() == 14.0
    assert len(slower.samples) == 3 + 2 * WARMUP_WINDOW_STEPS


def test_warm_up_has_a_cap() -> None:
    work = Work()
    growing = StepParts(
        batch=lambda: None,
        zero_grad=lambda: None,
        forward=lambda batch: 1.0,
        backward=lambda loss: loss,
        update=lambda: setattr(work, "time_s", 1.5 * work.time_s + 1.0),
    )
    timer = StepTimer(growing, work, CPU, Never())
    timer.warm_up()
    assert len(timer.samples) == WARMUP_CAP_STEPS


def test_rounds_go_on_counting_after_the_warm_up() -> None:
    timer = timer_of(Work())
    timer.warm_up()
    warmup = len(timer.samples)
    for _ in range(3):
        timer.take_turn(2)
    rounds = sorted({s.round for s in timer.samples if not s.is_warmup})
    assert rounds == [warmup, warmup + 1, warmup + 2]


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), torch.tensor(-math.inf)])
def test_a_loss_that_is_not_finite_ends_warm_up_and_turn(loss: Any) -> None:
    with pytest.raises(DivergedError, match="loss became"):
        timer_of(Work(loss=loss)).warm_up()
    timer = timer_of(Work(loss=loss))
    with pytest.raises(DivergedError, match="loss became"):
        timer.take_turn(1)
    assert timer.samples == []


def test_garbage_is_not_collected_within_a_turn_and_is_again_after_it() -> None:
    work = Work()
    timer = timer_of(work)
    timer.warm_up()
    timer.take_turn(2)
    assert len(work.gc_was_on) == work.steps
    assert not any(work.gc_was_on)
    assert gc.isenabled()


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
