"""Count the verdicts on accuracies where the truth is known: by simulation, and by resampling.

    python validation/accuracy_verdicts.py false
    python validation/accuracy_verdicts.py looks
    python validation/accuracy_verdicts.py power
    python validation/accuracy_verdicts.py train
    python validation/accuracy_verdicts.py resample

`false`: studies in which no cell differs; counts those with any false change, by the number of
seeds and cells, where variances are equal, where one cell's or the baseline's is 2 to 5 times as
large, and where the accuracies of a seed have something in common. `looks`: the same where seeds
are added and looked at, as `--until-decided` does, or one by one up to 20 seeds; with 95% at every
look, and with the confidence that `bench.stats.stopping` asks for. `power`: how often one changed
cell of nine is found, by the rules of bench, and by Student's paired t-test with Bonferroni's
correction, with as many seeds and with twice as many; and how many trainings `--until-decided`
and that test need to find it as often. `train`: trains LeNet-5 with a
thousand seeds, an epoch of MNIST each. `resample`: both counts with the cells drawn from these.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy.stats import nct, t

from bench.analysis.accuracy_comparisons import accuracy_verdict
from bench.stats.contrasts import mean_differences
from bench.stats.estimates import CONFIDENCE, Floats
from bench.stats.stopping import next_seeds, seeds_confidence

RESULTS = Path("results/validation")
STUDY, TRAININGS = "accuracy_trainings", 1_000
SCATTER = 0.0008  # standard deviation of accuracies over seeds: the ConvNet's on MNIST
OTHERS = (1, 4, 8)  # cells beside the baseline
SEEDS = (3, 5, 10)
MOST_SEEDS = 40  # of a cell that stays undecided
Draw = Callable[[np.random.Generator, int, int], Floats]  # seeds, cells -> (seeds, cells)


def scattered(*factors: float, common: float = 0.0) -> Draw:
    """Draw normal accuracies whose first cells scatter `factors` times as much as the others."""

    def draw(rng: np.random.Generator, seeds: int, cells: int) -> Floats:
        scale = np.ones(cells)
        scale[: len(factors)] = factors[:cells]
        of_seed = common * rng.normal(size=(seeds, 1))
        return 0.989 + SCATTER * (of_seed + scale * rng.normal(size=(seeds, cells)))

    return draw


SITUATIONS: Mapping[str, Draw] = {
    "equal": scattered(),
    "baseline x2": scattered(2.0),
    "baseline x3": scattered(3.0),
    "baseline x5": scattered(5.0),
    "baseline /3": scattered(1 / 3),
    "one cell x3": scattered(1.0, 3.0),
    "one cell x5": scattered(1.0, 5.0),
    "half x3": scattered(1.0, 3.0, 1.0, 3.0, 1.0, 3.0, 1.0, 3.0),
    "common, r 0.2": scattered(common=0.5),
    "common, r 0.5": scattered(common=1.0),
    "common, r 0.9": scattered(common=3.0),
    "common, x3": scattered(3.0, common=2.0),
}


def against_first(cells: int) -> Floats:
    return np.column_stack([np.full(cells - 1, -1.0), np.eye(cells - 1)])


def verdicts(
    accuracies: Floats, confidence: float = CONFIDENCE, alone: float = CONFIDENCE
) -> list[str]:
    """Return the verdict on every cell but the first."""
    weights = against_first(accuracies.shape[1])
    estimates = mean_differences(accuracies, weights, confidence, alone)
    return [accuracy_verdict(each.simultaneous, each.individual) for each in estimates]


def is_change(verdict: str) -> bool:
    return verdict in ("IMPROVED", "REGRESSED")


def count_false(situations: Mapping[str, Draw], studies: int) -> pd.DataFrame:
    """Return the percentage of studies with a false change."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "situation": name,
            "seeds": seeds,
            "cells": others + 1,
            "false, %": 100
            * np.mean(
                [
                    any(map(is_change, verdicts(draw(rng, seeds, others + 1))))
                    for _ in range(studies)
                ]
            ),
        }
        for name, draw in situations.items()
        for seeds in SEEDS
        for others in OTHERS
    ]
    table = pd.DataFrame(rows)
    return table.pivot(index=["situation", "seeds"], columns="cells", values="false, %")


def count_false_looks(situations: Mapping[str, Draw], studies: int) -> pd.DataFrame:
    """Return the percentage of studies of five cells with a false change at any look."""
    schedules = {"as --until-decided": [3], "after every seed": list(range(3, 21))}
    while schedules["as --until-decided"][-1] < 40:
        schedules["as --until-decided"].append(next_seeds(schedules["as --until-decided"][-1]))
    rng = np.random.default_rng(3)
    rows = []
    for name, draw in situations.items():
        for schedule, sizes in schedules.items():
            false = {"95% at every look": 0, "bench": 0}
            for _ in range(studies):
                accuracies = draw(rng, sizes[-1], 5)
                for rule in false:
                    levels = [
                        seeds_confidence(look) if rule == "bench" else CONFIDENCE
                        for look in range(1, len(sizes) + 1)
                    ]
                    looks = zip(sizes, levels, strict=True)
                    false[rule] += any(
                        is_change(each) for n, c in looks for each in verdicts(accuracies[:n], c)
                    )
            shares = {rule: 100 * count / studies for rule, count in false.items()}
            rows.append({"situation": name, "looks": schedule, **shares})
    return pd.DataFrame(rows)


def paired_t_finds(accuracies: Floats) -> bool:
    """Return whether Student's paired t-test finds the last cell, corrected by Bonferroni."""
    seeds, cells = accuracies.shape
    difference = accuracies[:, -1] - accuracies[:, 0]
    error = difference.std(ddof=1) / seeds**0.5
    tail = (1 - CONFIDENCE) / 2 / (cells - 1)
    return bool(abs(difference.mean()) > float(t.ppf(1 - tail, seeds - 1)) * error)


def count_found(
    draw: Draw, effects: Sequence[float], studies: int
) -> Iterator[Mapping[str, float]]:
    """Yield the percentage of studies in which the last of nine cells is found to differ."""
    rng = np.random.default_rng(1)
    for seeds in SEEDS:
        for effect in effects:
            shift = np.append(np.zeros(8), effect)
            small = [draw(rng, seeds, 9) + shift for _ in range(studies)]
            large = [draw(rng, 2 * seeds, 9) + shift for _ in range(studies)]
            yield {
                "seeds": seeds,
                "effect, points": 100 * effect,
                "bench": 100 * np.mean([is_change(verdicts(each)[-1]) for each in small]),
                "paired t": 100 * np.mean([paired_t_finds(each) for each in small]),
                "paired t, twice the seeds": 100 * np.mean([paired_t_finds(e) for e in large]),
            }


def count_deciding(
    draw: Draw, effects: Sequence[float], scale: float, studies: int
) -> Iterator[Mapping[str, float]]:
    """Yield how often `--until-decided` finds the last of nine cells, and with how many trainings.

    Beside it what Student's paired t-test needs, corrected by Bonferroni, to find it as often with
    the same number of seeds for each cell.
    """
    rng = np.random.default_rng(4)
    for effect in effects:
        ends = [decided(draw(rng, MOST_SEEDS, 9), effect) for _ in range(studies)]
        found, trainings = np.mean(ends, axis=0)
        needed = 9 * paired_t_seeds(effect / scale, min(found, 0.99))  # 100% needs infinitely many
        yield {
            "effect, points": 100 * effect,
            "found": 100 * found,
            "trainings": trainings,
            "paired t needs": needed,
            "share": trainings / needed,
        }


def decided(accuracies: Floats, effect: float) -> tuple[bool, int]:
    """Return whether the last cell is found, and the number of trainings, as --until-decided."""
    accuracies = accuracies + np.append(np.zeros(accuracies.shape[1] - 1), effect)
    most, cells = accuracies.shape
    counts, look = np.full(cells, 3), 1
    while True:
        shown = np.where(np.arange(most)[:, None] < counts, accuracies, np.nan)
        confidence = seeds_confidence(look)
        found = verdicts(shown, confidence, 1 - 2 * (1 - confidence))
        undecided = [i for i, verdict in enumerate(found, 1) if verdict == "INCONCLUSIVE"]
        fewest = min(counts[undecided], default=most)
        if fewest >= most:
            return is_change(found[-1]), int(counts.sum())
        members = [0, *undecided]
        counts[members] = np.maximum(counts[members], min(most, next_seeds(fewest)))
        look += 1


def paired_t_seeds(effect: float, power: float) -> int:
    """Return the number of seeds with which the test has this power; `effect` in deviations."""
    for seeds in range(3, 10_000):
        limit = t.ppf(1 - (1 - CONFIDENCE) / 2 / 8, seeds - 1)
        if nct.sf(limit, seeds - 1, effect * (seeds / 2) ** 0.5) >= power:
            return seeds
    raise ValueError("more than 10,000 seeds")


def train() -> None:
    """Train one cell with many seeds; those that are stored are not trained again."""
    study = {
        "name": STUDY,
        "base": {"model": "lenet5", "dataset": "mnist", "epochs": 1, "threads": 1},
        "seeds": list(range(TRAININGS)),
        "timing": "off",
    }
    file = RESULTS / f"{STUDY}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(study), encoding="utf-8")
    command = [sys.executable, "-m", "bench", "run", str(file), "--no-report"]
    subprocess.run([*command, "--out", str(RESULTS), "--jobs", str(os.cpu_count())], check=True)


def stored() -> Draw:
    """Draw from the accuracies of `train`, which are all of one cell."""
    accuracies = pd.read_csv(RESULTS / STUDY / "trials.csv")["test_accuracy"].dropna().to_numpy()
    print(f"{len(accuracies)} trainings: mean {accuracies.mean():.4f}, s {accuracies.std():.5f}")

    def draw(rng: np.random.Generator, seeds: int, cells: int) -> Floats:
        return rng.choice(accuracies, (seeds, cells), replace=False)

    return draw


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["false", "looks", "power", "train", "resample"])
    parser.add_argument("--studies", type=int, default=4_000)
    options = parser.parse_args()
    if options.what == "train":
        train()
        return
    if options.what == "false":
        print(count_false(SITUATIONS, options.studies).round(1).to_string())
        return
    if options.what == "looks":
        names = ("equal", "baseline x3", "one cell x3", "common, r 0.5")
        chosen = {name: SITUATIONS[name] for name in names}
        print(count_false_looks(chosen, options.studies).round(1).to_string(index=False))
        return
    draw = scattered() if options.what == "power" else stored()
    scale = np.std(draw(np.random.default_rng(2), 100, 5))
    if options.what == "resample":
        print(count_false({"stored": draw}, options.studies).round(1).to_string())
    effects = [float(f * scale) for f in (0.5, 1, 1.5, 2, 3, 4)]
    table = pd.DataFrame(count_found(draw, effects, options.studies))
    print(table.round(2).to_string(index=False))
    table = pd.DataFrame(count_deciding(draw, effects[1:], float(scale), options.studies))
    print(table.round(2).to_string(index=False))


if __name__ == "__main__":
    main()
