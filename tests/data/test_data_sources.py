from pathlib import Path

import pytest

from bench.data import DATASETS, TORCHVISION_DATASETS
from bench.data.dataset_files import IdxSource as Source
from bench.errors import DataError
from bench.registry import Entry, load


def test_the_named_data_sets_are_there() -> None:
    assert set(DATASETS) >= {"mnist", "fashion_mnist", "kmnist", "digits"}


def test_a_source_is_listed_under_its_own_name(source: Source) -> None:
    assert load(DATASETS[source.name].target)() is source


@pytest.mark.parametrize("entry", [*DATASETS.values(), *TORCHVISION_DATASETS.values()])
def test_an_entry_states_what_it_is_on_one_line(entry: Entry) -> None:
    assert entry.summary
    assert "\n" not in entry.summary


def test_an_empty_folder_fails_to_verify_and_the_fix_is_the_command(
    source: Source, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="not there") as caught:
        source.verify(tmp_path)
    assert caught.value.where.startswith(str(tmp_path))
    assert f"`bench data fetch {source.name} --data-dir {tmp_path}`" in caught.value.hint


def test_the_hinted_command_can_be_pasted_whatever_the_folder_is_called(
    source: Source, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        source.verify(tmp_path / "my data")
    assert f"--data-dir '{tmp_path / 'my data'}'" in caught.value.hint


def test_asking_what_is_missing_writes_nothing(source: Source, tmp_path: Path) -> None:
    message = source.missing(tmp_path)
    assert message is None if source.is_local else "\n" not in str(message)
    assert list(tmp_path.iterdir()) == []
