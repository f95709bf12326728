"""A study that is too large to be planned is refused before anything of it is made."""

from collections.abc import Callable
from typing import Any

import pytest

from bench.errors import StudyError
from bench.study import design
from bench.study.spec import Study

Refusal = Callable[..., str]

HUNDRED = f"[{', '.join(map(str, range(1, 101)))}]"
MILLION = f"name: x\naxes: {{batch_size: {HUNDRED}, epochs: {HUNDRED}, threads: {HUNDRED}}}"


def test_a_grid_of_a_million_cells_is_refused_without_making_one(
    refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(*arguments: object) -> None:
        raise AssertionError("a cell was made")

    monkeypatch.setattr(design._Expansion, "_cell", make)
    monkeypatch.setattr(design, "_assign", make)
    assert refusal(MILLION) == (
        "study.yaml:2: axes: the full grid has 1,000,000 cells; the limit is 100,000\n"
        "  Use fewer values, or another design, such as one_at_a_time."
    )


def test_a_grid_with_astronomically_many_cells_is_refused(refusal: Refusal) -> None:
    # enumerating 100**9 points would take longer than anyone waits for a test
    axes = "\n".join(f"  model.p{i}: {HUNDRED}" for i in range(9))
    message = "axes: the full grid has 1,000,000,000,000,000,000 cells; the limit is 100,000"
    model = "{import: 'no_such_module:Net'}"
    text = f"name: x\nbase: {{model: {model}}}\naxes:\n{axes}"
    assert refusal(text).startswith(f"study.yaml:3: {message}")


def test_a_size_with_too_many_digits_is_reported() -> None:
    study = Study.model_validate(
        {"name": "x", "axes": {f"model.p{i}": [0] * 10 for i in range(5000)}}
    )
    with pytest.raises(StudyError, match=r"the full grid has more than 10\^30 cells"):
        design.expand(study)


def test_the_same_axes_one_at_a_time_are_accepted(planned: Callable[..., Any]) -> None:
    # the base and 300 values, of which 20 epochs and 4 threads are the base's own
    assert len(planned(MILLION + "\ndesign: one_at_a_time\ntiming: off").cells) == 299


@pytest.mark.parametrize("timing", ["{sets: 1e9}", "{sets: 999_999_999_999}"])
def test_more_timing_sets_than_can_be_planned_are_refused(refusal: Refusal, timing: str) -> None:
    message = refusal(f"name: x\ntiming: {timing}")
    assert message.startswith("study.yaml: needs 2,000,000,00")
    assert "the limit is 1,000,000" in message


def test_more_trials_than_can_be_planned_are_refused(refusal: Refusal) -> None:
    seeds = ", ".join(map(str, range(10_001)))
    assert refusal(f"name: x\naxes: {{epochs: {HUNDRED}}}\nseeds: [{seeds}]\ntiming: off") == (
        "study.yaml: needs 1,000,200 runs (cells: 100, seeds: 10,001, timing sets: 0); "
        "the limit is 1,000,000\n"
        "  Use fewer values, seeds or sets, or split the study."
    )


def test_cost_passes_and_controls_count_as_runs(refusal: Refusal) -> None:
    assert refusal(f"name: x\naxes: {{epochs: {HUNDRED}}}\ntiming: {{sets: 10_000}}").startswith(
        f"study.yaml: needs {100 + 100 + 101 * 10_000:,} runs"
    )
