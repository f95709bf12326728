"""`model: torchvision:NAME` in a study: checked by name, kept as it is, readable in ids."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from bench.cell_names import name_cells
from bench.models.model_lookup import torchvision_models
from bench.study.spec import Cell, Study

CellsOf = Callable[..., list[Cell]]
Loaded = Callable[..., Study]
Refusal = Callable[..., str]


@pytest.mark.parametrize("written", ["'torchvision:resnet18'", "{name: 'torchvision:resnet18'}"])
def test_torchvision_networks_are_available_by_name(loaded: Loaded, written: str) -> None:
    cell = loaded(f"name: x\nbase: {{model: {written}}}").base
    assert cell.model.name == cell.flat()["model"] == "torchvision:resnet18"
    assert cell.model.target == "bench.models.from_torchvision:resnet18"


def test_its_parameters_are_kept(loaded: Loaded) -> None:
    model = "{name: 'torchvision:mobilenet_v3_small', image_side: 64, dropout: 0.1}"
    cell = loaded(f"name: x\nbase: {{model: {model}}}").base
    assert cell.model.parameters == {"image_side": 64, "dropout": 0.1}
    assert Cell.model_validate(cell.model_dump()) == cell


def test_it_may_be_a_value_of_an_axis(cells_of: CellsOf) -> None:
    cells = cells_of("name: x\naxes: {model: [convnet, 'torchvision:resnet18', torchvision:vgg11]}")
    names = ["convnet", "torchvision:resnet18", "torchvision:vgg11"]
    assert [cell.model.name for cell in cells] == names


def test_an_unknown_name_is_answered_with_the_nearest(refusal: Refusal) -> None:
    assert refusal("name: x\nbase:\n  model: torchvision:resnet81") == (
        "study.yaml:3: base.model: unknown model 'torchvision:resnet81'. "
        "Did you mean 'torchvision:resnet18'?"
    )


def test_without_torchvision_the_study_is_refused(
    refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.models.model_lookup.source_file", lambda module: None)
    torchvision_models.cache_clear()
    assert refusal("name: x\nbase:\n  model: torchvision:resnet18") == (
        "study.yaml:3: base.model: 'torchvision:…' needs torchvision, which is not installed. "
        "`pip install --upgrade torch torchvision` installs a pair that matches."
    )


def test_ids_and_labels_are_readable_and_distinct(planned: Callable[..., Any]) -> None:
    plan = planned("name: x\naxes: {model: ['torchvision:resnet18', 'torchvision:resnet34']}")
    ids = [cell.cell_id for cell in plan.cells]
    assert re.fullmatch(r"resnet18-b512-adam-cpu-[0-9a-f]{8}", ids[0])
    labels = name_cells({cell.cell_id: cell.flat() for cell in plan.cells})
    assert list(labels.values()) == ["resnet18", "resnet34"]
