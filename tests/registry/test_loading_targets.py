"""`package.module:Name` is imported when it is loaded, and errors pass through."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.registry import load

DistinctText = Callable[[str, str], str]


def test_a_target_is_what_its_module_has_by_that_name(written: DistinctText) -> None:
    module = written("nets.py", "class Net:\n    made = 5")
    assert load(f"{module}:Net").made == 5


@pytest.mark.parametrize(
    ("name", "source", "error"),
    [
        ("Nett", "class Net: ...", AttributeError),
        ("Net", "import no_such_library", ModuleNotFoundError),
        ("Net", "1 / 0", ZeroDivisionError),
    ],
)
def test_what_goes_wrong_in_it_passes_through(
    written: DistinctText, name: str, source: str, error: type[Exception]
) -> None:
    module = written("nets.py", source)
    with pytest.raises(error):
        load(f"{module}:{name}")


@pytest.mark.parametrize(
    ("target", "message", "hint"),
    [
        ("mien:Net", "there is no module 'mien' in the current folder", "Did you mean 'mine'?"),
        ("mine.py:Net", "there is no module 'mine.py'", "Write mine:Net."),
        ("mine.more:Net", "there is no module 'mine.more'", ""),
    ],
)
def test_a_module_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, message: str, hint: str
) -> None:
    (tmp_path / "mine.py").write_text("class Net: ...", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BenchError) as caught:
        load(target)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    assert caught.value.what.startswith(message)
    assert caught.value.hint == hint
