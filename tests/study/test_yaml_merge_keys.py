"""Merge keys of YAML: `<<: *base` brings the fields that a mapping does not set itself."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from bench.errors import StudyError
from bench.study.yaml_source import MOST_NODES, read_yaml

STUDY = """name: x
x-common: &common
  epochs: 3
  batch_size: 64
x-other: &other {batch_size: 32, precision: bf16}
base:
  <<: [*common, *other]
  epochs: 5
axes:
  model: [&net {name: convnet, hidden: 5}, {<<: *net, hidden: 6}]
"""


def data(text: str) -> Any:
    return read_yaml(text, "study.yaml").data


def test_a_field_of_its_own_comes_before_one_that_is_merged_and_the_first_before_others(
    loaded: Callable[..., Any],
) -> None:
    study = loaded(STUDY)
    cell = study.base
    assert (cell.epochs, cell.batch_size, cell.precision) == (5, 64, "bf16")
    assert [value["hidden"] for value in study.axes["model"]] == [5, 6]


@pytest.mark.parametrize(
    "text",
    [
        "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}",
        "a: &a {x: 1, y: 2}\nb: {y: 3, <<: *a}",
        "a: &a {x: 1}\nb: &b {<<: *a, x: 2, z: 1}\nc: {<<: [*a, *b]}",
        "a: &a {x: 1}\nb: &b {<<: *a, z: 1}\nc: {<<: *b}",
        "a: {<<: {x: 1}, y: 2}",
        "a: {<<: []}",
        "a: &a {x: {y: 1, z: 2}}\nb: {<<: *a, x: {y: 3}}",
    ],
)
def test_merge_keys_have_yamls_meaning(text: str) -> None:
    assert data(text) == yaml.safe_load(text)


def test_a_quoted_merge_key_is_a_field() -> None:
    assert data("{'<<': 1}") == {"<<": 1}


def test_an_error_in_a_merged_field_is_on_the_line_that_it_was_written_on(
    refusal: Callable[..., str],
) -> None:
    text = "name: x\nx-t: &t\n  epochs: 1\n  batch_sise: 5\nbase:\n  <<: *t\n  precision: fp32\n"
    assert refusal(text).startswith("study.yaml:4: base.batch_sise: unknown field.")
    own = text.replace("  batch_sise: 5\n", "") + "  epochs: -1\n"
    assert refusal(own).startswith("study.yaml:7: base.epochs:")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("b: {<<: {x: 1}, <<: {y: 1}}", "study.yaml:1: b.<<: duplicate key"),
        ("a: &a {x: 1, x: 2}", "study.yaml:1: a.x: duplicate key"),
        ("b:\n  <<: {x: 1,\n    x: 2}", "study.yaml:3: b.x: duplicate key"),
        ("b: {<<: 5}", "study.yaml:1: b.<<: expected a mapping or a list of mappings"),
        ("b: {<<: [{x: 1}, 5]}", "study.yaml:1: b.<<: expected a mapping or a list of mappings"),
        ("b: {x: 1, x: 2}", "study.yaml:1: b.x: duplicate key"),
    ],
)
def test_an_invalid_merge_is_reported_with_its_line(text: str, message: str) -> None:
    with pytest.raises(StudyError) as caught:
        data(text)
    assert str(caught.value).startswith(message)


def many(anchor: str, of: str, n: int) -> str:
    return f"{anchor}: &{anchor} {{<<: [{', '.join([f'*{of}'] * n)}]}}\n"


@pytest.mark.parametrize(
    "text",
    [
        "a: &a {<<: *a}",
        "a: &a {<<: [*a, *a], x: 1}",
        "a0: &a0 {x: 1}\n" + "".join(many(f"a{i + 1}", f"a{i}", 20) for i in range(8)),
        "a: &a {}\n" + many("b", "a", 2000) + many("c", "b", 2000),
    ],
    ids=["of itself", "twice of itself", "a tree", "a wide tree"],
)
def test_unbounded_merges_are_refused(text: str) -> None:
    with pytest.raises(StudyError, match=rf"more than (50 levels|{MOST_NODES:,} values)"):
        data(text)


def test_only_fields_that_begin_with_x_are_ignored(refusal: Callable[..., str]) -> None:
    assert "templates: unknown field" in refusal("name: x\ntemplates: {a: 1}")
    assert "base.x-y: unknown field" in refusal("name: x\nbase: {x-y: 1}")
