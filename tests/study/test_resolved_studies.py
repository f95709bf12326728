"""A study as resolved, every default filled in, is a study file that gives the same cells."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.study.yaml_source import read_value, write_yaml

Planned = Callable[..., Any]

FULL = """\
name: '1e3'
description: "1e-3"
base:
  model: {import: "no_such_module:Net", sizes: [16, 32], word: "off"}
  optimizer: {name: sgd, lr: 1e-2, nesterov: true, momentum: .9}
  dataset: mnist
  threads: 2
axes: {batch_size: [64, 5_12], optimizer.lr: [1e-5, .1], schedule: [constant, {name: step}]}
include: [{model: lenet5, lr: 1}]
exclude: [{batch_size: 64, optimizer: {lr: .1}}]
seeds: [3, 1]
target_accuracy: 0.98
timing: off
limits: {trial_timeout: 1h30m}
"""
REPOSITORYS = sorted((Path(__file__).parents[2] / "studies").rglob("*.yaml"))


def assert_same_plan(planned: Planned, text: str) -> None:
    plan = planned(text)
    for written in (
        write_yaml(plan.study.as_written()),
        yaml.safe_dump(plan.study.as_written(), sort_keys=False),
    ):
        again = planned(written)
        assert again.cells == plan.cells
        assert again.runs == plan.runs
        assert len(again.excluded) == len(plan.excluded)
        assert again.study.as_written() == plan.study.as_written()


@pytest.mark.parametrize("path", REPOSITORYS, ids=lambda p: p.stem)
def test_a_study_of_the_repository_gives_the_same_plan_again(planned: Planned, path: Path) -> None:
    assert_same_plan(planned, path.read_text(encoding="utf-8"))


def test_the_shortest_study_gives_the_same_plan_again(planned: Planned) -> None:
    assert_same_plan(planned, "name: x")


def test_a_fully_specified_study_gives_the_same_plan_again(planned: Planned) -> None:
    plan = planned(FULL)
    again = planned(write_yaml(plan.study.as_written()))
    assert again.runs == plan.runs
    assert again.study.as_written() == plan.study.as_written()


def test_every_default_is_written_out(planned: Planned) -> None:
    resolved: Any = read_value(write_yaml(planned("name: x").study.as_written()), "here")
    assert resolved["base"]["optimizer"] == {
        "name": "adam", "lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0,
        "fused": False,
    }  # fmt: skip
    assert resolved["base"]["dataset"] == {"name": "mnist", "fallback": "digits"}
    assert resolved["timing"] == {
        "sets": None, "budget": 60, "rounds": 20, "epochs": 1, "spares": 4, "alone": True,
    }  # fmt: skip
    assert resolved["seeds"] == [0]


def test_timing_off_is_written_as_off(planned: Planned) -> None:
    assert planned("name: x\ntiming: off").study.as_written()["timing"] == "off"


@settings(deadline=None, max_examples=50)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_any_description_is_kept(planned: Planned, description: str) -> None:
    plan = planned(write_yaml({"name": "x", "description": description}))
    assert plan.study.description == description
    assert planned(write_yaml(plan.study.as_written())).study.description == description
