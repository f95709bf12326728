"""Sentences that compare cells with the baseline cell."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from bench.analysis.results import Results
from bench.reporting.display_names import display_names
from bench.reporting.markdown_text import escape
from bench.reporting.sentences import markdown_sentences

Change = Mapping[str, Any]


@pytest.fixture
def sentences_of(tables_of: Callable[[str], Results]) -> Callable[..., list[str]]:
    """Return the sentences about LeNet-5 against ConvNet, for a given comparison."""

    def of(step: Change | None = None, accuracy: Change | None = None) -> list[str]:
        tables = tables_of("no-epochs")
        row = tables.comparisons[tables.comparisons["measure"] == "step"].iloc[0].to_dict()
        rows = []
        if step is not None:
            rows.append({**row, **step})
        if accuracy is not None:
            own = {"measure": "test_accuracy", "before": 0.98, **accuracy}
            ends = ("low", "high", "difference_low", "difference_high")
            rows.append({**row, **dict.fromkeys(ends), **own})
        columns = tables.comparisons.columns
        return markdown_sentences(replace(tables, comparisons=pd.DataFrame(rows, columns=columns)))

    return of


def limits(low: float, high: float) -> Change:
    """Return the limits of a difference from an accuracy of 98%, and those of its ratio."""
    return {
        "difference_low": low,
        "difference_high": high,
        "low": 1 + low / 0.98,
        "high": 1 + high / 0.98,
    }


FASTER = {"verdict": "IMPROVED", "ratio": 0.5, "low": 0.4, "high": 0.8}


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (FASTER, "trains 2.00× [1.25, 2.50] faster than convnet."),
        (
            {"verdict": "REGRESSED", "ratio": 1.5, "low": 1.2, "high": 1.8},
            "takes 1.50× [1.20, 1.80] as long as convnet.",
        ),
        (
            {"verdict": "EQUIVALENT", "ratio": 1.0, "low": 0.99, "high": 1.01},
            "is as fast as convnet (time 1.00× [0.99, 1.01]).",
        ),
        (
            {"verdict": "INCONCLUSIVE", "ratio": 0.9, "low": None, "high": None},
            "against convnet is inconclusive in speed (time 0.90×, exploratory).",
        ),
    ],
)
def test_speed(sentences_of: Callable[..., list[str]], step: Change, text: str) -> None:
    assert sentences_of(step) == [f"**lenet5** {text}"]


@pytest.mark.parametrize(
    ("accuracy", "text"),
    [
        (
            {"verdict": "REGRESSED", "difference": -0.0049, **limits(-0.0098, -0.00196)},
            "is 0.49 [0.20, 0.98] points less accurate than convnet.",
        ),
        (
            {"verdict": "IMPROVED", "difference": 0.0098, **limits(0.0049, 0.0147)},
            "is 0.98 [0.49, 1.47] points more accurate than convnet.",
        ),
        (
            {"verdict": "EQUIVALENT", "difference": 0.0, **limits(-0.00049, 0.00049)},
            "is as accurate as convnet (+0.00 [−0.05, +0.05] points).",
        ),
        (
            {"verdict": "INCONCLUSIVE", "difference": 0.01},
            "against convnet is inconclusive in accuracy (+1.00 points, exploratory).",
        ),
    ],
)
def test_accuracy(sentences_of: Callable[..., list[str]], accuracy: Change, text: str) -> None:
    assert sentences_of(accuracy=accuracy) == [f"**lenet5** {text}"]


def test_both_are_one_sentence(sentences_of: Callable[..., list[str]]) -> None:
    worse = {"verdict": "REGRESSED", "difference": -0.0049, **limits(-0.0098, -0.00196)}
    (sentence,) = sentences_of(FASTER, worse)
    assert sentence.endswith(" faster than convnet and is 0.49 [0.20, 0.98] points less accurate.")


def test_two_inconclusive_measures_are_joined(
    sentences_of: Callable[..., list[str]],
) -> None:
    nothing = {"verdict": "INCONCLUSIVE", "ratio": 0.9, "low": None, "high": None}
    (sentence,) = sentences_of(nothing, {"verdict": "INCONCLUSIVE", "difference": 0.01})
    assert sentence.endswith(
        "against convnet is inconclusive in speed (time 0.90×, exploratory) and in accuracy "
        "(+1.00 points, exploratory)."
    )


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        # Alike in two fields: those come first, and both cells go by the one that differs.
        (
            {"model": "lenet5"},
            "With batch 64 and adam, **lenet5** trains 2.00× [1.25, 2.50] faster than convnet",
        ),
        (
            {"batch_size": 512},
            "With convnet and adam, **batch 512** trains 2.00× [1.25, 2.50] faster per image "
            "than batch 64",
        ),
        (
            {"model": "lenet5", "optimizer": "sgd"},
            "With batch 64, **lenet5 · sgd** trains 2.00× [1.25, 2.50] faster than convnet · adam",
        ),
        (
            {"model": "lenet5", "batch_size": 512, "optimizer": "sgd"},
            "**lenet5 · batch 512 · sgd** trains 2.00× [1.25, 2.50] faster per image than "
            "convnet · batch 64 · adam",
        ),
    ],
)
def test_a_pair_is_named_by_what_differs(
    chosen: Mapping[str, Any], text: str, tables_of: Callable[[str], Results]
) -> None:
    tables = tables_of("baseline")
    wanted = {"model": "convnet", "batch_size": 64, "optimizer": "adam", "device": "cpu", **chosen}
    cells = tables.summary
    (cell_id,) = cells.loc[(cells[[*wanted]] == wanted).all(axis=1), "cell_id"]
    steps = tables.comparisons[tables.comparisons["measure"] == "step"]
    row = steps[steps["cell_id"] == cell_id].assign(**FASTER)
    (sentence,) = markdown_sentences(replace(tables, comparisons=row))
    assert sentence == f"{text}."


def test_cells_that_share_many_fields_have_their_full_names(
    tables_of: Callable[[str], Results],
) -> None:
    tables = tables_of("wide")  # five axes: one differs, four are alike
    steps = tables.comparisons[tables.comparisons["measure"] == "step"]
    baseline_id = steps["baseline_id"].iloc[0]
    names = display_names(tables)
    cells = tables.summary.set_index("cell_id")
    base = cells.loc[baseline_id]
    fields = ["model", "batch_size", "optimizer", "lr", "memory_format"]
    cell_id = next(i for i, cell in cells.iterrows() if (cell[fields] != base[fields]).sum() == 1)
    (sentence,) = markdown_sentences(
        replace(tables, comparisons=steps[steps["cell_id"] == cell_id].assign(**FASTER))
    )
    assert sentence.startswith(f"**{escape(names[cell_id])}** trains")
    assert escape(names[baseline_id]) in sentence


def test_of_many_cells_the_best_have_sentences(tables_of: Callable[[str], Results]) -> None:
    tables = tables_of("sixteen")
    sentences = markdown_sentences(tables)
    assert 1 <= len(sentences) <= 3
    steps = tables.comparisons[tables.comparisons["measure"] == "step"]
    fastest = steps[steps["verdict"] == "IMPROVED"]["ratio"].min()
    assert f"trains {1 / fastest:.2f}× [" in sentences[0]
    assert "] faster per image than convnet" in sentences[0]


def test_a_sentence_states_that_no_cell_stands_out(tables_of: Callable[[str], Results]) -> None:
    tables = tables_of("sixteen")
    open_ones = tables.comparisons.assign(verdict="INCONCLUSIVE")
    (sentence,) = markdown_sentences(replace(tables, comparisons=open_ones))
    assert sentence.startswith("No other of 16 cells is faster or more accurate than ")
