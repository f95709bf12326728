"""A study's name names its results folder, so it is a file name and nothing more."""

from collections.abc import Callable

import pytest

Refusal = Callable[..., str]

RULE = "expected lowercase letters, digits, _ and -, at most 100, starting with a letter or a digit"


@pytest.mark.parametrize("name", ["a", "baseline", "lenet5_1998", "0-1", "x" * 100])
def test_a_file_name_is_a_name(loaded: Callable[..., tuple], name: str) -> None:
    assert loaded(f"name: {name}").name == name


@pytest.mark.parametrize(
    "name",
    [
        "../x", "/etc", "a/b", "a\\\\b", "..", ".", ".hidden", "-x", "_x", "Base", "größe", "a b",
        "", "x\\n", "x.yaml", "x" * 101, "%2e%2e",
    ],
)  # fmt: skip
def test_anything_else_is_refused(refusal: Refusal, name: str) -> None:
    assert refusal(f'seeds: [0]\nname: "{name}"').startswith(f"study.yaml:2: name: {RULE}, got ")


@pytest.mark.parametrize(("name", "shown"), [("2024", "2024"), ("1e3", "1000.0"), ("true", "true")])
def test_a_number_is_a_name_only_in_quotes(
    refusal: Refusal, loaded: Callable[..., tuple], name: str, shown: str
) -> None:
    assert refusal(f"name: {name}") == (
        f"study.yaml:1: name: expected text, got {shown}; quote it to make it text"
    )
    assert loaded(f"name: '{name}'").name == name


def test_a_study_without_a_name_is_refused(refusal: Refusal) -> None:
    assert refusal("seeds: [0]") == "study.yaml: name: is missing"
    assert refusal("name:") == "study.yaml:1: name: expected text, got null"
