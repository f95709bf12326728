"""Biases, batch norm, dropout and a common kernel size, switched where a study says so."""

import pytest
import torch
from torch import nn

from bench.models import MODELS
from bench.models.cnn_bn import BatchNormCNN
from bench.models.convnet import ConvNet
from bench.registry import load

BOTH = pytest.mark.parametrize("name", ["convnet", "lenet5"])


@BOTH
def test_without_bias_no_layer_has_one(name: str) -> None:
    keys = load(MODELS[name].target)(bias=False).state_dict()
    assert not [key for key in keys if key.endswith("bias")]


@BOTH
def test_batch_norm_follows_each_convolution_and_nothing_else(name: str) -> None:
    model = load(MODELS[name].target)(batch_norm=True)
    norms = [path for path, layer in model.named_modules() if isinstance(layer, nn.BatchNorm2d)]
    assert norms == ["conv1.norm", "conv2.norm"]


def test_batch_norm_stands_between_a_convolution_and_its_activation() -> None:
    torch.manual_seed(0)
    model = ConvNet(batch_norm=True)
    assert isinstance(model.conv1, nn.Conv2d)
    images = torch.randn(4, 1, 28, 28)
    with torch.no_grad():
        maps = nn.functional.conv2d(images, model.conv1.weight, model.conv1.bias)
        expected = nn.BatchNorm2d(10)(maps).relu()
        torch.testing.assert_close(model.conv1(images), expected)


@BOTH
def test_dropout_silences_inputs_of_the_last_layer_in_training_alone(name: str) -> None:
    torch.manual_seed(0)
    model = load(MODELS[name].target)(dropout=0.75, activation="tanh")
    *_, last = model.children()
    inputs: list[torch.Tensor] = []
    last.register_forward_pre_hook(lambda _layer, given: inputs.append(given[0]))
    images = torch.randn(64, 1, 28, 28)
    model.train()(images)
    model.eval()(images)
    silent = [float((given == 0).float().mean()) for given in inputs]
    assert 0.7 < silent[0] < 0.8
    assert silent[1] == 0


@BOTH
def test_a_common_kernel_size_is_that_of_both_convolutions(name: str) -> None:
    model = load(MODELS[name].target)(kernel_size=7, conv1_kernel=3)
    assert model.conv1.kernel_size == model.conv2.kernel_size == (7, 7)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_a_convolution_of_cnn_bn_has_a_bias_where_no_batch_norm_follows(batch_norm: bool) -> None:
    model = BatchNormCNN(batch_norm=batch_norm)
    convolutions = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [16, 32, 64]
    assert [layer.bias is None for layer in convolutions] == [batch_norm] * 3
