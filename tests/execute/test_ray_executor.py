"""The grid on a real Ray cluster of two nodes, both on this machine."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.data.images import GREY_DIGITS
from bench.errors import BenchError
from bench.execute import EXECUTORS
from bench.execute import ray_executor as on_ray
from bench.execute.executor import Evaluated, Event, Executor, Lost, RunContext, Started
from bench.execute.ray_executor import RayExecutor
from bench.measure.machine import Machine, this_machine
from bench.measure.resources import Node
from bench.records import Outcome
from bench.study.choice import MetricChoice
from bench.study.runs import Run
from bench.study.spec import Cell

pytest.importorskip("ray")
Runs = Callable[..., list[Run]]
# How soon a node that died is missed; by default Ray takes some 15 s.
NOTICES_SOON = {"health_check_period_ms": 200, "health_check_failure_threshold": 3}
SHAPES = {"digits": GREY_DIGITS, "mnist": GREY_DIGITS}
CORES = 1  # of a node: each worker process takes seconds to start


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    head = {"num_cpus": CORES, "include_dashboard": False, "_system_config": NOTICES_SOON}
    made = Cluster(True, head_node_args=head)
    made.add_node(num_cpus=CORES)
    made.wait_for_nodes()
    yield made
    made.shutdown()


@pytest.fixture(scope="module")
def executor(cluster: Any) -> Iterator[Executor]:
    """Joined once for all, with the networks that misbehave on its nodes."""
    made = RayExecutor(address=cluster.address)
    made.resources([Cell.model_validate({"model": {"import": "misbehaving:Plain"}})])
    yield made
    made.close()


def test_all_modules_of_the_users_own_are_brought_along(monkeypatch: pytest.MonkeyPatch) -> None:
    brought: list[str] = []

    def join(address: str | None, targets: Sequence[str]) -> None:
        brought.extend(targets)
        raise BenchError("no cluster here")

    monkeypatch.setattr(on_ray, "_join", join)
    own = {"optimizer": {"import": "own_components:adam"}, "loss": {"import": "more.losses:hinge"}}
    metric = MetricChoice.model_validate({"import": "own_components:kappa"})
    with pytest.raises(BenchError, match="no cluster here"):
        RayExecutor().resources([Cell.model_validate(own)], [metric])
    assert {"own_components:adam", "more.losses:hinge", "own_components:kappa"} <= set(brought)


def carry_out(
    executor: Executor, runs: list[Run], data: Path, reported: list[Event] | None = None
) -> list[Outcome]:
    emit = (reported if reported is not None else []).append
    return list(executor.execute(runs, RunContext(data, machine="a machine"), emit))


def network(name: str, **parameters: Any) -> dict[str, Any]:
    return {"model": {"import": f"misbehaving:{name}", **parameters}}


def test_a_cluster_is_nodes_of_one_kind(executor: Executor) -> None:
    site = executor.resources([])
    assert len(site.nodes) == 2
    assert len({node.name for node in site.nodes}) == 2
    assert site.machine.fingerprint() == this_machine().fingerprint()
    assert site.planned_on.cores == min(CORES, this_machine().cores)
    assert site.idle == ()


def test_losses_are_bitwise_those_of_the_local_executor(
    executor: Executor, digits_dir: Path, runs_of: Runs
) -> None:
    runs = runs_of(network("Plain", width=8), seeds=[0, 1])
    reported: list[Event] = []
    there = {o.run_id: o for o in carry_out(executor, runs, digits_dir, reported)}
    here = {o.run_id: o for o in carry_out(EXECUTORS["local"](), runs, digits_dir)}
    assert set(there) == set(here)
    for run_id, outcome in there.items():
        assert outcome.status == "ok", outcome.reason
        for ours, theirs in zip(here[run_id].epochs, outcome.epochs, strict=True):
            assert (ours.train_loss, ours.test_loss) == (theirs.train_loss, theirs.test_loss)
    nodes = {o.trial.node for o in there.values() if o.trial}
    assert nodes == {node.name for node in executor.resources([]).nodes}
    assert {o.trial.machine for o in there.values() if o.trial} == {"a machine"}
    assert {event.node for event in reported if isinstance(event, Started)} == nodes
    assert sum(isinstance(event, Evaluated) for event in reported) == len(runs)


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("Raises", "failed", "the third weight is made of cheese"),
        ("Starves", "oom", "CUDA out of memory"),
        ("NotANumber", "diverged", "the training loss became nan"),
        ("Killed", "failed", "SIGKILL"),
    ],
)
def test_a_failed_run_has_status_and_reason(
    name: str, status: str, reason: str, executor: Executor, digits_dir: Path, runs_of: Runs
) -> None:
    (outcome,) = carry_out(executor, runs_of(network(name)), digits_dir)
    assert outcome.status == status
    assert reason in (outcome.reason or "")
    assert outcome.trial is not None
    assert outcome.trial.node


def test_a_run_that_takes_too_long_is_ended(
    executor: Executor, digits_dir: Path, runs_of: Runs
) -> None:
    runs = runs_of(network("Hangs"), limits={"trial_timeout": "2s"})
    (outcome,) = carry_out(executor, runs, digits_dir)
    assert outcome.status == "timeout"
    assert outcome.reason == "took longer than limits.trial_timeout, 2 s"


def test_networks_are_built_on_a_node_before_the_first_run(
    executor: Executor, runs_of: Runs
) -> None:
    cells = [runs_of(network(name))[0].cell for name in ("Plain", "WrongShape")]
    (problem,) = executor.check(cells, SHAPES)
    assert "expected output shape (2, 10), got (2, 7)" in problem


def test_a_set_is_timed_on_one_node(executor: Executor, digits_dir: Path, runs_of: Runs) -> None:
    timing = {"sets": 2, "rounds": 1, "epochs": 0}
    outcomes = carry_out(executor, runs_of(network("Plain"), "block", timing=timing), digits_dir)
    assert [o.status for o in outcomes] == ["ok"] * 4
    where = {(o.block.block, o.block.node, o.block.jobs) for o in outcomes if o.block}
    assert len(where) == 2


def test_a_trial_whose_worker_is_killed_is_run_again(
    executor: Executor, digits_dir: Path, runs_of: Runs, tmp_path: Path
) -> None:
    runs = runs_of(network("KillsItsWorkerOnce", folder=str(tmp_path)))
    reported: list[Event] = []
    (outcome,) = carry_out(executor, runs, digits_dir, reported)
    assert outcome.status == "ok", outcome.reason
    (lost,) = (event for event in reported if isinstance(event, Lost))
    assert lost.why == "its worker process died"


def test_trials_of_a_node_that_dies_are_run_elsewhere(
    executor: Executor, cluster: Any, digits_dir: Path, runs_of: Runs, tmp_path: Path
) -> None:
    third = cluster.add_node(num_cpus=CORES)
    cluster.wait_for_nodes()
    name = name_of(executor, third.node_id)
    runs = runs_of(network("WaitsForRelease", folder=str(tmp_path)), seeds=list(range(3)))
    reported: list[Event] = []

    def kill_once_it_works(event: Event) -> None:
        reported.append(event)
        released = tmp_path / "released"
        if isinstance(event, Started) and event.node == name and not released.exists():
            cluster.remove_node(third, allow_graceful=False)
            released.touch()

    done = list(executor.execute(runs, RunContext(digits_dir), kill_once_it_works))
    assert sorted(o.run_id for o in done) == sorted(run.run_id for run in runs)
    assert {(o.status, o.reason) for o in done} == {("ok", None)}
    assert name not in {o.trial.node for o in done if o.trial}
    assert any(isinstance(event, Lost) and event.node == name for event in reported)


def name_of(executor: Executor, node_id: str) -> str:
    """Wait until a node has joined; gives its name."""
    found: dict[str, str] = {}

    def joined() -> bool:
        executor._joined.nodes()  # type: ignore[attr-defined]
        found.update({node.node_id: node.name for node in executor.resources([]).nodes})
        return node_id in found

    wait_until(joined)
    return found[node_id]


def test_running_trials_end_when_the_iterator_is_closed(
    executor: Executor, digits_dir: Path, runs_of: Runs, tmp_path: Path
) -> None:
    hanging = runs_of(network("WaitsForRelease", folder=str(tmp_path)))
    failing = runs_of(network("Raises"))
    outcomes = executor.execute([*hanging, *failing], RunContext(digits_dir), lambda event: None)
    assert next(outcomes).status == "failed"
    wait_until(lambda: any(tmp_path.glob("*.pid")))
    (pid,) = (path.stem for path in tmp_path.glob("*.pid"))
    outcomes.close()
    wait_until(lambda: not Path(f"/proc/{pid}").exists())


def wait_until(so: Callable[[], bool], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def answer(name: str, cpu: str, cores: int, gpus: tuple[str, ...] = ()) -> Any:
    machine = Machine(cpu, cores, 2**30, "an OS", gpus, "" if gpus else "none", (("torch", "1"),))
    return on_ray.NodeDescription(Node(name, name, cores, len(gpus), cores), machine)


@pytest.mark.parametrize(
    ("device", "chosen"), [("cpu", "Epyc"), ("cuda", "Xeon"), ("auto", "Xeon")]
)
def test_of_several_kinds_of_nodes_one_is_taken(device: str, chosen: str) -> None:
    answers = [answer("a", "Xeon", 8, ("H100",))]
    answers += [answer(name, "Epyc", 16) for name in "bc"]
    kind = on_ray.best_kind(answers, [Cell.model_validate({"device": device})])
    assert {a.machine.cpu for a in answers if a.kind == kind} == {chosen}


def test_nodes_with_other_software_are_another_kind() -> None:
    one = answer("a", "Epyc", 16)
    other = replace(one, machine=replace(one.machine, software=(("torch", "2"),)))
    assert one.kind != other.kind


def test_ray_that_is_not_installed_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_ray.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BenchError, match=r"Ray is not installed\n.*small-vision-bench\[ray\]"):
        RayExecutor()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("ray://head:10001", "not as a client"),
        ("127.0.0.1:1", "nothing answers there"),
        ("nonsense", "nothing answers there"),
    ],
)
def test_an_unreachable_address_is_reported(address: str, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        RayExecutor(address=address).resources([])
