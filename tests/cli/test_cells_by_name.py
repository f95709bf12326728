"""A report's command for one cell finds that cell, whatever its parameters' values look like."""

import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from bench.planning import Plan, Request, plan_study
from bench.records import TrialRow
from bench.reporting.render import render
from bench.store import Store, write_atomic
from bench.study.yaml_source import write_yaml

NETWORK = """
from torch import nn

class Net(nn.Sequential):
    def __init__(self, *, tag="x", hidden: int = 4):
        super().__init__(
            nn.Flatten(), nn.Linear(784, hidden), nn.Linear(hidden, 10), nn.LogSoftmax(1)
        )
"""
VALUES = [
    "1.1", "1.10", "1.2", "nan", "true", True, 1, 1.0, "1", None, "None", "007", " a", "=1+1", "'x",
    "", "-", "a,b", 'a"b', "two\nlines", "a`b|c", "``", "a  b", "模型",
]  # fmt: skip


def study(values: list[object]) -> str:
    model = {"import": "mynet:Net"}
    base = {"model": model, "dataset": "digits", "epochs": 0, "batch_size": 30000}
    axes = {"model.tag": values, "model.hidden": [4, 8]}
    return write_yaml({"name": "tags", "base": base, "axes": axes, "timing": "off"})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mynet.py").write_text(NETWORK, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def planned(path: Path, *only: str) -> Plan:
    return plan_study(Request(path, only=only, data_dir=Path("nowhere"), offline=True))


def commands(report: Path) -> Iterator[list[str]]:
    tokens = MarkdownIt("commonmark").enable("table").parse(report.read_text(encoding="utf-8"))
    for token in tokens:
        for part in token.children or ():
            if part.type == "code_inline" and part.content.startswith("bench run"):
                yield shlex.split(part.content)


def test_every_command_of_a_report_finds_its_own_cell(here: Path) -> None:
    write_atomic(here / "tags.yaml", study(VALUES))
    plan = planned(here / "tags.yaml")
    store = Store(here / "results" / "tags")
    for planned_run in plan.runs:
        if planned_run.run.kind == "trial":
            row = TrialRow(trial_id=planned_run.run.run_id, seed=0, status="ok", test_accuracy=0.5)
            store.save(replace(planned_run.run.ended("ok", None, 1.0), trial=row))
    store.write_tables(list(store.load().values()))
    write_atomic(store.folder / "study.yaml", write_yaml(plan.study.as_written()))
    found = []
    for command in commands(render(store.folder, here / "reports" / "tags")):
        _, _, path, _, name, *_ = command
        found += planned(Path(path), name).cells
    assert {cell.cell_id for cell in found} == {cell.cell_id for cell in plan.cells}
    assert len(found) == 2 * len(VALUES)


def test_a_name_copied_from_the_markdown_text_finds_its_cell(here: Path) -> None:
    write_atomic(here / "tags.yaml", study(["a|b", r"c\|d"]))
    (exact,) = planned(here / "tags.yaml", "hidden 4 · tag a|b").cells
    assert planned(here / "tags.yaml", r"hidden 4 · tag a\|b").cells == (exact,)
    assert planned(here / "tags.yaml", r"hidden 4 · tag c\|d").cells


def test_a_command_of_a_report_runs_its_cell_again(bench: Callable, here: Path) -> None:
    write_atomic(here / "tags.yaml", study(["1.10", "=1+1", 1.1]))
    inline = ("--executor", "inline")
    done = bench("run", "tags.yaml", *inline)
    assert done.returncode == 0, done.stderr
    last = list(commands(here / "reports/tags/report.md"))[2]
    assert "=1+1" in last[4]
    again = bench(*last[1:], *inline, "--no-report")
    assert again.returncode == 0, again.stderr
    assert (here / "again/tags/trials.csv").read_text(encoding="utf-8").count("'=1+1") == 1
