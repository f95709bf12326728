import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.reporting.markdown_text import escape, mark_verdict, plain_verdicts


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


def test_an_interval_is_not_escaped() -> None:
    assert escape("1.28 [1.22, 1.33] times") == "1.28 [1.22, 1.33] times"
    assert escape("[1, 2](url)") == r"\[1, 2\](url)"


def test_marked_verdicts_become_bold_words_and_inconclusive_stays_plain() -> None:
    marked = f"{mark_verdict('IMPROVED', 'faster')}, {mark_verdict('INCONCLUSIVE', 'inconclusive')}"
    assert 'data-verdict="IMPROVED"' in marked
    assert plain_verdicts(marked) == "**faster**, inconclusive"
