"""Calls of git that ignore a repository set by environment variables."""

import os
import subprocess
from pathlib import Path

# From `git rev-parse --local-env-vars`: git sets them for hooks to the hook's repository and index.
# Configuration (GIT_CONFIG_COUNT, …), such as safe owners, is kept.
REPOSITORY_STATE = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_DIR", "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_INTERNAL_SUPER_PREFIX", "GIT_NAMESPACE",
        "GIT_NO_REPLACE_OBJECTS", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_QUARANTINE_PATH",
        "GIT_REPLACE_REF_BASE", "GIT_SHALLOW_FILE", "GIT_WORK_TREE",
    }
)  # fmt: skip


def git_environment() -> dict[str, str]:
    """Return this process's environment without the variables that select a repository."""
    return {name: value for name, value in os.environ.items() if name not in REPOSITORY_STATE}


def call_git(
    *arguments: str,
    at: Path | None = None,
    timeout_s: float | None = None,
    index: Path | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder, optionally with another index file.

    Raises OSError if git is missing, TimeoutExpired after `timeout_s`.
    """
    own = {"GIT_OPTIONAL_LOCKS": "0"} | ({} if index is None else {"GIT_INDEX_FILE": str(index)})
    return subprocess.run(
        ["git", *arguments],
        cwd=at,
        env={**git_environment(), **own},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )
