"""Text files are read and written as UTF-8, never in the encoding of the locale."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "bench"
OPENS = ("open", "read_text", "write_text", "fdopen", "NamedTemporaryFile")
BINARY = ("os", "gzip", "opener", "Image")  # whose `open` opens no text file


def without_encoding(tree: ast.AST) -> Iterator[int]:
    """Yield the lines of calls that open a text file without an encoding."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        if "encoding" in keywords:
            continue
        texts = [n.value for n in (*node.args, keywords.get("mode")) if isinstance(n, ast.Constant)]
        is_binary = any(isinstance(text, str) and "b" in text for text in texts)
        owner = getattr(getattr(function, "value", None), "id", "")
        if name in OPENS and not is_binary and owner not in BINARY:
            yield node.lineno


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: p.stem)
def test_every_text_file_is_opened_with_an_encoding(path: Path) -> None:
    assert list(without_encoding(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize("source", ["open(p)", "p.read_text()", "p.open('w')"])
def test_a_call_without_an_encoding_is_found(source: str) -> None:
    assert list(without_encoding(ast.parse(source))) == [1]
