"""A study as a gate's suite: its cells are the benchmarks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toy_repository import git

STUDY = """
name: tiny
base:
  model: {name: mlp, depth: 1, hidden: 4}
  dataset: digits
  batch_size: 10000
  epochs: 1
  device: cpu
  threads: 1
axes: {optimizer: [sgd, adam]}
timing: {blocks: 6, rounds: 2, epochs: 0}
"""


def test_cells_are_timed_and_trained_on_both_sides(
    tmp_path: Path, digits_dir: Path, run_bench: Callable[..., Any]
) -> None:
    (tmp_path / "tiny.yaml").write_text(STUDY, encoding="utf-8")
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message=first")
    asked = ("--base", "main", "--suite", "tiny.yaml", "--accuracy", "--pairs", 1, "--json")
    done = run_bench(tmp_path, "gate", *asked, BENCH_DATA_DIR=str(digits_dir))
    assert done.returncode == 3, done.stderr
    rows = {(row["benchmark"], row["measure"]): row for row in json.loads(done.stdout)}
    assert set(rows) == {(o, m) for o in ("sgd", "adam") for m in ("step", "test_accuracy")}
    assert rows["sgd", "step"]["before"] > 0
    same = rows["adam", "test_accuracy"]  # one seed, one code: the same to the last bit
    assert same["before"] == same["after"]
    assert [path.name for path in tmp_path.iterdir() if path.name != ".git"] == ["tiny.yaml"]
