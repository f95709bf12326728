"""The code in a key: what a run's cell executes, its changes and nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench import outcome_keys
from bench.import_graph import source_file
from bench.models import MODELS
from bench.outcome_keys import DESCRIBING, RUN, SET_MEMBER, code_parts

Parts = Callable[..., dict[str, str]]

NET = '''
from .blocks import WIDTH
import json

class Net:
    """A network."""

    def __init__(self, width: int = WIDTH):
        self.width = width  # as given
'''


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Parts:
    """Return the parts for a network whose module has the given text, with what is beside it."""
    top = f"own_{tmp_path.name}"
    (tmp_path / top).mkdir()
    monkeypatch.syspath_prepend(tmp_path)

    def of(net: str = NET, blocks: str = "WIDTH = 4\n", beside: str = "") -> dict[str, str]:
        for name, text in (("nets", net), ("blocks", blocks), ("beside", beside)):
            (tmp_path / top / f"{name}.py").write_text(text, encoding="utf-8")
        found = code_parts([f"{top}.nets:Net"])
        return {part.replace(f"{top}.", ""): value for part, value in found.items()}

    return of


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {part for part in before.keys() | after.keys() if before.get(part) != after.get(part)}


def test_the_same_code_has_the_same_parts(parts: Parts) -> None:
    assert parts() == parts()
    assert set(parts()) == {"code", "module nets", "module blocks"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # as given", ""),
        ("  # as given", "  # whatever"),
        ("import json\n", "import json\n\n\n# a comment\n"),
        ("width: int = WIDTH", "width: int  =  WIDTH"),
        ("width: int = WIDTH):", "\n        width: int = WIDTH,\n    ):"),
    ],
)
def test_comments_and_layout_change_nothing(parts: Parts, old: str, new: str) -> None:
    assert old in NET
    assert parts(NET.replace(old, new)) == parts()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.width = width", "self.width = width + 1"),
        ("int = WIDTH", "int = 5"),
        ("class Net:", "class Net(object):"),
        ("import json", "import math"),
    ],
)
def test_other_code_changes_only_the_part_of_its_module(parts: Parts, old: str, new: str) -> None:
    assert old in NET
    assert changed(parts(), parts(NET.replace(old, new))) == {"module nets"}


def test_imports_of_a_network_count(parts: Parts) -> None:
    assert changed(parts(), parts(blocks="WIDTH = 5\n")) == {"module blocks"}
    assert parts(blocks="WIDTH = 4  # a comment\n") == parts()


def test_other_modules_of_its_folder_do_not_count(parts: Parts) -> None:
    assert parts(beside="WIDTH = 5\n") == parts()


def test_a_module_with_syntax_errors_still_counts(parts: Parts) -> None:
    assert changed(parts(blocks="WIDTH = ("), parts(blocks="WIDTH = ((")) == {"module blocks"}


def test_a_target_without_source_still_counts_by_its_name() -> None:
    assert code_parts(["sys:Net"]) != code_parts(["no_such_module:Net"])


def test_every_built_in_network_has_its_own_part() -> None:
    digests = {code_parts([entry.target])["code"] for entry in MODELS.values()}
    assert len(digests) == len(MODELS)


@pytest.mark.parametrize(
    ("module", "target"),
    [
        (RUN, "sys:x"),
        ("bench.train", "sys:x"),
        ("bench.execute.training_setup", "sys:x"),
        ("bench.data.normalised_images", "sys:x"),
        ("bench.data.images", "sys:x"),
        ("bench.data.dataset_files", "bench.data.embedded_sets"),  # what makes the pixels
        ("bench.data.digits_recipe", "bench.data.embedded_sets"),
        ("bench.data.torchvision_sets", "bench.data.torchvision_sets"),
        ("bench.models.layers", "bench.models.convnet:ConvNet"),
        ("bench.optim.optimizers", "bench.optim.optimizers:adam"),
    ],
)
def test_code_that_affects_numbers_counts(
    monkeypatch: pytest.MonkeyPatch, module: str, target: str
) -> None:
    before = code_parts([target])
    real = outcome_keys._file_digest
    path = source_file(module)
    assert path is not None
    monkeypatch.setattr(outcome_keys, "_file_digest", lambda p, s: "x" if p == path else real(p, s))
    assert changed(before, code_parts([target])) == {"code"}


@pytest.mark.parametrize(
    "module",
    [
        SET_MEMBER,
        RUN,
        "bench.train",
        "bench.execute.timing_set",
        "bench.measure.phases",
        "bench.measure.counters",
        "bench.measure.guards",
    ],
)
def test_code_of_timing_sets_counts_for_them(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    before = code_parts(["sys:x"], SET_MEMBER)
    real, path = outcome_keys._file_digest, source_file(module)
    assert path is not None
    monkeypatch.setattr(outcome_keys, "_file_digest", lambda p, s: "x" if p == path else real(p, s))
    assert changed(before, code_parts(["sys:x"], SET_MEMBER)) == {"code"}


@pytest.mark.parametrize(
    "module",
    [SET_MEMBER, "bench.execute.timing_set", "bench.measure.phases", "bench.measure.guards"],
)
def test_code_of_timing_sets_does_not_count_for_trials(
    monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    before = code_parts(["sys:x"])
    real, path = outcome_keys._file_digest, source_file(module)
    assert path is not None
    monkeypatch.setattr(outcome_keys, "_file_digest", lambda p, s: "x" if p == path else real(p, s))
    assert changed(before, code_parts(["sys:x"])) == set()


@pytest.mark.parametrize("module", ["bench.records", "bench.study.study_file", "bench.store"])
def test_code_that_only_describes_does_not_count(
    monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    before = code_parts(["bench.models.convnet:ConvNet"])
    real = outcome_keys._file_digest
    path = source_file(module)
    monkeypatch.setattr(outcome_keys, "_file_digest", lambda p, s: "x" if p == path else real(p, s))
    assert code_parts(["bench.models.convnet:ConvNet"]) == before


@pytest.mark.parametrize("module", DESCRIBING)
def test_each_exception_is_an_existing_module(module: str) -> None:
    folder = Path(outcome_keys.__file__).parents[1].joinpath(*module.split("."))
    assert source_file(module) is not None or folder.is_dir()
