"""Base and head of a gate, each checked out in a git worktree of its own.

Head can be the working tree: then uncommitted changes are copied over. Submodules are checked out
from what is available locally; nothing is fetched, and the user's checkout is never touched.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from bench.errors import BenchError, did_you_mean
from bench.formatting import plural
from bench.measure.git_commands import call_git
from bench.regress.benchmark_names import printable

PREFIX = "bench-gate-"  # of the folder that holds the worktrees; the owner's pid follows
NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}")
SUBMODULE_MODE = "160000"  # in a tree and in the index


@dataclass(frozen=True)
class Worktree:
    """A state of the repository, checked out.

    `tree` is the worktree, `folder` the folder in it that corresponds to the current one. `name`
    is how the user named the commit, `changed` the number of uncommitted files, `absent` the
    submodules that are not available locally.
    """

    name: str
    commit: str
    tree: Path
    folder: Path
    python: str
    changed: int = 0
    absent: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """The state as text: "main (1a2b3c4d5)"."""
        files = plural(self.changed, "file")
        dirty = f" with uncommitted changes ({files})" if self.changed else ""
        return f"{self.name} ({self.commit[:9]}){dirty}"

    def missing_submodules(self) -> str:
        """Return a sentence on the submodules that are missing; empty if none is."""
        if not self.absent:
            return ""
        names = ", ".join(map(printable, self.absent))
        return (
            f"{self.name} needs submodules that are not available locally: {names}. "
            "Run `git submodule update --init --recursive`."
        )


@dataclass(frozen=True)
class Worktrees:
    """Base and head of one repository, and a folder for temporary files."""

    repository: Path
    base: Worktree
    head: Worktree
    scratch: Path

    def translate(self, path: Path, side: Worktree) -> Path:
        """Return the path in a worktree that corresponds to one in the user's checkout."""
        if path.is_relative_to(self.repository):
            return side.tree / path.relative_to(self.repository)
        return path


@contextmanager
def check_out(base: str, head: str | None, base_python: str | None = None) -> Iterator[Worktrees]:
    """Check out base and head, and remove both at the end.

    Without `head` it is the working tree with uncommitted changes, without ignored files. Raises
    BenchError outside a repository, or for a name that is not a commit.
    """
    repository = Path(git("rev-parse", "--show-toplevel").removesuffix("\n"))
    commits = _commit(base), _commit(head or "HEAD")
    _remove_abandoned()
    scratch = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    folder = Path.cwd().resolve().relative_to(repository.resolve())

    def add(side: str, name: str, commit: str, *, with_changes: bool) -> Worktree:
        tree = scratch / side
        git(*NO_HOOKS, "worktree", "add", "--quiet", "--detach", str(tree), commit)
        changed, absent = fill(repository, tree, scratch, with_changes=with_changes)
        return Worktree(name, commit, tree, tree / folder, sys.executable, changed, absent)

    try:
        # Names of one length, so that all paths below have one length too.
        base_tree = add("base", base, commits[0], with_changes=False)
        head_tree = add("head", head or "the working tree", commits[1], with_changes=head is None)
        program = shutil.which(base_python) if base_python else None
        python = str(Path(program).absolute()) if program else sys.executable
        yield Worktrees(repository, replace(base_tree, python=python), head_tree, scratch)
    finally:
        _remove(scratch)


def copy_suite_to_base(trees: Worktrees, suite: Path) -> bool:
    """Copy head's suite to base if base has none; return whether it did."""
    source, target = trees.head.folder / suite, trees.base.folder / suite
    if target.exists() or not source.exists():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)
    return True


def git(
    *arguments: str, at: Path | None = None, check: bool = True, index: Path | None = None
) -> str:
    """Call git and return its output, file names decoded by Python's rules for paths.

    Raises BenchError if git fails.
    """
    try:
        done = call_git(*arguments, at=at, index=index)
    except FileNotFoundError:
        raise BenchError("git is not installed", hint="A gate compares two commits.") from None
    if check and done.returncode:
        message = done.stderr.decode("utf-8", "replace").strip() or f"git {arguments[0]} failed"
        raise BenchError(message, hint="Run `bench gate` inside a git repository.")
    return os.fsdecode(done.stdout)


def _commit(name: str) -> str:
    try:
        return git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").strip()
    except BenchError:
        refs = git("for-each-ref", "--format=%(refname:short)").split()
        hint = f"{did_you_mean(name, refs)} In a shallow clone, run `git fetch --unshallow`."
        raise BenchError(f"unknown commit '{name}'", hint=hint.strip()) from None


def _remove(scratch: Path) -> None:
    for tree in ("base", "head"):
        # By path, even if it is gone: `git worktree prune` would drop the user's unmounted ones.
        git("worktree", "remove", "--force", "--force", str(scratch / tree), check=False)
    shutil.rmtree(scratch, ignore_errors=True)


def _remove_abandoned() -> None:
    """Remove the worktrees of gates that were killed."""
    for line in git("worktree", "list", "--porcelain").split("\n"):
        key, _, path = line.partition(" ")
        folder = Path(path).parent
        if key == "worktree" and folder.name.startswith(PREFIX) and not _is_running(folder.name):
            _remove(folder)


def _is_running(folder: str) -> bool:
    pid = folder.removeprefix(PREFIX).partition("-")[0]
    try:
        os.kill(int(pid), 0)
    except PermissionError:  # another user's
        return True
    except (OSError, ValueError):
        return False
    return True


@dataclass(frozen=True)
class _Local:
    """A repository on this machine: its checkout, if it has one, and its git folders.

    `index` is a private copy of the checkout's, since git may write to it even when it only reads.
    """

    checkout: Path | None
    git_folders: Sequence[Path]
    index: Path | None = None


def fill(
    repository: Path, tree: Path, scratch: Path, *, with_changes: bool
) -> tuple[int, tuple[str, ...]]:
    """Add submodules and, `with_changes`, what the checkout has not committed to a worktree.

    Returns the number of files that differ from the commit, and the absent submodules. Nothing is
    fetched, neither the checkout nor its index is touched, and ignored files are left out.
    """
    local = _local(repository, scratch)
    return _fill(local, tree, scratch, "", with_changes=with_changes)


def _fill(
    local: _Local, tree: Path, scratch: Path, prefix: str, *, with_changes: bool
) -> tuple[int, tuple[str, ...]]:
    changed = 0
    absent: tuple[str, ...] = ()
    if with_changes and local.checkout is not None:
        changed = _copy_changes(local.checkout, local.index, tree)
    names = _submodule_names(tree)
    for path, recorded in _submodule_commits(local, tree, with_changes=with_changes).items():
        submodule = _submodule(local, path, names.get(path, path), scratch)
        commit = recorded
        if with_changes and submodule.checkout is not None:
            commit = git("rev-parse", "HEAD", at=submodule.checkout).strip()
            changed += commit != recorded
        if not _check_out_submodule(submodule, commit, tree / path):
            absent = (*absent, prefix + path)
            continue
        below = _fill(
            submodule, tree / path, scratch, f"{prefix}{path}/", with_changes=with_changes
        )
        changed, absent = changed + below[0], absent + below[1]
    return changed, absent


def _local(checkout: Path, scratch: Path) -> _Local:
    folders = [
        checkout / git("rev-parse", which, at=checkout).removesuffix("\n")
        for which in ("--git-dir", "--git-common-dir")
    ]
    index = Path(tempfile.mkdtemp(prefix="index-", dir=scratch)) / "index"
    with suppress(FileNotFoundError):  # a repository to which nothing was added yet
        # With its time, by which git knows what may have changed since.
        shutil.copy2(folders[0] / "index", index)
    return _Local(checkout, list(dict.fromkeys(folders)), index)


def _submodule(local: _Local, path: str, name: str, scratch: Path) -> _Local:
    if local.checkout is not None and (local.checkout / path / ".git").exists():
        return _local(local.checkout / path, scratch)
    folders = [folder / "modules" / name for folder in local.git_folders]
    return _Local(None, [folder for folder in folders if folder.is_dir()])


def _submodule_names(tree: Path) -> Mapping[str, str]:
    """Map the path of each submodule to its name, by which git stores its repository."""
    modules = str(tree / ".gitmodules")
    entries = git("config", "-z", "--file", modules, "--get-regexp", r"\.path$", check=False)
    pairs = (entry.partition("\n") for entry in entries.split("\0") if entry)
    return {path: key[len("submodule.") : -len(".path")] for key, _, path in pairs}


def _submodule_commits(local: _Local, tree: Path, *, with_changes: bool) -> Mapping[str, str]:
    """Map the path of each submodule to its commit, in the index or else in the tree."""
    if with_changes and local.checkout is not None:
        listing = git("ls-files", "--stage", "-z", at=local.checkout, index=local.index)
        column = 1  # of mode, object, stage
    else:
        listing = git("ls-tree", "-r", "-z", "HEAD", at=tree)
        column = 2  # of mode, type, object
    entries = (entry.partition("\t") for entry in listing.split("\0") if entry)
    parts = ((fields.split(), path) for fields, _, path in entries)
    return {path: fields[column] for fields, path in parts if fields[0] == SUBMODULE_MODE}


def _check_out_submodule(local: _Local, commit: str, folder: Path) -> bool:
    """Check out a commit that borrows the local repository's objects; return whether it has it."""
    objects = [path for folder in local.git_folders if (path := folder / "objects").is_dir()]
    if not objects:
        return False
    git(*NO_HOOKS, "init", "--quiet", "--template=", str(folder))
    own = folder / ".git"
    (own / "objects/info").mkdir(exist_ok=True)
    borrowed = b"".join(os.fsencode(path.resolve()) + b"\n" for path in objects)
    (own / "objects/info/alternates").write_bytes(borrowed)
    for shallow in (path.parent / "shallow" for path in objects):
        if shallow.is_file():
            shutil.copy2(shallow, own)
    if not git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}", at=folder, check=False):
        shutil.rmtree(own)
        return False
    git(*NO_HOOKS, "checkout", "--quiet", "--detach", commit, at=folder)
    return True


def _copy_changes(checkout: Path, index: Path | None, tree: Path) -> int:
    """Bring a worktree of HEAD to the state of the checkout; return how many files differ."""
    options = ("--no-renames", "--no-ext-diff", "--ignore-submodules=all", "--name-only", "-z")
    changed = git("diff", *options, "HEAD", at=checkout, index=index)
    added = git("ls-files", "--others", "--exclude-standard", "-z", at=checkout, index=index)
    names = [name for name in (changed + added).split("\0") if name]
    for name in names:
        target = tree / name
        if target.is_symlink() or target.is_file():
            target.unlink()
            with suppress(OSError):  # a folder that isn't empty yet, or is a file now
                os.removedirs(target.parent)
    for name in names:
        if _is_file(checkout, name):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / name, tree / name, follow_symlinks=False)
    return len(names)


def _is_file(checkout: Path, name: str) -> bool:
    """Return whether a file is in the checkout itself, not behind a link that replaced a folder."""
    path = checkout / name
    is_behind_link = any(
        (checkout / parent).is_symlink() for parent in list(Path(name).parents)[:-1]
    )
    return not is_behind_link and (path.is_symlink() or path.is_file())
