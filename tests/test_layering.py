"""One way through the house: a module imports lower ranks, or siblings of its own folder."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "bench"
RANKS = {
    "errors": -1, "formatting": -1, "import_graph": -1, "csv_text": -1,
    "__init__": 0, "cell_names": 0, "study_files": 0, "records": 0, "registry": 0,
    "torchvision_import": 0, "atomic_write": 0,
    "models": 1, "data": 1, "optim": 1, "measure": 1, "cuda_graphs": 1, "stats": 1, "store": 1,
    "outcome_keys": 2, "study": 2, "train": 2, "analysis": 2,
    "execute": 3, "reporting": 3, "planning": 3, "export": 3,
    "runner": 4, "verify": 4, "regress": 4, "doctor": 4,
    "cli": 5,
    "__main__": 6,
}  # fmt: skip
OFFERED = {"analysis"}  # by the package itself, which imports it where it is called
MODULES = sorted(ROOT.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    rooms: set[str] = set()
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
                rooms.add(rest.split(".")[0] or "__init__")
    return rooms


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_lower_ranks_and_siblings(path: Path) -> None:
    room = room_of(path)
    offered = OFFERED if path == ROOT / "__init__.py" else set()
    for other in imported_rooms(path) - {room, "__version__"} - offered:
        assert RANKS[other] < RANKS[room], f"{path.name} ({room}) climbs to {other}"


def test_every_room_has_a_rank() -> None:
    assert {room_of(path) for path in MODULES} <= set(RANKS)


def test_analysis_knows_nothing_of_torch() -> None:
    for path in (ROOT / "analysis").rglob("*.py"):
        assert "torch" not in path.read_text(encoding="utf-8")
