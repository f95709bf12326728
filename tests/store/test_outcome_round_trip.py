"""What is saved is loaded as it was."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outcome_strategies import OUTCOMES

from bench.records import SCHEMA_VERSION, Outcome
from bench.store import Store


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(outcome=OUTCOMES)
def test_any_outcome_is_loaded_as_it_was_saved(folder: Path, outcome: Outcome) -> None:
    store = Store(folder)
    store.save(outcome)
    loaded = store.load()[outcome.run_id]
    assert loaded == outcome
    assert repr(loaded) == repr(outcome), "types are kept too: 1 is not 1.0, nor True"
    (folder / "outcomes" / f"{outcome.run_id}.json").unlink()


def test_outcomes_are_loaded_by_their_runs_ids(
    store: Store, trial: Callable[..., Outcome], block: Callable[..., Outcome]
) -> None:
    outcomes = [trial(0), trial(1), block(0)]
    for outcome in outcomes:
        store.save(outcome)
    assert store.load() == {outcome.run_id: outcome for outcome in outcomes}


def test_a_run_that_is_saved_again_replaces_its_outcome(
    store: Store, trial: Callable[..., Outcome]
) -> None:
    store.save(trial(0))
    store.save(replace(trial(0), wall_s=9.0))
    assert [outcome.wall_s for outcome in store.load().values()] == [9.0]


def test_a_missing_folder_has_no_outcomes(store: Store) -> None:
    assert store.load() == {}
    assert not store.folder.exists()


def test_a_file_is_strict_json_of_the_current_format(
    store: Store, trial: Callable[..., Outcome]
) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    store.save(trial(0))
    (path,) = (store.folder / "outcomes").iterdir()
    document = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert path.name == "cell-s0.json"
    assert document["schema_version"] == SCHEMA_VERSION
    assert document["trial"]["time_to_target_s"] == "inf"


def test_a_loss_that_is_not_a_number_is_kept(store: Store, trial: Callable[..., Outcome]) -> None:
    outcome = trial(0)
    store.save(replace(outcome, epochs=(replace(outcome.epochs[0], train_loss=math.nan),)))
    (loaded,) = store.load().values()
    assert loaded.epochs[0].train_loss is not None
    assert math.isnan(loaded.epochs[0].train_loss)


@given(st.data())
@settings(deadline=None, max_examples=20)
def test_fields_of_a_later_version_are_ignored(
    folder: Path, trial: Callable[..., Outcome], data: st.DataObject
) -> None:
    store = Store(folder)
    store.save(trial(0))
    path = folder / "outcomes" / "cell-s0.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    at = data.draw(st.sampled_from([document, document["trial"], document["epochs"][0]]))
    at["new_column"] = 5
    path.write_text(json.dumps(document), encoding="utf-8")
    assert store.load()["cell-s0"] == trial(0)


def test_an_outcome_of_the_first_format_can_still_be_read(
    store: Store, trial: Callable[..., Outcome], block: Callable[..., Outcome]
) -> None:
    for outcome in (trial(0), block(0)):
        store.save(outcome)
        path = store.folder / "outcomes" / f"{outcome.run_id}.json"
        document = json.loads(path.read_text(encoding="utf-8")) | {"schema_version": 1}
        del document["block"], document["cost"]
        for row in document["timings"]:
            del row["role"]
        if document["trial"]:
            document["trial"]["flops_per_image"] = 7.5e6
        path.write_text(json.dumps(document), encoding="utf-8")
    loaded = store.load()
    assert loaded["cell-s0"] == trial(0)
    assert loaded["cell-b0"] == replace(block(0), block=None)
