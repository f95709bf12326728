"""What a module imports is found from its source, wherever it stands, and none of it is run."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.import_graph import imported_modules, is_users

DistinctText = Callable[[str, str], str]


def names(module: str) -> list[str]:
    """List the modules found, without the top folder's name, which differs from test to test."""
    top = module.partition(".")[0]
    return sorted(name.removeprefix(f"{top}.") for name in imported_modules(module, is_users))


def test_imports_are_followed_through_functions_packages_and_folders(written: DistinctText) -> None:
    written("__init__.py", "")
    written("blocks.py", "from . import shapes\nimport json")
    written("shapes.py", "from .nets import Net")
    written("layers/conv.py", "from ..late import LATE")
    written("late.py", "")
    written("unused.py", "")
    module = written(
        "nets.py",
        "import os, sys\nfrom .blocks import Block\ndef f():\n    from .layers.conv import Conv\n",
    )
    top = module.partition(".")[0]
    assert names(module) == sorted([top, "blocks", "layers.conv", "late", "nets", "shapes"])


def test_an_absolute_import_of_another_user_package_is_followed(written: DistinctText) -> None:
    written("layers/__init__.py", "")
    blocks = written("layers/blocks.py", "")
    module = written("nets/net.py", f"import {blocks}")
    assert names(module) == ["layers", "layers.blocks", "nets.net"]


def test_a_name_imported_from_a_package_may_be_a_module(written: DistinctText) -> None:
    top = written("layers/blocks.py", "").partition(".")[0]
    module = written("nets/net.py", f"from {top}.layers import blocks, missing")
    assert names(module) == ["layers.blocks", "nets.net"]


def test_a_relative_import_in_a_package_starts_at_the_package_itself(written: DistinctText) -> None:
    written("nets/deep.py", "")
    module = written("nets/__init__.py", "from .deep import x")
    assert names(module) == ["nets", "nets.deep"]


def test_folders_on_the_path_that_share_a_namespace_are_one(
    written: DistinctText, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = written("nets.py", "from .blocks import x")
    top = module.partition(".")[0]
    other = tmp_path / "elsewhere" / top / "blocks.py"
    other.parent.mkdir(parents=True)
    other.touch()
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    assert names(module) == ["blocks", "nets"]


def test_installed_packages_are_not_user_code(
    written: DistinctText, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written("env/site-packages/own_installed.py", "")
    monkeypatch.syspath_prepend(tmp_path / f"own_{tmp_path.name}" / "env" / "site-packages")
    module = written("nets.py", "import own_installed, torch, json, yaml, bench.train")
    assert names(module) == ["nets"]


@pytest.mark.parametrize("source", ["from ......... import x", "import (", "from . import *"])
def test_unresolvable_imports_are_skipped(written: DistinctText, source: str) -> None:
    assert names(written("nets.py", source)) == ["nets"]


def test_a_module_without_source_imports_nothing() -> None:
    assert imported_modules("sys", is_users) == {}


def test_nothing_is_imported(written: DistinctText) -> None:
    written("__init__.py", "raise RuntimeError")
    module = written("nets.py", "raise RuntimeError")
    assert names(module)
    assert module not in sys.modules
