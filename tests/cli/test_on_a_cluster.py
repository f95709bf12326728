"""`bench run --executor ray` as a user types it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from bench.cli.plan_table import print_summary
from bench.cli.terminal_reporter import TerminalReporter
from bench.execute.executor import Lost, Started
from bench.measure.machine import this_machine
from bench.measure.resources import Node, Resources
from bench.planning import Plan, Request, plan_study

STUDY = """
name: spread
base: {model: {import: "networks:Tiny"}, dataset: digits, threads: 1, device: cpu}
axes: {epochs: [1, 2], batch_size: [30000]}
timing: {sets: 1, rounds: 1, epochs: 0, spares: 0}
"""
# What a user has beside the study has to reach the nodes, with what it imports from there.
NETWORKS = "from layers import Flat\nclass Tiny(Flat): pass\n"
LAYERS = """
from torch import nn

class Flat(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(784, 10))
"""


def test_a_study_is_planned_on_a_ray_of_its_own(bench: Callable, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    for name, text in (("s.yaml", STUDY), ("networks.py", NETWORKS), ("layers.py", LAYERS)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = bench("plan", "s.yaml", "--executor", "ray", alone=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("starting Ray here …\n")
    assert "cluster: 1 node of" in done.stdout
    assert "2 cells: 2 trials, 2 cost passes, 1 timing set; 7 new" in done.stdout
    assert done.stderr == ""


def test_an_address_requires_ray(bench: Callable, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(STUDY, encoding="utf-8")
    done = bench("run", "s.yaml", "--address", "auto")
    assert done.returncode == 2
    assert "--address requires --executor ray" in done.stderr


MACHINE = replace(this_machine(), cpu="a CPU", cores=16, gpus=())
NODES = tuple(Node(name, name, 16, 0, 16) for name in "abc")


def planned(study: str, resources: Resources, tmp_path: Path) -> Plan:
    path = tmp_path / "s.yaml"
    path.write_text(study, encoding="utf-8")
    request = Request(path, results=tmp_path, data_dir=tmp_path)
    return plan_study(request, resources_for=lambda cells, metrics: resources)


def summary_text(study: str, resources: Resources, tmp_path: Path) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        print_summary(console, planned(study, resources, tmp_path))
    return capture.get()


def test_a_lost_node_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = STUDY.replace('{import: "networks:Tiny"}', "lenet5")
    plan = planned(study, Resources(MACHINE, NODES, is_cluster=True), tmp_path)
    run_id = plan.to_execute[0].run.run_id
    with TerminalReporter(verbose=False) as reporter:
        reporter.planned(plan)
        reporter.happened(Started(run_id, "a"))
        reporter.happened(Lost(run_id, "a", "its node was lost"))
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "lost epochs 1 · seed 0 on a: its node was lost; it runs again"


def test_a_plan_describes_the_cluster(tmp_path: Path) -> None:
    study = STUDY.replace('{import: "networks:Tiny"}', "lenet5")
    one = Resources(MACHINE, NODES[:1], is_cluster=True)
    three = Resources(MACHINE, NODES, idle=("2 × another CPU",), is_cluster=True)
    summary = summary_text(study, three, tmp_path)
    assert "cluster: 3 nodes of a CPU | 16 cores" in summary
    assert "at once: 48 trials, or 3 timing sets" in summary
    assert "unused: 2 × another CPU" in summary
    assert "at once: 16 trials, or 1 timing set" in summary_text(study, one, tmp_path)
    half = study.replace("axes: {", "axes: {threads: [1, 8], ")
    assert "at once: 6 to 48 trials" in summary_text(half, three, tmp_path)
