"""Cells that go wrong in every way are rows with their reasons, and the rest of the grid runs."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd

MISBEHAVING = Path(__file__).parents[1] / "execute" / "misbehaving.py"
ENDS = {
    "Plain": ("ok", None),
    "Raises": ("failed", "RuntimeError: the third weight is made of cheese"),
    "Dies": ("failed", "the process was ended by SIGSEGV"),
    "Killed": ("failed", "the process was ended by SIGKILL; perhaps the system ran out of memory"),
    "Leaves": ("failed", "the process ended with exit code 7 before it returned a result"),
    "Hangs": ("timeout", "took longer than limits.trial_timeout, 2 s"),
    "Greedy": ("oom", "can't allocate memory: you tried to allocate 68719476736 bytes"),
    "NotANumber": ("diverged", "the training loss became nan"),
}
STUDY = f"""
name: bad
base: {{model: {{import: "ill_behaved:Plain"}}, dataset: digits, batch_size: 30000, epochs: 1}}
axes: {{model: [{", ".join(f'{{import: "ill_behaved:{name}"}}' for name in ENDS)}]}}
timing: off
limits: {{trial_timeout: 2s}}
"""


def test_the_grid_goes_on_and_only_failed_runs_are_repeated(
    bench: Callable, tmp_path: Path
) -> None:
    (tmp_path / "bad.yaml").write_text(STUDY, encoding="utf-8")
    shutil.copy(MISBEHAVING, tmp_path / "ill_behaved.py")
    done = bench("run", "bad.yaml")
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    for count in ("8 failed", "2 timeout", "2 oom", "1 diverged"):  # trials and cost passes
        assert count in done.stdout
    trials = pd.read_csv(tmp_path / "results/bad/trials.csv")
    assert len(trials) == len(ENDS)
    for name, (status, reason) in ENDS.items():
        ((_, row),) = trials[trials["model"] == f"ill_behaved:{name}"].iterrows()
        assert row["status"] == status
        assert pd.notna(row["test_accuracy"]) == (status == "ok")
        assert pd.isna(row["reason"]) if reason is None else reason in row["reason"]
    outcomes = (tmp_path / "results/bad/outcomes").glob("*raises*.json")
    traces = [json.loads(path.read_text()).get("traceback") for path in outcomes]
    assert any("in misbehave" in trace for trace in traces if trace)
    report = (tmp_path / "reports/bad/report.md").read_text()
    assert "the third weight is made of cheese" in report

    planned = bench("plan", "bad.yaml")
    assert planned.returncode == 0
    assert "3 cached" in planned.stdout  # Plain, and what a forward and a backward of NaN cost
    assert "timeout before" in planned.stdout

    # What a user brings runs when a study runs, and never else.
    imported = tmp_path / "imported"
    (tmp_path / "ill_behaved.py").write_text(
        f"open({str(imported)!r}, 'w')\n" + MISBEHAVING.read_text(encoding="utf-8")
    )
    assert "ill_behaved.py changed" in bench("plan", "bad.yaml").stdout
    assert bench("report", "results/bad").returncode == 0
    assert bench("compare", "results/bad", "results/bad").returncode in (0, 3)
    assert not imported.exists()
