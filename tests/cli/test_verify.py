"""`bench verify` finds a changed loss, and only that."""

import json
from collections.abc import Callable
from pathlib import Path

from bench.measure.machine import usable_cores

STUDY = """
name: small
base: {model: {name: mlp, depth: 1, hidden: 8}, dataset: digits, batch_size: 30000, epochs: 2}
seeds: [0, 1]
timing: off
"""


def test_trials_repeat_bit_for_bit_and_a_changed_loss_is_reported(
    bench: Callable, tmp_path: Path
) -> None:
    (tmp_path / "small.yaml").write_text(STUDY, encoding="utf-8")
    jobs = str(min(2, len(usable_cores())))  # `verify` finds those that ran side by side, too
    assert bench("run", "small.yaml", "--jobs", jobs, "--no-report").returncode == 0
    done = bench("verify", "results/small")
    assert done.returncode == 0, done.stderr
    assert "2 trials of 2 repeated: all identical" in done.stdout

    (path,) = (tmp_path / "results/small/outcomes").glob("*-s1.json")
    outcome = json.loads(path.read_text())
    loss = outcome["epochs"][1]["train_loss"]
    outcome["epochs"][1]["train_loss"] = loss * (1 + 2**-52)
    path.write_text(json.dumps(outcome))
    done = bench("verify", "results/small", "--sample", "5")
    assert done.returncode == 1
    assert "train loss of epoch 2" in done.stdout
    assert repr(loss) in done.stdout
    assert "1 different" in done.stdout

    for each in path.parent.glob("*.json"):
        document = json.loads(each.read_text())
        document["key"]["code"] = "another"
        each.write_text(json.dumps(document))
    done = bench("verify", "results/small")
    assert done.returncode == 4
    assert "no trial can be repeated here: code changed" in done.stdout


def test_a_folder_without_a_study_is_an_error(bench: Callable, tmp_path: Path) -> None:
    done = bench("verify", ".")
    assert done.returncode == 2
    assert "is not a results folder" in done.stderr
