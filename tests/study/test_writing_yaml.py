"""What is written is read again as it was, strings that look like numbers among it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.study.yaml_source import read_value, write_yaml

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
LOOKALIKES = st.from_regex(r"[-+]?[0-9_]*\.?[0-9_]*([eE][-+]?[0-9]+)?", fullmatch=True)
WORDS = st.sampled_from(["off", "tRUE", "nULL", "~", ".inf", ".NAN", "1e-3", "09", "=", "<<", "-"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | TEXT
    | LOOKALIKES
    | WORDS
)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=15,
)


@given(DATA)
def test_any_plain_data_is_read_as_it_was_written(data: object) -> None:
    assert read_value(write_yaml(data), "here") == data


@pytest.mark.parametrize("text", ["1e-3", "tRUE", "09", ".5e3", "1_0"])
def test_a_string_that_reads_as_something_else_is_quoted(text: str) -> None:
    assert write_yaml({"description": text}) == f'description: "{text}"\n'


@pytest.mark.parametrize("text", ["a\x85b", "\u2028", "a\u2029", "a\rb", "\ufeff", "\0", "\x1b[1m"])
def test_a_character_that_yaml_would_fold_or_refuse_is_escaped(text: str) -> None:
    assert read_value(write_yaml({text: text}), "here") == {text: text}


def test_the_order_of_fields_and_letters_of_all_languages_are_kept() -> None:
    assert write_yaml({"b": "Größe", "a": 1}) == "b: Größe\na: 1\n"


def test_shared_data_is_read_as_copies() -> None:
    shared = {"lr": 0.1}
    assert read_value(write_yaml([shared, shared]), "here") == [shared, shared]
