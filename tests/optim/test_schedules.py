"""Where the learning rate is along a training of 10 epochs of 4 steps, by each schedule."""

import math

import pytest
import torch

from bench.optim import OPTIMIZERS, SCHEDULES
from bench.optim.schedules import Span
from bench.registry import load

SPAN = Span(epochs=10, steps_per_epoch=4)


def rates(name: str, lr: float = 0.1, **parameters: float) -> list[float]:
    """Collect the learning rate that each step of the training uses."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=lr)
    scheduler = load(SCHEDULES[name].target)(optimizer, SPAN, **parameters)
    used = []
    for _ in range(SPAN.steps):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    return used


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_lasts_the_complete_training_and_stays_positive(name: str) -> None:
    assert all(0 <= rate <= 0.1 + 1e-12 for rate in rates(name))


def test_constant_never_changes() -> None:
    assert set(rates("constant")) == {0.1}


def test_step_halves_every_five_epochs() -> None:
    used = rates("step")
    assert used[:20] == [0.1] * 20
    assert used[20:] == [0.05] * 20


def test_cosine_is_half_way_down_in_the_middle() -> None:
    used = rates("cosine", final_lr=0.02)
    assert used[0] == pytest.approx(0.1)
    assert used[20] == pytest.approx(0.06)
    assert used[-1] == pytest.approx(0.02 + 0.08 * (1 + math.cos(math.pi * 39 / 40)) / 2)


def test_one_cycle_peaks_at_max_lr_and_ends_far_below_its_start() -> None:
    used = rates("one_cycle", max_lr=0.05, pct_start=0.25)
    assert used[0] == pytest.approx(0.05 / 25)
    assert max(used) == pytest.approx(0.05)
    assert used.index(max(used)) == 9
    assert used[-1] == pytest.approx(0.05 / 25 / 1e4)


def test_one_cycle_peaks_at_the_optimizers_own_rate_where_none_is_given() -> None:
    assert max(rates("one_cycle", lr=0.03)) == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("name", "momentum", "moves"),
    [("sgd", 0.0, False), ("sgd", 0.5, True), ("rmsprop", 0.0, False), ("rmsprop", 0.5, True)],
)
def test_one_cycle_moves_only_momentum_that_there_is(
    name: str, momentum: float, moves: bool
) -> None:
    optimizer = load(OPTIMIZERS[name].target)(
        [torch.nn.Parameter(torch.zeros(1))], momentum=momentum
    )
    schedule = load(SCHEDULES["one_cycle"].target)(optimizer, Span(epochs=1, steps_per_epoch=10))
    seen = set()
    for _ in range(9):
        seen.add(round(optimizer.param_groups[0]["momentum"], 6))
        optimizer.step()
        schedule.step()
    assert (len(seen) > 1) == moves
    assert moves or seen == {momentum}


@pytest.mark.parametrize("anneal", ["cos", "linear"])
@pytest.mark.parametrize(("pct_start", "steps"), [(0.01, 100), (0.5, 2), (0.25, 4), (0.0, 5)])
def test_one_cycle_with_a_rise_of_one_step_or_none_starts_near_its_peak(
    pct_start: float, steps: int, anneal: str
) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    schedule = load(SCHEDULES["one_cycle"].target)
    scheduler = schedule(optimizer, Span(1, steps), pct_start=pct_start, anneal=anneal)
    used = []
    for _ in range(steps):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert used == sorted(used, reverse=True)
    assert used[0] == pytest.approx(0.1, rel=0.25)
    assert used[-1] == pytest.approx(0.1 / 25 / 1e4)


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 100, 117, 60_000])
@pytest.mark.parametrize("pct_start", [0.0, 0.01, 0.1, 0.3, 0.5, 0.9999999999999999])
def test_one_cycle_works_over_any_number_of_steps(pct_start: float, steps: int) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    schedule = load(SCHEDULES["one_cycle"].target)
    scheduler = schedule(optimizer, Span(1, steps), pct_start=pct_start)
    for _ in range(min(steps, 3)):
        assert 0 <= optimizer.param_groups[0]["lr"] <= 0.1 + 1e-12
        optimizer.step()
        scheduler.step()
