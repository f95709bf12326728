"""The description of the machine."""

import subprocess
import sys

import pytest

from bench.measure import machine as module
from bench.measure.machine import commit_here, this_machine


def test_looking_at_the_machine_imports_no_torch() -> None:
    script = (
        "import sys; from bench.measure.machine import this_machine; this_machine();"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_machine_without_gpus_states_why() -> None:
    machine = this_machine()
    assert bool(machine.gpus) != bool(machine.no_cuda)


def test_the_versions_are_those_that_run() -> None:
    import torch

    assert dict(this_machine().software)["torch"] == torch.__version__.partition("+")[0]


def test_two_looks_have_the_same_fingerprint() -> None:
    assert this_machine().fingerprint() == this_machine().fingerprint()


def test_another_torch_is_another_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    before = this_machine().fingerprint()
    monkeypatch.setattr(module.metadata, "version", lambda package: "9.9")
    after = this_machine().fingerprint()
    assert before["software"] != after["software"]
    assert before["machine"] == after["machine"]


def test_a_folder_without_git_has_no_commit(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(str(tmp_path))
    assert commit_here() == ""
