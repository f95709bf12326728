"""What stands in a message: the nearest name, and values short enough to be read."""

import pytest

from bench.errors import BenchError, did_you_mean, shown

COLOURS = ["red", "green", "blue"]


@pytest.mark.parametrize(("wrong", "near"), [("gren", "green"), ("rde", "red"), ("blues", "blue")])
def test_the_nearest_name_is_suggested(wrong: str, near: str) -> None:
    assert did_you_mean(wrong, COLOURS) == f"Did you mean '{near}'?"


@pytest.mark.parametrize("wrong", ["xyz", "", 5, None, True, ["red"]])
def test_without_a_near_name_the_few_known_ones_are_listed(wrong: object) -> None:
    assert did_you_mean(wrong, COLOURS) == "Known: blue, green, red."


def test_many_names_are_not_listed() -> None:
    assert did_you_mean("xyz", map(str, range(21))) == ""
    assert did_you_mean("xyz", []) == ""


@pytest.mark.parametrize(
    ("value", "expected_text"),
    [
        (None, "null"), (True, "true"), (False, "false"), (5, "5"), (0.001, "0.001"),
        ("off", "'off'"), ([1, "a"], "[1, 'a']"), ({"a": 1}, "{'a': 1}"),
        ("x" * 58, repr("x" * 58)), ("x" * 59, "a long text"), ([1] * 99, "a long list"),
        (dict.fromkeys(range(99)), "a large mapping"), (10**99, "a long value"),
    ],
)  # fmt: skip
def test_a_value_is_shown_as_a_study_writes_it_if_it_is_short(
    value: object, expected_text: str
) -> None:
    assert shown(value) == expected_text


def test_an_error_has_place_problem_and_hint() -> None:
    assert str(BenchError("is wrong")) == "is wrong"
    assert str(BenchError("is wrong", where="x.yaml:1")) == "x.yaml:1: is wrong"
    assert str(BenchError("is wrong", where="x", hint="Mend it.")) == "x: is wrong\n  Mend it."
