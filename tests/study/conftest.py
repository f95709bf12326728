"""A study from its text to its plan, without anything of this machine in it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import pytest

from bench.errors import StudyError
from bench.measure.machine import Machine
from bench.study.dataset_choice import DatasetChoice
from bench.study.design import Excluded, expand
from bench.study.runs import Run, UsedDataset, distinct_cells, resolve, trial_and_cost_runs
from bench.study.spec import MIN_SETS, Cell, Study
from bench.study.study_file import load_study
from bench.study.timing_sets import SetPart, replacement_runs, set_runs, timed_cells

NO_GPU = Machine(
    cpu="a CPU",
    cores=4,
    memory_bytes=2**33,
    os="an OS",
    gpus=(),
    no_cuda="no CUDA device: it was left at home",
    software=(("python", "3.12"),),
)


@pytest.fixture(scope="session")
def study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study") / "study.yaml"


@dataclass(frozen=True)
class PlannedStudy:
    """A study with its cells on a machine, and its trials and cost passes."""

    study: Study
    cells: tuple[Cell, ...]
    runs: tuple[Run, ...]
    excluded: tuple[Excluded, ...]

    @property
    def timed(self) -> tuple[Cell, ...]:
        return tuple(timed_cells(self.study, self.cells))

    @property
    def wanted(self) -> int:
        """The sets of each cell, if the study has a timing protocol; six where none are given."""
        return (self.study.timing.sets or MIN_SETS) if self.study.timing else 0

    def set_runs(self, done: Collection[SetPart] = (), used: Collection[int] = ()) -> list[Run]:
        return set_runs(self.study, self.cells, done, used, self.wanted)

    def replacement_runs(
        self, done: Collection[SetPart], clean: Collection[SetPart], number: int
    ) -> list[Run]:
        return replacement_runs(self.study, self.cells, done, clean, number, self.wanted)


@pytest.fixture(scope="session")
def loaded(study_file: Path) -> Callable[..., Study]:
    """Load a study from its text (or bytes) and any overrides."""

    def load(text: str | bytes, *overrides: str) -> Study:
        content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        study_file.write_bytes(content)
        return load_study(study_file, overrides)

    return load


@pytest.fixture(scope="session")
def cells_of(loaded: Callable[..., Study]) -> Callable[..., list[Cell]]:
    """Return the distinct cells of a study."""

    def cells(text: str, *overrides: str) -> list[Cell]:
        return expand(loaded(text, *overrides)).cells

    return cells


@pytest.fixture(scope="session")
def refusal(study_file: Path, loaded: Callable[..., Study]) -> Callable[..., str]:
    """Return the error message for an invalid study, whose file is called study.yaml."""

    def message(text: str | bytes, *overrides: str) -> str:
        with pytest.raises(StudyError) as caught:
            expand(loaded(text, *overrides))
        return str(caught.value).replace(str(study_file), "study.yaml")

    return message


@pytest.fixture(scope="session")
def planned(loaded: Callable[..., Study]) -> Callable[..., PlannedStudy]:
    """Plan a study on a machine with four cores, given its GPUs and the data sets in use."""

    def plan(
        text: str,
        *overrides: str,
        gpus: tuple[str, ...] = (),
        served: Mapping[str, str] = MappingProxyType({}),
    ) -> PlannedStudy:
        study = loaded(text, *overrides)
        design = expand(study)
        machine = replace(NO_GPU, gpus=gpus, no_cuda="" if gpus else NO_GPU.no_cuda)
        used = {
            requested: UsedDataset(DatasetChoice.model_validate(name), None)
            for requested, name in served.items()
        }
        resolved = [resolve(cell, machine, used) for cell in design.cells]
        cells = distinct_cells(resolved, resolve(study.base, machine, used).cell_id)
        runs = tuple(trial_and_cost_runs(study, cells))
        return PlannedStudy(study, cells, runs, design.excluded)

    return plan
