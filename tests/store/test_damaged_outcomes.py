"""An outcome file that cannot be used is named, with what mends it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import StoreError
from bench.records import SCHEMA_VERSION, Outcome
from bench.store import Store

DELETE = "\n  Delete this file; the run is then executed again."


@pytest.fixture
def path(store: Store, trial: Callable[..., Outcome]) -> Path:
    """The file of a good outcome."""
    store.save(trial(0))
    return store.folder / "outcomes" / "cell-s0.json"


def error_message(store: Store, path: Path, content: str | bytes) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(StoreError) as caught:
        store.load()
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "null", "5", "[]", '["schema_version"]', '"text"', "{}", '{"a": 1}', "[" * 100_000,
        '{"schema_version": "x"}', '{"schema_version": null}', '{"schema_version": [1]}',
        b"\xff\xfe", b"\x00" * 100, "run_id,kind\n1,2\n",
    ],
)  # fmt: skip
def test_a_file_that_is_not_an_outcome_is_named(
    store: Store, path: Path, content: str | bytes
) -> None:
    assert error_message(store, path, content) == f"is not an outcome of a run{DELETE}"


def test_a_folder_with_an_outcomes_name_is_not_one(store: Store, path: Path) -> None:
    (path.parent / "a.json").mkdir()
    with pytest.raises(StoreError, match="is not an outcome of a run"):
        store.load()


def test_an_outcome_cut_off_anywhere_is_named(store: Store, path: Path) -> None:
    whole = path.read_text(encoding="utf-8")
    for end in range(0, len(whole) - 2, 97):
        assert error_message(store, path, whole[:end]) == f"is not an outcome of a run{DELETE}"


def test_an_outcome_of_a_newer_version_is_not_suggested_for_deletion(
    store: Store, path: Path
) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    newer = json.dumps(document | {"schema_version": SCHEMA_VERSION + 1})
    assert error_message(store, path, newer) == (
        f"was written by a newer bench (format {SCHEMA_VERSION + 1}; "
        f"this one reads {SCHEMA_VERSION})\n"
        "  Update bench, or choose another results folder with --out."
    )


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"run_id": None}, "run_id"),
        ({"kind": "party"}, "kind"),
        ({"status": "fine"}, "status"),
        ({"config": []}, "config"),
        ({"config": {"sizes": [1]}}, "config.sizes"),
        ({"trial": "x"}, "trial"),
        ({"trial": {}}, "trial.trial_id"),
        ({"trial": {"trial_id": "a", "seed": "x", "status": "ok"}}, "trial.seed"),
        ({"epochs": 5}, "epochs"),
        ({"epochs": [5]}, "epochs.0"),
        ({"epochs": [{"trial_id": "a"}]}, "epochs.0.seed"),
        ({"timings": None}, "timings"),
        ({"timings": [{"block": 0}]}, "timings.0.phase"),
        ({"wall_s": "long"}, "wall_s"),
        ({"environment": 5}, "environment"),
        ({"key": {"code": 5}}, "key.code"),
    ],
)
def test_a_damaged_field_is_named(
    store: Store, path: Path, change: dict[str, Any], where: str
) -> None:
    document = json.loads(path.read_text(encoding="utf-8")) | change
    message = error_message(store, path, json.dumps(document))
    assert message.startswith(f"is damaged: {where}")
    assert message.endswith(DELETE)


@pytest.mark.parametrize("field", ["run_id", "kind", "study", "cell_id", "config", "status"])
def test_a_field_that_is_missing_is_named(store: Store, path: Path, field: str) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    del document[field]
    assert error_message(store, path, json.dumps(document)) == (
        f"is damaged: {field}: Field required{DELETE}"
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_any_mutation_of_a_file_is_an_outcome_or_named(
    folder: Path, trial: Callable[..., Outcome], data: st.DataObject
) -> None:
    store = Store(folder)
    store.save(trial(0))
    (path,) = (folder / "outcomes").iterdir()
    content = path.read_bytes()
    start = data.draw(st.integers(0, len(content)))
    length = data.draw(st.integers(0, 40))
    new = data.draw(st.binary(max_size=4) | st.sampled_from([b"null", b"[]", b"{}", b"-1", b'"x"']))
    path.write_bytes(content[:start] + new + content[start + length :])
    try:
        assert all(isinstance(outcome, Outcome) for outcome in store.load().values())
    except StoreError as error:
        assert error.where == str(path)
        assert error.hint
