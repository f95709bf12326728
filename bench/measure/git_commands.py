"""git, called for the folder that it is called in, whatever repository the environment names."""

import os
import subprocess
from pathlib import Path

# `git rev-parse --local-env-vars` lists them. git sets them for its hooks, and they mean the
# repository and the index that the hook is called for. Configuration (GIT_CONFIG_COUNT and others)
# is kept: it says how to use a repository, such as which owners are safe, and not which one.
REPOSITORY_STATE = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_DIR", "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_INTERNAL_SUPER_PREFIX", "GIT_NAMESPACE",
        "GIT_NO_REPLACE_OBJECTS", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_QUARANTINE_PATH",
        "GIT_REPLACE_REF_BASE", "GIT_SHALLOW_FILE", "GIT_WORK_TREE",
    }
)  # fmt: skip


def git_environment() -> dict[str, str]:
    """Return this process's environment without the repository that it names."""
    return {name: value for name, value in os.environ.items() if name not in REPOSITORY_STATE}


def call_git(
    *arguments: str,
    at: Path | None = None,
    timeout_s: float | None = None,
    index: Path | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Call git in a folder, with an index other than the repository's where one is given.

    Raises OSError where there is no git, TimeoutExpired where it takes longer.
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
