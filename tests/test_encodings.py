"""Texts are read and written as UTF-8, never by the locale."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "bench"
OPENS = ("open", "read_text", "write_text", "fdopen", "NamedTemporaryFile")


def by_the_locale(tree: ast.AST) -> Iterator[int]:
    """Find calls that open a text without saying its encoding."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        if "encoding" in given:
            continue
        texts = [n.value for n in (*node.args, given.get("mode")) if isinstance(n, ast.Constant)]
        is_binary = any(isinstance(text, str) and "b" in text for text in texts)
        owner = getattr(getattr(function, "value", None), "id", "")
        if name in OPENS and not is_binary and owner not in ("os", "gzip", "opener"):
            yield node.lineno


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: p.stem)
def test_every_text_has_its_encoding_said(path: Path) -> None:
    assert list(by_the_locale(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize("source", ["open(p)", "p.read_text()", "p.open('w')"])
def test_a_text_without_it_is_found(source: str) -> None:
    assert list(by_the_locale(ast.parse(source))) == [1]
