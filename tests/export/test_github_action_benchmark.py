"""`bench export --to github-action-benchmark`: entries as the action documents them.

The action itself is not in any package registry; what its reader takes is written down here:
https://github.com/benchmark-action/github-action-benchmark#examples
"""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_up_study import write

from bench.store import Store

SMALLER, BIGGER = "customSmallerIsBetter", "customBiggerIsBetter"
NUMBER = r"\d+(\.\d+)?"


def exported(bench: Callable, results: Path) -> dict[str, list[dict[str, Any]]]:
    done = bench("export", results, "--to", "github-action-benchmark", "--out", "bench-out")
    assert done.returncode == 0, done.stderr
    folder = results.parents[1] / "bench-out"
    assert {path.name for path in folder.iterdir()} == {f"{SMALLER}.json", f"{BIGGER}.json"}
    return {tool: json.loads((folder / f"{tool}.json").read_text()) for tool in (SMALLER, BIGGER)}


def test_every_entry_is_one_that_the_action_reads(bench: Callable, results: Path) -> None:
    for entries in exported(bench, results).values():
        names = [entry["name"] for entry in entries]
        assert len(set(names)) == len(names)  # the action finds last commit's value by name
        for entry in entries:
            assert entry.keys() - {"range"} == {"name", "unit", "value", "extra"}
            assert type(entry["value"]) is float
            assert all(type(v) is str for k, v in entry.items() if k != "value")
            assert not re.search(r"[`|\n]", entry["name"])  # which stands in a Markdown table
            assert re.fullmatch(f"{NUMBER}–{NUMBER}", entry.get("range", "1–2"))


def test_cells_and_measures_are_reported_with_their_intervals(
    bench: Callable, results: Path
) -> None:
    found = exported(bench, results)
    smaller, bigger = ({entry["name"]: entry for entry in found[t]} for t in (SMALLER, BIGGER))
    a, b = "made-up · baseline", "made-up · batch 512"
    assert set(smaller) == {f"{a} · step", f"{a} · peak memory", f"{b} · peak memory"}
    kinds = ("training", "test accuracy")
    assert set(bigger) == {
        *(f"{cell} · {kind}" for cell in (a, b) for kind in kinds),
        f"{a} · data + training step",
    }
    step = smaller[f"{a} · step"]
    assert (step["unit"], step["value"]) == ("ms", pytest.approx(8.2))  # blocks of 8.0 to 8.4
    assert step["extra"] == "median, 95% interval\nn = 6 timing sets\na"
    low, high = map(float, step["range"].split("–"))
    assert 8.0 <= low < 8.2 < high <= 8.4
    assert smaller[f"{b} · peak memory"]["value"] == 256.0
    assert smaller[f"{b} · peak memory"]["unit"] == "MiB"
    accuracy = bigger[f"{b} · test accuracy"]
    assert (accuracy["unit"], accuracy["value"]) == ("%", pytest.approx(99.1))
    assert accuracy["extra"] == "mean, 95% interval\nn = 3 seeds\nb"
    speed = bigger[f"{a} · data + training step"]
    assert (speed["unit"], speed["value"]) == ("images/s", pytest.approx(64 / 0.009225, rel=1e-3))


def test_one_sample_has_no_range(bench: Callable, tmp_path: Path) -> None:
    entries = exported(bench, write(tmp_path / "results" / "one-seed", seeds=1))[BIGGER]
    (accuracy,) = (e for e in entries if e["name"].endswith("512 · test accuracy"))
    assert "range" not in accuracy
    assert accuracy["extra"] == "mean\nn = 1 seed\nb"


def test_a_cell_of_which_a_trial_failed_is_left_out(bench: Callable, results: Path) -> None:
    store = Store(results)
    outcomes = store.load()
    victim = outcomes["b-s0"]
    assert victim.trial is not None
    failed = replace(victim, trial=replace(victim.trial, status="failed", reason="OSError"))
    store.write_tables([*(outcomes | {"b-s0": failed}).values()])
    names = [entry["name"] for entries in exported(bench, results).values() for entry in entries]
    assert names
    assert not [name for name in names if "512" in name]


def test_where_nothing_was_measured_it_states_so(
    bench: Callable, results: Path, tmp_path: Path
) -> None:
    store = Store(results)
    store.write_tables([o for o in store.load().values() if o.cell_id == "c"])
    done = bench("export", results, "--to", "github-action-benchmark")
    assert done.returncode == 2
    assert "no cell has a result to export" in done.stderr
    assert not (tmp_path / "exports").exists()
