import importlib
from importlib.metadata import PackageNotFoundError

import pytest

from bench import torchvision_import
from bench.errors import DataError
from bench.torchvision_import import import_torchvision


def break_import(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(name: str) -> None:
        assert name == "torchvision"
        raise error

    monkeypatch.setattr(importlib, "import_module", fail)


def test_torchvision_comes_with_what_the_loader_takes_from_it() -> None:
    torchvision = import_torchvision()
    assert callable(torchvision.transforms.Normalize)
    assert callable(torchvision.datasets.MNIST)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("operator torchvision::nms does not exist\nand more"),
        ImportError("undefined symbol: _ZN3c10"),
        AttributeError("partially initialized module 'torchvision' has no attribute 'extension'"),
        OSError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_torch_that_does_not_fit_is_explained_in_one_message(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(
        torchvision_import, "version", {"torch": "2.99.0", "torchvision": "0.1.0"}.__getitem__
    )
    break_import(monkeypatch, error)
    with pytest.raises(DataError) as caught:
        import_torchvision()
    assert "torch 2.99.0 and torchvision 0.1.0 are incompatible" in caught.value.what
    assert (str(error).split("\n")[0] or "OSError") in caught.value.what
    assert "\n" not in caught.value.what
    assert "pip install --upgrade torch torchvision" in caught.value.hint
    assert "dataset: digits" in caught.value.hint
    assert "loader: resident" in caught.value.hint


def test_an_absent_torchvision_is_stated_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        if package == "torchvision":
            raise PackageNotFoundError(package)
        return "2.99.0"

    monkeypatch.setattr(torchvision_import, "version", version)
    break_import(monkeypatch, ModuleNotFoundError("No module named 'torchvision'"))
    with pytest.raises(DataError, match="torchvision is not installed"):
        import_torchvision()
