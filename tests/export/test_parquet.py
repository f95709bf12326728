"""`bench export --to parquet`: the tables with their types."""

import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import bench as package
from bench.export.parquet import TABLES

PUBLISHED = Path(__file__).parents[2] / "results" / "published" / "amd-epyc-2c" / "optimizers"


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_tables_are_read_back_as_they_were(bench: Callable, results: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    before = contents(results)
    for folder, options in ((results, []), (PUBLISHED, ["--out", tmp_path / "own"])):
        done = bench("export", folder, "--to", "parquet", *options)
        assert done.returncode == 0, done.stderr
        out = tmp_path / "own" if options else tmp_path / "exports" / "made-up"
        assert sorted(path.stem for path in out.iterdir()) == sorted(TABLES)
        tables = package.load(folder)
        for name in TABLES:
            assert_frame_equal(pd.read_parquet(out / f"{name}.parquet"), getattr(tables, name))
    assert contents(results) == before


def test_without_pyarrow_the_extra_is_named(
    bench: Callable, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = bench("export", results, "--to", "parquet")
    assert done.returncode == 2
    assert done.stderr == (
        "bench: --to parquet: pyarrow is not installed\n"
        "  pip install 'small-vision-bench[parquet]'\n"
    )
    assert not (tmp_path / "exports").exists()
