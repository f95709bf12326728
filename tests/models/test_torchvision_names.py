"""torchvision's names are read from its source: the right ones, and without importing it."""

import subprocess
import sys

import pytest

from bench.errors import BenchError
from bench.models.model_lookup import candidate_models, torchvision_models

SCRIPT = """
import sys
from bench.models.model_lookup import candidate_models
assert "torchvision:resnet18" in candidate_models("torchvision:resnet18")
print(*{"torch", "torchvision"} & set(sys.modules))
"""


def test_they_are_those_that_torchvision_registers_for_classification() -> None:
    models = pytest.importorskip("torchvision.models")
    registered = models.list_models(module=models)
    assert sorted(torchvision_models()) == sorted(f"torchvision:{name}" for name in registered)


def test_reading_them_imports_neither_torch_nor_torchvision() -> None:
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "\n"


def test_they_are_read_only_where_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise AssertionError("torchvision's source was read")

    monkeypatch.setattr("bench.models.model_lookup.torchvision_models", refuse)
    assert "convnet" in candidate_models("convnet")
    assert "convnet" in candidate_models("covnet")


def test_without_torchvision_one_message_names_the_fix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bench.models.model_lookup.source_file", lambda module: None)
    torchvision_models.cache_clear()
    with pytest.raises(BenchError, match="needs torchvision, which is not installed") as caught:
        torchvision_models()
    assert "pip install" in caught.value.hint
