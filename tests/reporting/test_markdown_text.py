import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.formatting import format_bytes, format_number, format_points, format_short, truncate
from bench.reporting.markdown_text import escape


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a|b", r"a\|b"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("`code`", r"\`code\`"),
        ("two\nlines", "two lines"),
        ("$x$ and *y*", r"&#36;x&#36; and \*y\*"),
        ("[link](u)", r"\[link\](u)"),
        (r"back\slash", r"back\\slash"),
        ("convnet · batch 64", "convnet · batch 64"),
    ],
)
def test_what_markdown_would_read_is_escaped(text: str, safe: str) -> None:
    assert escape(text) == safe


@given(st.text())
def test_no_text_can_leave_its_table_cell(text: str) -> None:
    safe = escape(text)
    assert len(safe.splitlines()) <= 1
    assert "<" not in safe and ">" not in safe and "$" not in safe
    unescaped = safe.replace("\\\\", "").replace("\\|", "").replace("\\`", "")
    assert "|" not in unescaped and "`" not in unescaped


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


def test_differences_have_a_sign() -> None:
    assert (format_points(0.123), format_points(-1.5)) == ("+0.12", "−1.50")


def test_memory_is_written_in_si_units() -> None:
    assert (format_bytes(412_345_678), format_bytes(16e9)) == ("412 MB", "16.0 GB")


def test_a_long_reason_is_cut() -> None:
    assert truncate("x" * 500, 10) == "x" * 9 + "…"
    assert truncate("short") == "short"
