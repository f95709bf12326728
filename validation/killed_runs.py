"""Kill `bench run` at random moments, check its results folder after each, and let it finish.

    python validation/killed_runs.py --kills 50

Prints one line per kill and the totals; exit code 1 if a check fails. Runs that had ended before a
kill must be unchanged afterwards; in the end every run is there exactly once.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from bench.store import Store

ROOT = Path(__file__).parents[1]
SEEDS, BLOCKS = 30, 6
NETWORK = """
from torch import nn

class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    def forward(self, x):
        return self.net(x)
"""
STUDY = f"""
name: killed
base: {{model: {{import: "tiny_network:Tiny"}}, dataset: digits, batch_size: 20000, epochs: 1}}
seeds: {list(range(SEEDS))}
timing: {{blocks: {BLOCKS}, rounds: 2, epochs: 0, spares: 0}}
"""
ALL = SEEDS + 1 + 2 * BLOCKS  # trials, a cost pass, blocks with their A/A controls
KEYS = {"trials": ["trial_id"], "costs": ["cell_id"], "blocks": ["cell_id", "role", "block"]}


def start(folder: Path, data: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "BENCH_DATA_DIR": str(data)}
    command = [sys.executable, "-m", "bench", "run", "killed.yaml", "--no-report", "--offline"]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def audit(results: Path, before: dict[str, bytes]) -> tuple[dict[str, bytes], list[str]]:
    """Return the contents of the outcome files, and what is wrong with the folder."""
    wrong = []
    paths = sorted((results / "outcomes").glob("*.json"))
    now = {path.name: path.read_bytes() for path in paths}
    wrong += [f"{name} is missing" for name in before.keys() - now.keys()]
    wrong += [
        f"{name} has changed" for name in before if now.get(name, before[name]) != before[name]
    ]
    loaded = Store(results).load()
    if len(loaded) != len(now):
        wrong.append(f"{len(loaded)} outcomes in {len(now)} files")
    for path in sorted(results.glob("*.csv")):
        table = pd.read_csv(path)
        if path.stem in KEYS and table.duplicated(KEYS[path.stem]).any():
            wrong.append(f"{path.name} has a run twice")
        if path.stem == "trials" and not set(table["trial_id"]) <= set(loaded):
            wrong.append("trials.csv has a trial without an outcome")
    return now, wrong


def missing(results: Path) -> list[str]:
    """Return what a finished study lacks.

    A timing block that lost its A/A control to a kill stays, and another pair replaces it.
    """
    tables = {name: pd.read_csv(results / f"{name}.csv") for name in KEYS}
    pairs = int((tables["blocks"].groupby("block").size() == 2).sum())
    has = {"trials": len(tables["trials"]), "cost passes": len(tables["costs"]), "pairs": pairs}
    expected = {"trials": SEEDS, "cost passes": 1, "pairs": BLOCKS}
    left = [f"{path.name} is left over" for path in results.rglob(".*.part")]
    return left + [f"{has[what]} {what} of {n}" for what, n in expected.items() if has[what] != n]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    failures: list[str] = []
    kills = studies = 0
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary) / "data"
        while kills < arguments.kills or studies == 0:
            folder = Path(temporary) / f"study{studies}"
            folder.mkdir()
            (folder / "killed.yaml").write_text(STUDY, encoding="utf-8")
            (folder / "tiny_network.py").write_text(NETWORK, encoding="utf-8")
            known: dict[str, bytes] = {}
            while True:
                process = start(folder, data)
                try:
                    code = process.wait(chance.uniform(0, 12) if kills < arguments.kills else None)
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    time.sleep(0.5)  # its child processes have ended by then
                    kills += 1
                    known, wrong = audit(folder / "results/killed", known)
                    print(
                        f"kill {kills}: {len(known)} finished runs {'; '.join(wrong)}", flush=True
                    )
                    failures += wrong
                    continue
                known, wrong = audit(folder / "results/killed", known)
                wrong += missing(folder / "results/killed")
                if code:
                    output = process.stdout.read().decode() if process.stdout else ""
                    wrong.append(f"exit {code}\n{output}")
                print(f"complete: {len(known)} runs {'; '.join(wrong)}")
                failures += wrong
                break
            studies += 1
    print(f"{kills} kills in {studies} studies of {ALL} runs: {len(failures)} checks failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
