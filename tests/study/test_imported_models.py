"""A network of the user's own: its parameters are read from its source, which does not run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.study.spec import Cell

CellsOf = Callable[..., list[Cell]]
Refusal = Callable[..., str]
Module = Callable[[str], str]

SOURCE = """
import no_such_library
from pathlib import Path
Path(__file__).with_suffix(".ran").touch()
WIDTH = 7

class Net:
    def __init__(self, width: int = 4, *, rate: float = 0, act: "str" = "relu", sizes=(1, 2)):
        ...

class Told:
    def __init__(self, width=WIDTH, depth: int = 2):
        ...

class Required:
    def __init__(self, width: int):
        ...

class Inherits(Net):
    pass

class Anything:
    def __init__(self, **parameters):
        ...

class OddNames:
    def __init__(self, copy: bool = True, _hidden: int = 1, model_dump: int = 2, json=None):
        ...

class Mixed:
    def __init__(self, size: int | str = "auto", flag: bool | int = 1):
        ...

class Activation:
    ...

class OwnTypes:
    def __init__(self, act: Activation = "mine", kind: Literal["a", "b"] = "a"):
        ...
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Module:
    """Put a module on the import path; its name is new, since sources are read once."""

    def write(source: str) -> str:
        name = f"own_{tmp_path.name}"
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
        return name

    monkeypatch.syspath_prepend(tmp_path)
    return write


@pytest.fixture
def own(module: Module) -> str:
    return module(SOURCE)


def flat(cells_of: CellsOf, **model: Any) -> dict[str, Any]:
    (cell,) = cells_of(f"name: x\nbase: {{model: {model}, epochs: 1}}")
    return {k: v for k, v in cell.flat().items() if k.startswith("model")}


def test_planning_does_not_run_the_module(cells_of: CellsOf, own: str, tmp_path: Path) -> None:
    assert cells_of(f"name: x\nbase: {{model: {{import: '{own}:Net', width: 8}}}}")
    assert [path.suffix for path in tmp_path.iterdir()] == [".py"]


def test_its_parameters_have_the_defaults_of_its_source(cells_of: CellsOf, own: str) -> None:
    assert flat(cells_of, **{"import": f"{own}:Net", "width": 8}) == {
        "model": f"{own}:Net",
        "model.width": 8,
        "model.rate": 0.0,
        "model.act": "relu",
        "model.sizes": "[1, 2]",
    }


def test_the_default_written_out_is_the_same_cell(cells_of: CellsOf, own: str) -> None:
    axes = f"[{{import: '{own}:Net'}}, {{import: '{own}:Net', rate: 0, sizes: [1, 2]}}]"
    assert len(cells_of(f"name: x\naxes: {{model: {axes}}}")) == 1


def test_an_unknown_parameter_is_named(refusal: Refusal, own: str) -> None:
    assert refusal(f"name: x\nbase:\n  model: {{import: '{own}:Net', widht: 8}}") == (
        f"study.yaml:3: base.model.widht: model {own}:Net has no parameter 'widht'. "
        "Did you mean 'width'?"
    )


def test_a_parameter_of_the_wrong_type_is_refused(refusal: Refusal, own: str) -> None:
    assert refusal(f"name: x\nbase:\n  model: {{import: '{own}:Net', width: '8'}}") == (
        "study.yaml:3: base.model.width: expected a number, got the text '8'"
    )


def test_a_required_parameter_that_is_missing_is_named(refusal: Refusal, own: str) -> None:
    assert refusal(f"name: x\nbase:\n  model: {{import: '{own}:Required'}}") == (
        "study.yaml:3: base.model.width: is missing"
    )


def test_a_default_that_is_not_a_literal_is_left_to_the_class(cells_of: CellsOf, own: str) -> None:
    (cell,) = cells_of(f"name: x\nbase: {{model: {{import: '{own}:Told'}}}}")
    assert cell.model.parameters == {"depth": 2}
    assert flat(cells_of, **{"import": f"{own}:Told", "width": 9})["model.width"] == 9


def test_a_class_has_the_parameters_of_the_init_that_it_inherits(
    cells_of: CellsOf, own: str
) -> None:
    assert flat(cells_of, **{"import": f"{own}:Inherits", "width": 8})["model.rate"] == 0.0


def test_a_name_that_is_not_there_is_named(refusal: Refusal, own: str) -> None:
    assert refusal(f"name: x\nbase:\n  model: {{import: '{own}:Nett'}}") == (
        f"study.yaml:3: base.model.import: {own} has no 'Nett'. Did you mean 'Net'?"
    )


@pytest.mark.parametrize(
    "source",
    ["Net = object", "from elsewhere import *", "def __getattr__(name): ...", "import x as Net"],
)
def test_a_name_may_be_bound_in_any_way(cells_of: CellsOf, module: Module, source: str) -> None:
    assert cells_of(f"name: x\nbase: {{model: {{import: '{module(source)}:Net'}}}}")


@pytest.mark.parametrize("name", ["Anything"])
def test_a_class_with_an_unreadable_signature_accepts_any_parameter(
    cells_of: CellsOf, own: str, name: str
) -> None:
    (cell,) = cells_of(f"name: x\nbase: {{model: {{import: '{own}:{name}', width: '8', b: on}}}}")
    assert cell.model.parameters == {"width": "8", "b": "on"}


@pytest.mark.parametrize("target", ["sys:Net", "__main__:Net", "no_such_module:Net", "os.path:Net"])
def test_a_module_without_source_accepts_any_parameter(cells_of: CellsOf, target: str) -> None:
    (cell,) = cells_of(f"name: x\nbase: {{model: {{import: '{target}', width: 8}}}}")
    assert cell.model.parameters == {"width": 8}


def test_a_parameter_may_have_any_name(cells_of: CellsOf, refusal: Refusal, own: str) -> None:
    (cell,) = cells_of(f"name: x\nbase: {{model: {{import: '{own}:OddNames', _hidden: 5}}}}")
    assert cell.model.parameters == {"copy": True, "_hidden": 5, "model_dump": 2, "json": None}
    assert refusal(f"name: x\nbase:\n  model: {{import: '{own}:OddNames', copy: 1}}") == (
        "study.yaml:3: base.model.copy: expected true or false, got 1"
    )


def test_a_users_type_of_the_same_name_is_not_ours(
    cells_of: CellsOf, refusal: Refusal, own: str
) -> None:
    (cell,) = cells_of(f"name: x\nbase: {{model: {{import: '{own}:OwnTypes', act: swish}}}}")
    assert cell.model.parameters == {"act": "swish", "kind": "a"}
    assert refusal(f"name: x\nbase:\n  model: {{import: '{own}:OwnTypes', kind: c}}") == (
        "study.yaml:3: base.model.kind: unknown value 'c'. Known: a, b."
    )


@pytest.mark.parametrize(
    ("written", "parameters"),
    [
        ("size: large", {"size": "large", "flag": 1}),
        ("size: 5, flag: true", {"size": 5, "flag": True}),
        ("flag: 7", {"size": "auto", "flag": 7}),
    ],
)
def test_a_parameter_of_a_union_type_accepts_each_type(
    cells_of: CellsOf, own: str, written: str, parameters: dict[str, Any]
) -> None:
    (cell,) = cells_of(f"name: x\nbase: {{model: {{import: '{own}:Mixed', {written}}}}}")
    assert repr(cell.model.parameters) == repr(parameters)


def test_a_source_with_syntax_errors_is_reported(refusal: Refusal, module: Module) -> None:
    name = module("class Net:\n  def __init__(:")
    message = refusal(f"name: x\nbase:\n  model: {{import: '{name}:Net'}}")
    assert message.startswith("study.yaml:3: base.model.import: cannot read its source: ")
    assert "line 2" in message


@pytest.mark.parametrize(
    "target", ["Net", "own", "own:", ":Net", ".:Net", ".own:Net", "own.:Net", "a b:Net", "../x:Net"]
)
def test_an_invalid_import_target_is_refused(refusal: Refusal, target: str) -> None:
    assert refusal(f"name: x\nbase:\n  model: {{import: '{target}'}}") == (
        "study.yaml:3: base.model.import: expected 'package.module:callable'"
    )


def test_a_name_together_with_an_import_is_refused(refusal: Refusal) -> None:
    assert refusal("name: x\nbase:\n  model: {import: 'a:B', name: convnet}") == (
        "study.yaml:3: base.model.name: expected 'name' or 'import', got both"
    )


@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan"])
def test_a_number_that_is_not_finite_is_refused(refusal: Refusal, value: str) -> None:
    message = refusal(f"name: x\nbase:\n  model: {{import: 'no_such_module:Net', p: {value}}}")
    assert message.startswith("study.yaml:3: base.model.p: expected a finite number, got ")
