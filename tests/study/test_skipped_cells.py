"""What a machine cannot run is planned, and skipped for a stated reason."""

from collections.abc import Callable
from typing import Any

import pytest

Planned = Callable[..., Any]
ONE_GPU = ("a GPU",)


def reason(plan: Any) -> str | None:
    (cell,) = plan.cells
    return cell.skip


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:3"])
def test_without_cuda_the_reason_is_reported(planned: Planned, device: str) -> None:
    plan = planned(f"name: x\nbase: {{device: '{device}'}}")
    assert reason(plan) == "no CUDA device: it was left at home"


@pytest.mark.parametrize("device", ["cuda:1", "cuda:3"])
def test_a_missing_gpu_is_reported(planned: Planned, device: str) -> None:
    plan = planned(f"name: x\nbase: {{device: '{device}'}}", gpus=ONE_GPU)
    assert reason(plan) == f"no device {device}: this machine has 1 GPU(s)"


@pytest.mark.parametrize("device", ["auto", "cuda", "cuda:0"])
def test_an_existing_gpu_is_used(planned: Planned, device: str) -> None:
    assert reason(planned(f"name: x\nbase: {{device: '{device}'}}", gpus=ONE_GPU)) is None


def test_the_second_of_two_gpus_is_used(planned: Planned) -> None:
    plan = planned("name: x\nbase: {device: 'cuda:1'}", gpus=("a GPU", "a GPU"))
    assert reason(plan) is None


@pytest.mark.parametrize("precision", ["fp16", "tf32"])
def test_some_precisions_need_a_gpu(planned: Planned, precision: str) -> None:
    text = f"name: x\nbase: {{precision: {precision}}}"
    assert reason(planned(text)) == f"precision {precision} needs a CUDA device"
    assert reason(planned(text, gpus=ONE_GPU)) is None


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_other_precisions_do_not(planned: Planned, precision: str) -> None:
    assert reason(planned(f"name: x\nbase: {{precision: {precision}}}")) is None


def test_auto_is_the_cpu_where_there_is_no_gpu(planned: Planned) -> None:
    (cell,) = planned("name: x").cells
    assert (cell.device, cell.skip) == ("cpu", None)


def test_a_skipped_cell_has_its_trials_no_cost_pass_and_no_timing_sets(planned: Planned) -> None:
    plan = planned("name: x\naxes: {device: [cpu, cuda]}\nseeds: [0, 1]\ntiming: {sets: 3}")
    runs = [(run.cell.device, run.kind) for run in plan.runs]
    assert runs.count(("cuda", "trial")) == 2
    assert (runs.count(("cuda", "cost")), runs.count(("cpu", "cost"))) == (0, 1)
    assert [run.cell.device for run in plan.set_runs()] == ["cpu"] * 3 * 2
