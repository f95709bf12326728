"""Where the results no longer fit, one message says so, and what had been written stays good."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
STUDY = """
name: full
base: {model: {name: mlp, depth: 1, hidden: 4}, dataset: digits, batch_size: 60000, epochs: 1}
seeds: [0, 1, 2, 3, 4, 5, 6, 7]
timing: off
"""
# In one process, which starts sooner; what is stored is the same.
BENCH = tuple(f"{sys.executable} -m bench run full.yaml --no-report --executor inline".split())
# A disk of 64 KiB that only this process sees; what is on it is kept before it goes.
SMALL_DISK = """
mkdir results && mount -t tmpfs -o size=64k small results && "$@"
code=$?
cp -r results kept && umount results && rmdir results && mv kept results
exit $code
"""
Completed = subprocess.CompletedProcess[str]


def run(folder: Path, data: Path, command: tuple[str, ...] = BENCH, limit: int = -1) -> Completed:
    own = {"BENCH_DATA_DIR": str(data), "BENCH_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, -1)),
    )


def filled(folder: Path, data: Path) -> tuple[Completed, str]:
    """Run where the results don't fit; gives what the system calls that."""
    own_disk = ("unshare", "-rm", "sh", "-c")
    can_mount = (
        shutil.which("unshare") is not None
        and not subprocess.run(
            [*own_disk, "mount -t tmpfs none /mnt"], check=False, stderr=subprocess.DEVNULL
        ).returncode
    )
    if can_mount:
        return run(folder, data, (*own_disk, SMALL_DISK, "sh", *BENCH)), "No space left on device"
    # To a process, a limit on the size of its files is what a full disk is: a write that fails.
    return run(folder, data, limit=2_500), "File too large"


def test_a_full_disk_is_one_message_and_loses_nothing(tmp_path: Path, digits_dir: Path) -> None:
    (tmp_path / "full.yaml").write_text(STUDY, encoding="utf-8")
    results = tmp_path / "results/full"
    done, reason = filled(tmp_path, digits_dir)
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"cannot be written: {reason}" in done.stderr
    assert "free some space" in done.stderr
    assert "Traceback" not in done.stderr
    before = {path.name: path.read_bytes() for path in (results / "outcomes").glob("*.json")}
    assert 0 < len(before) < 9

    done = run(tmp_path, digits_dir)
    assert done.returncode == 0, done.stderr
    after = {path.name: path.read_bytes() for path in (results / "outcomes").glob("*.json")}
    assert len(after) == 9
    assert before.items() <= after.items()
    assert pd.read_csv(results / "trials.csv").seed.tolist() == list(range(8))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_at_standard_output_is_one_message(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "bench", "list", "datasets"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("bench: standard output: cannot write: No space left on device\n")
    assert len(done.stderr.splitlines()) == 2
