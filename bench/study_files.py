"""The study files and results folders that lie nearby: to complete a path, or to hint one."""

import os
from collections.abc import Iterable
from pathlib import Path

from bench.errors import nearest

STUDIES, RESULTS = Path("studies"), Path("results")
ENDINGS = (".yaml", ".yml")
SHOWN = 8


def study_files(folder: Path = Path()) -> list[Path]:
    """List the YAML files in a folder, and then those in `studies`, hidden ones left out."""
    return [
        path
        for place in dict.fromkeys((folder, STUDIES))
        for path in sorted(place.glob("[!.]*"))
        if path.suffix in ENDINGS
    ]


def results_folders(root: Path = RESULTS) -> list[Path]:
    """List the folders below `root` that hold trials.csv, those that lie deepest last."""
    found: list[Path] = []
    for folder, below, files in os.walk(root):
        if "trials.csv" in files:
            found.append(Path(folder))
            below.clear()  # one file an outcome: not to be listed
    return sorted(found, key=lambda path: (len(path.parts), path))


def study_hint(path: Path) -> str:
    """Name the study file that `path` most likely means, or all; without any, how to make one."""
    known = study_files(path.parent)
    if near := _nearest(path, known):
        return f"Did you mean '{near}'?"
    here = [study for study in known if study.parent == path.parent] or known
    if not here:
        return "`bench init NAME` writes one to begin with."
    return f"Studies here: {', '.join(map(str, here[:SHOWN]))}"


def results_hint(path: Path) -> str:
    """Name the results folder that `path` most likely means; without one, say what it should be."""
    beside = sorted(table.parent for table in path.parent.glob("*/trials.csv"))
    if near := _nearest(path, [*beside, *results_folders()]):
        return f"Did you mean '{near}'?"
    return "Name a results folder that `bench run` wrote, such as results/baseline."


def _nearest(wrong: Path, known: Iterable[Path]) -> Path | None:
    """Find the path whose name is nearest, wherever it lies; of equal names the first one's."""
    by_name: dict[str, Path] = {}
    for path in known:
        by_name.setdefault(_name(path), path)
    return by_name.get(nearest(_name(wrong), by_name))


def _name(path: Path) -> str:
    return path.stem if path.suffix in ENDINGS else path.name
