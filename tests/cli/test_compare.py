"""`bench compare` by the real command line, on made-up folders whose truth is known."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.errors import StoreError
from bench.records import LOCKSTEP, BlockRow, EpochRow, TimingRow, TrialRow, columns_of

CONFIG: dict[str, Any] = {
    "study": "made-up", "cell_id": "", "model": "convnet", "dataset": "mnist", "batch_size": 64,
    "optimizer": "adam", "lr": 0.001, "device": "cpu", "threads": 2,
}  # fmt: skip
MACHINE = {"machine": {"cpu": "A", "cores": 2, "gpus": []}, "software": {"torch": "2.6.0"}}
BLOCKS = 12


def rows_of(cell: dict[str, Any], seconds: np.ndarray, accuracies: list[float]) -> dict[str, Any]:
    """Make the tables of one cell: a trial a seed, a round a block, and a twin a block."""
    twin = seconds * np.tile([1.004, 0.996], BLOCKS // 2)
    timed = [
        {**cell, "block": b, "role": role, "phase": "step", "round": 0, "seconds": s,
         "is_warmup": False, "status": "ok"}
        for role, side in (("planned", seconds), ("twin", twin))
        for b, s in enumerate(side)
    ]  # fmt: skip
    return {
        "trials": [
            {**cell, "trial_id": f"{cell['cell_id']}-s{i}", "seed": i, "status": "ok",
             "test_accuracy": accuracy}
            for i, accuracy in enumerate(accuracies)
        ],
        "timings": timed,
        "blocks": [
            {**row, "calibration_before_s": 0.006, "calibration_after_s": 0.006} for row in timed
        ],
        "epochs": [],
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Write a results folder of cells: {cell id: (configuration, step seconds, accuracy)}."""

    def write(
        name: str,
        cells: dict[str, tuple[dict[str, Any], float, float]],
        environment: dict[str, Any] = MACHINE,
    ) -> Path:
        rng = np.random.default_rng(len(name))
        made: dict[str, list[Any]] = {"trials": [], "timings": [], "blocks": [], "epochs": []}
        for cell_id, (changes, step_s, accuracy) in cells.items():
            seconds = step_s * rng.normal(1, 0.005, BLOCKS)
            seeds = [accuracy + d for d in (-0.0002, 0.0, 0.0002)]
            for table, rows in rows_of({**CONFIG, **changes, "cell_id": cell_id}, seconds,
                                       seeds).items():  # fmt: skip
                made[table] += rows
        (tmp_path / name).mkdir()
        own = {"trials": TrialRow, "timings": TimingRow, "blocks": BlockRow, "epochs": EpochRow}
        for table, rows in made.items():
            columns = [*CONFIG, *columns_of(own[table])]
            frame = pd.DataFrame(rows).reindex(columns=columns)
            frame.to_csv(tmp_path / name / f"{table}.csv", index=False)
        (tmp_path / name / "environment.json").write_text(json.dumps(environment))
        return tmp_path / name

    return write


def compare(*arguments: object) -> Any:
    """Run the command in this process: what it imports takes longer than all else it does."""
    return CliRunner().invoke(app, ["compare", *map(str, arguments)], catch_exceptions=True)


def verdicts(done: Any) -> dict[tuple[str, str], str]:
    return {(row["cell_id"], row["measure"]): row["verdict"] for row in json.loads(done.stdout)}


def test_a_slower_cell_exits_with_1(folder: Callable) -> None:
    a = folder("a", {"x": ({}, 0.010, 0.98), "y": ({"batch_size": 512}, 0.050, 0.97)})
    b = folder("b", {"x": ({}, 0.013, 0.98), "y": ({"batch_size": 512}, 0.050, 0.97)})
    done = compare(a, b, "--json")
    assert done.exit_code == 1, done.stderr
    assert verdicts(done) == {
        ("x", "step"): "REGRESSED",
        ("x", "test_accuracy"): "EQUIVALENT",
        ("y", "step"): "EQUIVALENT",
        ("y", "test_accuracy"): "EQUIVALENT",
    }
    row = next(r for r in json.loads(done.stdout) if r["measure"] == "step")
    assert {"cell_id", "ratio", "low", "high", "floor", "mde", "n", "verdict"} <= row.keys()
    assert row["low"] < 1.3 < row["high"] + 0.01
    assert row["n"] == BLOCKS


def test_unchanged_cells_exit_with_0(folder: Callable) -> None:
    cells = {"x": ({}, 0.010, 0.98)}
    done = compare(folder("a", cells), folder("bb", cells))
    assert done.exit_code == 0, done.stdout + done.stderr
    assert "equivalent" in done.stdout
    assert "9.2%" in done.stdout  # two floors of 2%, and 5% between sessions


def test_a_faster_but_less_accurate_cell_is_a_regression(folder: Callable) -> None:
    a, b = folder("a", {"x": ({}, 0.010, 0.98)}), folder("b", {"x": ({}, 0.007, 0.97)})
    done = compare(a, b, "--json")
    assert done.exit_code == 1
    assert verdicts(done) == {("x", "step"): "IMPROVED", ("x", "test_accuracy"): "REGRESSED"}


@pytest.mark.parametrize("step_s", [0.0105, 0.01092])
def test_a_change_within_session_drift_is_inconclusive(folder: Callable, step_s: float) -> None:
    a, b = folder("a", {"x": ({}, 0.0100, 0.98)}), folder("b", {"x": ({}, step_s, 0.98)})
    done = compare(a, b)
    assert done.exit_code == 3
    assert "inconclusive" in done.stdout
    assert "measure both in one study" in done.stdout


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({**MACHINE, "machine": {**MACHINE["machine"], "cpu": "B"}}, "cpu: A before, B after"),
        ({**MACHINE, "software": {"torch": "2.7.0"}}, "torch: 2.6.0 before, 2.7.0 after"),
    ],
)
def test_another_machine_is_incomparable(
    folder: Callable, other: dict[str, Any], expected: str
) -> None:
    a = folder("a", {"x": ({}, 0.010, 0.98)})
    b = folder("b", {"x": ({}, 0.030, 0.98)}, environment=other)
    done = compare(a, b)
    assert done.exit_code == 4
    assert expected in done.stdout
    assert "slower" not in done.stdout
    assert set(verdicts(compare(a, b, "--json")).values()) == {"INCOMPARABLE"}


def protocol(folder: Path, name: str | None) -> None:
    """Write how the times of a folder were measured, None as in older folders."""
    blocks = pd.read_csv(folder / "blocks.csv").drop(columns="protocol")
    if name is not None:
        blocks["protocol"] = name
    blocks.to_csv(folder / "blocks.csv", index=False)


def test_times_of_another_protocol_are_incomparable_but_accuracies_are_compared(
    folder: Callable,
) -> None:
    a, b = folder("a", {"x": ({}, 0.010, 0.98)}), folder("b", {"x": ({}, 0.030, 0.97)})
    protocol(a, None)
    protocol(b, LOCKSTEP)
    done = compare(a, b)
    assert done.exit_code == 4
    assert "timing protocol: rounds in one stretch before, lockstep after" in done.stdout
    assert "slower" not in done.stdout
    expected = {("x", "step"): "INCOMPARABLE", ("x", "test_accuracy"): "REGRESSED"}
    assert verdicts(compare(a, b, "--json")) == expected
    assert "timing protocol: lockstep before" in compare(b, a).stdout


def test_folders_that_both_took_turns_are_compared(folder: Callable) -> None:
    a, b = folder("a", {"x": ({}, 0.010, 0.98)}), folder("b", {"x": ({}, 0.013, 0.98)})
    for path in (a, b):
        protocol(path, LOCKSTEP)
    done = compare(a, b, "--json")
    assert done.exit_code == 1
    assert verdicts(done)["x", "step"] == "REGRESSED"


def test_a_protocol_without_times_is_no_difference(folder: Callable) -> None:
    a, b = (folder(name, {"x": ({}, 0.010, 0.98)}) for name in "ab")
    protocol(b, LOCKSTEP)
    (a / "timings.csv").unlink()
    done = compare(a, b)
    assert "timing protocol" not in done.stdout
    assert done.exit_code == 3  # a time in one folder only


def test_cells_match_despite_a_change_of_the_entire_study(folder: Callable) -> None:
    small, large = {"lr": 0.001}, {"lr": 0.01}
    a = folder("a", {"p": (small, 0.01, 0.98), "q": ({**small, "batch_size": 8}, 0.02, 0.9)})
    b = folder("b", {"r": (large, 0.01, 0.98), "s": ({**large, "batch_size": 8}, 0.02, 0.9)})
    done = compare(a, b, "--json")
    assert {(r["baseline_id"], r["cell_id"]) for r in json.loads(done.stdout)} == {
        ("p", "r"),
        ("q", "s"),
    }
    assert "lr 0.001 → 0.01" in compare(a, b).stdout


def test_unmatched_cells_are_listed(folder: Callable) -> None:
    a = folder("a", {"x": ({}, 0.010, 0.98), "y": ({"batch_size": 8}, 0.020, 0.9)})
    b = folder("b", {"x": ({}, 0.010, 0.98)})
    assert "only in A: batch 8" in compare(a, b).stdout


def test_folders_without_matching_cells_are_an_error(folder: Callable) -> None:
    a = folder("a", {"x": ({}, 0.01, 0.9), "y": ({"batch_size": 8}, 0.01, 0.9)})
    b = folder("b", {"u": ({"model": "lenet5", "batch_size": 9}, 0.01, 0.9),
                     "v": ({"model": "mlp", "batch_size": 9}, 0.01, 0.9)})  # fmt: skip
    done = compare(a, b)
    assert isinstance(done.exception, StoreError)
    assert "no cell matches a cell of" in str(done.exception)


def test_all_prints_every_measure(folder: Callable) -> None:
    cells = {"x": ({}, 0.010, 0.98)}
    a, b = folder("a", cells), folder("bb", cells)
    assert compare(a, b, "--json").stdout == compare(a, b, "--json").stdout
    assert len(json.loads(compare(a, b, "--all", "--json").stdout)) == 2  # what there is


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--until-ci", "x%"], "--until-ci: invalid fraction 'x%'"),
        (["--until-ci", "200%"], "--until-ci: invalid fraction '200%'"),
        (["--until-ci", "2%", "--budget", "soon"], "--budget: invalid duration 'soon'"),
    ],
)
def test_invalid_budgets_are_an_error(
    bench: Callable, study: Callable, arguments: list[str], expected: str
) -> None:
    done = bench("run", study("name: x\nbase: {dataset: digits}\n"), *arguments)
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def disturb(folder: Path, cells: set[str] | None = None, **columns: Any) -> None:
    """Change the timing sets of a folder: of these cells, or of all."""
    blocks = pd.read_csv(folder / "blocks.csv")
    rows = blocks["cell_id"].isin(cells or set(blocks["cell_id"]))
    for name, value in columns.items():
        blocks[name] = blocks[name].astype(object).mask(rows, value)
    blocks.to_csv(folder / "blocks.csv", index=False)


def without_trials(folder: Path, **columns: Any) -> None:
    trials = pd.read_csv(folder / "trials.csv").assign(**columns)
    trials.to_csv(folder / "trials.csv", index=False)


@pytest.mark.parametrize(
    ("of_a", "of_b", "expected"),
    [
        ({"steal_share": 0.5}, {}, ("a: all timing sets were disturbed (12: steal)", "; ")),
        ({}, {"gpu_others": 1}, ("b: all timing sets were disturbed (12: another process",)),
        (
            {"status": "failed", "reason": "no luck"},
            {"steal_share": 0.5},
            ("a: no timing sets ended ok (12 failed: no luck)", "b: all timing sets were d"),
        ),
    ],
)
def test_folders_without_usable_blocks_explain_why(
    folder: Callable, of_a: dict[str, Any], of_b: dict[str, Any], expected: tuple[str, ...]
) -> None:
    a, b = (folder(name, {"x": ({}, 0.010, 0.98)}) for name in "ab")
    for path, columns in ((a, of_a), (b, of_b)):
        disturb(path, **columns)
        without_trials(path, status="failed", reason="out of luck", test_accuracy=None)
    done = compare(a, b)
    assert isinstance(done.exception, StoreError)
    message = str(done.exception)
    for text in (*expected[:1], "no trials ended ok (3 failed: out of luck), in both"):
        assert text in message
    assert ("b: all" in message) == bool(of_b)


def test_a_cell_with_only_disturbed_blocks_is_reported_and_exits_with_3(
    folder: Callable,
) -> None:
    cells = {"x": ({}, 0.010, 0.98), "y": ({"batch_size": 512}, 0.050, 0.97)}
    a, b = folder("a", cells), folder("b", cells)
    disturb(b, {"y"}, steal_share=0.5)
    done = compare(a, b)
    message = f"batch 512: no time is compared: {b}: all timing sets were disturbed (12: steal)"
    assert message in " ".join(done.stdout.split())
    assert "no accuracy is compared" not in done.stdout
    assert done.exit_code == 3


def test_a_folder_compared_with_itself_explains_missing_verdicts(folder: Callable) -> None:
    a = folder("a", {"x": ({}, 0.010, 0.98)})
    disturb(a, steal_share=0.5)
    assert "no time is compared" in compare(a, a).stdout


def test_accuracies_of_other_seeds_are_compared_too(folder: Callable) -> None:
    a, b = (folder(name, {"x": ({}, 0.010, acc)}) for name, acc in (("a", 0.98), ("b", 0.9)))
    without_trials(b, seed=[7, 8, 9])
    assert verdicts(compare(a, b, "--json"))["x", "test_accuracy"] == "REGRESSED"
