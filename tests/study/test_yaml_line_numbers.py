"""Every path of a study knows the line that it stands on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.study.yaml_source import dotted, read_yaml

TEXT = """\
# a comment
name: x

base:
  model:
    name: convnet
    hidden: 250
  batch_size: 512
seeds:
  - 0
  - 1
axes: {lr: [0.1,
            0.01]}
description: |
  two
  lines
exclude:
  - model: lenet5
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2),
        (("base",), 4),
        (("base", "model"), 5),
        (("base", "model", "name"), 6),
        (("base", "model", "hidden"), 7),
        (("base", "batch_size"), 8),
        (("seeds",), 9),
        (("seeds", 0), 10),
        (("seeds", 1), 11),
        (("axes", "lr"), 12),
        (("axes", "lr", 0), 12),
        (("axes", "lr", 1), 13),
        (("description",), 14),
        (("exclude", 0, "model"), 18),
    ],
    ids=lambda p: dotted(p) if isinstance(p, tuple) else str(p),
)
def test_a_path_has_its_line(path: tuple[str | int, ...], line: int) -> None:
    assert read_yaml(TEXT, "x.yaml").place(path) == f"x.yaml:{line}"


def test_an_absent_path_has_the_line_of_its_parent() -> None:
    source = read_yaml(TEXT, "x.yaml")
    assert source.place(("base", "model", "pooling")) == "x.yaml:5"
    assert source.place(("seeds", 7)) == "x.yaml:9"
    assert source.place(("timing",)) == "x.yaml"


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_blank_lines_and_comments_are_counted(gaps: list[int]) -> None:
    text, lines, line = "", [], 0
    for i, gap in enumerate(gaps):
        text += "\n# …\n" * gap + f"k{i}: {i}\n"
        line += 2 * gap + 1
        lines.append(line)
    source = read_yaml(text, "x.yaml")
    assert [source.place((f"k{i}",)) for i in range(len(gaps))] == [f"x.yaml:{n}" for n in lines]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_are_counted_with_any_line_end(newline: str) -> None:
    source = read_yaml(newline.join(["a: 1", "", "b:", "  c: 2"]), "x.yaml")
    assert source.data == {"a": 1, "b": {"c": 2}}
    assert source.place(("b", "c")) == "x.yaml:4"


def test_paths_are_dotted_with_indices() -> None:
    assert dotted(("base", "optimizer", "lr")) == "base.optimizer.lr"
    assert dotted(("axes", "optimizer.lr", 2)) == "axes.optimizer.lr[2]"
    assert dotted(("include", 0, "model")) == "include[0].model"
    assert dotted(()) == ""
