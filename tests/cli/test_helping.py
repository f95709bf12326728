"""Help with examples, lists that can be read, and the nearest name where one is mistyped."""

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.main import get_command

from bench.cli import app
from bench.cli.name_lists import LISTS, print_list

WIDTH = 80
DEFAULT = re.compile(r"\w+=[^\s,]+(?=,|$)", re.MULTILINE)


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """List every command and group by the words that call it."""
    yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


COMMANDS = list(commands(get_command(app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_help_has_an_example_and_fits_80_columns(
    bench: Callable, path: tuple[str, ...]
) -> None:
    done = bench(*path, "--help", COLUMNS=str(WIDTH), TERMINAL_WIDTH=str(WIDTH))
    assert done.returncode == 0, done.stderr
    help_text = " ".join(done.stdout.split())
    _, _, example = help_text.partition("Example: ")
    assert " ".join(("bench", *path)) in example
    assert max(map(len, done.stdout.splitlines())) <= WIDTH
    assert "…" not in done.stdout  # nothing is cut


def test_help_names_bench_however_it_is_started(bench: Callable) -> None:
    assert "Usage: bench plan " in bench("plan", "--help", alone=True).stdout


@pytest.mark.parametrize("name", LISTS)
def test_a_list_fits_80_columns_and_breaks_no_default(name: str) -> None:
    written = {}
    for width in (WIDTH, 1000):
        out = io.StringIO()
        print_list(Console(file=out, width=width, highlight=False), name)
        written[width] = out.getvalue()
    assert max(map(len, written[WIDTH].splitlines())) <= WIDTH
    for default in DEFAULT.findall(written[1000]):
        assert default in written[WIDTH]


def test_lists_write_defaults_as_a_study_does(bench: Callable) -> None:
    assert "momentum=0.0, nesterov=false" in bench("list", "optimizers").stdout
    assert "conv2_kernel=3, kernel_size=null, hidden=500" in bench("list", "models").stdout
    axes = bench("list", "axes").stdout
    assert re.search(r"^compile +false +compile the network", axes, re.MULTILINE)
    assert re.search(r"^optimizer.beta1 +0.9 +a parameter of adam", axes, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["rnu"], "run"),
        (["data", "fech"], "fetch"),
        (["run", "studies/baselin.yaml"], "studies/baseline.yaml"),
        (["plan", "baseline"], "studies/baseline.yaml"),
        (["run", "baseline.yml"], "studies/baseline.yaml"),
        (["report", "results/baselin"], "results/baseline"),
        (["report", "baseline"], "results/baseline"),
        (["verify", "result/baseline"], "results/baseline"),
        (["compare", "results/v1.1", "results/baseline"], "results/v1.2"),
        (["plan", "studies/baseline.yaml", "--executor", "locl"], "local"),
        (["list", "modls"], "models"),
        (["data", "verify", "digit"], "digits"),
        (["plan", "studies/baseline.yaml", "--set", "base.optimizer=adm"], "adam"),
        (["plan", "studies/baseline.yaml", "--set", "axes.batchsize=[1]"], "batch_size"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistyped_name_gets_a_suggestion(
    bench: Callable, tmp_path: Path, arguments: list[str], near: str
) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies/baseline.yaml").write_text("name: baseline\nbase: {dataset: digits}\n")
    for name in ("baseline", "v1.2"):
        (tmp_path / "results" / name).mkdir(parents=True)
        (tmp_path / "results" / name / "trials.csv").touch()
    done = bench(*arguments)
    assert done.returncode == 2
    assert f"Did you mean '{near}'?" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_mistyped_option_gets_a_suggestion(bench: Callable) -> None:
    done = bench("run", "x.yaml", "--exeutor", "local")
    assert done.returncode == 2
    assert "--executor" in done.stderr


def test_without_a_similar_name_the_existing_ones_are_listed(
    bench: Callable, tmp_path: Path
) -> None:
    (tmp_path / ".hidden.yaml").touch()
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies/baseline.yaml").touch()
    assert bench("run", "xyz").stderr == (
        "bench: xyz: no such study file\n  Studies here: studies/baseline.yaml\n"
    )
    assert "such as results/baseline." in bench("report", "xyz").stderr
