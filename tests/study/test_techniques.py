"""The studies of published techniques: what they compare, and how a mistake in one is reported."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.data.images import GREY_DIGITS, DataShape
from bench.errors import StudyError
from bench.execute import EXECUTORS
from bench.measure.machine import Machine
from bench.study.dataset_choice import DatasetChoice
from bench.study.design import expand
from bench.study.runs import UsedDataset, resolve
from bench.study.study_file import load_study
from bench.study.yaml_source import read_yaml, write_yaml

Planned = Callable[..., Any]

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "studies" / "techniques"
STUDIES = sorted(FOLDER.glob("*.yaml"))
REPRODUCTIONS = sorted((ROOT / "studies" / "reproductions").glob("*.yaml"))
MOST_LINES = 15  # of a file beside a study, without blank ones
SHAPES = {"mnist": GREY_DIGITS, "shapes": DataShape(3, 32, 32, 10)}
USED = {
    name: UsedDataset(DatasetChoice.model_validate(name), shape) for name, shape in SHAPES.items()
}
NO_GPU = Machine("a CPU", 2, 2**30, "an OS", (), "no CUDA device", ())

each_study = pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)


@pytest.fixture(autouse=True)
def top_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Import from the top folder, as `bench run` does there."""
    monkeypatch.syspath_prepend(ROOT)


def fields_of(path: Path) -> Any:
    """Return the fields of a study as a person wrote them."""
    return read_yaml(path.read_text(encoding="utf-8"), path.name).data


def technique_of(fields: Any) -> tuple[str, list[Any]]:
    """Return the first axis of a study, whose last value is the technique."""
    axis, values = next(iter(fields["axes"].items()))
    return axis, values


def technique_and_place(axis: str, values: list[Any]) -> tuple[str, Any]:
    """Return where the technique is written, and what: a choice, the first hook, or a number."""
    if isinstance(values[-1], list):
        return f"axes.{axis}[1][0]", values[-1][0]
    return f"axes.{axis}[1]", values[-1]


def own_component(fields: Any) -> Any:
    """Return what a study imports from a file beside it, or None."""
    value = technique_of(fields)[1][-1]
    return value if isinstance(value, dict) and "import" in value else None


def problem_of(fields: Any) -> str:
    """Return the one line that refuses a study."""
    with pytest.raises(StudyError) as caught:
        expand(load_study(fields))
    (line,) = str(caught.value).splitlines()
    return line


@each_study
def test_a_technique_is_compared_with_its_baseline(path: Path, planned: Planned) -> None:
    text, fields = path.read_text(encoding="utf-8"), fields_of(path)
    axis, values = technique_of(fields)
    baseline = {**fields, "axes": {**fields["axes"], axis: values[:1]}}
    assert fields["name"] == path.stem
    assert "\n# Compared with " in text
    plan = planned(text)
    assert len(expand(plan.study).candidates) == len(values) == 2
    assert plan.cells[0].cell_id == planned(write_yaml(baseline)).cells[0].cell_id


@pytest.mark.parametrize("path", [*STUDIES, *REPRODUCTIONS], ids=lambda path: path.stem)
def test_its_components_work(path: Path) -> None:
    cells = expand(load_study(path)).cells
    resolved = [resolve(cell, NO_GPU, USED) for cell in cells]
    assert EXECUTORS["inline"]().check(resolved, SHAPES) == []


def test_own_components_are_short_and_all_used() -> None:
    files = {path.stem: path for path in FOLDER.glob("*.py")}
    for path in files.values():
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        assert len(lines) <= MOST_LINES, path.name
    imported = [own_component(fields_of(path)) for path in STUDIES]
    modules = [own["import"].partition(":")[0] for own in imported if own]
    assert sorted(modules) == sorted(f"studies.techniques.{name}" for name in files)


@each_study
def test_a_wrong_name_is_named_with_its_place(path: Path) -> None:
    fields = fields_of(path)
    axis, values = technique_of(fields)
    place, technique = technique_and_place(axis, values)
    if isinstance(technique, dict):
        technique["lenght"] = 1
    elif isinstance(technique, str):
        values[-1] = {"name": technique, "lenght": 1}
    else:  # a number: the axis itself is the parameter
        fields["axes"] = {f"{axis}s": values}
        assert problem_of(fields).startswith(f"study: axes.{axis}s")
        return
    problem = problem_of(fields)
    assert problem.startswith(f"study: {place}.lenght: ")
    assert " has no parameter 'lenght'" in problem


@each_study
def test_a_wrong_type_is_named_with_its_place(path: Path) -> None:
    fields = fields_of(path)
    axis, values = technique_of(fields)
    place, technique = technique_and_place(axis, values)
    given = technique.items() if isinstance(technique, dict) else ()
    numbers = [key for key, value in given if isinstance(value, int | float)]
    if numbers:
        technique[numbers[-1]] = "much"
        expected = f"{place}.{numbers[-1]}: expected a number, got the text 'much'"
    elif isinstance(technique, int | float):
        values[-1] = "much"
        expected = f"{place}: expected a number, got the text 'much'"
    else:  # no parameter is given
        values[-1] = 3
        expected = f"{place}: expected a name or {{name: …}}"
    assert problem_of(fields) == f"study: {expected}"


@pytest.mark.parametrize(
    "path", [path for path in STUDIES if own_component(fields_of(path))], ids=lambda path: path.stem
)
def test_a_wrong_import_name_is_named_with_the_nearest_one(path: Path) -> None:
    fields = fields_of(path)
    own = own_component(fields)
    module, _, name = own["import"].partition(":")
    own["import"] = f"{module}:{name[:-1]}"
    assert f"{module} has no '{name[:-1]}'. Did you mean '{name}'?" in problem_of(fields)
