from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hand_made import table

from bench.analysis.results import read_results
from bench.errors import StoreError

Table = Callable[..., pd.DataFrame]


@pytest.fixture
def folder(tmp_path: Path, trials: Table) -> Path:
    trials({}).to_csv(tmp_path / "trials.csv", index=False)
    table("tuning", {"seed": 1000, "status": "ok"}).to_csv(tmp_path / "tuning.csv", index=False)
    return tmp_path


def write_study(folder: Path, tune: object) -> None:
    (folder / "study.yaml").write_text(yaml.safe_dump({"tune": tune}), encoding="utf-8")


def test_the_tuned_fields_are_those_of_the_study(folder: Path) -> None:
    write_study(folder, {"over": ["optimizer.lr", "batch_size"]})
    assert read_results(folder).tuned == ("optimizer.lr", "batch_size")


@pytest.mark.parametrize("tune", [None, {}, {"over": None}])
def test_a_study_that_names_none_tuned_none(folder: Path, tune: object) -> None:
    write_study(folder, tune)
    assert read_results(folder).tuned == ()


def test_a_missing_study_names_none(folder: Path) -> None:
    assert read_results(folder).tuned == ()


def test_the_study_is_not_looked_at_where_nothing_was_tuned(folder: Path) -> None:
    (folder / "tuning.csv").unlink()
    (folder / "study.yaml").write_text("{", encoding="utf-8")
    tables = read_results(folder)
    assert tables.tuning.empty and tables.tuned == ()


def test_a_study_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "study.yaml").write_text("{", encoding="utf-8")
    with pytest.raises(StoreError) as caught:
        read_results(folder)
    assert caught.value.where == str(folder / "study.yaml")
