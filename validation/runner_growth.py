"""Measure time per run and memory of `bench run` over a study of many tiny trials.

    python validation/runner_growth.py --trials 1000

Prints time per run and resident memory at ten points of the study, the time of `bench plan` on the
finished study (median of five), and of `bench run` with nothing left to run.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]

from killed_runs import NETWORK  # noqa: E402

STUDY = """
name: many
base: {{model: {{import: "tiny_network:Tiny"}}, dataset: digits, batch_size: 60000, epochs: 1}}
seeds: {seeds}
timing: off
"""
POINTS = 10


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def time_s(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    started_s = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=1000)
    trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "many.yaml").write_text(STUDY.format(seeds=list(range(trials))), encoding="utf-8")
        (folder / "tiny_network.py").write_text(NETWORK, encoding="utf-8")
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "BENCH_DATA_DIR": str(folder / "data"),
        }
        bench = [sys.executable, "-m", "bench"]
        process = subprocess.Popen(
            [*bench, "run", "many.yaml", "--no-report", "--offline"],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        outcomes = folder / "results/many/outcomes"
        last, last_s = 0, time.perf_counter()
        while process.poll() is None:
            time.sleep(0.05)
            done = sum(1 for _ in outcomes.glob("*.json")) if outcomes.is_dir() else 0
            if done - last >= trials / POINTS:
                now_s = time.perf_counter()
                run_ms = 1e3 * (now_s - last_s) / (done - last)
                memory = resident_mb(process.pid)
                print(f"{done} runs: {run_ms:.0f} ms per run, {memory:.0f} MB", flush=True)
                last, last_s = done, now_s
        plans = [time_s([*bench, "plan", "many.yaml"], folder, environment) for _ in range(5)]
        again_s = time_s([*bench, "run", "many.yaml", "--no-report"], folder, environment)
    print(f"exit {process.returncode}; bench plan {statistics.median(plans):.2f} s")
    print(f"bench run with nothing to run: {again_s:.2f} s")
    sys.exit(process.returncode)


if __name__ == "__main__":
    main()
