"""Steps of Muon and Lion against what is computed by hand."""

import copy
import io
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.optim import OPTIMIZERS, SCHEDULES
from bench.optim.muon import COEFFICIENTS, ITERATIONS, orthogonalised
from bench.optim.schedules import Span
from bench.registry import load


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.Flatten(), nn.Linear(32, 6), nn.Linear(6, 4)
    )


def gradients(model: nn.Module, seed: int) -> list[Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(p.shape, generator=draw) for p in model.parameters()]


def train(model: nn.Module, optimizer: torch.optim.Optimizer, seeds: range) -> None:
    for seed in seeds:
        for parameter, gradient in zip(model.parameters(), gradients(model, seed), strict=True):
            parameter.grad = gradient
        optimizer.step()


def test_lion_steps_by_the_sign_of_its_interpolation() -> None:
    weight = nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))
    optimizer = load(OPTIMIZERS["lion"].target)([weight], lr=0.1, weight_decay=0.5)
    weight.grad = torch.tensor([4.0, -0.01, 0.0])
    optimizer.step()
    # Signs of 0.1 × gradient; then 1 − 0.1 × 0.5 of the weight is kept.
    assert weight.tolist() == pytest.approx([0.95 - 0.1, -1.9 + 0.1, 2.85])
    weight.grad = torch.tensor([-0.2, 0.001, -1.0])
    optimizer.step()
    # Averages are now 0.01 × the first gradient: 0.9 × 0.04 − 0.1 × 0.2 is positive still.
    expected = [0.85 * 0.95 - 0.1, -1.8 * 0.95 - 0.1 * np.sign(-0.9e-4 + 1e-4), 2.85 * 0.95 + 0.1]
    assert weight.tolist() == pytest.approx(expected)


def newton_schulz(matrix: np.ndarray) -> np.ndarray:
    """Apply the polynomial to each singular value, which is what the iteration does."""
    u, values, v = np.linalg.svd(matrix, full_matrices=False)
    values = values / np.sqrt((values**2).sum())
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        values = a * values + b * values**3 + c * values**5
    result: np.ndarray = u * values @ v
    return result


@pytest.mark.parametrize("shape", [(8, 9), (9, 8), (6, 32), (3, 3)])
def test_the_iteration_brings_singular_values_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    found = orthogonalised(matrix)
    np.testing.assert_allclose(found, newton_schulz(matrix.numpy().astype(float)), atol=1e-4)
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.3 and values.max() < 1.3


def test_muon_orthogonalises_hidden_matrices_and_adamw_does_the_rest() -> None:
    ours, theirs = network(), network()
    settings = {"lr": 0.1, "momentum": 0.9, "adam_lr": 0.01, "weight_decay": 0.2}
    optimizer = load(OPTIMIZERS["muon"].target)(ours.parameters(), **settings)
    train(ours, optimizer, range(3))
    adam = torch.optim.AdamW(theirs.parameters(), 0.01, weight_decay=0.2)
    train(theirs, adam, range(3))
    hidden = {"0.weight", "3.weight"}
    start = dict(network().named_parameters())
    for i, (name, parameter) in enumerate(ours.named_parameters()):
        if name not in hidden:
            torch.testing.assert_close(parameter, dict(theirs.named_parameters())[name])
            continue
        weight = start[name].detach().numpy().reshape(len(parameter), -1).astype(float)
        momentum = np.zeros_like(weight)
        for seed in range(3):
            gradient = gradients(ours, seed)[i].numpy().reshape(weight.shape).astype(float)
            momentum = 0.9 * momentum + gradient
            scale = max(1, weight.shape[0] / weight.shape[1]) ** 0.5
            update = scale * newton_schulz(gradient + 0.9 * momentum)
            weight = weight * (1 - 0.1 * 0.2) - 0.1 * update
        found = parameter.detach().numpy().reshape(weight.shape)
        np.testing.assert_allclose(found, weight, atol=2e-4)


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "linear", "step"])
def test_a_schedule_scales_both_parts_of_muon_alike(schedule: str) -> None:
    settings: dict[str, Any] = {"every_epochs": 1} if schedule == "step" else {}
    if schedule in ("cosine", "linear"):
        settings["final_lr"] = 0.005
    model = network()
    optimizer = load(OPTIMIZERS["muon"].target)(model.parameters(), lr=0.1, adam_lr=0.01)
    scheduler = load(SCHEDULES[schedule].target)(optimizer, Span(2, 4), **settings)
    used = []
    for seed in range(7):
        before = model[1].bias.detach().clone(), optimizer.param_groups[0]["lr"]
        model[1].bias.grad = torch.ones(16)  # of equal gradients, Adam's step is its rate
        train_bias_only(model, optimizer, seed)
        used.append((before[1], (before[0] - model[1].bias).max().item()))
        scheduler.step()
    assert len({round(rate, 6) for rate, _ in used}) > 1
    for rate, moved in used:
        assert moved == pytest.approx(rate / 10, rel=1e-2)


def train_bias_only(model: nn.Sequential, optimizer: torch.optim.Optimizer, seed: int) -> None:
    model[0].weight.grad = gradients(model, seed)[0]
    optimizer.step()


@pytest.mark.parametrize("name", ["muon", "lion"])
def test_a_stored_state_continues_as_if_never_stored(name: str) -> None:
    build = load(OPTIMIZERS[name].target)
    through, stopped = network(), network()
    train(through, build(through.parameters(), lr=0.01), range(6))
    first = build(stopped.parameters(), lr=0.01)
    train(stopped, first, range(3))
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    continued = copy.deepcopy(stopped)
    second = build(continued.parameters(), lr=0.5)
    second.load_state_dict(torch.load(file))
    train(continued, second, range(3, 6))
    for ours, theirs in zip(through.parameters(), continued.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("name", ["muon", "lion"])
def test_parameters_without_a_gradient_stay(name: str) -> None:
    model = network()
    before = copy.deepcopy(model.state_dict())
    optimizer = load(OPTIMIZERS[name].target)(model.parameters(), weight_decay=0.1)
    model[0].weight.grad = torch.ones_like(model[0].weight)
    optimizer.step()
    changed = [key for key, value in model.state_dict().items() if not value.equal(before[key])]
    assert changed == ["0.weight"]


def test_a_network_of_one_matrix_has_it_trained_by_adamw() -> None:
    model = nn.Linear(3, 2)
    optimizer = load(OPTIMIZERS["muon"].target)(model.parameters())
    assert [group["is_muon"] for group in optimizer.param_groups] == [False]
