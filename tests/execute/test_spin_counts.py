"""CPU threads spin briefly before they sleep, unless a study or the user's environment differs."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.execute import EXECUTORS
from bench.execute.executor import RunContext
from bench.measure.openmp_spin import SPIN_COUNT, environment, spin_variables
from bench.study.runs import Run
from bench.study.spec import Cell

Runs = Callable[..., list[Run]]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("declared", "seen"), [("auto", str(SPIN_COUNT)), ("default", "default")])
def test_a_run_has_the_spin_count_of_its_study(
    networks: str, digits_dir: Path, runs_of: Runs, declared: str, seen: str
) -> None:
    config = {"model": {"import": f"{networks}:Plain"}, "epochs": 0, "spin_count": declared}
    (outcome,) = EXECUTORS["local"]().execute(
        runs_of(config), RunContext(digits_dir), lambda event: None
    )
    assert outcome.status == "ok", outcome.reason
    assert outcome.environment["spin_count"] == seen
    assert outcome.config["spin_count"] == declared
    assert "GOMP_SPINCOUNT" not in os.environ


@pytest.mark.parametrize(
    ("declared", "variables"),
    [
        ("auto", {"GOMP_SPINCOUNT": str(SPIN_COUNT)}),
        ("default", {}),
        (0, {"GOMP_SPINCOUNT": "0"}),
        (30_000, {"GOMP_SPINCOUNT": "30000"}),
    ],
)
def test_a_spin_count_is_an_environment_variable(
    declared: int | str, variables: dict[str, str]
) -> None:
    assert spin_variables(declared) == variables


@pytest.mark.parametrize("name", ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY"])
def test_the_users_own_setting_stays(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "5")
    assert spin_variables("auto") == {}


def test_variables_are_restored_after_a_process_was_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HAD", "before")
    monkeypatch.delenv("HAD_NOT", raising=False)
    with environment({"HAD": "other", "HAD_NOT": "now"}):
        assert (os.environ["HAD"], os.environ["HAD_NOT"]) == ("other", "now")
    assert os.environ["HAD"] == "before"
    assert "HAD_NOT" not in os.environ


@pytest.mark.parametrize("value", [-1, 1.5, "often", True, None])
def test_an_invalid_spin_count_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="expected auto, default or a non-negative integer"):
        Cell.model_validate({"spin_count": value})
