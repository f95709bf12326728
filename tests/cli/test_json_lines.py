"""`bench run --json` tells scripts what it tells people, an object a line."""

import json
from collections.abc import Callable
from pathlib import Path

STUDY = """
name: events
base: {dataset: digits, batch_size: 30000, threads: 1, model: {name: mlp, depth: 1, hidden: 4}}
axes: {epochs: [0, 1], device: [cpu, "cuda:9"]}
timing: off
"""


def test_every_event_is_a_line(bench: Callable, study: Callable, tmp_path: Path) -> None:
    done = bench("run", study(STUDY), "--json", "--no-report")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["event"] == "plan"
    assert (lines[0]["study"], lines[0]["cells"], lines[0]["runs"]) == ("events", 4, 4)
    assert lines[0]["states"] == {"new": 4, "skipped": 2}
    ends = [line for line in lines if line["event"] == "end" and line["kind"] == "trial"]
    assert sorted(line["status"] for line in ends) == ["ok", "ok", "skipped", "skipped"]
    trained = [line for line in ends if line["status"] == "ok"]
    assert all(0 <= line["test_accuracy"] <= 1 and line["wall_s"] > 0 for line in trained)
    epochs = {line["run_id"]: line["test_accuracy"] for line in lines if line["event"] == "epoch"}
    assert epochs.items() <= {line["run_id"]: line["test_accuracy"] for line in trained}.items()
    started = {line["run_id"] for line in lines if line["event"] == "start"}
    assert {line["run_id"] for line in trained} <= started
    assert lines[-1] == {
        "event": "finish",
        "results": "results/events",
        "report": None,
        "statuses": {"skipped": 2, "ok": 4},
    }
    assert (tmp_path / lines[-1]["results"] / "trials.csv").is_file()
