"""The network that proves verdicts does what it says: work, of the asked amount, where asked."""

import itertools
from collections.abc import Callable

import extra_work
import pytest
import torch
from torch.optim import optimizer as hooks

from bench.models.lenet5 import LeNet5

Parts = dict[str, Callable[[], None]]


@pytest.fixture(autouse=True)
def no_hooks_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hooks on every optimizer belong to a process of their own; here they go with the test."""
    for name in ("_global_optimizer_pre_hooks", "_global_optimizer_post_hooks"):
        monkeypatch.setattr(hooks, name, type(getattr(hooks, name))())


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """List the phases at whose end work was done."""
    done: list[str] = []
    monkeypatch.setattr(extra_work._Work, "end", lambda self: done.append("work"))
    return done


def parts_of(network: torch.nn.Module) -> Parts:
    images, labels = torch.zeros(4, 1, 28, 28), torch.zeros(4, dtype=torch.long)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    losses: list[torch.Tensor] = []
    return {
        "forward": lambda: losses.append(network.loss(network(images), labels)),
        "backward": lambda: losses[-1].backward(),
        "optimizer": optimizer.step,
    }


@pytest.mark.parametrize("phase", ["forward", "backward", "optimizer"])
def test_work_is_done_in_the_dosed_phase_alone(phase: str, worked: list[str]) -> None:
    done = {}
    for name, part in parts_of(extra_work.Dosed(phase=phase, dose=0.5)).items():
        part()
        done[name] = len(worked)
        worked.clear()
    assert done == {name: int(name == phase) for name in done}


def test_a_dosed_step_works_in_every_phase_of_every_step(worked: list[str]) -> None:
    parts = parts_of(extra_work.Dosed(phase="step", dose=0.5))
    for _ in range(2):
        for part in parts.values():
            part()
    assert len(worked) == 6


def test_an_evaluation_is_not_dosed(worked: list[str]) -> None:
    network = extra_work.Dosed(phase="step", dose=0.5).eval()
    with torch.no_grad():
        network(torch.zeros(4, 1, 28, 28))
    assert worked == []


def test_the_output_is_the_networks_own() -> None:
    torch.manual_seed(0)
    plain = LeNet5()
    torch.manual_seed(0)
    network = extra_work.Dosed(dose=0.5)
    images = torch.rand(4, 1, 28, 28)
    assert torch.equal(network(images), plain(images))


def test_the_extra_is_computing_until_its_share_of_the_time_has_passed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = itertools.count(step=100)
    products: list[object] = []
    monkeypatch.setattr(torch, "mm", lambda *matrices, out: products.append(out))
    work = extra_work._Work(0.5, lambda: next(ticks))
    work.begin()  # at 0
    for _ in range(19):
        next(ticks)
    work.end()  # at 2000: until 3000, a look at the clock every 100
    assert len(products) == 9


def test_a_dose_of_nothing_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "mm", lambda *_, **__: pytest.fail("worked"))
    work = extra_work._Work(0.0)
    work.begin()
    work.end()
