"""Adding outcomes one by one gives the tables that writing them all at once gives."""

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outcome_strategies import OUTCOMES

from bench.errors import StoreError
from bench.records import ROWS, Outcome
from bench.store import Store

Make = Callable[..., Outcome]


def tables(store: Store) -> dict[str, bytes]:
    return {name: (store.folder / f"{name}.csv").read_bytes() for name in ROWS}


def appended(store: Store, outcomes: list[Outcome]) -> dict[str, bytes]:
    for i, outcome in enumerate(outcomes, start=1):
        store.append(outcome, outcomes[:i])
    return tables(store)


def at_once(folder: Path, outcomes: list[Outcome]) -> dict[str, bytes]:
    store = Store(folder)
    store.write_tables(outcomes)
    return tables(store)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(outcomes=st.lists(OUTCOMES, min_size=1, max_size=4))
def test_appending_outcomes_one_by_one_equals_writing_all(
    tmp_path_factory: pytest.TempPathFactory, outcomes: list[Outcome]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    assert appended(Store(folder / "a"), outcomes) == at_once(folder / "b", outcomes)


def test_existing_rows_are_not_written_again(
    store: Store,
    trial: Make,
    block: Make,
    cost: Make,
    tuning: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store.append(trial(0), [trial(0)])

    def rewrite(*arguments: object) -> None:
        raise AssertionError("the tables were written anew")

    monkeypatch.setattr(Store, "write_tables", rewrite)
    before = tables(store)
    store.append(trial(1), [trial(0), trial(1)])
    store.append(cost(), [trial(0), trial(1), cost()])
    store.append(block(0), [trial(0), trial(1), cost(), block(0)])
    store.append(tuning(), [trial(0), trial(1), cost(), block(0), tuning()])
    after = tables(store)
    assert all(after[name].startswith(before[name]) for name in ROWS)
    assert all(len(after[name]) > len(before[name]) for name in ROWS)


def test_a_new_column_is_added_to_all_rows(store: Store, trial: Make, tmp_path: Path) -> None:
    momentum = {"optimizer.momentum": 0.9}
    outcomes = [trial(0), trial(0, "other", **momentum), trial(1)]
    found = appended(store, outcomes)
    assert found == at_once(tmp_path / "b", outcomes)
    header, first, second, third = found["trials"].decode().splitlines()
    place = header.split(",").index("optimizer.momentum")
    assert [row.split(",")[place] for row in (first, second, third)] == ["", "0.9", ""]


def test_a_missing_table_is_rewritten(store: Store, trial: Make, tmp_path: Path) -> None:
    store.append(trial(0), [trial(0)])
    (store.folder / "epochs.csv").unlink()
    store.append(trial(1), [trial(0), trial(1)])
    assert tables(store) == at_once(tmp_path / "b", [trial(0), trial(1)])


def test_a_full_disk_is_reported(
    store: Store, trial: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append(trial(0), [trial(0)])
    opened = Path.open

    def refuse(path: Path, mode: str = "r", *rest: object, **named: object) -> object:
        if "a" in mode:
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(path, mode, *rest, **named)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(StoreError, match=r"trials\.csv: cannot be written: No space left"):
        store.append(trial(1), [trial(0), trial(1)])


def test_a_lone_surrogate_in_a_reason_is_written_escaped(store: Store, trial: Make) -> None:
    outcome = trial(1)
    assert outcome.trial is not None
    odd = replace(outcome, trial=replace(outcome.trial, reason="no file a\udcff"))
    store.append(trial(0), [trial(0)])
    store.append(odd, [trial(0), odd])
    assert b"no file a\\udcff" in tables(store)["trials"]
