"""Measure how well three statistics of a pair agree with 1 where head and base are the same commit.

    python validation/gate_statistics.py --pairs 30 -k "cpu and 64"

Each pair runs tests/benchmarks/test_steps.py as `bench gate` does. A pair's log-ratio of the A/A
control or of head over base is

- minima: of the fastest rounds;
- medians: of the median rounds;
- lockstep: the median over time slices of the log-ratio to base's slice nearest in time.

The gate uses minima: with ten pairs on two shared cores their root mean square over 16 benchmarks
was 2.5%, that of medians 4.8%, of lockstep 4.6%.

Prints the root mean square of the log-ratios for each benchmark and for all. They are stored
after each pair, and pairs that are stored are not repeated, so `--pairs` can be raised later.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from bench.regress.benchmark_samples import ROLES, PairSamples, Role, Rounds
from bench.regress.pytest_suite import PytestSuite
from bench.regress.worktrees import check_out
from bench.stats.estimates import Floats

SUITE = Path("tests/benchmarks/test_steps.py")
STATISTICS = ["minima", "medians", "lockstep"]


class Silent:
    """Reports no progress."""

    def running(self, benchmark: str, role: Role | None, done: int, of: int) -> None:
        pass


def log_ratios(pair: int, samples: PairSamples) -> Iterator[dict[str, object]]:
    """Yield the log-ratios of a pair by benchmark and role, over all turns."""
    turns: dict[str, list[dict[Role, Rounds]]] = {}
    for (benchmark, _), rounds in samples.rounds.items():
        if len(rounds) == len(ROLES):
            turns.setdefault(benchmark, []).append(dict(rounds))
    disturbed = {o.benchmark for o in samples.observations if o.disturbed}
    for benchmark, measured in turns.items():
        for role in ("twin", "head"):
            both = [(each["base"], each[role]) for each in measured]
            base_s, other_s = (
                np.concatenate([r.time_s for r in side]) for side in zip(*both, strict=True)
            )
            yield {
                "pair": pair,
                "benchmark": benchmark.rpartition("::")[2],
                "role": role,
                "is_disturbed": benchmark in disturbed,
                "turns": len(measured),
                "median_s": np.median(base_s),
                "minima": np.log(other_s.min() / base_s.min()),
                "medians": np.log(np.median(other_s) / np.median(base_s)),
                "lockstep": np.median(np.concatenate([lockstep_logs(*each) for each in both])),
            }


def lockstep_logs(base: Rounds, other: Rounds) -> Floats:
    """Return log(other / base) of each of the other's slices, against base's nearest in time.

    The value of a slice is the median of its rounds.
    """
    starts_s, times_s = _slices(base)
    other_starts_s, other_times_s = _slices(other)
    nearest = np.abs(other_starts_s[:, None] - starts_s).argmin(axis=1)
    logs: Floats = np.log(other_times_s / times_s[nearest])
    return logs


def _slices(rounds: Rounds) -> tuple[Floats, Floats]:
    """Return the start and the median round of each slice in seconds."""
    first = np.flatnonzero(np.diff(rounds.slice_index, prepend=-1))
    medians = [np.median(times_s) for times_s in np.split(rounds.time_s, first[1:])]
    return rounds.start_s[first], np.array(medians)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--commit", default="HEAD")
    parser.add_argument("-k", dest="select", default="cpu")
    parser.add_argument("--out", type=Path, default=Path("results/validation/gate_statistics.csv"))
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    tables = [pd.read_csv(options.out)] if options.out.is_file() else []
    stored = {pair for table in tables for pair in table["pair"]}
    with check_out(options.commit, options.commit) as trees:
        suite = PytestSuite(trees, SUITE, options.select, "min", False)
        for pair in sorted(set(range(1, options.pairs + 1)) - stored):
            samples = suite.measure(pair, None, Silent())
            if failed := [sample for sample in samples.missing if sample.status == "failed"]:
                raise SystemExit(f"not measured: {failed}")
            tables.append(pd.DataFrame(log_ratios(pair, samples)))
            pd.concat(tables).to_csv(options.out, index=False)
            print(f"pair {pair}", flush=True)
    rows = pd.concat(tables)
    for name, kept in (("all pairs", rows), ("undisturbed", rows[~rows["is_disturbed"]])):
        squares = kept[STATISTICS].pow(2)
        table = squares.groupby(kept["benchmark"]).mean().pow(0.5)
        table.loc["all"] = squares.mean().pow(0.5)
        print(f"\n{name}: root mean square of the log-ratios, %\n{(100 * table).round(2)}")


if __name__ == "__main__":
    main()
