"""A network that an installed package offers by an entry point of the group `bench.models`."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.models.model_lookup import all_models
from bench.study.spec import Cell, Study

Loaded = Callable[..., Study]
Refusal = Callable[..., str]
Install = Callable[..., str]

SOURCE = """
raise RuntimeError("this module was run")

class Net:
    def __init__(self, width: int = 4):
        ...
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a package with entry points on the import path, as pip leaves it; gives its module.

    {module} in an entry's value stands for the module's name, which is this test's own, since a
    source is read once in a process.
    """

    def write(source: str = SOURCE, *, package: str = "nets", **entries: str) -> str:
        folder = tmp_path / package
        module = f"{package}_{tmp_path.name}"
        information = folder / f"{package}-1.0.dist-info"
        information.mkdir(parents=True)
        (folder / f"{module}.py").write_text(source, encoding="utf-8")
        (information / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
        )
        lines = [f"{name} = {value.format(module=module)}" for name, value in entries.items()]
        (information / "entry_points.txt").write_text("\n".join(["[bench.models]", *lines, ""]))
        monkeypatch.syspath_prepend(folder)
        return module

    return write


def test_a_packaged_model_has_its_entry_points_name(loaded: Loaded, install: Install) -> None:
    module = install(mynet="{module}:Net")
    cell = loaded("name: x\nbase: {model: {name: mynet, width: 8}}").base
    assert (cell.model.name, cell.model.target) == ("mynet", f"{module}:Net")
    assert cell.model.parameters == {"width": 8}
    assert Cell.model_validate(cell.model_dump()) == cell
    assert module not in sys.modules


def test_its_parameters_are_checked_as_those_of_a_built_in_one(
    refusal: Refusal, install: Install
) -> None:
    install(mynet="{module}:Net")
    assert refusal("name: x\nbase:\n  model: {name: mynet, widht: 8}") == (
        "study.yaml:3: base.model.widht: model mynet has no parameter 'widht'. "
        "Did you mean 'width'?"
    )


def test_a_built_in_name_wins(loaded: Loaded, install: Install) -> None:
    install(convnet="{module}:Net")
    cell = loaded("name: x").base
    assert cell.model.target == all_models()["convnet"].target == "bench.models.convnet:ConvNet"


def test_of_two_packages_the_first_on_the_path_wins(install: Install) -> None:
    install(package="second", mynet="{module}:Net")
    first = install(package="first", mynet="{module}:Net")
    assert all_models()["mynet"].target == f"{first}:Net"


def test_a_built_in_name_loads_no_package(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise AssertionError("the installed packages were looked through")

    monkeypatch.setattr("bench.registry.entry_points", refuse)
    assert loaded("name: x\nbase: {model: lenet5}")


def test_it_is_listed_with_its_package(install: Install) -> None:
    install(mynet="{module}:Net")
    assert list(all_models())[-1] == "mynet"
    assert all_models()["mynet"].summary == "from nets"


def test_a_misspelt_name_is_answered_with_the_installed_one(
    refusal: Refusal, install: Install
) -> None:
    install(mynet="{module}:Net")
    message = refusal("name: x\nbase: {model: mynett}")
    assert message.endswith("unknown model 'mynett'. Did you mean 'mynet'?")


def test_an_entry_point_without_a_class_is_reported(refusal: Refusal, install: Install) -> None:
    module = install(mynet="{module}")
    assert refusal("name: x\nbase:\n  model: mynet") == (
        f"study.yaml:3: base.model: model mynet is installed as '{module}', "
        "expected 'package.module:callable'"
    )


def test_an_installed_source_with_syntax_errors_is_reported(
    refusal: Refusal, install: Install
) -> None:
    module = install("class Net(:", mynet="{module}:Net")
    message = refusal("name: x\nbase:\n  model: mynet")
    assert message.startswith(
        f"study.yaml:3: base.model: model mynet is installed as '{module}:Net', "
        "whose source cannot be read: "
    )
