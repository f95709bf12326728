"""Networks take images of other sizes and channels, and other numbers of classes, from the data."""

import pytest
import torch

from bench.data.images import GREY_DIGITS, DataShape
from bench.execute.component_checks import check_components
from bench.execute.components import build_model
from bench.models import MODELS
from bench.study.spec import Cell

ANY = DataShape(3, 32, 36, 7)
OF_DIGITS = "lenet5_1998"  # its output layer has the codes of ten digits


def cell(model: object, shape: DataShape) -> Cell:
    made = Cell.model_validate({"model": model, "dataset": "digits", "device": "cpu"})
    return made.resolved(None, model=made.model.for_data(shape))


@pytest.mark.parametrize("name", [*sorted(set(MODELS) - {OF_DIGITS}), "torchvision:resnet18"])
@pytest.mark.parametrize("shape", [GREY_DIGITS, ANY, DataShape(1, 32, 32, 3)], ids=str)
def test_every_network_takes_images_of_the_data_sets_shape(name: str, shape: DataShape) -> None:
    images = torch.randn(2, *shape.image)
    assert build_model(cell(name, shape), shape)(images).shape == (2, shape.classes)


@pytest.mark.parametrize("shape", [GREY_DIGITS, DataShape(3, 32, 32, 10), DataShape(1, 20, 29, 10)])
def test_lenet5_of_1998_takes_what_fits_into_its_field(shape: DataShape) -> None:
    images = torch.randn(2, *shape.image)
    assert build_model(cell(OF_DIGITS, shape), shape)(images).shape == (2, 10)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        (OF_DIGITS, DataShape(1, 33, 28, 10), "takes images of at most 32×32, got 33×28"),
        (OF_DIGITS, DataShape(1, 28, 28, 3), "expected output shape (2, 3), got (2, 10)"),
        ("convnet", DataShape(1, 7, 7, 10), "takes images of 10×10 and more, not of 7×7"),
        ("lenet5", DataShape(3, 8, 8, 10), "takes images of 12×12 and more, not of 8×8"),
        ("cnn_bn", DataShape(3, 4, 9, 10), "takes images of 8×8 and more, not of 4×9"),
        ({"name": "mlp", "classes": 10}, DataShape(3, 4, 4, 5), "expected output shape (2, 5)"),
    ],
)
def test_what_a_network_cannot_take_is_one_message(
    name: object, shape: DataShape, message: str
) -> None:
    (problem,) = check_components([cell(name, shape)], {"digits": shape})
    assert message in problem


def test_what_a_study_sets_is_not_taken_from_the_data() -> None:
    made = cell({"name": "mlp", "classes": 12}, DataShape(3, 8, 8, 12))
    assert made.model.parameters["classes"] == 12
    assert made.model.parameters["in_channels"] == 3


def test_on_grey_digits_ids_are_what_they_were_before_networks_had_these_parameters() -> None:
    made = cell("convnet", GREY_DIGITS)
    identity = made.identity()
    assert identity["model.classes"] == 10
    assert not {"model.in_channels", "model.image_size"} & identity.keys()
    other = cell("convnet", ANY).identity()
    assert (other["model.in_channels"], other["model.image_size"]) == (3, "[32, 36]")


def test_images_are_not_enlarged_where_a_network_of_torchvision_takes_them() -> None:
    for side in (28, 40):
        shape = DataShape(3, side, side, 10)
        assert build_model(cell("torchvision:resnet18", shape), shape).side == side
