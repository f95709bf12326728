"""Check the Ray executor on a real cluster, whose nodes are processes of this machine.

    python validation/ray_cluster.py same   --study studies/baseline.yaml
    python validation/ray_cluster.py speed  --trials 64
    python validation/ray_cluster.py faults --trials 24

`same`: runs a study with the local executor, on a cluster of two nodes, and on two nodes started by
`ray start`; prints whether cells and losses are bitwise equal.
`speed`: runs one-thread trials on one and two workers, and with one and two local jobs, in turns;
prints seconds, their ratio, and what the cluster adds to a trial.
`faults`: kills a worker, then `bench run` itself and, after a restart, a node; checks the tables.
Data are read from BENCH_DATA_DIR.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

from ray.cluster_utils import Cluster  # noqa: E402

from bench.execute import EXECUTORS  # noqa: E402
from bench.execute.executor import Executor, RunContext  # noqa: E402
from bench.study.runs import Run, resolve, trial_and_cost_runs  # noqa: E402
from bench.study.spec import Study  # noqa: E402

TURNS = 2
FAULTS = """
name: faults
base: {{dataset: mnist, epochs: 1, device: cpu, threads: 1, model: lenet5}}
axes: {{batch_size: [512, 1024]}}
seeds: {seeds}
timing: {{blocks: 3, rounds: 30, epochs: 0}}
"""


@contextmanager
def cluster(nodes: int, cpus: int = 1) -> Iterator[Any]:
    made = Cluster(True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    own = [made.add_node(num_cpus=cpus) for _ in range(nodes)]
    made.wait_for_nodes()
    try:
        yield made, own
    finally:
        made.shutdown()


@contextmanager
def executors(kind: str) -> Iterator[Executor]:
    where, number = kind.split()
    if where == "local":
        yield EXECUTORS["local"](int(number))
        return
    with cluster(int(number)) as (made, _), closing(EXECUTORS["ray"](1, made.address)) as executor:
        yield executor


@contextmanager
def ray_start() -> Iterator[str]:
    """Start a head and a second node with `ray start`; yields the address."""
    ray = [sys.executable, "-m", "ray.scripts.scripts"]
    head = ["start", "--head", "--port", "6399", "--num-cpus", "1", "--include-dashboard=false"]
    try:
        for node in (head, ["start", "--address", "127.0.0.1:6399", "--num-cpus", "1"]):
            subprocess.run([*ray, *node], check=True, stdout=subprocess.DEVNULL)
            os.environ["RAY_AUTH_MODE"] = "token"  # the head requires one
        yield "127.0.0.1:6399"
    finally:
        os.environ.pop("RAY_AUTH_MODE", None)
        subprocess.run([*ray, "stop"], check=True, stdout=subprocess.DEVNULL)


def same(study: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run_study(study, folder / "local", "--jobs", "2")
        with cluster(2) as (made, _):
            run_study(study, folder / "cluster", "--executor", "ray", "--address", made.address)
        with ray_start() as address:
            run_study(study, folder / "by hand", "--executor", "ray", "--address", address)
        losses_of = {out.name: losses(out) for out in folder.iterdir()}
        for name, found in losses_of.items():
            is_same = found == losses_of["local"]
            cells = len({cell for cell, *_ in found})
            print(f"{name}: {cells} cells, {len(found)} epochs of trials, the same: {is_same}")


def run_study(study: Path, out: Path, *where: str) -> None:
    few = ("timing.blocks=1", "timing.rounds=3", "timing.epochs=0", "base.threads=1")
    changes = [word for change in few for word in ("--set", change)]
    command = ["-m", "bench", "run", str(study), "--out", str(out), "--no-report", *changes]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    began_s = time.perf_counter()
    subprocess.run([sys.executable, *command, *where], check=True, env=environment)
    print(f"{out.name}: {time.perf_counter() - began_s:.0f} s", flush=True)


def losses(out: Path) -> dict[tuple[str, int, int], tuple[float, ...]]:
    (path,) = out.glob("*/epochs.csv")
    table = pd.read_csv(path, float_precision="round_trip")
    keys = zip(table.cell_id, table.seed, table.epoch, strict=True)
    values = zip(table.train_loss, table.test_loss, table.test_accuracy, strict=True)
    return dict(zip(keys, values, strict=True))


def plan_trials(executor: Executor, seeds: list[int]) -> list[Run]:
    base = {"dataset": "mnist", "epochs": 1, "device": "cpu", "threads": 1}
    model = {"model": {"name": "mlp", "hidden": 128}}
    study = Study.model_validate(
        {"name": "s", "timing": "off", "seeds": seeds, "base": base | model}
    )
    machine = executor.resources([study.base]).planned_on
    runs = trial_and_cost_runs(study, [resolve(study.base, machine, {})])
    return [run for run in runs if run.kind == "trial"]


def speed(trials: int) -> None:
    data = RunContext(Path(os.environ["BENCH_DATA_DIR"]))
    vars(sys.modules["__main__"]).pop("__file__")  # else each local run imports this file, and Ray
    kinds = ("ray 1", "ray 2", "local 1", "local 2")
    spent_s, busy_s = defaultdict(float), defaultdict(float)
    for turn in range(TURNS):
        for kind in kinds if turn % 2 else reversed(kinds):
            with executors(kind) as executor:
                runs = plan_trials(executor, list(range(2 + trials)))
                list(executor.execute(runs[:2], data, lambda event: None))  # starts the workers
                began_s = time.perf_counter()
                for outcome in executor.execute(runs[2:], data, lambda event: None):
                    assert outcome.status == "ok", outcome.reason
                    busy_s[kind] += outcome.wall_s
                spent_s[kind] += time.perf_counter() - began_s
        print({kind: round(seconds, 1) for kind, seconds in spent_s.items()}, flush=True)
    for one, two in (("ray 1", "ray 2"), ("local 1", "local 2")):
        print(f"{one} over {two}: {spent_s[one] / spent_s[two]:.2f}")
    for kind in ("ray 1", "local 1"):
        overhead_s = (spent_s[kind] - busy_s[kind]) / (trials * TURNS)
        print(f"{kind}: {1e3 * overhead_s:.0f} ms of overhead per trial")
    print(f"ray 1 over local 1: {spent_s['ray 1'] / spent_s['local 1']:.3f}")


def faults(trials: int) -> None:
    with tempfile.TemporaryDirectory() as temporary, cluster(2, 2) as (made, nodes):
        folder = Path(temporary)
        results = folder / "results" / "faults"
        study = folder / "faults.yaml"
        study.write_text(FAULTS.format(seeds=list(range(trials // 2))), encoding="utf-8")

        process = start(study, made.address)
        wait_for(results, 3, process)
        worker = subprocess.run(
            ["pgrep", "-f", "ray::carry_out"], capture_output=True, text=True, check=True
        ).stdout.split()[0]
        os.kill(int(worker), signal.SIGKILL)
        print(f"killed worker process {worker}", flush=True)

        wait_for(results, trials // 2, process)
        process.kill()
        process.wait()
        kept = set(results.glob("outcomes/*.json"))
        times = {path: path.stat().st_mtime_ns for path in kept}
        print(f"killed the driver: {len(kept)} outcomes are kept", flush=True)

        process = start(study, made.address)
        wait_for(results, trials + 4, process)  # during the timing blocks
        made.remove_node(nodes[0], allow_graceful=False)
        print("killed a node", flush=True)
        print(f"exit code {process.wait()}")
        again = sum(path.stat().st_mtime_ns != at for path, at in times.items())
        print(f"of {len(kept)} kept outcomes, {again} were repeated")
        audit(results)


def start(study: Path, address: str) -> "subprocess.Popen[bytes]":
    where = ("--executor", "ray", "--address", address)
    return subprocess.Popen(
        [sys.executable, "-m", "bench", "run", str(study), "--no-report", *where],
        cwd=study.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"},
    )


def audit(results: Path) -> None:
    for name, keys in (("trials", ["cell_id", "seed"]), ("blocks", ["cell_id", "block", "role"])):
        table = pd.read_csv(results / f"{name}.csv")
        twice = int(table.duplicated(keys).sum())
        statuses = table.status.value_counts().to_dict()
        print(f"{name}: {len(table)} rows, {twice} duplicates, {statuses}")
    blocks = pd.read_csv(results / "blocks.csv")
    print(f"nodes by block: {blocks.groupby('block').node.nunique().to_dict()}")
    counted = blocks[blocks.role == "planned"].groupby("cell_id").block.nunique()
    print(f"blocks by cell: {counted.to_dict()}")


def wait_for(results: Path, outcomes: int, process: "subprocess.Popen[bytes]") -> None:
    while len(list(results.glob("outcomes/*.json"))) < outcomes:
        assert process.poll() is None, "bench run ended too early"
        time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("check", choices=["same", "speed", "faults"])
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--study", type=Path, default=ROOT / "studies" / "baseline.yaml")
    options = parser.parse_args()
    if options.check == "same":
        same(options.study)
    else:
        {"speed": speed, "faults": faults}[options.check](options.trials)


if __name__ == "__main__":
    main()
