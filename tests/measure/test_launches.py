"""A GPU that waits for launches is distinguished from one that computes, by two fake clocks."""

import statistics
from typing import Any

import pytest
import torch

from bench.measure.phases import GPU_CYCLES_PER_S, StepParts, StepTimer
from bench.measure.whole_steps import Marks, WholeStep

GPU = torch.device("cuda")


class Device:
    """A host that launches and a GPU that works through what was launched, each in its time."""

    def __init__(self, launch_s: float, work_s: float) -> None:
        self.host_s = 0.0
        self.free_s = 0.0
        self._launch_s = launch_s
        self._work_s = work_s

    def launch(self) -> float:
        self.host_s += self._launch_s
        self.free_s = max(self.free_s, self.host_s) + self._work_s
        return 1.0

    def sleep(self, cycles: int) -> None:
        self.free_s = max(self.free_s, self.host_s) + cycles / GPU_CYCLES_PER_S

    def synchronize(self, _: object = None) -> None:
        self.host_s = max(self.host_s, self.free_s)

    def now_s(self) -> float:
        self.synchronize()
        return self.host_s

    def event(self, **_: object) -> Any:
        device = self

        class Event:
            def record(self) -> None:
                self.at_s = max(device.free_s, device.host_s)

            def elapsed_time(self, other: Any) -> float:
                return float(1e3 * (other.at_s - self.at_s))

        return Event()

    def parts(self) -> StepParts:
        return StepParts(
            batch=lambda: None,
            zero_grad=lambda: None,
            forward=lambda batch: self.launch(),
            backward=lambda loss: self.launch(),
            update=lambda: (self.launch(), None)[1],
        )

    def whole_step(self) -> WholeStep:
        """Mark two forwards, but not the backward."""
        marks = Marks(self, GPU)

        def take(batch: None) -> float:
            for _ in range(2):
                with marks.phase("forward"):
                    self.launch()
            return self.launch()

        return WholeStep(batch=lambda: None, take=take, marks=marks)


@pytest.fixture
def medians(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that times turns on a fake GPU and returns each phase's median seconds."""

    def measured(launch_s: float, work_s: float, *, is_whole: bool = False) -> dict[str, float]:
        device = Device(launch_s, work_s)
        monkeypatch.setattr(torch.cuda, "Event", device.event)
        monkeypatch.setattr(torch.cuda, "_sleep", device.sleep)
        monkeypatch.setattr(torch.cuda, "synchronize", device.synchronize)
        parts = device.whole_step() if is_whole else device.parts()
        timer = StepTimer(parts, device, GPU)
        timer.warm_up()
        for _ in range(5):
            timer.take_turn(2)
        samples = [s for s in timer.samples if not s.is_warmup]
        return {
            phase: statistics.median(s.seconds for s in samples if s.phase == phase)
            for phase in {s.phase for s in samples}
        }

    return measured


def test_a_gpu_that_waits_for_launches_needs_less_than_the_step_takes(medians: Any) -> None:
    found = medians(launch_s=0.010, work_s=0.002)
    assert found["step"] == pytest.approx(0.030, rel=0.02)
    assert found["device"] == pytest.approx(0.006)
    assert found["forward"] == pytest.approx(0.010, rel=0.3)  # events hold the gaps, too


def test_a_gpu_that_computes_all_the_time_needs_what_the_step_takes(medians: Any) -> None:
    found = medians(launch_s=0.001, work_s=0.005)
    assert found["step"] == pytest.approx(0.015, rel=0.02)
    assert found["device"] == pytest.approx(0.015)


def test_what_a_step_of_the_users_own_marks_is_timed_by_events(medians: Any) -> None:
    found = medians(launch_s=0.001, work_s=0.005, is_whole=True)
    assert set(found) == {"data", "forward", "step", "device"}
    assert found["step"] == pytest.approx(0.015, rel=0.02)
    assert found["forward"] == pytest.approx(0.010, rel=0.02)
