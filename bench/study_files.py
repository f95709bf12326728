"""Study files and results folders nearby, for completion and for hints."""

import os
from collections.abc import Iterable
from pathlib import Path

from bench.errors import nearest

STUDIES, RESULTS = Path("studies"), Path("results")
SUFFIXES = (".yaml", ".yml")
MOST_SHOWN = 8


def study_files(folder: Path = Path()) -> list[Path]:
    """Return the YAML files in a folder, then those in `studies`, without hidden ones."""
    return [
        path
        for parent in dict.fromkeys((folder, STUDIES))
        for path in sorted(parent.glob("[!.]*"))
        if path.suffix in SUFFIXES
    ]


def results_folders(root: Path = RESULTS) -> list[Path]:
    """Return the folders below `root` that hold trials.csv, the deepest last."""
    found: list[Path] = []
    for folder, subfolders, files in os.walk(root):
        if "trials.csv" in files:
            found.append(Path(folder))
            subfolders.clear()  # outcomes: one file each
    return sorted(found, key=lambda path: (len(path.parts), path))


def study_hint(path: Path) -> str:
    """Return a hint on the study file that `path` may mean, or on how to create one."""
    known = study_files(path.parent)
    if match := _nearest(path, known):
        return f"Did you mean '{match}'?"
    shown = [study for study in known if study.parent == path.parent] or known
    if not shown:
        return "`bench init NAME` writes one to start from."
    return f"Studies here: {', '.join(map(str, shown[:MOST_SHOWN]))}"


def results_hint(path: Path) -> str:
    """Return a hint on the results folder that `path` may mean, or on what to name."""
    siblings = sorted(table.parent for table in path.parent.glob("*/trials.csv"))
    if match := _nearest(path, [*siblings, *results_folders()]):
        return f"Did you mean '{match}'?"
    return "Name a results folder that `bench run` wrote, such as results/baseline."


def _nearest(wrong: Path, known: Iterable[Path]) -> Path | None:
    """Return the path with the most similar name; of equal names the first."""
    by_name: dict[str, Path] = {}
    for path in known:
        by_name.setdefault(_name(path), path)
    return by_name.get(nearest(_name(wrong), by_name))


def _name(path: Path) -> str:
    return path.stem if path.suffix in SUFFIXES else path.name
