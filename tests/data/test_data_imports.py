import subprocess
import sys
from pathlib import Path

import pytest
from data_doubles import REPOSITORY, TinySet, no_progress

LATER = ("torch", "torchvision", "sklearn", "scipy", "pandas", "numpy")


def test_importing_the_sources_imports_nothing_heavy() -> None:
    code = f"import sys, bench.data; sys.exit(bool(set({LATER!r}) & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0


def test_a_set_that_is_there_is_read_and_verified_without_torch(
    tiny: TinySet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("torch", "torchvision"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it now raises ImportError
    tiny.source.fetch(tmp_path, no_progress)
    tiny.source.verify(tmp_path)
    assert tiny.source.read(tmp_path).train_images.shape == (6, 1, 28, 28)
