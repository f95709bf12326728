import pytest

from bench.models import MODELS
from bench.registry import load

# Layer by layer: weights, biases, and two a map for batch norm.
COUNTS = {
    "convnet": 1_007_590,
    "lenet5": 61_706,
    "lenet5_1998": 60_000,
    "mlp": (784 + 1) * 512 + (512 + 1) * 512 + (512 + 1) * 10,
    "cnn_bn": 9 * (1 * 16 + 16 * 32 + 32 * 64) + 2 * (16 + 32 + 64) + (576 + 1) * 10,
    "tinygrad_mnist": (
        (25 + 1) * 32 + (800 + 1) * 32 + 2 * 32
        + (288 + 1) * 64 + (576 + 1) * 64 + 2 * 64
        + (576 + 1) * 10
    ),
    "strided_cnn": (36 + 1) * 16 + (144 + 1) * 32 + (800 + 1) * 128 + (128 + 1) * 10,
}  # fmt: skip

# Section II.B of the paper gives these one by one.
LAYERS_OF_1998 = {"c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164}


@pytest.mark.parametrize("name", COUNTS)
def test_a_model_has_as_many_trainable_parameters_as_its_source_states(name: str) -> None:
    model = load(MODELS[name].target)()
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == COUNTS[name]


@pytest.mark.parametrize("name", MODELS)
def test_the_list_of_models_gives_the_count(name: str) -> None:
    model = load(MODELS[name].target)()
    count = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert MODELS[name].summary.endswith(f"; {count:,} parameters")


@pytest.mark.parametrize("layer", LAYERS_OF_1998)
def test_a_layer_of_1998_has_as_many_parameters_as_the_paper_states(layer: str) -> None:
    model = load(MODELS["lenet5_1998"].target)()
    counted = sum(p.numel() for p in model.get_submodule(layer).parameters())
    assert counted == LAYERS_OF_1998[layer]


def test_the_codes_of_1998_are_not_trainable() -> None:
    assert not list(load(MODELS["lenet5_1998"].target)().output.parameters())
