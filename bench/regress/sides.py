"""The two sides of a gate: base and head, each frozen in a git worktree of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError, did_you_mean

PREFIX = "bench-gate-"  # of the folder that holds the worktrees; the owner's pid follows


@dataclass(frozen=True)
class Side:
    """A state of the repository, checked out for itself.

    `tree` is the worktree, `folder` the place in it that the gate was started in. `name` is what
    the user called it, `changed` the number of files that its commit doesn't have yet.
    """

    name: str
    commit: str
    tree: Path
    folder: Path
    python: str
    changed: int = 0

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
    repository = Path(_git("rev-parse", "--show-toplevel").strip())
    below = Path.cwd().resolve().relative_to(repository.resolve())
    commits = _commit(base), _commit(head or "HEAD")
    _sweep()
    scratch = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    try:
        trees = scratch / "base", scratch / "head"  # names of one length, as all paths in them
        for tree, commit in zip(trees, commits, strict=True):
            no_hooks = ("-c", f"core.hooksPath={os.devnull}")
            _git(*no_hooks, "worktree", "add", "--quiet", "--detach", str(tree), commit)
        changed = _carry_over(repository, trees[1]) if head is None else 0
        found = shutil.which(base_python) if base_python else None
        pythons = str(Path(found).absolute()) if found else sys.executable, sys.executable
        names = base, head or "the working tree"
        yield Sides(
            repository,
            Side(names[0], commits[0], trees[0], trees[0] / below, pythons[0]),
            Side(names[1], commits[1], trees[1], trees[1] / below, pythons[1], changed),
            scratch,
        )
    finally:
        _remove(scratch)


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


def _commit(name: str) -> str:
    try:
        return _git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").strip()
    except BenchError:
        known = _git("for-each-ref", "--format=%(refname:short)").split()
        near = did_you_mean(name, known)
        raise BenchError(
            f"git knows no commit '{name}' here",
            mend=f"{near} A shallow clone has few: `git fetch --unshallow` brings all.".strip(),
        ) from None


def _carry_over(repository: Path, tree: Path) -> int:
    """Bring a worktree of HEAD to the state of the working tree; gives how many files differ."""
    changed = _git("diff", "--name-only", "-z", "HEAD", at=repository)
    added = _git("ls-files", "--others", "--exclude-standard", "-z", at=repository)
    names = [name for name in (changed + added).split("\0") if name]
    for name in names:
        there, here = repository / name, tree / name
        if here.is_symlink() or here.is_file():
            here.unlink()
        if there.is_symlink() or there.is_file():
            here.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(there, here, follow_symlinks=False)
    return len(names)


def _remove(scratch: Path) -> None:
    for tree in ("base", "head"):
        if (scratch / tree).exists():
            _git("worktree", "remove", "--force", "--force", str(scratch / tree), check=False)
    shutil.rmtree(scratch, ignore_errors=True)
    _git("worktree", "prune", check=False)


def _sweep() -> None:
    """Remove what a gate left that was killed before it could."""
    for line in _git("worktree", "list", "--porcelain").splitlines():
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


def _git(*arguments: str, at: Path | None = None, check: bool = True) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=at, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise BenchError("git is not installed", mend="A gate compares two commits.") from None
    if check and done.returncode:
        said = done.stderr.strip() or f"git {arguments[0]} failed"
        mend = "`bench gate` compares two states of a git repository: start it inside one."
        raise BenchError(said, mend=mend)
    return done.stdout
