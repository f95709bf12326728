"""A study from its text to its plan, without anything of this machine in it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from bench.errors import StudyError
from bench.measure.machine import Machine
from bench.study.design import expand
from bench.study.runs import Plan, make_plan
from bench.study.spec import Cell, Study
from bench.study.study_file import load_study
from bench.study.yaml_source import Source

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


@pytest.fixture(scope="session")
def loaded(study_file: Path) -> Callable[..., tuple[Study, Source]]:
    """Load a study from its text (or bytes) and any overrides."""

    def load(text: str | bytes, *overrides: str) -> tuple[Study, Source]:
        content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        study_file.write_bytes(content)
        return load_study(study_file, overrides)

    return load


@pytest.fixture(scope="session")
def cells_of(loaded: Callable[..., tuple[Study, Source]]) -> Callable[..., list[Cell]]:
    """List the distinct cells of a study."""

    def cells(text: str, *overrides: str) -> list[Cell]:
        return expand(*loaded(text, *overrides)).every_cell

    return cells


@pytest.fixture(scope="session")
def refusal(study_file: Path, loaded: Callable[..., tuple[Study, Source]]) -> Callable[..., str]:
    """Say what is answered to a study that is not valid; its file is called study.yaml there."""

    def said(text: str | bytes, *overrides: str) -> str:
        with pytest.raises(StudyError) as caught:
            expand(*loaded(text, *overrides))
        return str(caught.value).replace(str(study_file), "study.yaml")

    return said


@pytest.fixture(scope="session")
def planned(loaded: Callable[..., tuple[Study, Source]]) -> Callable[..., Plan]:
    """Plan a study on a machine with four cores, the given GPUs, and what data sets serve."""

    def plan(
        text: str,
        *overrides: str,
        gpus: tuple[str, ...] = (),
        served: Mapping[str, str] = MappingProxyType({}),
    ) -> Plan:
        study, source = loaded(text, *overrides)
        grid = expand(study, source)
        machine = replace(NO_GPU, gpus=gpus, no_cuda="" if gpus else NO_GPU.no_cuda)
        return make_plan(study, grid.every_cell, machine, served, left_out=grid.left_out)

    return plan
