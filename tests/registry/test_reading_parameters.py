"""The parameters that a study may set, read from the source of what they belong to."""

from collections.abc import Callable
from typing import Any, Literal

import pytest

from bench.import_graph import source_file
from bench.registry import Fraction, Parameter, PositiveInt, parameters

DistinctText = Callable[[str, str], str]

SOURCE = """
raise RuntimeError("this module was run")

from bench.registry import PositiveInt, Pooling
import fractions

WIDTH = 7

def function(a, b=1, *, c: int, d: str = "d"):
    ...

def nothing(a, b):
    ...

async def later(*, a=1):
    ...

class Net:
    kind = 1

    def forward(self, *, x=1):
        ...

    def __init__(self, a, b: int = 2, *args, c: bool = False, d: PositiveInt | None = None):
        ...

class NoInit:
    def forward(self, x):
        ...

class Everything:
    def __init__(self, a=1, **rest):
        ...

class Defaults:
    def __init__(
        self,
        whole: float = 1,
        either: "int | float" = 1,
        both: int | float = 1,
        optional: float | None = 1,
        negative: int = -1,
        pair=(1, 2),
        name=WIDTH,
        call=dict(a=1),
        raw=b"x",
        some={1, 2},
        unhashable={(): 1},
    ):
        ...

class Types:
    def __init__(
        self,
        plain,
        own: Fraction = 0.5,
        ours: Pooling = "max",
        text: "int" = 1,
        choice: Literal["a", 2] = "a",
        wrong: Literal[WIDTH] = 7,
        other: list[int] = None,
        dotted: fractions.Fraction = None,
        either: int | str | None = None,
    ):
        ...

if True:
    class Hidden:
        def __init__(self, a=1):
            ...
"""


@pytest.fixture
def read(written: DistinctText) -> Callable[[str], tuple[Parameter, ...] | None]:
    module = written("nets.py", SOURCE)
    return lambda name: parameters(f"{module}:{name}")


Read = Callable[[str], tuple[Parameter, ...]]


def test_of_a_function_they_are_the_keyword_only_ones(read: Read) -> None:
    c, d = read("function")
    assert (c.name, c.annotation, c.required) == ("c", int, True)
    assert (d.name, d.annotation, d.default, d.required) == ("d", str, "d", False)


def test_a_function_without_any_has_none(read: Read) -> None:
    assert read("nothing") == ()


def test_of_a_class_they_are_those_of_its_init_without_self(read: Read) -> None:
    assert [(p.name, p.annotation, p.default, p.required) for p in read("Net")] == [
        ("a", Any, None, True),
        ("b", int, 2, False),
        ("c", bool, False, False),
        ("d", PositiveInt | None, None, False),
    ]


@pytest.mark.parametrize("name", ["NoInit", "Everything", "Hidden", "WIDTH", "Missing", "later"])
def test_where_the_source_does_not_report_there_is_no_answer(read: Read, name: str) -> None:
    assert read(name) is None


def test_literal_defaults_are_reported_and_others_are_not(read: Read) -> None:
    reported = {p.name: p.default for p in read("Defaults") if p.is_literal}
    assert reported == {
        "whole": 1.0, "either": 1, "both": 1, "optional": 1, "negative": -1, "pair": (1, 2),
    }  # fmt: skip
    assert not any(p.required for p in read("Defaults"))


def test_a_complete_default_of_a_float_is_a_float(read: Read) -> None:
    whole, _, both, *_ = read("Defaults")
    assert (type(whole.default), type(both.default)) == (float, int)


def test_types_are_ours_only_where_the_module_has_them_from_us(read: Read) -> None:
    types = {p.name: p.annotation for p in read("Types")}
    assert types["own"] is Any
    assert types["own"] != Fraction
    assert types["ours"] == Literal["max", "average", "none"]


def test_types_that_are_not_plain_are_anything(read: Read) -> None:
    types = {p.name: p.annotation for p in read("Types")}
    assert types["choice"] == Literal["a", 2]
    assert types["either"] == int | str | None
    assert [types[name] for name in ("plain", "text", "wrong", "other", "dotted")] == [Any] * 5


@pytest.mark.parametrize("source", ["class Net(:", "class Net:\n\tpass\n        pass", "\0"])
def test_a_source_that_is_no_python_is_an_error(written: DistinctText, source: str) -> None:
    module = written("broken.py", source)
    with pytest.raises((SyntaxError, ValueError)):
        parameters(f"{module}:Net")


def test_a_source_in_another_encoding_is_read_as_python_reads_it(written: DistinctText) -> None:
    module = written("latin.py", "")
    path = source_file(module)
    assert path is not None
    path.write_bytes('# coding: latin-1\ndef f(*, a="é"): ...\n'.encode("latin-1"))
    (parameter,) = parameters(f"{module}:f") or ()
    assert parameter.default == "é"
