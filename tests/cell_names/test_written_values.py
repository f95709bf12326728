"""Configuration values in words and digits for people."""

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.cell_names import field_name, format_value, is_blank, named_value


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "on"), (False, "off"), (np.True_, "on"), (np.False_, "off"),
        (512, "512"), (np.int64(512), "512"), (512.0, "512"), (0.1, "0.1"), (0.001, "0.001"),
        (1e-8, "1e-08"), (np.float64(0.25), "0.25"), (0.1 + 0.2, "0.30000000000000004"),
        (10**15 + 1, "1000000000000001"), (1000000, "1000000"), (-1, "-1"), (0, "0"),
        ("adam", "adam"), ("off", "off"),
        ("", '""'), (" a", '" a"'), ("a  b", '"a \\u0020b"'), ("a\n", '"a\\n"'), ("–", '"–"'),
        ('"a"', '"\\"a\\""'), ("模型", "模型"),
        (None, "–"), (math.nan, "–"), (pd.NA, "–"), (math.inf, "inf"),
    ],
)  # fmt: skip
def test_a_value_is_written_short_and_exact(value: Any, written: str) -> None:
    assert format_value(value) == written


@given(st.integers(-(2**63), 2**63) | st.floats(allow_nan=False))
def test_a_number_is_read_as_what_was_written(number: float) -> None:
    # Whole numbers beyond 2^53 are exact as text and not as floats.
    read = Decimal if isinstance(number, int) else float
    assert read(format_value(number)) == number


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("batch_size", "batch"), ("lr", "lr"), ("optimizer.momentum", "momentum"),
        ("model.conv1_channels", "conv1 channels"), ("memory_format", "memory format"),
    ],
)  # fmt: skip
def test_a_field_has_a_readable_name(field: str, name: str) -> None:
    assert field_name(field) == name


def test_a_self_explanatory_value_has_no_field_name() -> None:
    assert named_value("optimizer", "adam") == "adam"
    assert named_value("device", "cuda:1") == "cuda:1"
    assert named_value("batch_size", 64) == "batch 64"
    assert named_value("compile", True) == "compile on"
    assert named_value("optimizer.momentum", 0.9) == "momentum 0.9"


@pytest.mark.parametrize("value", [None, math.nan, np.nan, np.float64("nan"), pd.NA])
def test_every_blank_of_tables_and_python_is_recognised(value: Any) -> None:
    assert is_blank(value)


@pytest.mark.parametrize("value", [0, "", False, math.inf, "nan", np.int64(0)])
def test_nothing_else_is_blank(value: Any) -> None:
    assert not is_blank(value)
