"""Where the learning rate is along a training of 10 epochs of 4 steps, by each schedule."""

import math
from typing import Any

import pytest
import torch

from bench.optim import OPTIMIZERS, SCHEDULES
from bench.optim.schedules import Span
from bench.registry import load

SPAN = Span(epochs=10, steps_per_epoch=4)


def rates(name: str, lr: float = 0.1, **parameters: Any) -> list[float]:
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


@pytest.mark.parametrize("name", sorted(set(SCHEDULES) - {"plateau"}))
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


def test_linear_rises_over_a_quarter_and_falls_to_the_final_rate() -> None:
    used = rates("linear", warm_up=0.25, final_lr=0.01)
    assert used[:3] == pytest.approx([0.1 / 11, 0.2 / 11, 0.3 / 11])
    assert used[10] == 0.1 == max(used)
    assert used[25] == pytest.approx(0.055)
    assert used[-1] == pytest.approx(0.01 + 0.09 / 30)


def test_linear_without_a_warm_up_starts_at_the_optimizers_rate() -> None:
    assert rates("linear", warm_up=0.0)[0] == 0.1


def test_exponential_falls_by_gamma_over_an_epoch() -> None:
    used = rates("exponential", gamma=0.5)
    assert used[4] == pytest.approx(0.05)
    assert used[36] == pytest.approx(0.1 * 0.5**9)


def test_multi_step_falls_at_each_fraction() -> None:
    used = rates("multi_step", at=[0.25, 0.5], gamma=0.1)
    assert used == pytest.approx([0.1] * 10 + [0.01] * 10 + [0.001] * 20)


def test_warm_restarts_begin_again_after_each_cycle() -> None:
    used = rates("warm_restarts", first_epochs=2, factor=2)
    assert [i for i, rate in enumerate(used) if rate == pytest.approx(0.1)] == [0, 8, 24]


def test_plateau_waits_for_epochs_whose_loss_does_not_fall() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    scheduler = load(SCHEDULES["plateau"].target)(optimizer, SPAN, gamma=0.5, patience=1)
    used = []
    for loss in (1.0, 0.5, 0.5, 0.5, 0.4):
        scheduler.step(loss)
        used.append(optimizer.param_groups[0]["lr"])
    assert used == [0.1, 0.1, 0.1, 0.05, 0.05]
