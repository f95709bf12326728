import pytest
import torch

from bench.models import MODELS
from bench.registry import load


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("name", MODELS)
def test_a_model_gives_ten_log_probabilities_an_image(name: str, batch: int) -> None:
    torch.manual_seed(0)
    output = load(MODELS[name].target)()(torch.randn(batch, 1, 28, 28))
    assert output.shape == (batch, 10)
    assert output.isfinite().all()
    assert (output <= 0).all()


@pytest.mark.parametrize("name", [name for name in MODELS if name != "lenet5_1998"])
def test_the_probabilities_of_a_softmax_sum_to_one(name: str) -> None:
    torch.manual_seed(0)
    output = load(MODELS[name].target)()(torch.randn(7, 1, 28, 28))
    torch.testing.assert_close(output.exp().sum(1), torch.ones(7))


@pytest.mark.parametrize("name", MODELS)
def test_the_loss_is_the_mean_log_probability_missed(name: str) -> None:
    torch.manual_seed(0)
    model = load(MODELS[name].target)()
    output, target = model(torch.randn(3, 1, 28, 28)), torch.tensor([4, 0, 9])
    missed = -(output[0, 4] + output[1, 0] + output[2, 9]) / 3
    torch.testing.assert_close(model.loss(output, target), missed)


@pytest.mark.parametrize("name", MODELS)
def test_the_gradient_reaches_every_parameter(name: str) -> None:
    torch.manual_seed(0)
    model = load(MODELS[name].target)()
    output = model(torch.randn(16, 1, 28, 28))
    model.loss(output, torch.arange(16) % 10).backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.abs().sum() > 0, parameter_name
