"""Durations as people write them."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.study.spec import Limits, Study


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("90", 90), ("0.5", 0.5), ("90s", 90), ("10m", 600), ("2h", 7200), ("1h30m", 5400),
        ("1.5h", 5400), ("1d", 86400), ("250ms", 0.25), ("1m5s250ms", 65.25), ("1e3", 1000),
    ],
)  # fmt: skip
def test_a_duration_is_read_in_seconds(
    loaded: Callable[..., Study], written: str, seconds: float
) -> None:
    study = loaded(f"name: x\nlimits: {{trial_timeout: {written}}}")
    assert study.limits.trial_timeout == seconds


@pytest.mark.parametrize(
    "written", ["10 minutes", "10min", "m", "h1", "-5m", "1:30", "1h 30m", "90", "", "٣m", "on"]
)
def test_an_invalid_duration_is_refused_with_an_example(
    refusal: Callable[..., str], written: str
) -> None:
    assert refusal(f"name: x\nlimits: {{trial_timeout: '{written}'}}") == (
        f"study.yaml:2: limits.trial_timeout: invalid duration '{written}'. "
        "Write it like 90s, 10m or 1h30m"
    )


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("0", "expected a value greater than 0, got 0"),
        ("0s", "expected a value greater than 0, got 0.0"),
        ("-1", "expected a value greater than 0, got -1"),
        (".inf", "expected a finite number, got inf"),
        (".nan", "expected a finite number, got nan"),
        ("9" * 400 + "h", "expected a finite number, got inf"),
        ("true", "expected a number, got a boolean"),
        ("[1m]", "expected a number, got ['1m']"),
    ],
)
def test_a_duration_is_positive_and_finite(
    refusal: Callable[..., str], written: str, message: str
) -> None:
    assert refusal(f"name: x\nlimits: {{trial_timeout: {written}}}") == (
        f"study.yaml:2: limits.trial_timeout: {message}"
    )


@given(st.integers(0, 99), st.integers(0, 59), st.integers(1, 59))
def test_hours_minutes_and_seconds_add_up(hours: int, minutes: int, seconds: int) -> None:
    limits = Limits.model_validate({"trial_timeout": f"{hours}h{minutes}m{seconds}s"})
    assert limits.trial_timeout == 3600 * hours + 60 * minutes + seconds
