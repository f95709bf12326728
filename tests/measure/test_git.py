"""git is called for the folder that it is called in, whatever a hook's environment names."""

import os
from pathlib import Path

import pytest

from bench.measure.git_commands import REPOSITORY_STATE, call_git, git_environment
from bench.measure.machine import commit_here

NAMED = {"GIT_DIR": "/nowhere", "GIT_INDEX_FILE": "x", "GIT_CONFIG_COUNT": "0", "HOME": "/h"}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@localhost")
    for arguments in (["init"], ["add", "."], [*who, "commit", "--message=first"]):
        (tmp_path / "file").write_text("text", encoding="utf-8")
        assert call_git(*arguments, at=tmp_path).returncode == 0
    return tmp_path


def test_what_git_calls_local_to_a_repository_is_left_out_but_its_configuration() -> None:
    listed = call_git("rev-parse", "--local-env-vars").stdout.decode().split()
    assert {name for name in listed if not name.startswith("GIT_CONFIG")} <= REPOSITORY_STATE


def test_only_the_repository_is_taken_out_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in NAMED.items():
        monkeypatch.setenv(name, value)
    assert set(NAMED) & set(git_environment()) == {"GIT_CONFIG_COUNT", "HOME"}


def test_the_commit_is_that_of_the_folder_not_of_the_hooks_repository(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    monkeypatch.setenv("GIT_DIR", str(repository / "nowhere"))
    head = call_git("rev-parse", "--short=12", "HEAD").stdout.decode().strip()
    assert commit_here() == head


def test_a_commit_with_changes_is_dirty_and_looking_at_it_writes_no_index(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    os.utime("file", (1, 1))  # what git would note down in its index
    before = (repository / ".git/index").read_bytes()
    assert not commit_here().endswith("-dirty")
    (repository / "untracked").write_text("", encoding="utf-8")
    assert not commit_here().endswith("-dirty")
    (repository / "file").write_text("other", encoding="utf-8")
    assert commit_here().endswith("-dirty")
    assert (repository / ".git/index").read_bytes() == before


def test_words_of_git_that_are_not_utf8_are_no_reason_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = tmp_path / "git"
    script = "#!/bin/sh\nprintf 'caf\\351' >&2\ntest \"$1\" = status || echo abc\n"
    git.write_text(script, encoding="utf-8")
    git.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert commit_here() == "abc"
