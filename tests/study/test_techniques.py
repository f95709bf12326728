"""The studies of published techniques load, need few lines of their own, and refuse mistakes."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.data.images import GREY_DIGITS, DataShape
from bench.errors import StudyError
from bench.execute import EXECUTORS
from bench.study.design import expand
from bench.study.study_file import load_study
from bench.study.yaml_source import read_value

ROOT = Path(__file__).parents[2]
STUDIES = sorted((ROOT / "studies" / "techniques").glob("*.yaml"))
OWN = sorted((ROOT / "studies" / "techniques").glob("*.py"))
MOST_LINES = 15
SHAPES = {"mnist": GREY_DIGITS, "digits": GREY_DIGITS, "shapes": DataShape(3, 32, 32, 10)}


@pytest.fixture(autouse=True)
def in_the_top_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(ROOT)


def test_there_are_twenty_of_them() -> None:
    assert len(STUDIES) >= 20


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_what_is_not_built_in_takes_at_most_fifteen_lines(path: Path) -> None:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert len(lines) <= MOST_LINES


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_component_works_before_the_first_run(path: Path) -> None:
    cells = []
    for cell in expand(load_study(path)).cells:
        shape = SHAPES[cell.dataset.label]
        cells.append(cell.resolved(None, device="cpu", model=cell.model.for_data(shape)))
    assert len(cells) > 1
    assert EXECUTORS["inline"]().check(cells, SHAPES) == []


def mistakes(value: Any) -> list[Any]:
    """Return a value of an axis with a wrong name, and with a parameter of a wrong type."""
    if isinstance(value, list):
        return [[wrong] for wrong in mistakes(value[0])] if value else ["nothing"]
    if isinstance(value, str):
        return [f"{value}x"]
    if not isinstance(value, dict):
        return ["a text"]
    name = next(key for key in value if key in ("name", "import"))
    wrong = [{**value, name: f"{value[name]}x"}, {**value, "no_such_parameter": 1}]
    numbers = [key for key, number in value.items() if type(number) in (int, float)]
    return wrong + [{**value, key: "a text"} for key in numbers]


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_mistakes_are_refused_with_their_line(path: Path, tmp_path: Path) -> None:
    written = read_value(path.read_text(encoding="utf-8"), path.name)
    axis = next(iter(written["axes"]))
    for wrong in mistakes(written["axes"][axis][-1]):
        changed = copy.deepcopy(written)
        changed["axes"][axis][-1] = wrong
        file = tmp_path / "wrong.yaml"
        file.write_text(yaml.safe_dump(changed), encoding="utf-8")
        with pytest.raises(StudyError, match=r"wrong.yaml:\d+: "):
            expand(load_study(file))
