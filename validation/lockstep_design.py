"""Compare estimators and numbers of rounds of timing sets on identical cells.

    python validation/lockstep_design.py --sets 30

Times each cell below against its A/A control in timing sets of many rounds, then computes the A/A
log-ratio of each set in several ways. Prints their RMS and 1.4826 × median |d| in percent, which a
single process that is off by much does not raise, and how much of the scatter stays with a process
for its life. `apart` compares a set's baseline with the control of the next set, as in a protocol
that times one process after the other. Tables are kept in --out; finished cells are not repeated.
"""

import argparse
import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
CELLS = {
    "lenet5-64": ("lenet5", 64),
    "convnet-64": ("convnet", 64),
    "convnet-512": ("convnet", 512),
}
Arrays = Mapping[str, np.ndarray]  # log seconds `a` and `b`, and times `ta` and `tb`, by round


def same_round(s: Arrays) -> float:
    """Return the median over rounds of the difference in the same round."""
    return float(np.median(s["b"] - s["a"]))


def nearest_in_time(s: Arrays) -> float:
    """Return the median of the differences from the turn of the other that is nearest in time."""
    index = np.abs(s["tb"][:, None] - s["ta"][None]).argmin(axis=1)
    return float(np.median(s["b"] - s["a"][index]))


def interpolated(s: Arrays) -> float:
    """Return the median of the differences from the other, interpolated between its turns."""
    return float(np.median(s["b"] - np.interp(s["tb"], s["ta"], s["a"])))


def mean_of_rounds(s: Arrays) -> float:
    """Return the mean over rounds of the difference in the same round."""
    return float(np.mean(s["b"] - s["a"]))


def pseudo_median(s: Arrays) -> float:
    """Return the Hodges–Lehmann estimate of the differences in the same round."""
    d = s["b"] - s["a"]
    i, j = np.triu_indices(len(d))
    return float(np.median((d[i] + d[j]) / 2))


def ratio_of_medians(s: Arrays) -> float:
    """Return the difference of the medians over rounds."""
    return float(np.median(s["b"]) - np.median(s["a"]))


def ratio_of_minima(s: Arrays) -> float:
    """Return the difference of the minima over rounds."""
    return float(s["b"].min() - s["a"].min())


ESTIMATORS: Mapping[str, Callable[[Arrays], float]] = {
    "median, same round": same_round,
    "median, nearest in time": nearest_in_time,
    "median, interpolated": interpolated,
    "mean, same round": mean_of_rounds,
    "Hodges-Lehmann, same round": pseudo_median,
    "ratio of medians": ratio_of_medians,
    "ratio of minima": ratio_of_minima,
}


def main() -> None:
    options = _options()
    for name, (model, batch_size) in CELLS.items():
        folder = options.out / name
        if not (folder / "timings.csv").is_file():
            _run(name, model, batch_size, options)
        sets = _sets(folder)
        print(f"\n{name}: {len(sets)} sets of {len(sets[0]['a'])} rounds")
        print(_table(sets).to_string(index=False))


def _run(name: str, model: str, batch_size: int, options: argparse.Namespace) -> None:
    settings = [f"name={name}", f"base.model={model}", f"base.batch_size={batch_size}"]
    settings += [f"timing={{sets: {options.sets}, rounds: {options.rounds}, epochs: 0}}"]
    study = options.out / "one.yaml"
    study.parent.mkdir(parents=True, exist_ok=True)
    study.write_text("name: one\nbase: {epochs: 0}\n", encoding="utf-8")
    command = [sys.executable, "-m", "bench", "run", str(study), "--out", str(options.out)]
    command += ["--no-report", *(f"--set={setting}" for setting in settings)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)


def _sets(folder: Path) -> list[Arrays]:
    """Return the rounds of baseline (a) and control (b) of each set."""
    timings = pd.read_csv(folder / "timings.csv", low_memory=False)
    steps = timings[(timings["phase"] == "step") & ~timings["is_warmup"].astype(bool)]
    sets = []
    for _, rows in steps.groupby("block"):
        sides = {role: part.sort_values("round") for role, part in rows.groupby("role")}
        a, b = sides["planned"], sides["twin"]
        logs = (np.log(side["seconds"].to_numpy()) for side in (a, b))
        times = (side["at_s"].to_numpy() for side in (a, b))
        sets.append(dict(zip(("a", "b", "ta", "tb"), (*logs, *times), strict=True)))
    return sets


def _table(sets: list[Arrays]) -> pd.DataFrame:
    rows = [_row(name, [estimate(s) for s in sets]) for name, estimate in ESTIMATORS.items()]
    for count in (3, 5, 8, 12, 20):
        if count < len(sets[0]["a"]):
            first = [{k: v[:count] for k, v in s.items()} for s in sets]
            rows.append(_row(f"median, first {count} rounds", [same_round(s) for s in first]))
    apart = [ratio_of_medians({**a, "b": b["b"]}) for a, b in itertools.pairwise(sets)]
    rows.append(_row("apart: ratio of medians", apart))
    halves = [[same_round({k: v[i::2] for k, v in s.items()}) for s in sets] for i in (0, 1)]
    shared = float(np.mean(np.multiply(*halves)))
    stays = np.sign(shared) * np.sqrt(abs(shared))
    rows.append({"estimator": "stays with a process", "RMS %": f"{100 * stays:.1f}"})
    return pd.DataFrame(rows).fillna("")


def _row(name: str, log_ratios: list[float]) -> dict[str, str]:
    d = np.array(log_ratios)
    rms, robust = np.sqrt(np.mean(d**2)), 1.4826 * np.median(np.abs(d))
    return {"estimator": name, "RMS %": f"{100 * rms:.1f}", "robust %": f"{100 * robust:.1f}"}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sets", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("results/validation/lockstep"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
