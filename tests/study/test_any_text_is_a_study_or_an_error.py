"""Whatever a file or a `--set` holds, it is a study or a StudyError, and never anything else."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import StudyError
from bench.study.design import expand
from bench.study.spec import Study

Loaded = Callable[..., Study]

RICH = """\
name: rich
description: "all that a study may say"
base:
  model: {name: convnet, hidden: 250, activation: tanh}
  dataset: {name: mnist, fallback: digits}
  batch_size: 512
  optimizer: &o {name: sgd, lr: 1e-2, momentum: 0.9}
  device: cuda:1
  compile: true
axes:
  model.hidden: [100, 500]
  optimizer: [adam, *o]
  lr: [.1, 0.01]
design: full
include: [{model: lenet5, lr: 1}]
exclude: [{optimizer: {name: adam, lr: 0.1}}, {model.hidden: 500}]
seeds: [0, 1]
target_accuracy: 0.98
timing: {sets: 2, rounds: 3}
limits: {trial_timeout: 1h30m}
"""
STUDIES = [RICH] + [
    path.read_text(encoding="utf-8")
    for path in sorted((Path(__file__).parents[2] / "studies").rglob("*.yaml"))
]
PIECES = st.sampled_from(
    [
        "- ", "{", "}", "[", "]", ": ", ", ", "\n", "\n  ", "&a ", "*a", "? ", "| \n", "''", '"',
        "null", "true", "off", ".nan", ".inf", "-1", "0", "1e400", "9" * 50, "'1'", "name", "base",
        "import", "model", "lr", "axes", "optimizer.", ".", "sys:x", "../x", "auto", "\t", "\0",
    ]
)  # fmt: skip
PATHS = st.lists(
    st.sampled_from(
        ["base", "axes", "model", "optimizer", "lr", "import", "name", "timing", "sets", "blocks",
         "device", "limits", "exclude", "seeds", "", "0", "hidden", "dataset", "compile", "x"]
    ),
    max_size=4,
).map(".".join)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Give a valid study with a few of its parts cut out, doubled or replaced."""
    text = draw(st.sampled_from(STUDIES))
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        new = draw(PIECES | st.just(text[start:end] * 2) | st.text(max_size=3))
        text = text[:start] + new + text[end:]
    return text


def check(loaded: Loaded, text: str | bytes, *overrides: str) -> None:
    with suppress(StudyError):
        expand(loaded(text, *overrides))


def test_the_studies_that_are_mutated_are_valid(loaded: Loaded) -> None:
    for text in STUDIES:
        assert expand(loaded(text)).cells


@settings(deadline=None)
@given(text=st.text())
def test_any_text(loaded: Loaded, text: str) -> None:
    check(loaded, text)


@settings(deadline=None)
@given(content=st.binary())
def test_any_bytes(loaded: Loaded, content: bytes) -> None:
    check(loaded, content)


@settings(deadline=None, max_examples=200)
@given(text=mutated())
def test_any_mutation_of_a_valid_study(loaded: Loaded, text: str) -> None:
    check(loaded, text)


@settings(deadline=None, max_examples=200)
@given(path=PATHS, value=st.lists(PIECES, max_size=4).map("".join))
def test_any_override_of_a_valid_study(loaded: Loaded, path: str, value: str) -> None:
    check(loaded, RICH, f"{path}={value}")


@settings(deadline=None)
@given(override=st.text())
def test_any_text_as_an_override(loaded: Loaded, override: str) -> None:
    check(loaded, RICH, override)
