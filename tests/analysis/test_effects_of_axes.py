"""Main effects against values worked out by hand."""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hand_made import table
from side_by_side import MOODS, blocks_of, timings_of, trials_of

from bench.analysis.comparisons import compare_with_baseline
from bench.analysis.results import Results
from bench.analysis.summary import summarise
from bench.records import LOCKSTEP
from bench.stats.contrasts import mean_differences

# Batch 512 (the baseline) or 64, convnet or lenet5; the baseline first.
FIELDS = {
    f"c{i}": {"batch_size": batch, "model": model}
    for i, (batch, model) in enumerate(product((512, 64), ("convnet", "lenet5")))
}
ACCURACIES: Mapping[str, Sequence[float | None]] = {
    "c0": [0.90, 0.91, 0.92],
    "c1": [0.80, 0.82, 0.81],
    "c2": [0.93, 0.95, 0.93],
    "c3": [0.81, 0.84, 0.85],
}
# Seconds an image; lenet5 is twice as fast, batch 64 takes 1.2 (convnet) and 1.5 times as long.
FACTORS = {"c0": 1.0, "c1": 0.5, "c2": 1.2, "c3": 0.75}


def configured(frame: pd.DataFrame) -> pd.DataFrame:
    by_cell = pd.DataFrame(FIELDS).T.loc[frame["cell_id"]]
    return frame.assign(
        batch_size=by_cell["batch_size"].to_numpy(dtype=int), model=by_cell["model"].to_numpy()
    )


def tables_of(
    accuracies: Mapping[str, Sequence[float | None]] = ACCURACIES,
    *disturbed: tuple[str, str, int],
    shuffled: bool = False,
    split: bool = False,
) -> Results:
    steps = {
        cell_id: [1e-3 * factor * FIELDS[cell_id]["batch_size"] * mood for mood in MOODS]
        for cell_id, factor in FACTORS.items()
        if cell_id in accuracies
    }
    trials = configured(trials_of(accuracies))
    timings = configured(timings_of(steps, twin=steps["c0"]))
    if shuffled:
        rest = trials.iloc[1:].sample(frac=1, random_state=3)
        trials = pd.concat([trials.iloc[:1], rest])  # the first cell is the baseline
        timings = timings.sample(frac=1, random_state=3)
    blocks, costs = configured(blocks_of(timings, *disturbed)), table("costs")
    if split:
        timings, blocks = split_sets(timings), split_sets(blocks).assign(protocol=LOCKSTEP)
    return Results(
        trials=trials,
        epochs=table("epochs"),
        timings=timings,
        blocks=blocks,
        costs=costs,
        tuning=table("tuning"),
        summary=summarise(trials, timings, blocks, costs),
        comparisons=compare_with_baseline(trials, timings, blocks),
    )


def split_sets(rows: pd.DataFrame) -> pd.DataFrame:
    """Time c3 in sets of its own, with the baseline and its control, as beyond a set's limit."""
    is_baseline, is_last = rows["cell_id"] == "c0", rows["cell_id"] == "c3"
    ours = rows[~is_last].assign(block=2 * rows["block"])
    theirs = rows[is_baseline | is_last].assign(block=2 * rows["block"] + 1)
    return pd.concat([ours, theirs], ignore_index=True)


def effects_of(tables: Results, measure: str) -> pd.DataFrame:
    effects = tables.main_effects
    return effects[effects["measure"] == measure].set_index("effect")


def test_an_effect_on_accuracy_is_a_difference_between_means_of_cells() -> None:
    effects = effects_of(tables_of(), "test_accuracy")
    assert list(effects.index) == ["model convnet → lenet5", "batch 512 → 64"]
    # Batch: by seed (0.03 + 0.01) / 2, (0.04 + 0.02) / 2, (0.01 + 0.04) / 2.
    batch = effects.loc["batch 512 → 64"]
    assert batch["difference"] == pytest.approx((0.02 + 0.03 + 0.025) / 3)
    # Model: by seed −(0.10 + 0.12) / 2, −(0.09 + 0.11) / 2, −(0.11 + 0.08) / 2.
    model = effects.loc["model convnet → lenet5"]
    assert model["difference"] == pytest.approx(-(0.11 + 0.10 + 0.095) / 3)
    assert (batch["n"], batch["verdict"], model["verdict"]) == (3, "IMPROVED", "REGRESSED")


def test_effects_on_accuracy_have_the_scatter_of_all_cells() -> None:
    effects = effects_of(tables_of(), "test_accuracy")
    cells = np.array([ACCURACIES[cell_id] for cell_id in FIELDS]).T
    weights = [[-0.5, 0.5, -0.5, 0.5], [-0.5, -0.5, 0.5, 0.5]]  # model, batch
    estimates = mean_differences(cells, weights)
    assert all(2 < (e.df or 0) <= 4 * 2 for e in estimates)
    for (_, row), estimate in zip(effects.iterrows(), estimates, strict=True):
        ends = [(row[end] - 1) * row["before"] for end in ("low", "high")]
        assert ends == pytest.approx([estimate.simultaneous.low, estimate.simultaneous.high])


def test_an_effect_on_time_is_the_geometric_mean_of_the_paired_ratios() -> None:
    effects = effects_of(tables_of(), "step")
    batch, model = (effects.loc[name] for name in ("batch 512 → 64", "model convnet → lenet5"))
    assert batch["ratio"] == pytest.approx(np.sqrt(1.2 * 1.5))
    assert model["ratio"] == pytest.approx(np.sqrt(0.5 * (0.75 / 1.2)))
    # The machine's moods are the same on both sides of a block: nothing is left of them.
    assert [batch["low"], batch["high"]] == pytest.approx([batch["ratio"]] * 2)
    assert (batch["n"], batch["verdict"], model["verdict"]) == (6, "REGRESSED", "IMPROVED")


def test_effects_pair_cells_whose_sets_were_split_because_of_their_number() -> None:
    tables = tables_of(split=True)
    by_cell = tables.blocks.groupby("cell_id")["block"].agg(set)
    assert not by_cell["c3"] & by_cell["c2"]  # no set has all cells
    split, joint = effects_of(tables, "step"), effects_of(tables_of(), "step")
    assert split["n"].to_list() == [6, 6]
    assert split["ratio"].to_list() == pytest.approx(joint["ratio"].to_list())
    assert split["verdict"].to_list() == joint["verdict"].to_list()


def test_an_effect_has_an_interval_where_each_of_its_cells_has_three_seeds() -> None:
    some = {**ACCURACIES, "c3": [0.81, None, 0.85]}
    effects = effects_of(tables_of(some), "test_accuracy")
    assert effects["n"].to_list() == [2, 2]
    before, after = (0.91 + 0.81) / 2, (2.81 / 3 + 0.83) / 2
    assert effects.loc["batch 512 → 64", "difference"] == pytest.approx(after - before)
    assert effects["low"].isna().all()  # of two, a lucky pair would look certain


def test_a_disturbed_block_is_left_out_complete_and_counted() -> None:
    effects = effects_of(tables_of(ACCURACIES, ("c3", "planned", 2)), "step")
    assert effects["n"].to_list() == [5, 5]
    assert effects["left_out"].to_list() == [1, 1]
    assert effects["verdict"].to_list() == ["INCONCLUSIVE"] * 2


def test_p_values_are_corrected_for_the_number_of_effects() -> None:
    effects = effects_of(tables_of(), "test_accuracy")
    # Both sides apart by rank: 2 / 20 splits for the model, twice that after Holm.
    assert effects.loc["model convnet → lenet5", "p_value"] == pytest.approx(0.2)


def test_the_order_of_the_rows_changes_nothing() -> None:
    straight, mixed = (
        tables_of(shuffled=shuffled).main_effects.sort_values(["measure", "effect"])
        for shuffled in (False, True)
    )
    order = ["effect", "measure", "difference", "ratio", "low", "high", "n", "p_value", "verdict"]
    pd.testing.assert_frame_equal(
        straight[order].reset_index(drop=True), mixed[order].reset_index(drop=True)
    )


def test_an_incomplete_grid_has_no_main_effects() -> None:
    three = {cell_id: ACCURACIES[cell_id] for cell_id in ("c0", "c1", "c2")}
    tables = tables_of(three)
    assert tables.main_effects.empty
    # It is one change at a time instead, the costliest first.
    changes = [change.name for change in tables.ordered_changes.values()]
    assert changes == ["model convnet → lenet5", "batch 512 → 64"]
    assert tables_of().ordered_changes == {}
