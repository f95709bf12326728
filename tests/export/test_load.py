"""`bench.load`: the tables of a results folder, from any script or notebook."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import bench
from bench.analysis.results import Results
from bench.errors import StoreError
from bench.records import ROWS


def test_every_table_comes_with_its_types(results: Path) -> None:
    tables = bench.load(str(results))
    assert isinstance(tables, Results)
    assert {name: len(getattr(tables, name)) for name in (*ROWS, "summary", "comparisons")} == {
        "trials": 9, "epochs": 12, "timings": 36, "blocks": 6, "costs": 0, "tuning": 0,
        "misclassified": 0, "metrics": 12, "summary": 3, "comparisons": 2,
    }  # fmt: skip
    types = tables.trials.dtypes.astype(str)
    assert types[["seed", "batch_size", "epochs_done"]].to_list() == ["Int64"] * 3
    assert types[["lr", "optimizer.eps", "test_accuracy"]].to_list() == ["float64"] * 3
    assert types[["compile", "reason"]].to_list() == ["boolean", "string"]
    accuracies = tables.trials.groupby("cell_id")["test_accuracy"].mean()
    assert accuracies.drop("c").to_list() == pytest.approx([0.991, 0.991])
    assert pd.isna(accuracies["c"])


def test_a_folder_without_results_is_explained(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no trials\.csv here\n  "):
        bench.load(tmp_path)


def test_importing_the_package_imports_nothing_heavy() -> None:
    script = (
        "import sys, bench\n"
        "print(sorted({'torch', 'pandas', 'numpy', 'pydantic', 'typer'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
