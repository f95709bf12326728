"""The network with extra work works in the phase, and for the time, that it is given."""

import itertools
from collections.abc import Callable

import pytest
import torch
from extra_work import ExtraWork, _Work
from torch.optim import optimizer as hooks

from bench.models.lenet5 import LeNet5


@pytest.fixture(autouse=True)
def no_hooks_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the global hooks of optimizers after each test."""
    for name in ("_global_optimizer_pre_hooks", "_global_optimizer_post_hooks"):
        monkeypatch.setattr(hooks, name, type(getattr(hooks, name))())


@pytest.fixture
def work_ends(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows whenever extra work ends."""
    ends: list[str] = []
    monkeypatch.setattr(_Work, "end", lambda self: ends.append("end"))
    return ends


def phases_of(network: torch.nn.Module) -> dict[str, Callable[[], None]]:
    images, labels = torch.zeros(4, 1, 28, 28), torch.zeros(4, dtype=torch.long)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    losses: list[torch.Tensor] = []
    return {
        "forward": lambda: losses.append(network.loss(network(images), labels)),
        "backward": lambda: losses[-1].backward(),
        "optimizer": optimizer.step,
    }


@pytest.mark.parametrize("phase", ["forward", "backward", "optimizer"])
def test_only_the_given_phase_has_extra_work(phase: str, work_ends: list[str]) -> None:
    counts = {}
    for name, run_phase in phases_of(ExtraWork(phase=phase, dose=0.5)).items():
        run_phase()
        counts[name] = len(work_ends)
        work_ends.clear()
    assert counts == {name: int(name == phase) for name in counts}


def test_every_phase_of_every_step_has_extra_work(work_ends: list[str]) -> None:
    phases = phases_of(ExtraWork(phase="step", dose=0.5))
    for _ in range(2):
        for run_phase in phases.values():
            run_phase()
    assert len(work_ends) == 6


def test_an_evaluation_has_no_extra_work(work_ends: list[str]) -> None:
    network = ExtraWork(phase="step", dose=0.5).eval()
    with torch.no_grad():
        network(torch.zeros(4, 1, 28, 28))
    assert work_ends == []


def test_the_output_is_that_of_the_network() -> None:
    torch.manual_seed(0)
    plain = LeNet5()
    torch.manual_seed(0)
    network = ExtraWork(dose=0.5)
    images = torch.rand(4, 1, 28, 28)
    assert torch.equal(network(images), plain(images))


def test_extra_work_computes_for_its_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count(step=100)
    products: list[object] = []
    monkeypatch.setattr(torch, "mm", lambda *matrices, out: products.append(out))
    work = _Work(0.5, lambda: next(ticks))
    work.begin()  # at 0
    for _ in range(19):
        next(ticks)
    work.end()  # at 2000: until 3000, and the clock is read every 100
    assert len(products) == 9


def test_a_dose_of_zero_computes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "mm", lambda *_, **__: pytest.fail("computed"))
    work = _Work(0.0)
    work.begin()
    work.end()
