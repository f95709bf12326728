"""The example workflow calls the gate with valid options."""

import shlex
from pathlib import Path

import typer
import yaml

from bench.cli import app

WORKFLOW = Path(__file__).parents[2] / ".github/workflows/checks.yml"


def test_the_workflow_uses_options_of_the_gate() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    scripts = [step["run"] for step in jobs["gate"]["steps"] if "bench gate" in step.get("run", "")]
    (line,) = [line for line in scripts[0].splitlines() if "bench gate" in line]
    arguments = shlex.split(line.partition("||")[0])[2:]
    group = typer.main.get_command(app)
    command = group.get_command(typer.Context(group), "gate")  # type: ignore[attr-defined]
    context = command.make_context("gate", arguments)
    assert context.params["base"] == "$BASE"
    assert context.params["out"] == Path("gate")
