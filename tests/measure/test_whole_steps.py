"""Steps of the user's own on a clock that they move: the whole step, and what they mark."""

from typing import Any

import pytest
import torch

from bench.errors import DivergedError
from bench.measure.counters import Proc
from bench.measure.phases import Sample, StepTimer
from bench.measure.whole_steps import Marks, WholeStep

CPU = torch.device("cpu")


class Sharp:
    """A step with two forwards and two backwards, and work that it does not mark."""

    def __init__(self, loss: float = 1.0, *, is_marking: bool = True) -> None:
        self.time_s = 0.0
        self.marks = Marks(self, CPU)
        self._loss = loss
        self._is_marking = is_marking

    def now_s(self) -> float:
        return self.time_s

    def spend(self, seconds: float) -> None:
        self.time_s += seconds

    def take(self, batch: Any) -> float:
        self.spend(100.0)
        for phase, seconds in (("forward", 1.0), ("backward", 2.0)) * 2:
            if self._is_marking:
                with self.marks.phase(phase):
                    self.spend(seconds)
            else:
                self.spend(seconds)
        return self._loss

    def samples(self) -> list[Sample]:
        timer = StepTimer(
            WholeStep(lambda: self.spend(10.0), self.take, self.marks), self, CPU, Proc()
        )
        timer.warm_up()
        timer.take_turn(2)
        timer.take_turn(3)
        return [sample for sample in timer.samples if not sample.is_warmup]


def seconds_of(samples: list[Sample]) -> dict[str, list[float]]:
    phases = dict.fromkeys(sample.phase for sample in samples)
    return {phase: [s.seconds for s in samples if s.phase == phase] for phase in phases}


def test_a_step_is_timed_as_a_whole_and_a_phase_by_the_sum_of_its_marks() -> None:
    assert seconds_of(Sharp().samples()) == {
        "data": [10.0] * 2,
        "forward": [2.0] * 2,
        "backward": [4.0] * 2,
        "step": [106.0] * 2,
    }


def test_a_step_that_marks_nothing_has_no_phases() -> None:
    found = seconds_of(Sharp(is_marking=False).samples())
    assert found == {"data": [10.0] * 2, "step": [106.0] * 2}


def test_a_loss_that_is_not_finite_ends_the_timing() -> None:
    with pytest.raises(DivergedError):
        Sharp(loss=float("nan")).samples()
