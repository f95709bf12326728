"""Muon and Lion take the steps of their papers."""

import copy

import pytest
import torch
from torch import nn

from bench.models.lenet5 import LeNet5
from bench.optim import OPTIMIZERS
from bench.optim.muon import Lion, Muon, orthogonalised
from bench.registry import load


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))


def with_gradients(model: nn.Module, seed: int) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    return model


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (20, 250)], ids=str)
def test_the_singular_values_of_an_update_are_about_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 100
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    found = orthogonalised(matrix)
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.6
    assert values.max() < 1.3
    assert torch.nn.functional.cosine_similarity(found.flatten(), (u @ v).flatten(), 0) > 0.97


def test_hidden_matrices_are_orthogonalised_and_the_rest_get_adam() -> None:
    model = with_gradients(network(), 1)
    expected = copy.deepcopy(model)
    gradients = [p.grad for p in model.parameters()]
    adam = torch.optim.Adam(expected.parameters(), lr=0.01)
    Muon(model.parameters(), lr=0.1, momentum=0.9, adam_lr=0.01).step()
    for parameter, gradient in zip(expected.parameters(), gradients, strict=True):
        parameter.grad = gradient
    before = [p.detach().clone() for p in expected.parameters()]
    adam.step()
    found = list(model.parameters())
    for index, parameter in enumerate(expected.parameters()):
        if index in (0, 2):  # the first momentum is 0.1 of the gradient, Nesterov's 0.19
            gradient = 0.19 * gradients[index]
            scale = max(1.0, gradient.shape[0] / gradient.shape[1]) ** 0.5
            parameter = before[index] - 0.1 * scale * orthogonalised(gradient)
        torch.testing.assert_close(found[index], parameter, atol=1e-6, rtol=1e-5)


def test_a_lion_step_is_the_sign_of_the_interpolated_momentum() -> None:
    parameter = nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))
    optimizer = Lion([parameter], lr=0.1, beta1=0.5, beta2=0.75, weight_decay=0.1)
    parameter.grad = torch.tensor([2.0, -1.0, 0.0])
    optimizer.step()  # momentum 0: the sign of the gradient; then momentum is 0.25 of it
    first = [0.99 * 1 - 0.1, 0.99 * -2 + 0.1, 0.99 * 3]
    assert parameter.tolist() == pytest.approx(first)
    parameter.grad = torch.tensor([-0.4, 2.0, -1.0])
    optimizer.step()  # 0.5·(0.5, −0.25, 0) + 0.5·gradient = (0.05, 0.875, −0.5)
    second = [0.99 * first[0] - 0.1, 0.99 * first[1] - 0.1, 0.99 * first[2] + 0.1]
    assert parameter.tolist() == pytest.approx(second)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_reloaded_optimizer_goes_on_as_it_was(name: str) -> None:
    models = [LeNet5() for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    first, second = (load(OPTIMIZERS[name].target)(model.parameters()) for model in models)
    with_gradients(models[0], 1)
    first.step()
    models[1].load_state_dict(models[0].state_dict())
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for model, optimizer in zip(models, (first, second), strict=True):
        with_gradients(model, 2)
        optimizer.step()
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_schedule_scales_the_rates_of_all_parameters_alike(name: str) -> None:
    optimizer = load(OPTIMIZERS[name].target)(LeNet5().parameters())
    before = [group["lr"] for group in optimizer.param_groups]
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    optimizer.step()
    schedule.step()
    assert [group["lr"] for group in optimizer.param_groups] == [0.5 * lr for lr in before]
