import math
from typing import Any

import pandas as pd
import pytest
from hand_made import table

from bench.analysis.tuning_candidates import candidates, tuned_fields


def tuning(scores: dict[tuple[Any, ...], list[float | None]], *fields: str) -> pd.DataFrame:
    """Make tuning.csv from accuracies by seed, by the values of `fields`; None: diverged."""
    rows = [
        {
            **dict(zip(fields, values, strict=True)),
            "cell_id": "-".join(str(value) for value in values),
            "seed": 1000 + i,
            "status": "diverged" if accuracy is None else "ok",
            "validation_accuracy": accuracy,
        }
        for values, accuracies in scores.items()
        for i, accuracy in enumerate(accuracies)
    ]
    return table("tuning", *rows)


def by_value(made: pd.DataFrame, column: str) -> dict[str, Any]:
    return dict(zip(made["cell_id"], made[column], strict=True))


def chosen_of(made: pd.DataFrame) -> list[str]:
    return made.loc[made["chosen"], "cell_id"].to_list()


RATES = {(0.001,): [0.97, 0.98], (0.01,): [0.985, 0.983], (0.1,): [0.5, 0.6]}


def test_a_candidate_has_its_mean_with_students_interval() -> None:
    made = candidates(tuning(RATES, "lr"), ["optimizer.lr"])
    assert made["lr"].to_list() == [0.001, 0.01, 0.1]
    row = made.iloc[0]
    assert row["validation_accuracy_mean"] == pytest.approx(0.975)
    # t(0.975, 1) = 12.7062 (NIST/SEMATECH e-Handbook, 1.3.6.7.2), s = 0.01/√2, n = 2.
    assert row["validation_accuracy_low"] == pytest.approx(0.975 - 12.7062 * 0.005, abs=1e-6)
    assert row["validation_accuracy_high"] == 1.0  # the interval itself would pass it
    assert (row["n"], row["failed"]) == (2, 0)


def test_one_seed_has_no_interval() -> None:
    made = candidates(tuning({(0.1,): [0.9], (0.2,): [0.8]}, "lr"), ["optimizer.lr"])
    assert made[["validation_accuracy_low", "validation_accuracy_high"]].isna().all(axis=None)


def test_every_remaining_cell_has_its_own_choice() -> None:
    scores = {
        ("convnet", 0.001): [0.98],
        ("convnet", 0.01): [0.97],
        ("lenet5", 0.001): [0.96],
        ("lenet5", 0.01): [0.97],
    }
    made = candidates(tuning(scores, "model", "lr"), ["optimizer.lr"])
    assert made["remaining"].to_list() == [0, 0, 1, 1]
    assert chosen_of(made) == ["convnet-0.001", "lenet5-0.01"]


def test_a_value_in_the_middle_stands_at_no_edge() -> None:
    made = candidates(tuning(RATES, "lr"), ["optimizer.lr"])
    assert chosen_of(made) == ["0.01"]
    assert not made["at_edge"].any()


@pytest.mark.parametrize("best", [0.001, 0.1])
def test_a_chosen_value_at_either_end_is_marked(best: float) -> None:
    scores = {**RATES, (best,): [0.99, 0.99]}
    made = candidates(tuning(scores, "lr"), ["optimizer.lr"])
    assert made.loc[made["at_edge"], "lr"].to_list() == [best]
    assert by_value(made, "edges")[str(best)] == ("lr",)


def test_two_values_have_no_edge() -> None:
    made = candidates(tuning({(0.1,): [0.9], (0.2,): [0.8]}, "lr"), ["optimizer.lr"])
    assert not made["at_edge"].any()


def test_names_have_no_edge() -> None:
    scores: dict[tuple[Any, ...], list[float | None]]
    scores = {("fp32",): [0.9], ("bf16",): [0.8], ("tf32",): [0.7]}
    assert not candidates(tuning(scores, "precision"), ["precision"])["at_edge"].any()


def test_a_value_beyond_which_training_diverged_is_no_edge() -> None:
    scores = {(0.001,): [0.97, 0.97], (0.01,): [0.98, 0.98], (0.1,): [None, 0.999]}
    made = candidates(tuning(scores, "lr"), ["optimizer.lr"])
    assert chosen_of(made) == ["0.01"]
    assert not made["at_edge"].any()
    assert by_value(made, "failed") == {"0.001": 0, "0.01": 0, "0.1": 1}


def test_a_candidate_without_any_finished_trial_has_no_mean() -> None:
    scores = {(0.001,): [0.97, 0.97], (0.1,): [None, None]}
    row = candidates(tuning(scores, "lr"), ["optimizer.lr"]).iloc[1]
    assert (row["n"], row["failed"]) == (0, 2)
    assert math.isnan(row["validation_accuracy_mean"])


def test_a_seed_that_is_not_there_counts_as_one_that_failed() -> None:
    scores = {(0.001,): [0.97, 0.97], (0.01,): [0.99]}
    made = candidates(tuning(scores, "lr"), ["optimizer.lr"])
    assert chosen_of(made) == ["0.001"]
    assert by_value(made, "failed") == {"0.001": 0, "0.01": 1}


def test_two_tuned_fields_are_chosen_together_and_report_their_edges_apart() -> None:
    scores = {
        (rate, momentum): [0.9 - abs(rate - 0.2) - abs(momentum - 0.9)]
        for rate in (0.1, 0.2, 0.3)
        for momentum in (0.0, 0.5, 0.9)
    }
    made = candidates(
        tuning(scores, "lr", "optimizer.momentum"), ["optimizer.lr", "optimizer.momentum"]
    )
    assert set(made["remaining"]) == {0}
    assert chosen_of(made) == ["0.2-0.9"]
    assert by_value(made, "edges")["0.2-0.9"] == ("optimizer.momentum",)


def test_a_part_that_is_tuned_as_a_complete_brings_its_parameters() -> None:
    scores: dict[tuple[Any, ...], list[float | None]]
    scores = {("adam", 0.001, None): [0.9], ("sgd", 0.1, 0.9): [0.95], ("sgd", 0.3, 0.0): [0.8]}
    made = tuning(scores, "optimizer", "lr", "optimizer.momentum")
    assert tuned_fields(made, ["optimizer"]) == ["optimizer", "lr", "optimizer.momentum"]
    reported = candidates(made, ["optimizer"])
    assert set(reported["remaining"]) == {0}
    assert chosen_of(reported) == ["sgd-0.1-0.9"]
    assert not reported["at_edge"].any()  # the learning rates of two optimizers make no range


def test_a_blank_of_the_configuration_does_not_part_cells() -> None:
    made = candidates(tuning(RATES, "lr").assign(threads=None), ["optimizer.lr"])
    assert len(made) == 3
    assert set(made["remaining"]) == {0}
