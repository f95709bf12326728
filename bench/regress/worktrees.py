"""The two sides of a gate: base and head, each frozen in a git worktree of its own."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.errors import BenchError, did_you_mean
from bench.regress.benchmark_names import printable
from bench.regress.checkout_snapshot import NO_HOOKS, fill, git

PREFIX = "bench-gate-"  # of the folder that holds the worktrees; the owner's pid follows


@dataclass(frozen=True)
class Side:
    """A state of the repository, checked out for itself.

    `tree` is the worktree, `folder` the place in it that the gate was started in. `name` is what
    the user called it, `changed` the number of files that its commit doesn't have yet, `absent` the
    submodules that are not there locally and so not in the tree.
    """

    name: str
    commit: str
    tree: Path
    folder: Path
    python: str
    changed: int = 0
    absent: tuple[str, ...] = ()

    def told(self) -> str:
        """Say which state this is: "main (1a2b3c4d5)"."""
        files = "1 file" if self.changed == 1 else f"{self.changed} files"
        dirty = f" with uncommitted changes ({files})" if self.changed else ""
        return f"{self.name} ({self.commit[:9]}){dirty}"


@dataclass(frozen=True)
class Sides:
    """Base and head of one repository, and a folder for what is measured meanwhile."""

    repository: Path
    base: Side
    head: Side
    scratch: Path

    def moved(self, path: Path, side: Side) -> Path:
        """Turn a path in the user's checkout into the same one in a side's worktree."""
        if path.is_relative_to(self.repository):
            return side.tree / path.relative_to(self.repository)
        return path


@contextmanager
def checked_out(base: str, head: str | None, base_python: str | None = None) -> Iterator[Sides]:
    """Check both sides out beside each other; nothing of it is left afterwards.

    Without `head` it is the working tree as it stands now, with what isn't committed but without
    what git ignores. Raises BenchError where this is no repository, or a name no commit.
    """
    repository = Path(git("rev-parse", "--show-toplevel").removesuffix("\n"))
    commits = _commit(base), _commit(head or "HEAD")
    _sweep()
    scratch = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    try:
        found = shutil.which(base_python) if base_python else None
        python = str(Path(found).absolute()) if found else sys.executable
        sides = [
            _side(repository, scratch, side, name, commit, as_it_stands=as_it_stands)
            for side, name, commit, as_it_stands in (
                ("base", base, commits[0], False),  # folders of one length, as all paths in them
                ("head", head or "the working tree", commits[1], head is None),
            )
        ]
        yield Sides(repository, replace(sides[0], python=python), sides[1], scratch)
    finally:
        _remove(scratch)


def _side(
    repository: Path, scratch: Path, side: str, name: str, commit: str, *, as_it_stands: bool
) -> Side:
    tree = scratch / side
    git(*NO_HOOKS, "worktree", "add", "--quiet", "--detach", str(tree), commit)
    state = fill(repository, tree, scratch, as_it_stands=as_it_stands)
    below = Path.cwd().resolve().relative_to(repository.resolve())
    return Side(name, commit, tree, tree / below, sys.executable, state.changed, state.absent)


def lend(sides: Sides, suite: Path) -> bool:
    """Give base the suite of head where it has none yet; tells whether it had to."""
    ours, theirs = sides.head.folder / suite, sides.base.folder / suite
    if theirs.exists() or not ours.exists():
        return False
    theirs.parent.mkdir(parents=True, exist_ok=True)
    if ours.is_dir():
        shutil.copytree(ours, theirs)
    else:
        shutil.copy2(ours, theirs)
    return True


def absence(side: Side) -> str:
    """Return a sentence on the submodules that a side lacks; empty where it has all."""
    if not side.absent:
        return ""
    names = ", ".join(map(printable, side.absent))
    return (
        f"{side.name} needs submodules that are not here: {names}. "
        "`git submodule update --init --recursive` brings them."
    )


def _commit(name: str) -> str:
    try:
        return git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").strip()
    except BenchError:
        known = git("for-each-ref", "--format=%(refname:short)").split()
        near = did_you_mean(name, known)
        raise BenchError(
            f"git knows no commit '{name}' here",
            hint=f"{near} A shallow clone has few: `git fetch --unshallow` brings all.".strip(),
        ) from None


def _remove(scratch: Path) -> None:
    for tree in ("base", "head"):
        # Also where it is gone already: git forgets this one, and none of the user's.
        git("worktree", "remove", "--force", "--force", str(scratch / tree), check=False)
    shutil.rmtree(scratch, ignore_errors=True)


def _sweep() -> None:
    """Remove what a gate left that was killed before it could."""
    for line in git("worktree", "list", "--porcelain").split("\n"):
        name, _, path = line.partition(" ")
        folder = Path(path).parent
        if name == "worktree" and folder.name.startswith(PREFIX) and not _lives(folder.name):
            _remove(folder)


def _lives(folder: str) -> bool:
    pid = folder.removeprefix(PREFIX).partition("-")[0]
    try:
        os.kill(int(pid), 0)
    except PermissionError:  # another user's
        return True
    except (OSError, ValueError):
        return False
    return True
