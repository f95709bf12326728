"""The digest of the code changes when the code does, and not when only its text does."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench import store
from bench.models import MODELS
from bench.registry import source_file
from bench.store import MEASURING_CODE, code_digest

Digest = Callable[..., str]

NET = '''
from .blocks import WIDTH
import json

class Net:
    """A network."""

    def __init__(self, width: int = WIDTH):
        self.width = width  # as given
'''


@pytest.fixture
def digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Digest:
    """Digest a network whose module has the given text, with what is beside it."""
    top = f"own_{tmp_path.name}"
    (tmp_path / top).mkdir()
    monkeypatch.syspath_prepend(tmp_path)

    def of(net: str = NET, blocks: str = "WIDTH = 4\n", beside: str = "") -> str:
        for name, text in (("nets", net), ("blocks", blocks), ("beside", beside)):
            (tmp_path / top / f"{name}.py").write_text(text, encoding="utf-8")
        return code_digest(f"{top}.nets:Net")

    return of


def test_the_same_code_has_the_same_digest(digest: Digest) -> None:
    assert digest() == digest()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # as given", ""),
        ("  # as given", "  # whatever"),
        ("import json\n", "import json\n\n\n# a comment\n"),
        ("width: int = WIDTH", "width: int  =  WIDTH"),
        ("width: int = WIDTH):", "\n        width: int = WIDTH,\n    ):"),
    ],
)
def test_comments_and_layout_change_nothing(digest: Digest, old: str, new: str) -> None:
    assert old in NET
    assert digest(NET.replace(old, new)) == digest()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.width = width", "self.width = width + 1"),
        ("int = WIDTH", "int = 5"),
        ("class Net:", "class Net(object):"),
        ("import json", "import math"),
    ],
)
def test_other_code_is_another_digest(digest: Digest, old: str, new: str) -> None:
    assert old in NET
    assert digest(NET.replace(old, new)) != digest()


def test_what_a_network_imports_from_its_own_folder_counts(digest: Digest) -> None:
    assert digest(blocks="WIDTH = 5\n") != digest()
    assert digest(blocks="WIDTH = 4  # a comment\n") == digest()


def test_what_stands_beside_it_does_not(digest: Digest) -> None:
    assert digest(beside="WIDTH = 5\n") == digest()


def test_a_module_that_is_no_python_still_has_a_digest(digest: Digest) -> None:
    assert digest(blocks="WIDTH = (") != digest(blocks="WIDTH = ((")


def test_a_module_without_source_has_that_of_the_measuring_code() -> None:
    assert code_digest("sys:Net") == code_digest("no_such_module:Net")


def test_every_network_of_ours_has_its_own() -> None:
    assert len({code_digest(entry.target) for entry in MODELS.values()}) == len(MODELS)


@pytest.mark.parametrize("module", MEASURING_CODE)
def test_the_measuring_code_is_found_and_counts(
    monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    assert source_file(module) is not None
    whole = code_digest("sys:Net")
    monkeypatch.setattr(store, "MEASURING_CODE", [m for m in MEASURING_CODE if m != module])
    assert code_digest("sys:Net") != whole
