"""A path without a valid study is reported with the reason."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.errors import StudyError
from bench.study.study_file import load_study

Refusal = Callable[..., str]


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n", "---\n", "~"])
def test_an_empty_file(refusal: Refusal, text: str) -> None:
    assert refusal(text) in (
        "study.yaml: is empty; a study needs at least a name",
        "study.yaml:1: is empty; a study needs at least a name",
    )


@pytest.mark.parametrize("text", ["- name: x", "[1, 2]", "name", "5"])
def test_a_list_or_a_string_at_the_top(refusal: Refusal, text: str) -> None:
    assert refusal(text) == "study.yaml: expected a mapping that starts with 'name:'"


def message(path: Path) -> str:
    with pytest.raises(StudyError) as caught:
        load_study(path)
    return str(caught.value)


def test_a_missing_file_is_answered_with_those_that_exist(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yaml", "notes.txt"):
        (tmp_path / name).touch()
    assert message(tmp_path / "c.yaml") == (
        f"{tmp_path}/c.yaml: no such study file\n"
        f"  Studies here: {tmp_path}/a.yaml, {tmp_path}/b.yaml"
    )


def test_where_there_are_none_the_studies_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message(Path("nowhere/c.yaml")) == (
        "nowhere/c.yaml: no such study file\n  `bench init NAME` writes one to start from."
    )
    Path("studies").mkdir()
    Path("studies/a.yaml").touch()
    assert message(Path("nowhere/c.yaml")).endswith("Studies here: studies/a.yaml")


def test_a_folder(tmp_path: Path) -> None:
    assert message(tmp_path) == f"{tmp_path}: is a folder, expected a study file"


def test_a_path_through_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").touch()
    assert message(tmp_path / "a.yaml" / "b.yaml").endswith("cannot be read: Not a directory")


def test_a_file_name_that_no_file_can_have(tmp_path: Path) -> None:
    assert message(tmp_path / ("x" * 300)).endswith("cannot be read: File name too long")


def test_an_endless_device_is_too_large() -> None:
    assert message(Path("/dev/zero")).startswith("/dev/zero: is larger than")
