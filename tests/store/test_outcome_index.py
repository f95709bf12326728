"""The index of outcomes saves reading them, and never changes what is known of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.records import Outcome, OutcomeSummary
from bench.store import Store, study_store

Make = Callable[..., Outcome]
INDEX, TABLES = ".outcomes.jsonl", ".tables.json"


@pytest.fixture
def filled(store: Store, trial: Make, block: Make, cost: Make, tuning: Make) -> Store:
    """Return a folder in which a session has stored an outcome of each kind."""
    with store.locked():
        for outcome in (trial(0), trial(1), block(0), cost(), tuning()):
            store.save(outcome)
    return store


def of_files(folder: Path) -> dict[str, OutcomeSummary]:
    return {run_id: outcome.summary() for run_id, outcome in Store(folder).load().items()}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the outcomes' files that are read from now on."""
    names: list[str] = []
    read = study_store._read_outcome

    def counted(path: Path) -> Outcome:
        names.append(path.stem)
        return read(path)

    monkeypatch.setattr(study_store, "_read_outcome", counted)
    return names


def test_what_a_session_stored_need_not_be_read(filled: Store, reads: list[str]) -> None:
    known = Store(filled.folder).summaries()
    assert reads == []
    assert known == of_files(filled.folder)
    assert list(known) == sorted(known)


def test_only_files_that_changed_are_read(filled: Store, reads: list[str]) -> None:
    path = filled.folder / "outcomes" / "cell-s1.json"
    path.write_text(path.read_text().replace('"wall_s": 5.5', '"wall_s": 99.5'))
    known = Store(filled.folder).summaries()
    assert reads == ["cell-s1"]
    assert known["cell-s1"].wall_s == 99.5


def test_an_outcome_that_was_stored_again_counts(filled: Store, trial: Make) -> None:
    with filled.locked():
        filled.save(trial(1, **{"optimizer.momentum": 0.5}))
    known = Store(filled.folder).summaries()
    assert known == of_files(filled.folder)
    assert len(known) == 5


def test_a_removed_file_is_not_known(filled: Store) -> None:
    (filled.folder / "outcomes" / "cell-s0.json").unlink()
    assert "cell-s0" not in Store(filled.folder).summaries()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("schema_version", "version"),
        lambda text: text.replace('"trial"', "trial"),
        lambda text: "\n".join(["{", *text.splitlines()[1:]]),
        lambda text: text + "[1, 2]\nnull\n[]\n\x00\xff",
        lambda text: text.replace(",null", ""),
    ],
)
def test_a_damaged_index_costs_only_time(filled: Store, damage: Callable[[str], str]) -> None:
    path = filled.folder / INDEX
    path.write_text(damage(path.read_text()), encoding="latin-1")
    assert Store(filled.folder).summaries() == of_files(filled.folder)


def test_an_older_folder_is_indexed_by_the_next_session(
    store: Store, trial: Make, reads: list[str]
) -> None:
    store.save(trial(0))  # outside of a session
    assert not (store.folder / INDEX).exists()
    Store(store.folder).summaries()
    assert not (store.folder / INDEX).exists()  # only a session changes the folder
    with store.locked():
        store.summaries()
    reads.clear()
    assert list(Store(store.folder).summaries()) == ["cell-s0"]
    assert reads == []


def test_lines_that_no_longer_count_are_removed(
    store: Store, trial: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.store.outcome_index.MOST_STALE", 3)
    with store.locked():
        for i in range(9):
            store.save(trial(0, **{"optimizer.momentum": float(i)}))
        assert len((store.folder / INDEX).read_text().splitlines()) == 10
        store.summaries()
    assert len((store.folder / INDEX).read_text().splitlines()) == 2
    assert Store(store.folder).summaries() == of_files(store.folder)


def test_a_fresh_start_has_no_index(filled: Store) -> None:
    with filled.locked():
        filled.set_aside()
    assert Store(filled.folder).summaries() == {}
    assert not (filled.folder / INDEX).exists()


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.glob("*.csv")}


def write(store: Store, *run_ids: str) -> None:
    store.write_tables(store.outcomes(run_ids))


def test_tables_of_the_same_outcomes_are_left_alone(
    filled: Store, trial: Make, reads: list[str]
) -> None:
    write(filled, "cell-s0", "cell-s1")
    before = contents(filled.folder)
    reads.clear()
    again = Store(filled.folder)
    write(again, "cell-s0", "cell-s1")
    assert reads == []
    assert contents(filled.folder) == before
    again.append(trial(2), [])  # the columns are known, so that it need not write all of them
    assert len(contents(filled.folder)["trials.csv"][0].splitlines()) == 4


@pytest.mark.parametrize("change", ["order", "outcome", "table", "missing", "state", "columns"])
def test_tables_are_written_anew_where_anything_differs(
    filled: Store, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(filled, "cell-s0", "cell-s1")
    ids = ("cell-s0", "cell-s1")
    table, state = filled.folder / "trials.csv", filled.folder / TABLES
    match change:
        case "order":
            ids = ids[::-1]
        case "outcome":
            path = filled.folder / "outcomes" / "cell-s0.json"
            document: dict[str, Any] = json.loads(path.read_text())
            document["trial"]["steps"] = 77
            path.write_text(json.dumps(document))
        case "table":
            table.write_text("another\n")
        case "missing":
            table.unlink()
        case "state":
            state.write_text('{"content": "x"')
        case "columns":
            monkeypatch.setitem(study_store.COLUMNS, "costs", ("status", "more"))
    written = Store(filled.folder)
    anew = Store(filled.folder.with_name("anew"))
    (_made(anew.folder) / "outcomes").symlink_to(filled.folder / "outcomes")
    for each in (written, anew):
        write(each, *ids)
    assert _texts(written.folder) == _texts(anew.folder)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _texts(folder: Path) -> dict[str, bytes]:
    return {name: content for name, (content, _) in contents(folder).items()}
