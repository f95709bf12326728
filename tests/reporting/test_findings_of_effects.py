"""Findings name the right change, and claim no more than verdicts and intervals support."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from bench.analysis.comparisons import compare_with_baseline
from bench.analysis.results import Results
from bench.reporting.baseline_section import baseline_section
from bench.reporting.effects_section import effect_findings, effects_section
from bench.reporting.markdown_text import mark_verdict

ResultsOf = Callable[[str], Results]

# By cell of the study of changes: model, hidden 20, hidden 1000, batch, optimizer, schedule,
# compile; differences in points, a seed each, over a baseline of 97%.
SHIFTS = {
    "c001": (-0.30, -0.31, -0.29, -0.30),
    "c002": (-0.80, -0.82, -0.78, -0.80),
    "c003": (+0.30, +0.30, +0.31, +0.30),
    "c004": (+0.50, +0.51, +0.49, +0.50),
    "c005": (-0.20, -0.21, -0.19, -0.20),
    "c006": (+0.01, -0.01, +0.01, +0.00),
    "c007": (+0.02, -0.01, +0.00, +0.01),
}


@pytest.fixture
def findings_of(tables_of: ResultsOf) -> Callable[..., list[str]]:
    """Return the findings of a study of changes whose accuracies are shifted."""

    def say(**changed: tuple[float, ...]) -> list[str]:
        tables = tables_of("changes")
        points = {"c000": (0.0,) * 4} | SHIFTS | changed
        trials = tables.trials.assign(
            test_accuracy=[
                (97 + points[cell][seed]) / 100
                for cell, seed in zip(tables.trials["cell_id"], tables.trials["seed"], strict=True)
            ]
        )
        comparisons = compare_with_baseline(trials, tables.timings, tables.blocks)
        shifted = replace(tables, trials=trials, comparisons=comparisons)
        return effect_findings(shifted)

    return say


def test_the_most_and_the_least_valuable_part_are_named(
    findings_of: Callable[..., list[str]],
) -> None:
    most, least, added = findings_of()
    assert re.fullmatch(
        r"\*\*Most valuable part:\*\* hidden \(hidden 500 → 20\): −0\.80 "
        r"\[−0\.83, −0\.77\] points when changed, worse\.",
        most,
    )
    assert least.startswith("**Least valuable part:** batch (batch 512 → 64): +0.50 [+0.48")
    assert least.endswith("when changed, better.")
    assert added.startswith("**Best addition on the mean:** compile (compile off → on): ")


def test_a_part_is_represented_by_its_costliest_change(
    findings_of: Callable[..., list[str]],
) -> None:
    better = (+0.90, +0.91, +0.89, +0.90)
    most, least, _ = findings_of(c003=better)
    assert "hidden 500 → 20" in most
    assert "hidden" not in least


def test_parts_whose_intervals_meet_are_not_ranked(findings_of: Callable[..., list[str]]) -> None:
    most, least, _ = findings_of(
        c001=(-0.9, -0.7, -0.8, -0.9), c004=(0.01, -0.01, 0.01, 0.02), c003=(0.0, 0.0, 0.0, 0.01)
    )
    assert most.startswith("**Most valuable part on the mean:** model (model convnet → lenet5)")
    assert most.endswith("; not distinguishable from hidden.")
    assert least.startswith("**Least valuable part on the mean:** batch")
    assert least.endswith("; not distinguishable from schedule.")


def test_no_part_is_called_valuable_without_a_verdict(
    findings_of: Callable[..., list[str]],
) -> None:
    nothing = (0.01, -0.01, 0.02, -0.02)
    most, *_ = findings_of(c001=nothing, c002=nothing, c005=nothing)
    assert most.startswith("**Most valuable part on the mean:**")
    assert ", equivalent" in most


def test_a_single_seed_ranks_nothing(tables_of: ResultsOf) -> None:
    tables = tables_of("changes")
    trials = tables.trials[tables.trials["seed"] == 0]
    comparisons = compare_with_baseline(trials, tables.timings, tables.blocks)
    one = replace(tables, trials=trials, comparisons=comparisons)
    most, least = effect_findings(one)
    assert "(exploratory) when changed, inconclusive; not distinguishable from" in most
    assert "on the mean" in most and "on the mean" in least


def test_of_a_single_part_there_is_nothing_to_rank(tables_of: ResultsOf) -> None:
    tables = tables_of("batches")
    assert effect_findings(tables) == []


def test_a_full_grid_reports_its_largest_effects(tables_of: ResultsOf) -> None:
    tables = tables_of("sixteen")
    accuracy, time = effect_findings(tables)
    assert "optimizer adam → sgd, −2.03 [−2." in accuracy and "worse" in accuracy
    assert "time of a step per image**: model convnet → lenet5, 0.462" in time
    inconclusive = replace(tables)
    vars(inconclusive)["main_effects"] = tables.main_effects.assign(verdict="INCONCLUSIVE")
    assert all("none differs" in sentence for sentence in effect_findings(inconclusive))


def test_the_table_has_a_row_a_change_the_costliest_first(tables_of: ResultsOf) -> None:
    tables = tables_of("changes")
    longer = replace(tables, comparisons=tables.comparisons.assign(n=12))
    change, difference, verdict, detects, *_, p = baseline_section(longer).columns
    assert (change.heading, change.texts[0], change.texts[-1]) == (
        "change", "hidden 500 → 20", "batch 512 → 64",
    )  # fmt: skip
    assert len(change.texts) == 7
    values = [float(text.split()[0].replace("−", "-")) for text in difference.texts]
    assert values == sorted(values)
    assert (verdict.texts[0], verdict.texts[-1]) == (
        mark_verdict("REGRESSED", "worse"),
        mark_verdict("IMPROVED", "better"),
    )
    assert (verdict.note, detects.heading) == ("", "detects")
    assert (p.heading, p.note) == ("p (Holm)", "rank test, over 7 changes")
    assert baseline_section(tables_of("changes")).details[0].texts == change.texts


def test_few_pairs_in_one_row_hide_the_rank_test_of_no_other(tables_of: ResultsOf) -> None:
    tables = tables_of("changes")
    steps = tables.comparisons[tables.comparisons["measure"] == "step"]
    # Beside rows of twelve pairs, none of five can show anything.
    pairs = dict(zip(steps["cell_id"], [12, 5, *[12] * 5], strict=True))
    mixed = replace(tables, comparisons=steps.assign(n=steps["cell_id"].map(pairs)))
    *_, p = baseline_section(mixed).columns
    shown = dict(zip(mixed.ordered_changes, p.texts, strict=True))  # a row a change
    assert [pairs[cell_id] for cell_id, text in shown.items() if text == "–"] == [5]


def test_the_table_of_effects_has_a_row_an_effect(tables_of: ResultsOf) -> None:
    tables = tables_of("sixteen")
    effect, difference, *_ = effects_section(tables).columns
    assert list(effect.texts) == [
        "model convnet → lenet5", "batch 64 → 512", "optimizer adam → sgd", "lr 0.001 → 0.01",
    ]  # fmt: skip
    assert re.fullmatch(r"−\d\.\d\d \[−\d\.\d\d, −\d\.\d\d\]", difference.texts[0])


@pytest.mark.parametrize("name", ["changes", "sixteen", "one-cell"])
def test_the_page_has_the_section_of_its_design(name: str, page_of: Callable[[str], Path]) -> None:
    text = page_of(name).read_text(encoding="utf-8")
    assert ("Each row is one change to **convnet · batch 512" in text) == (name == "changes")
    assert ("## Main effects" in text) == (name == "sixteen")


def test_findings_do_not_depend_on_the_order_of_rows(tables_of: ResultsOf) -> None:
    tables = tables_of("changes")
    first, rest = tables.trials.iloc[:1], tables.trials.iloc[1:].sample(frac=1, random_state=1)
    trials = pd.concat([first, rest])
    timings = tables.timings.sample(frac=1, random_state=1)
    comparisons = compare_with_baseline(trials, timings, tables.blocks)
    mixed = replace(tables, trials=trials, timings=timings, comparisons=comparisons)
    straight = effect_findings(tables)
    assert len(straight) == 3
    assert effect_findings(mixed) == straight
