"""Folders are compared by what both know, and by what could be measured."""

from pathlib import Path

from bench.analysis.folder_comparison import compare_folders, match_cells
from bench.analysis.results import read_results

BASELINE = Path(__file__).parents[2] / "results/published/amd-epyc-2c/baseline"


def test_a_field_that_an_older_bench_did_not_have_is_no_change() -> None:
    before = read_results(BASELINE).trials
    after = before.assign(
        epochs=2, new_field="default", cell_id=before["cell_id"].map("{}-2".format)
    )
    for a, b, epochs in ((before, after, (1, 2)), (after, before, (2, 1))):
        matched = match_cells(a, b)
        assert len(matched) == before["cell_id"].nunique()
        assert {tuple(match.changed.items()) for match in matched} == {(("epochs", epochs),)}


def test_cells_that_cannot_run_here_miss_nothing() -> None:
    assert compare_folders(BASELINE, BASELINE).missing == []
