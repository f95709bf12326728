"""Accumulated gradients, and batches and images whose size hooks change."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.data import LOADERS
from bench.data.images import DataShape, ImageSet
from bench.data.loaders import Feed, Loader
from bench.execute.component_checks import check_components
from bench.measure.clock import CpuClock
from bench.models.mlp import MLP
from bench.models.resnet import ResNet
from bench.optim.hooks import BatchGrowth, ProgressiveResizing
from bench.optim.training_steps import accumulated
from bench.registry import load
from bench.study.spec import Cell
from bench.train import Training, train_epoch

COLOUR = DataShape(3, 16, 20, 4)


def mlp_training(**settings: object) -> Training:
    torch.manual_seed(0)
    model = MLP()
    return Training(model, torch.optim.SGD(model.parameters(), lr=0.5), None, **settings)


@pytest.mark.parametrize(("images", "parts"), [(12, 3), (10, 4), (3, 8)])
def test_a_step_with_accumulated_gradients_is_that_of_the_whole_batch(
    images: int, parts: int
) -> None:
    draw = torch.Generator().manual_seed(1)
    batch = torch.rand(images, 1, 28, 28, generator=draw), torch.arange(images) % 10
    whole = mlp_training(clip_norm=0.5)
    split = mlp_training(clip_norm=0.5, training_step=partial(accumulated, parts=parts))
    losses = [training.step(*batch).item() for training in (whole, split)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert split.steps == 1
    for one, other in zip(whole.model.parameters(), split.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


class Sizes(nn.Module):
    """Notes the sizes of the images that it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.output = nn.Linear(3, 4)
        self.seen: list[tuple[int, ...]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(tuple(images.shape[2:]))
        return self.output(images.mean(dim=(2, 3)))


def sizes_training(*hooks: object) -> Training:
    model = Sizes()
    optimizer = torch.optim.SGD(model.parameters())
    return Training(model, optimizer, None, hooks=hooks, data_shape=COLOUR, batch_size=8)


def colour_loader(name: str) -> Loader:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 3, 16, 20), dtype=np.uint8)
    labels, statistics = np.arange(40) % 4, ([0.5] * 3, [0.25] * 3)
    images = ImageSet("colour", pixels, labels, pixels, labels, *statistics, 4)
    made: Loader = load(LOADERS[name].target)(Feed(images, 8, 0, torch.device("cpu")))
    return made


def test_images_grow_to_their_own_size_and_tests_keep_it() -> None:
    training = sizes_training(ProgressiveResizing(start=0.5, epochs=2))
    model, images = training.model, torch.rand(2, 3, 16, 20)
    assert isinstance(model, Sizes)
    for _ in range(4):
        training.step(images, torch.tensor([0, 1]))
        training.evaluator()(images, torch.tensor([0, 1]))
        training.end_epoch(1.0)
    assert model.seen[::2] == [(8, 10), (12, 15), (16, 20), (16, 20)]
    assert set(model.seen[1::2]) == {(16, 20)}


def test_resizing_is_bilinear_and_keeps_a_constant_image() -> None:
    training = sizes_training()
    training.image_size = 8
    images = torch.full((1, 3, 16, 20), 0.25)
    assert torch.allclose(training._resized(images), torch.full((1, 3, 8, 10), 0.25))
    ramp = torch.arange(16.0)[None, None, :, None].expand(1, 3, 16, 20)
    assert training._resized(ramp)[0, 0, 3, 5].item() == pytest.approx(6.5)  # of pixels 6 and 7


@pytest.mark.parametrize("loader_name", LOADERS)
def test_batches_grow_after_epochs_up_to_the_most(loader_name: str) -> None:
    training, loader = sizes_training(BatchGrowth(factor=3, most=20)), colour_loader(loader_name)
    steps = []
    for _ in range(3):
        loader.batch_size = training.batch_size
        result = train_epoch(training, loader.train(), CpuClock())
        assert result.images == 40
        steps.append((loader.step_images, loader.steps_per_epoch, training.steps))
    assert steps == [(8, 5, 5), (20, 2, 7), (20, 2, 9)]


def cell(**fields: object) -> Cell:
    made = Cell.model_validate({"dataset": "digits", "device": "cpu", **fields})
    return made.resolved(None, model=made.model.for_data(COLOUR))


@pytest.mark.parametrize(("model", "problem"), [("resnet", ""), ("mlp", "model mlp can't be")])
def test_networks_that_cannot_take_the_smallest_size_are_found_before_the_first_run(
    model: str, problem: str
) -> None:
    problems = check_components(
        [cell(model=model, hooks=["progressive_resizing"])], {"digits": COLOUR}
    )
    if not problem:
        assert problems == []
        return
    assert problems[0].startswith("hook progressive_resizing: model mlp can't be trained at size 8")


def test_accumulation_is_refused_where_it_has_no_meaning() -> None:
    own = {"import": "bench.optim.training_steps:accumulated", "parts": 2}
    for fields, message in (
        ({"training_step": own}, "accumulation: 2 needs the default training step"),
        ({"cuda_graphs": True}, "accumulation: 2 can't be combined with cuda_graphs"),
    ):
        (problem,) = check_components([cell(accumulation=2, **fields)], {"digits": COLOUR})
        assert message in problem
    assert check_components([cell(model="cnn_bn", accumulation=2)], {"digits": COLOUR}) == []


def test_new_fields_change_no_id_where_they_are_not_set() -> None:
    assert not {"accumulation", "training_step"} & cell().identity().keys()
    assert cell(accumulation=2).identity()["accumulation"] == 2


def test_stochastic_depth_leaves_branches_out_in_training_only() -> None:
    torch.manual_seed(0)
    model = ResNet(stochastic_depth=0.9)
    calls = []
    for block in model.blocks:
        block.branch.register_forward_hook(lambda *_: calls.append(1))
    images = torch.rand(2, 1, 28, 28)
    for _ in range(20):
        model(images)
    assert 15 < len(calls) < 33  # of 60: each is left out with 0.3, 0.6 or 0.9
    calls.clear()
    model.eval()
    assert torch.equal(model(images), model(images))
    assert len(calls) == 6
