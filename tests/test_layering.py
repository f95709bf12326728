"""A module imports only lower layers, or siblings of its own package."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "bench"
LAYERS = {
    "errors": -1, "formatting": -1, "import_graph": -1, "csv_text": -1,
    "__init__": 0, "cell_names": 0, "study_files": 0, "records": 0, "registry": 0,
    "torchvision_import": 0, "atomic_write": 0, "misclassified": 0,
    "models": 1, "metrics": 1, "data": 1, "optim": 1, "measure": 1, "stats": 1, "store": 1,
    "outcome_keys": 2, "study": 2, "train": 2, "analysis": 2,
    "execute": 3, "reporting": 3, "planning": 3, "export": 3,
    "runner": 4, "verify": 4, "regress": 4, "doctor": 4,
    "cli": 5,
    "api": 6, "__main__": 6,
}  # fmt: skip
OFFERED = {"api"}  # imported by the package itself when a public name is used first
MODULES = sorted(ROOT.rglob("*.py"))


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_packages(path: Path) -> set[str]:
    packages: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module or ""]
            if node.module == "bench":
                names = [f"bench.{alias.name}" for alias in node.names]
        for name in names:
            top, _, rest = name.partition(".")
            if top == "bench":
                packages.add(rest.split(".")[0] or "__init__")
    return packages


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_lower_layers_and_siblings(path: Path) -> None:
    package = package_of(path)
    offered = OFFERED if path == ROOT / "__init__.py" else set()
    for other in imported_packages(path) - {package, "__version__"} - offered:
        assert LAYERS[other] < LAYERS[package], (
            f"{path.name} ({package}) imports the higher layer {other}"
        )


def test_every_package_has_a_layer() -> None:
    assert {package_of(path) for path in MODULES} <= set(LAYERS)


def test_analysis_knows_nothing_of_torch() -> None:
    for path in (ROOT / "analysis").rglob("*.py"):
        assert "torch" not in path.read_text(encoding="utf-8")
