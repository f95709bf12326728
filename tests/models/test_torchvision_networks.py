"""torchvision's networks, fitted to small grey images by the rule of `from_torchvision`."""

import pytest
import torch
from torch import nn

from bench.errors import DataError
from bench.models import from_torchvision
from bench.models.from_torchvision import AdaptedNetwork, smallest_side
from bench.registry import load, parameters

models = pytest.importorskip("torchvision.models")

SIDES = {
    "resnet18": 28,
    "mobilenet_v3_small": 28,
    "squeezenet1_1": 28,
    "densenet121": 32,
    "alexnet": 64,
}


def built(name: str, **settings: object) -> AdaptedNetwork:
    torch.manual_seed(0)
    model = load(f"bench.models.from_torchvision:{name}")(**settings)
    assert isinstance(model, AdaptedNetwork)
    return model


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "squeezenet1_1", "googlenet"])
def test_it_gives_ten_log_probabilities_in_training_and_after(name: str) -> None:
    model = built(name)
    for training in (True, False):
        output = model.train(training)(torch.randn(2, 1, 28, 28))
        assert output.shape == (2, 10)
        torch.testing.assert_close(output.exp().sum(1), torch.ones(2))


@pytest.mark.parametrize("name", SIDES)
def test_images_are_resized_to_the_smallest_side_that_it_takes(name: str) -> None:
    assert built(name).side == SIDES[name]


def test_a_network_that_fixes_its_side_gets_that() -> None:
    small = {"patch_size": 16, "num_layers": 1, "num_heads": 1, "hidden_dim": 8, "mlp_dim": 8}
    network = models.VisionTransformer(image_size=96, num_classes=10, **small)
    from_torchvision.take_channels(network, 1)
    assert smallest_side(network) == 96


def test_another_side_may_be_requested() -> None:
    model = built("squeezenet1_1", image_side=40)
    seen: list[torch.Size] = []
    model.network.register_forward_pre_hook(lambda _layer, given: seen.append(given[0].shape))
    model(torch.randn(2, 1, 28, 28))
    assert seen == [(2, 1, 40, 40)]


def test_an_image_of_the_right_side_stays_as_it_is() -> None:
    images = torch.randn(2, 1, 28, 28)
    assert torch.equal(AdaptedNetwork(nn.Flatten(), 28)(images), images.flatten(1).log_softmax(1))


def test_one_channel_stands_for_three_equal_ones() -> None:
    model = built("resnet18").eval()
    torch.manual_seed(0)
    original = models.resnet18(num_classes=10).eval()
    images = torch.randn(2, 1, 28, 28)
    expected = original(images.expand(2, 3, 28, 28)).log_softmax(1)
    torch.testing.assert_close(model(images), expected, atol=1e-4, rtol=1e-4)


def test_the_first_convolution_keeps_its_other_settings() -> None:
    first, original = built("resnet18").network.conv1, models.resnet18().conv1
    assert str(first) == str(original).replace("Conv2d(3,", "Conv2d(1,")
    assert first.weight.shape == (64, 1, 7, 7)


def test_finding_the_side_leaves_the_network_and_the_random_state_alone() -> None:
    network = built("resnet18").network
    before = {key: value.clone() for key, value in network.state_dict().items()}
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    smallest_side(network)
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_a_network_that_runs_at_no_side_is_reported() -> None:
    with pytest.raises(ValueError, match=r"^runs at no side of 28, .*'image_side' sets another$"):
        smallest_side(nn.Linear(5, 10))


def test_parameters_go_to_torchvision_s_builder() -> None:
    assert parameters("bench.models.from_torchvision:resnet18") is None
    assert built("mobilenet_v3_small", dropout=0.5).network.classifier[2].p == 0.5


@pytest.mark.parametrize("parameter", ["weights", "num_classes", "aux_logits"])
def test_what_the_rule_decides_cannot_be_set(parameter: str) -> None:
    with pytest.raises(ValueError, match=f"^'{parameter}' cannot be set: "):
        built("resnet18", **{parameter: None})


@pytest.mark.parametrize("name", ["resnet8", "resnet", "__path__"])
def test_a_name_that_torchvision_does_not_register_is_none_here(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        load(f"bench.models.from_torchvision:{name}")


def test_a_torchvision_that_does_not_go_with_torch_is_explained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(name: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    build = from_torchvision.__getattr__("resnet18")
    monkeypatch.setattr("bench.torchvision_import.importlib.import_module", fail)
    with pytest.raises(DataError, match=r"are incompatible .operator torchvision::nms"):
        build()
