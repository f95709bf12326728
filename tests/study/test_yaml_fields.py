"""A field's name is a word, and stands once."""

from collections.abc import Callable

import pytest

from bench.study.yaml_source import read_value

Refusal = Callable[..., str]


def test_a_duplicate_field_is_reported_with_both_lines(refusal: Refusal) -> None:
    assert refusal("name: x\nseeds: [0]\nname: y\n") == (
        "study.yaml:3: name: duplicate key, first on line 1"
    )


def test_a_nested_duplicate_field_is_named_by_its_path(refusal: Refusal) -> None:
    text = "name: x\nbase:\n  epochs: 1\n  optimizer: {name: sgd, lr: 1,\n    lr: 2}\n"
    assert refusal(text) == ("study.yaml:5: base.optimizer.lr: duplicate key, first on line 4")


def test_one_field_in_two_mappings_is_no_duplicate() -> None:
    assert read_value("[{a: 1}, {a: 2}]", "here") == [{"a": 1}, {"a": 2}]


def test_a_quoted_field_is_the_same_field(refusal: Refusal) -> None:
    assert refusal("name: x\n'name': y") == ("study.yaml:2: name: duplicate key, first on line 1")


@pytest.mark.parametrize("key", ["? [a]\n: 1", "? {a: b}\n: 1", "{[a]: 1}"])
def test_a_list_or_a_mapping_is_not_a_valid_key(refusal: Refusal, key: str) -> None:
    assert refusal(key) == "study.yaml:1: expected a plain key, got a list or mapping"


def test_a_number_as_key_is_its_text() -> None:
    assert read_value("{1: a, 1.0: b, true: c, ~: d}", "here") == {
        "1": "a", "1.0": "b", "true": "c", "~": "d",
    }  # fmt: skip
