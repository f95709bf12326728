"""Every command by the real command line: answers, exit codes, and messages of one kind."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import __version__

ROOT = Path(__file__).parents[2]
STUDY = "name: x\nbase: {dataset: digits}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["plan", str(ROOT / "studies/baseline.yaml")]])
def test_help_and_plan_import_neither_torch_nor_pandas(arguments: list[str]) -> None:
    script = (
        "import sys; sys.argv[0] = 'bench'\n"
        "from bench.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    code = end.code\n"
        "else:\n    code = 0\n"
        "heavy = {'torch', 'torchvision', 'pandas', 'scipy', 'matplotlib', 'sklearn'}\n"
        "print(code, sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] in ("0 []", "None []"), done.stdout + done.stderr


def test_the_version_is_the_packages(bench: Callable) -> None:
    done = bench("--version")
    assert (done.returncode, done.stdout) == (0, f"bench {__version__}\n")


def test_plan_lists_cells_states_and_an_estimate(bench: Callable) -> None:
    done = bench("plan", ROOT / "studies" / "baseline.yaml", "--set", "base.epochs=1")
    assert done.returncode == 0, done.stderr
    assert "16 cells" in done.stdout
    assert "estimate: " in done.stdout
    assert "seed 0–2" in done.stdout
    assert "set 0–5" in done.stdout


@pytest.mark.parametrize(
    "name", ["models", "optimizers", "schedules", "datasets", "axes", "figures"]
)
def test_every_list_names_what_its_registry_contains(bench: Callable, name: str) -> None:
    from bench.data import DATASETS
    from bench.models import MODELS
    from bench.optim import OPTIMIZERS, SCHEDULES
    from bench.reporting.figures import FIGURES
    from bench.study.spec import Cell

    known = {
        "models": MODELS,
        "optimizers": OPTIMIZERS,
        "schedules": SCHEDULES,
        "datasets": DATASETS,
        "axes": Cell().flat(),
        "figures": FIGURES,
    }[name]
    done = bench("list", name)
    assert done.returncode == 0, done.stderr
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.strip()}
    assert set(known) <= listed


def test_a_plan_of_one_cell_is_that_cells_own(bench: Callable) -> None:
    study = ROOT / "studies" / "baseline.yaml"
    full = bench("plan", study)
    (cell_id,) = set(re.findall(r"lenet5-b64-sgd-cpu-\w+", full.stdout))
    alone = bench("plan", study, "--only", cell_id)
    assert alone.returncode == 0, alone.stderr
    assert "1 cell: 3 trials, 1 cost pass, at least 6 timing sets; 16 new" in alone.stdout
    assert set(re.findall(r"\w+-b\d+-\w+-\w+-\w+", alone.stdout)) == {cell_id}
    named = bench("plan", study, "--only", "lenet5 · batch 64 · sgd · cpu")
    assert named.stdout == alone.stdout
    wrong = bench("plan", study, "--only", cell_id[:-1])
    assert wrong.returncode == 2
    assert f"Did you mean '{cell_id}'?" in wrong.stderr


def test_the_schema_in_studies_is_what_the_command_prints(bench: Callable) -> None:
    done = bench("schema")
    assert json.loads(done.stdout) == json.loads((ROOT / "studies/schema.json").read_text())


def test_data_are_verified_and_a_damaged_file_is_named(
    bench: Callable, digits_dir: Path, tmp_path: Path
) -> None:
    assert bench("data", "verify", "digits").returncode == 0
    copy = tmp_path / "copy"
    assert bench("data", "fetch", "digits", "--data-dir", copy).returncode == 0
    (victim,) = copy.rglob("test-labels*")
    content = bytearray(victim.read_bytes())
    content[100] ^= 1
    victim.write_bytes(content)
    done = bench("data", "verify", "digits", "--data-dir", copy)
    assert done.returncode == 2
    assert str(victim) in done.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "absent.yaml"], "no such study file"),
        (["plan", "study.yaml", "--set", "base.optimzer=adam"], "Did you mean 'optimizer'?"),
        (["plan", "study.yaml", "--set", "base.model=lenet"], "Did you mean 'lenet5'?"),
        (["run", "study.yaml", "--set", "base.dataset=mnist"], "bench data fetch mnist"),
        (["report", "nowhere"], "no trials.csv"),
        (["list", "modls"], "Did you mean 'models'?"),
        (["data", "fetch", "minst"], "Did you mean 'mnist'?"),
        (["run", "study.yaml", "--set", 'base.model={import: "no.such:Net"}'], "no.such:Net"),
        (["run", "study.yaml", "--executor", "cloud"], "cloud"),
        (["run"], "Missing argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_is_one_message_and_exit_code_2(
    bench: Callable, study: Callable, tmp_path: Path, arguments: list[str], expected: str
) -> None:
    study(STUDY)
    done = bench(*arguments)
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "results").exists()


def test_a_torchvision_that_does_not_go_with_torch_is_explained_and_digits_still_run(
    bench: Callable, study: Callable, tmp_path: Path
) -> None:
    broken = tmp_path / "broken" / "torchvision"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')\n"
    )
    path = f"{broken.parent}{os.pathsep}{ROOT}"
    text = STUDY.replace("{dataset", "{epochs: 0, model: lenet5, threads: 1, dataset")
    arguments = [study(text + "timing: off\n"), "--no-report", "--executor", "inline"]
    done = bench("run", *arguments, "--set", "base.loader=dataloader", alone=True, PYTHONPATH=path)
    assert done.returncode == 2
    assert "are incompatible" in done.stderr
    assert "pip install --upgrade torch torchvision" in done.stderr
    done = bench("run", *arguments, alone=True, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
