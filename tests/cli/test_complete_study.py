"""`bench run` from a study file to a report, by the real command line, on the embedded digits."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml

STUDY = """
name: small
description: two networks
base:
  dataset: {name: mnist, fallback: digits}
  epochs: 1
  batch_size: 1024
  threads: 1
axes:
  model: ['import', 'wide']
  device: [cpu, 'cuda:9']
timing: {sets: 2, rounds: 2, epochs: 0, spares: 0}
""".replace("'import'", '{import: "tiny:Tiny"}').replace(
    "'wide'", '{import: "tiny:Tiny", width: 16}'
)
NETWORK = '''
from torch import nn

class Tiny(nn.Module):
    """A network of the user's own, in the folder that bench is started in."""
    def __init__(self, width: int = 8):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(784, width), nn.Linear(width, 10))
    def forward(self, x):
        return self.net(x)
'''
CONTRACT = {
    "trials": "trial_id, seed, status, reason, epochs, test_accuracy, test_loss, "
    "best_test_accuracy, train_s, eval_s, wall_s, images_per_s, time_to_target_s, "
    "peak_memory_bytes, parameters",
    "epochs": "trial_id, seed, epoch, train_loss, test_loss, test_accuracy, train_s, eval_s, "
    "images_per_s, elapsed_train_s",
    "timings": "block, phase, round, seconds, is_warmup",
    "summary": "step_median, step_low, step_high, step_n, images_per_s_median, accuracy_mean, "
    "accuracy_low, accuracy_high, seeds, parameters, flops_per_image, achieved_flops_per_s, "
    "efficiency",
}
IDENTITY = "study, cell_id, model, dataset, batch_size, optimizer, lr, device"


@pytest.fixture
def finished(bench: Callable, study: Callable, tmp_path: Path) -> str:
    (tmp_path / "tiny.py").write_text(NETWORK, encoding="utf-8")
    done = bench("run", study(STUDY), alone=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return str(done.stdout)


def test_one_command_writes_tables_report_and_figures(
    finished: str, tmp_path: Path, bench: Callable, study: Callable
) -> None:
    results, report = tmp_path / "results" / "small", tmp_path / "reports" / "small" / "report.md"
    for table, columns in CONTRACT.items():
        have = pd.read_csv(results / f"{table}.csv").columns.tolist()
        assert have[:8] == IDENTITY.split(", ")
        assert set(columns.split(", ")) <= set(have)
    check_rows(results)
    check_conditions(results)
    check_screen(finished)
    check_report(report)
    check_resume(bench("run", study(STUDY)).stdout)
    check_rendering_again(bench, tmp_path)
    check_one_cell_alone(bench, report)


def check_rows(results: Path) -> None:
    trials = pd.read_csv(results / "trials.csv")
    assert trials.groupby("device").status.unique().map(list).to_dict() == {
        "cpu": ["ok"],
        "cuda:9": ["skipped"],
    }
    assert (trials.dataset == "digits").all()
    trained = trials[trials.status == "ok"]
    assert trained.test_accuracy.between(0.1, 1).all()
    timings = pd.read_csv(results / "timings.csv")
    assert timings.groupby(["cell_id", "block", "role"]).ngroups == 6  # the baseline has a twin
    assert timings.seconds.gt(0).all()
    blocks = pd.read_csv(results / "blocks.csv")
    assert sorted(blocks.role) == ["planned"] * 4 + ["twin"] * 2
    assert blocks[["calibration_before_s", "peak_flops_per_s", "train_images"]].gt(0).all(axis=None)
    costs = pd.read_csv(results / "costs.csv")
    assert costs[["step_flops", "step_bytes", "step_operations"]].gt(0).all(axis=None)
    compared = pd.read_csv(results / "comparisons.csv").set_index("measure")
    step = compared.loc["step"]
    assert step["n"] + step["left_out"] == 2  # other tests beside it may disturb blocks
    assert compared.loc["step", "verdict"] == "INCONCLUSIVE"  # two blocks are exploratory
    assert compared.loc["test_accuracy", "n"] == 1


def check_conditions(results: Path) -> None:
    environment = json.loads((results / "environment.json").read_text())
    assert environment["data"]["requested"] == "mnist"
    assert environment["data"]["used"] == "digits"
    assert environment["finished_at"] >= environment["started_at"]
    assert environment["software"]["torch"]
    resolved = yaml.safe_load((results / "study.yaml").read_text())
    assert resolved["base"]["optimizer"]["lr"] == 0.001


def check_screen(reporter: str) -> None:
    assert "WARNING: mnist is missing, using digits instead" in reporter
    assert "skipped: 2 cells" in reporter
    assert "estimate:" in reporter
    assert "; best so far " in reporter
    assert " in speed (time " in reporter  # two blocks tell nothing
    assert "tables: results/small" in reporter
    assert "report: reports/small/report.md" in reporter
    assert "\x1b" not in reporter


def check_report(report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    assert "digits" in "\n".join(text.splitlines()[:6])
    pictures = re.findall(r"!\[[^\]]+\]\((figures/[^)]+)\)", text)
    assert len(pictures) >= 4
    for picture in pictures:
        assert (report.parent / picture).read_bytes().startswith(b"\x89PNG")


def check_resume(reporter: str) -> None:
    assert "10 cached" in reporter


def check_one_cell_alone(bench: Callable, report: Path) -> None:
    """Take a command that the report gives for a row: it finds that cell in the study."""
    commands = re.findall(r"`bench run ([^`]* --only [^`]*)`", report.read_text(encoding="utf-8"))
    assert len(commands) == 4
    done = bench("plan", *shlex.split(commands[0]))
    assert done.returncode == 0, done.stderr
    assert "1 cell: 1 trial, 1 cost pass, 2 timing sets; 6 new" in done.stdout


def check_rendering_again(bench: Callable, tmp_path: Path) -> None:
    before = (tmp_path / "reports/small/report.md").read_text(encoding="utf-8")
    done = bench("report", "results/small", "--reports", "elsewhere")
    assert done.returncode == 0, done.stderr
    again = tmp_path / "elsewhere" / "small" / "report.md"
    assert done.stdout.strip() == "elsewhere/small/report.md"
    assert again.read_text(encoding="utf-8") == before
