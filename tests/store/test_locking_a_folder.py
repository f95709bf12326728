"""One `bench run` at a time writes into a results folder."""

import json
import os
import subprocess
import sys
from pathlib import Path
from socket import gethostname

import pytest

from bench.errors import StoreError
from bench.store import Store

HOLD = """
import os, sys
from pathlib import Path
from bench.store import Store
with Store(Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.readline()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_learns_who_contains_the_lock(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        with pytest.raises(StoreError) as refused, Store(tmp_path).locked():
            pass
        first.communicate("\n")
    message = f"in use by another `bench run`: process {first.pid} on {gethostname()}"
    assert message in str(refused.value)
    with Store(tmp_path).locked():
        pass


def test_a_killed_process_contains_no_lock(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        first.kill()
        first.communicate()
    assert json.loads((tmp_path / ".owner.json").read_text())["pid"] == first.pid
    with Store(tmp_path).locked():
        assert json.loads((tmp_path / ".owner.json").read_text())["pid"] == os.getpid()


def test_temporary_files_of_a_killed_writer_are_removed(tmp_path: Path) -> None:
    (tmp_path / "outcomes").mkdir()
    left = [tmp_path / ".trials.csv.0a.part", tmp_path / "outcomes/.x.json.0b.part"]
    for path in left:
        path.touch()
    kept = tmp_path / "notes.part"
    kept.touch()
    with Store(tmp_path).locked():
        assert not any(path.exists() for path in left)
    assert kept.exists()


def test_an_empty_folder_is_removed_again(tmp_path: Path) -> None:
    with Store(tmp_path / "results/x").locked():
        assert (tmp_path / "results/x").is_dir()
    assert list(tmp_path.iterdir()) == []
    with Store(tmp_path / "results/x").locked():
        (tmp_path / "results/x/trials.csv").touch()
    assert (tmp_path / "results/x/trials.csv").is_file()


def test_an_unknown_owner_still_contains_the_lock(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        (tmp_path / ".owner.json").write_text("{}")
        unnamed = pytest.raises(StoreError, match="in use by another `bench run`\n")
        with unnamed, Store(tmp_path).locked():
            pass
        first.communicate("\n")


def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"), Store(tmp_path / "file").locked():
        pass
