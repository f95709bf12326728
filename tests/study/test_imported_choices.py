"""Optimizers, schedules, losses, augmentations, … of the user's own, read without running them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.study.spec import CHOICES, Cell

CellsOf = Callable[..., list[Cell]]
Refusal = Callable[..., str]

SOURCE = """
raise RuntimeError("this module was run")

def optimizer(parameters, lr: float = 0.1, *, beta: float = 0.9): ...

class Optimizer:
    def __init__(self, params, lr: float = 0.1, *, beta: float = 0.9): ...

def schedule(optimizer, span, gamma: float = 0.5): ...

def loss(output, target, *, gamma: float = 2): ...

class Loss:
    def __init__(self, gamma: float = 2): ...

def augmentation(images, black, pixels: int = 2, *, generator): ...

class Augmentation:
    def __init__(self, pixels: int = 2): ...

def initialisation(model, gain: float = 1): ...

def averaging(model, span, *, decay: float = 0.9): ...

def training_step(training, images, labels, rho: float = 0.05): ...

class Training_Step:
    def __init__(self, rho: float = 0.05): ...
"""
PARAMETERS = {
    "optimizer": {"lr": 0.1, "beta": 0.9},
    "Optimizer": {"lr": 0.1, "beta": 0.9},
    "schedule": {"gamma": 0.5, "every": "step"},
    "loss": {"gamma": 2.0},
    "Loss": {"gamma": 2.0},
    "augmentation": {"pixels": 2, "per": "batch"},
    "Augmentation": {"pixels": 2, "per": "batch"},
    "initialisation": {"gain": 1.0},
    "averaging": {"decay": 0.9},
    "training_step": {"rho": 0.05},
    "Training_Step": {"rho": 0.05},
}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Put the module on the import path; its name is new, since sources are read once."""
    (tmp_path / f"own_{tmp_path.name}.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return f"own_{tmp_path.name}"


def cell_with(cells_of: CellsOf, kind: str, **choice: Any) -> Cell:
    (cell,) = cells_of(f"name: x\nbase: {{{kind}: {choice}, epochs: 1}}")
    return cell


@pytest.mark.parametrize("name", PARAMETERS)
def test_its_parameters_are_all_but_what_the_harness_passes(
    cells_of: CellsOf, own: str, name: str
) -> None:
    target = f"{own}:{name}"
    cell = cell_with(cells_of, name.lower(), **{"import": target})
    choice = getattr(cell, name.lower())
    assert (choice.name, choice.target, choice.parameters) == (target, target, PARAMETERS[name])
    assert Cell.model_validate(cell.model_dump()) == cell
    assert set(choice.for_target()) == set(PARAMETERS[name]) - {"every", "per"}


def test_its_parameters_are_axes(cells_of: CellsOf, own: str) -> None:
    study = f"name: x\nbase: {{loss: {{import: '{own}:loss'}}}}\naxes: {{loss.gamma: [0, 2, 5]}}"
    assert [cell.flat()["loss.gamma"] for cell in cells_of(study)] == [0.0, 2.0, 5.0]


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("optimizer: {import: 'OWN:optimizer', rl: 1}", ".rl: optimizer OWN:optimizer has no "),
        ("optimizer: {import: 'OWN:optimizer', parameters: 1}", ".parameters: optimizer OWN:opt"),
        ("schedule: {import: 'OWN:schedule', span: 1}", ".span: schedule OWN:schedule has no "),
        ("loss: {import: 'OWN:loss', gamma: high}", ".gamma: expected a number, got the text"),
        (
            "schedule: {import: 'OWN:schedule', every: week}",
            ".every: expected step or epoch, got 'week'",
        ),
        (
            "augmentation: {import: 'OWN:augmentation', per: pixel}",
            ".per: expected batch or image, got 'pixel'",
        ),
        ("schedule: {name: cosine, every: epoch}", ".every: schedule cosine has no parameter"),
        ("loss: {import: 'OWN.loss'}", ".import: expected 'package.module:callable'"),
        ("training_step: {import: 'OWN:training_step', roh: 1}", ".roh: training step OWN:"),
        ("training_step: {name: sam}", ": unknown training step 'sam'. Known: default."),
        ("loader: {import: 'OWN:loss'}", ".import: a loader cannot be imported"),
    ],
)
def test_a_mistake_is_named_with_its_line(
    refusal: Refusal, own: str, field: str, message: str
) -> None:
    kind = field.partition(":")[0]
    said = refusal(f"name: x\nbase:\n  {field.replace('OWN', own)}")
    assert said.startswith(f"study.yaml:3: base.{kind}{message.replace('OWN', own)}")


@pytest.mark.parametrize(
    ("kind", "choice", "expected"),
    [
        ("optimizer", "{import: 'torch.optim:Adadelta', rho: 0.8}", {"lr": 1.0, "rho": 0.8}),
        (
            "schedule",
            "{import: 'torch.optim.lr_scheduler:StepLR', step_size: 1, every: epoch}",
            {"step_size": 1, "gamma": 0.1, "every": "epoch"},
        ),
        (
            "loss",
            "{import: 'torch.nn:CrossEntropyLoss', label_smoothing: 0.1}",
            {"ignore_index": -100, "label_smoothing": 0.1},
        ),
        ("loss", "{import: 'torch.nn.functional:multi_margin_loss', p: 2}", {"p": 2}),
        ("augmentation", "{import: 'torchvision.transforms.v2:RandomCrop', size: 28}", {"fill": 0}),
        ("averaging", "{import: 'torch.optim.swa_utils:AveragedModel'}", {"use_buffers": False}),
    ],
)
def test_what_torch_has_is_named_directly_and_checked(
    cells_of: CellsOf, refusal: Refusal, kind: str, choice: str, expected: dict[str, Any]
) -> None:
    (cell,) = cells_of(f"name: x\nbase: {{{kind}: {choice}}}")
    assert expected.items() <= getattr(cell, kind).parameters.items()
    wrong = choice.replace("}", ", widht: 1}")
    assert "has no parameter 'widht'" in refusal(f"name: x\nbase: {{{kind}: {wrong}}}")


def test_the_default_loss_leaves_a_cell_as_it_was(cells_of: CellsOf) -> None:
    plain, square = cells_of("name: x\naxes: {loss: [default, square]}")
    assert "loss" not in plain.identity()
    assert square.identity()["loss"] == "square"


def test_the_default_step_leaves_a_cell_as_it_was(cells_of: CellsOf, own: str) -> None:
    plain, sam = cells_of(
        f"name: x\naxes: {{training_step: [default, {{import: '{own}:training_step'}}]}}"
    )
    assert "training_step" not in plain.identity()
    assert sam.identity()["training_step.rho"] == 0.05


def test_hooks_are_one_column_and_their_modules_count(cells_of: CellsOf, own: str) -> None:
    hook = f"{{import: '{own}:Loss', gamma: 3}}"
    plain, hooked = cells_of(
        f"name: x\naxes: {{hooks: [[], [{hook}, {{name: freeze, layers: conv1}}]]}}"
    )
    assert plain.flat()["hooks"] is None
    assert "hooks" not in plain.identity()
    assert hooked.flat()["hooks"] == (f'{own}:Loss(gamma=3.0), freeze(layers="conv1", epochs=1)')
    assert f"{own}:Loss" in set(hooked.targets())
    assert Cell.model_validate(hooked.model_dump()) == hooked


@pytest.mark.parametrize(
    ("hooks", "message"),
    [
        ("{name: freeze}", "hooks: expected a list, got {'name': 'freeze'}"),
        ("[freze]", "hooks[0]: unknown hook 'freze'. Did you mean 'freeze'?"),
        ("[{name: freeze, layers: a, epochs: 0}]", "hooks[0].epochs: expected a value greater"),
        ("[{name: freeze}]", "hooks[0].layers: is missing"),
    ],
)
def test_a_mistake_in_a_hook_is_named(refusal: Refusal, hooks: str, message: str) -> None:
    said = refusal(f"name: x\nbase:\n  hooks: {hooks}")
    assert said.startswith(f"study.yaml:3: base.{message}")


@pytest.mark.parametrize("kind", sorted(set(CHOICES) - {"loader"}))
def test_installed_packages_add_names_of_each_kind(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cells_of: CellsOf
) -> None:
    module = f"packaged_{tmp_path.name}"
    (tmp_path / f"{module}.py").write_text("def own(a, b=2, *, c: int = 3): ...", encoding="utf-8")
    information = tmp_path / "packaged-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: packaged\nVersion: 1.0\n")
    entries = f"[bench.{CHOICES[kind].plural}]\nmine = {module}:own\n"
    (information / "entry_points.txt").write_text(entries)
    monkeypatch.syspath_prepend(tmp_path)
    given = "c: 4, a: 1" if kind == "dataset" else "c: 4"  # a data set is passed nothing
    (cell,) = cells_of(f"name: x\nbase: {{{kind}: {{name: mine, {given}}}, epochs: 1}}")
    choice = getattr(cell, kind)
    assert (choice.name, choice.target) == ("mine", f"{module}:own")
    assert choice.parameters["c"] == 4
    settings = {"schedule": {"every": "step"}, "augmentation": {"per": "batch"}}
    assert settings.get(kind, {}).items() <= choice.parameters.items()
    assert "every" not in choice.for_target() and "per" not in choice.for_target()
    assert CHOICES[kind].entries()["mine"].summary == "from packaged"


@pytest.mark.parametrize(
    ("function", "key", "known"),
    [
        ("def load(callback: int = 1): ...", "callback", True),
        ("def load(**anything): ...", "callback", True),
        ("def load(count: int = 1): ...", "callback", False),
    ],
)
def test_a_parameter_that_is_spelt_like_fallback_is_the_data_sets_own(
    cells_of: CellsOf,
    refusal: Refusal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    key: str,
    known: bool,
) -> None:
    name = f"own_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(function, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    text = f"base: {{dataset: {{import: '{name}:load', {key}: 3}}}}"
    if known:
        (cell,) = cells_of(f"name: x\n{text}")
        assert cell.dataset.parameters == {key: 3}
    else:
        assert "Did you mean 'fallback'?" in refusal(f"name: x\n{text}")


def test_a_function_of_the_training_is_no_hook(
    refusal: Refusal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"own_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text("def hook(training): ...", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    text = f"name: x\nbase: {{hooks: [{{import: '{name}:hook'}}]}}"
    assert "expected a class with before_training, after_step or after_epoch" in refusal(text)
