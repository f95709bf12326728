"""Every number that a person reads: its digits, its interval, its unit."""

import math

import pytest

from bench.formatting import (
    format_bytes,
    format_duration,
    format_number,
    format_p,
    format_percent,
    format_points,
    format_ratio,
    format_short,
    format_target,
    join_words,
    plural,
    plural_range,
    truncate,
)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((21347.0, 21104.0, 21533.0), "21,350 [21,100, 21,530]"),
        ((12.3456, 12.1, 12.9), "12.35 [12.10, 12.90]"),
        ((123456.0,), "123,000"),
        ((0.02137,), "0.0214"),
        ((5.0, 5.0, 5.0), "5.00 [5.00, 5.00]"),
        ((5.0, math.nan, math.nan), "5.00"),
        ((0.0,), "0"),
        ((12.0, 10.0, math.inf), "12.0 [10.0, ∞]"),
        ((math.inf,), "∞"),
    ],
)
def test_a_number_has_the_digits_that_its_interval_supports(
    arguments: tuple[float, ...], text: str
) -> None:
    assert format_number(*arguments) == text


@pytest.mark.parametrize(
    ("value", "text"), [(21347, "21.3k"), (20000, "20.0k"), (137, "137"), (1.5e6, "1.50M")]
)
def test_short_numbers_have_three_digits_and_a_prefix(value: float, text: str) -> None:
    assert format_short(value) == text


def test_differences_and_their_intervals_have_signs() -> None:
    assert (format_points(0.123), format_points(-1.5)) == ("+0.12", "−1.50")
    assert format_points(0.12, -0.03, 0.27) == "+0.12 [−0.03, +0.27]"


def test_memory_is_written_in_si_units() -> None:
    assert (format_bytes(412_345_678), format_bytes(16e9)) == ("412 MB", "16.0 GB")


def test_a_long_reason_is_cut() -> None:
    assert truncate("x" * 500, 10) == "x" * 9 + "…"
    assert truncate("short") == "short"


def test_an_accuracy_is_in_percent_with_its_interval() -> None:
    assert format_percent(0.9853, 0.9821, 0.9885) == "98.53% [98.21, 98.85]"
    assert format_percent(0.9853) == "98.53%"
    assert format_percent(0.9853, 0.9821, 0.9885, unit="") == "98.53 [98.21, 98.85]"
    assert format_target(0.9896) == "98.96%"


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (1.22, 1.33, "1.280 [1.220, 1.330]"),
        (None, None, "1.280 (exploratory)"),
        (math.nan, math.nan, "1.280 (exploratory)"),
    ],
)
def test_a_ratio_has_an_interval_or_is_exploratory(
    low: float | None, high: float | None, text: str
) -> None:
    assert format_ratio(1.28, low, high) == text


def test_a_ratio_may_have_a_unit_and_fewer_decimals() -> None:
    assert format_ratio(1.28, 1.22, 1.33, decimals=2, unit="×") == "1.28× [1.22, 1.33]"


def test_a_small_probability_is_a_bound() -> None:
    assert (format_p(0.0312), format_p(0.0004)) == ("0.031", "< 0.001")


def test_counts_agree_with_their_nouns() -> None:
    assert (plural(1, "cell"), plural(1024, "cell")) == ("1 cell", "1,024 cells")
    assert plural(2, "batch", "batches") == "2 batches"
    assert plural_range([6, 6], "timing set") == "6 timing sets"
    assert plural_range([3, 1], "seed") == "1–3 seeds"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4, "4 s"), (200, "3 min 20 s"), (180, "3 min"), (1500, "25 min"), (7500, "2 h 5 min")],
)
def test_durations_have_the_units_that_people_use(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_words_are_joined_as_in_a_sentence() -> None:
    assert [join_words("abc"[:n]) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]
