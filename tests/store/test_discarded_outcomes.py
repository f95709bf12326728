"""Old outcomes are set aside, never thrown away."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.records import Outcome
from bench.store import Store

Make = Callable[..., Outcome]


def test_discarded_outcomes_are_kept_in_another_folder(store: Store, trial: Make) -> None:
    store.save(trial(0))
    content = (store.folder / "outcomes" / "cell-s0.json").read_bytes()
    store.set_aside()
    assert store.load() == {}
    assert not (store.folder / "outcomes").exists()
    assert (store.folder / "outcomes-1" / "cell-s0.json").read_bytes() == content


def test_each_discarding_has_its_own_folder(store: Store, trial: Make) -> None:
    for seed in range(3):
        store.save(trial(seed))
        store.set_aside()
    found = {p.parent.name: p.name for p in store.folder.glob("outcomes*/*.json")}
    assert found == {f"outcomes-{seed + 1}": f"cell-s{seed}.json" for seed in range(3)}


def test_only_later_outcomes_remain(store: Store, trial: Make) -> None:
    store.save(trial(0))
    store.set_aside()
    store.save(trial(1))
    assert list(store.load()) == ["cell-s1"]


def test_without_outcomes_no_folder_is_made(store: Store) -> None:
    store.set_aside()
    assert not store.folder.exists()


def test_a_folder_that_cannot_be_moved_is_reported(
    store: Store, trial: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, target: Path) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    store.save(trial(0))
    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(StoreError, match="outcomes: cannot be moved: Permission denied"):
        store.set_aside()
    assert list(store.load()) == ["cell-s0"]
