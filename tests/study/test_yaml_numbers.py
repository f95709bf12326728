"""Numbers as people write them, which is more than YAML 1.1 knows."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.study.yaml_source import read_value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("512", 512), ("-2", -2), ("+7", 7), ("0", 0), ("1_000", 1000), ("007", 7),
    ],
)  # fmt: skip
def test_integers_are_integers(written: str, value: int) -> None:
    read = read_value(written, "here")
    assert (read, type(read)) == (value, int)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-3", 0.001), ("1E5", 1e5), ("1.5e+3", 1500.0), (".5", 0.5), ("-.5", -0.5),
        ("5.", 5.0), ("0.9896", 0.9896), ("1_000.5", 1000.5), ("-1e3", -1000.0),
    ],
)  # fmt: skip
def test_fractions_and_powers_of_ten_are_floats(written: str, value: float) -> None:
    read = read_value(written, "here")
    assert (read, type(read)) == (value, float)


def test_infinities_and_not_a_number_are_written_with_a_dot() -> None:
    assert read_value("[.inf, -.inf, .Inf]", "here") == [math.inf, -math.inf, math.inf]
    assert math.isnan(read_value(".nan", "here"))
    assert read_value("[inf, nan]", "here") == ["inf", "nan"]


@pytest.mark.parametrize(
    "written", ["1e", "e5", "1.2.3", "0x10", "1:30", "2024-01-01", "-", ".", "1e-3x", "_1", "--1"]
)
def test_what_only_resembles_a_number_is_a_string(written: str) -> None:
    # a list, since a lone "-" begins one
    assert read_value(f"[{written}]" if written != "-" else "'-'", "here") in ([written], written)


@given(st.integers(-(10**30), 10**30))
def test_every_integer_that_python_writes_is_read(number: int) -> None:
    assert read_value(str(number), "here") == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_float_that_python_writes_is_read(number: float) -> None:
    assert read_value(repr(number), "here") == number
