"""A checkout as it stands: what isn't committed, and submodules, from what is there locally."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.measure.git_commands import call_git

NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}")
GITLINK = "160000"  # the mode of a submodule in a tree and in the index


@dataclass
class Filled:
    """What became of a worktree: the files that differ from its commit, the absent submodules."""

    changed: int = 0
    absent: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Local:
    """Where a repository is on this machine: its checkout, if it has one, and its git folders.

    `index` is a private copy of the checkout's: git writes to an index even where it only styles.
    """

    checkout: Path | None
    git_folders: Sequence[Path]
    index: Path | None = None


def fill(repository: Path, tree: Path, scratch: Path, *, as_it_stands: bool) -> Filled:
    """Give a worktree its submodules and, `as_it_stands`, what the checkout has not committed.

    Nothing is fetched, and neither the checkout nor its index is touched. What git ignores is left
    out.
    """
    filled = Filled()
    _fill(_local(repository, scratch), tree, scratch, filled, "", as_it_stands=as_it_stands)
    return filled


def git(
    *arguments: str, at: Path | None = None, check: bool = True, index: Path | None = None
) -> str:
    """Call git and return what it wrote; raises BenchError where it fails.

    A file name that is not UTF-8 is decoded as Python does, so that the path is the file's.
    """
    try:
        done = call_git(*arguments, at=at, index=index)
    except FileNotFoundError:
        raise BenchError("git is not installed", hint="A gate compares two commits.") from None
    if check and done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip() or f"git {arguments[0]} failed"
        hint = "`bench gate` compares two states of a git repository: start it inside one."
        raise BenchError(said, hint=hint)
    return os.fsdecode(done.stdout)


def _fill(
    local: _Local, tree: Path, scratch: Path, filled: Filled, prefix: str, *, as_it_stands: bool
) -> None:
    if as_it_stands and local.checkout is not None:
        filled.changed += _carry_over(local.checkout, local.index, tree)
    names = _submodule_names(tree)
    for path, commit in _gitlinks(local, tree, as_it_stands=as_it_stands).items():
        its = _submodule(local, path, names.get(path, path), scratch)
        wanted = commit
        if as_it_stands and its.checkout is not None:
            wanted = git("rev-parse", "HEAD", at=its.checkout).strip()
            filled.changed += wanted != commit
        if not _check_out(its, wanted, tree / path):
            filled.absent = (*filled.absent, prefix + path)
            continue
        _fill(its, tree / path, scratch, filled, f"{prefix}{path}/", as_it_stands=as_it_stands)


def _local(checkout: Path, scratch: Path) -> _Local:
    folders = [
        checkout / _line(git("rev-parse", which, at=checkout))
        for which in ("--git-dir", "--git-common-dir")
    ]
    own = folders[0] / "index"
    private = Path(tempfile.mkdtemp(prefix="index-", dir=scratch)) / "index"
    with suppress(FileNotFoundError):  # a repository in which nothing was added yet
        shutil.copy2(own, private)  # with its time, by which git knows what may have changed since
    return _Local(checkout, list(dict.fromkeys(folders)), private)


def _submodule(local: _Local, path: str, name: str, scratch: Path) -> _Local:
    if local.checkout is not None and (local.checkout / path / ".git").exists():
        return _local(local.checkout / path, scratch)
    kept = [folder / "modules" / name for folder in local.git_folders]
    return _Local(None, [folder for folder in kept if folder.is_dir()])


def _submodule_names(tree: Path) -> Mapping[str, str]:
    """Map the path of each submodule to its name, which is where git keeps its repository."""
    entries = git(
        "config", "-z", "--file", str(tree / ".gitmodules"), "--get-regexp", r"\.path$", check=False
    )
    found = (entry.partition("\n") for entry in entries.split("\0") if entry)
    return {path: key[len("submodule.") : -len(".path")] for key, _, path in found}


def _gitlinks(local: _Local, tree: Path, *, as_it_stands: bool) -> Mapping[str, str]:
    """Map the path of each submodule to its commit: the index's as it stands, else the tree's."""
    if as_it_stands and local.checkout is not None:
        listed = git("ls-files", "--stage", "-z", at=local.checkout, index=local.index)
        at = 1  # mode, object, stage
    else:
        listed = git("ls-tree", "-r", "-z", "HEAD", at=tree)
        at = 2  # mode, type, object
    entries = (entry.partition("\t") for entry in listed.split("\0") if entry)
    parts = ((fields.split(), path) for fields, _, path in entries)
    return {path: fields[at] for fields, path in parts if fields[0] == GITLINK}


def _check_out(local: _Local, commit: str, folder: Path) -> bool:
    """Check out a submodule's commit from its local repository; return whether that has it.

    It becomes a repository that borrows the objects: nothing is copied, registered or fetched.
    """
    objects = [
        place for git_folder in local.git_folders if (place := git_folder / "objects").is_dir()
    ]
    if not objects:
        return False
    git(*NO_HOOKS, "init", "--quiet", "--template=", str(folder))
    own = folder / ".git"
    (own / "objects/info").mkdir(exist_ok=True)
    borrowed = b"".join(os.fsencode(place.resolve()) + b"\n" for place in objects)
    (own / "objects/info/alternates").write_bytes(borrowed)
    for shallow in (place.parent / "shallow" for place in objects):
        if shallow.is_file():
            shutil.copy2(shallow, own)
    if not git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}", at=folder, check=False):
        shutil.rmtree(own)
        return False
    git(*NO_HOOKS, "checkout", "--quiet", "--detach", commit, at=folder)
    return True


def _carry_over(checkout: Path, index: Path | None, tree: Path) -> int:
    """Bring a worktree of HEAD to the state of the checkout; return how many files differ."""
    names = list(_changed(checkout, index))
    for name in names:
        here = tree / name
        if here.is_symlink() or here.is_file():
            here.unlink()
            with suppress(OSError):  # a folder that isn't empty yet, or is no folder any more
                os.removedirs(here.parent)
    for name in names:
        there, here = checkout / name, tree / name
        if _is_there(checkout, name):
            here.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(there, here, follow_symlinks=False)
    return len(names)


def _is_there(checkout: Path, name: str) -> bool:
    """Tell whether a file is in the checkout itself, not behind a link that replaced its folder."""
    path = checkout / name
    behind = any((checkout / parent).is_symlink() for parent in list(Path(name).parents)[:-1])
    return not behind and (path.is_symlink() or path.is_file())


def _changed(checkout: Path, index: Path | None) -> Iterator[str]:
    """List the files that differ from HEAD; a renamed one is there under both its names."""
    how = ("--no-renames", "--no-ext-diff", "--ignore-submodules=all", "--name-only", "-z")
    changed = git("diff", *how, "HEAD", at=checkout, index=index)
    added = git("ls-files", "--others", "--exclude-standard", "-z", at=checkout, index=index)
    yield from (name for name in (changed + added).split("\0") if name)


def _line(text: str) -> str:
    return text.removesuffix("\n")
