"""A module's file is found without running any of its packages."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from bench.import_graph import source_file

DistinctText = Callable[[str, str], str]
RAISES = 'raise RuntimeError("this module was run")\n'


def test_a_module_in_a_package_is_found_without_running_either(written: DistinctText) -> None:
    package = written("__init__.py", RAISES)
    module = written("deep/nets.py", RAISES)
    found = source_file(module)
    assert found is not None
    assert found.read_text(encoding="utf-8") == RAISES
    assert not {package, module} & set(sys.modules)


def test_a_package_is_its_init(written: DistinctText) -> None:
    package = written("deep/__init__.py", RAISES)
    found = source_file(package)
    assert found is not None
    assert found.parts[-2:] == ("deep", "__init__.py")


def test_a_package_comes_before_a_module_of_its_name_as_in_python(written: DistinctText) -> None:
    written("both.py", "")
    name = written("both/__init__.py", "")
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert str(source_file(name)) == spec.origin


def test_the_first_folder_of_the_path_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "own_twice.py").touch()
        monkeypatch.syspath_prepend(tmp_path / folder)
    assert source_file("own_twice") == tmp_path / "second" / "own_twice.py"


def test_the_current_folder_is_on_the_path_where_python_states_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_here.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [""])
    found = source_file("own_here")
    assert found is not None
    assert found.samefile(tmp_path / "own_here.py")


class Finder:
    """Answers for one package that is on no path, as an editable install does."""

    def __init__(self, name: str, origin: Path) -> None:
        self.name, self.origin = name, origin

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.origin)


@pytest.mark.parametrize(
    ("origin", "module", "found"),
    [
        ("pkg/__init__.py", "elsewhere", "pkg/__init__.py"),
        ("pkg/__init__.py", "elsewhere.nets", "pkg/nets.py"),
        ("pkg/__init__.py", "elsewhere.missing", None),
        ("single.py", "elsewhere", "single.py"),
        ("single.py", "elsewhere.nets", None),
    ],
)
def test_only_the_top_package_is_looked_up_by_a_finder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: str, module: str, found: str | None
) -> None:
    (tmp_path / "pkg").mkdir()
    for name in ("pkg/__init__.py", "pkg/nets.py", "single.py", "nets.py", "pkg.py"):
        (tmp_path / name).write_text(RAISES, encoding="utf-8")
    monkeypatch.setattr(sys, "meta_path", [Finder("elsewhere", tmp_path / origin), *sys.meta_path])
    assert source_file(module) == (tmp_path / found if found else None)
    assert "elsewhere" not in sys.modules


@pytest.mark.parametrize("name", ["sys", "no_such_module", "no_such.module", "math.x"])
def test_a_module_without_source_is_not_found(name: str) -> None:
    assert source_file(name) is None


def test_a_main_module_without_a_spec_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    main = ModuleType("__main__")
    assert main.__spec__ is None
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert source_file("__main__") is None
