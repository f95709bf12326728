"""Words are words: only true, false and null are more than that."""

from typing import Any

import pytest

from bench.study.yaml_source import read_value


@pytest.mark.parametrize("word", ["off", "on", "yes", "no", "y", "n", "Off", "adam", "1m", "truth"])
def test_a_plain_scalar_is_a_string(word: str) -> None:
    assert read_value(word, "here") == word


@pytest.mark.parametrize(
    ("written", "value"),
    [("true", True), ("True", True), ("FALSE", False), ("null", None), ("~", None), ("", None)],
)
def test_true_false_and_null_are_values(written: str, value: Any) -> None:
    assert read_value(written, "here") is value


@pytest.mark.parametrize("quoted", ["'512'", '"512"', "'true'", '"null"', "'1e-3'", "''", "'~'"])
def test_a_quoted_scalar_stays_a_string(quoted: str) -> None:
    assert read_value(quoted, "here") == quoted[1:-1]


def test_a_block_scalar_stays_a_string() -> None:
    assert read_value("|\n  512\n", "here") == "512\n"
    assert read_value(">-\n  5\n  12\n", "here") == "5 12"


def test_a_key_without_a_value_is_null() -> None:
    assert read_value("a:\nb: 1", "here") == {"a": None, "b": 1}


def test_a_tag_constructs_nothing() -> None:
    assert read_value("!!python/object/apply:os.getcwd []", "here") == []
    assert read_value("!!python/name:os.getcwd", "here") is None
