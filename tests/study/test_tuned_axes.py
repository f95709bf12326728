"""Axes whose best value is chosen for every remaining cell."""

from collections.abc import Callable
from typing import Any

import pytest

from bench.measure.machine import Machine
from bench.study.design import Design, expand
from bench.study.runs import choose, resolve, tuning_runs

NO_GPU = Machine("a CPU", 1, 2**30, "an OS", (), "no CUDA device: made up", (("torch", "1"),))
Loaded = Callable[..., Any]
AXES = "axes: {model: [convnet, lenet5], lr: [0.1, 0.2, 0.3]}\n"


@pytest.fixture
def grid_of(loaded: Loaded) -> Callable[[str], Design]:
    return lambda text: expand(loaded(f"name: x\n{text}"))  # type: ignore[arg-type]


@pytest.mark.parametrize("design", ["full", "one_at_a_time", "pairs"])
def test_a_tuned_axis_is_not_part_of_the_design(
    grid_of: Callable[[str], Design], design: str
) -> None:
    grid = grid_of(f"{AXES}tune: {{over: [lr]}}\ndesign: {design}")
    assert [c[0].model.name for c in grid.candidates] == ["convnet", "lenet5"]
    for candidates in grid.candidates:
        assert [c.optimizer.parameters["lr"] for c in candidates] == [0.1, 0.2, 0.3]


def test_exclude_leaves_out_single_candidates(grid_of: Callable[[str], Design]) -> None:
    grid = grid_of(f"{AXES}tune: {{over: [lr]}}\nexclude: [{{model: lenet5, lr: 0.3}}]")
    assert [len(candidates) for candidates in grid.candidates] == [3, 2]


def test_an_included_cell_that_sets_the_field_is_not_tuned(
    grid_of: Callable[[str], Design],
) -> None:
    grid = grid_of(f"{AXES}tune: {{over: [lr]}}\ninclude: [{{model: mlp, lr: 0.5}}]")
    (only,) = grid.candidates[-1]
    assert only.optimizer.parameters["lr"] == 0.5


def test_candidates_that_cannot_run_here_are_skipped(loaded: Loaded) -> None:
    text = "name: x\naxes: {precision: [tf32, bf16, fp32]}\ntune: {over: [precision]}"
    study = loaded(text)
    groups = expand(study).candidates
    candidates = [[resolve(cell, NO_GPU, {}) for cell in group] for group in groups]
    assert {run.cell.precision for run in tuning_runs(study, candidates)} == {"bf16", "fp32"}
    (chosen,) = choose(study, candidates, {})
    assert chosen.precision == "bf16"


@pytest.mark.parametrize(
    ("tune", "message"),
    [
        (
            "{over: [lrr]}",
            "study.yaml:3: tune.over[0]: unknown axis 'lrr'. Did you mean 'lr'?",
        ),
        ("{over: []}", "study.yaml:3: tune.over: expected at least one value"),
        (
            "{over: [lr], seeds: [0]}",
            "study.yaml:3: tune.seeds: seed 0 is also in seeds; tuning needs other seeds",
        ),
        ("{over: [lr], seeds: [5, 5]}", "study.yaml:3: tune.seeds: duplicate seed"),
        (
            "{over: [lr], validation: 1}",
            "study.yaml:3: tune.validation: expected a value less than 1",
        ),
    ],
)
def test_an_invalid_tuning_is_refused_with_its_place(
    refusal: Callable[..., str], tune: str, message: str
) -> None:
    assert refusal(f"name: x\n{AXES}tune: {tune}").startswith(message)
