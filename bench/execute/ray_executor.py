"""The executor that executes every run on a node of a Ray cluster, in its own process.

Ray transfers work to the nodes and back (https://docs.ray.io); `bench.execute.scheduler` decides
which node does what, and on a node runs are executed as by the local executor. Only the driver
writes results.
"""

import importlib.util
import logging
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import bench
from bench.errors import BenchError
from bench.execute import ray_worker
from bench.execute.dataset_transfer import DatasetArchive, pack_dataset
from bench.execute.executor import Emit, IsStopping, RunContext, Shapes, never
from bench.execute.scheduler import (
    GroupEnded,
    Message,
    RunGroup,
    execute_on_cluster,
    no_node_left,
)
from bench.import_graph import imported_modules, is_users
from bench.measure.machine import Machine, core_count
from bench.measure.resources import Node, Resources
from bench.records import Outcome
from bench.study.choice import MetricChoice
from bench.study.runs import Run, resolve
from bench.study.spec import Cell

REFRESH_S = 2.0
ANSWER_S = 60.0  # for a node's first answer: its first process has to start
ALIVE_S = 15.0
CONNECT_S = 5.0


class RayExecutor:
    """Executes on the nodes of a Ray cluster that are of one kind.

    `address` is HOST:PORT or auto; without one a local Ray is started. Raises BenchError where
    Ray is not installed, and for the address of a Ray client.
    """

    def __init__(self, jobs: int = 1, address: str | None = None) -> None:
        if importlib.util.find_spec("ray") is None:
            hint = "pip install 'small-vision-bench[ray]'"
            raise BenchError("--executor ray: Ray is not installed", hint=hint)
        if address is not None and "://" in address:
            raise BenchError(
                f"--address {address}: bench has to run in the cluster, not as a client of it",
                hint="Start it on a machine of the cluster, for example by `ray job submit`.",
            )
        self._jobs = jobs
        self._address = address
        self._cluster: _RayCluster | None = None

    def resources(self, cells: Sequence[Cell], metrics: Sequence[MetricChoice] = ()) -> Resources:
        """Join the cluster and return the nodes of the kind that can run most cells."""
        if self._cluster is None:
            targets = [target for cell in cells for target in cell.targets()]
            targets += [metric.target for metric in metrics]
            self._cluster = _RayCluster(self._address, cells, targets)
        return self._cluster.resources(self._jobs)

    def check(
        self, cells: Sequence[Cell], shapes: Shapes, metrics: Sequence[MetricChoice] = ()
    ) -> list[str]:
        """Build every cell's network once, on a node."""
        return self._joined.check(cells, shapes, metrics)

    def execute(
        self,
        runs: Sequence[Run],
        run_context: RunContext,
        emit: Emit,
        is_stopping: IsStopping = never,
    ) -> Generator[Outcome, None, None]:
        """Yield outcomes as they come from the nodes."""
        cluster = self._joined
        cluster.upload_datasets(runs, run_context)
        outcomes = execute_on_cluster(cluster, runs, run_context, emit, is_stopping)
        with closing(outcomes):
            yield from outcomes

    def close(self) -> None:
        """Leave the cluster; a Ray that was started for this study ends."""
        if self._cluster is not None:
            self._cluster.leave()
            self._cluster = None

    @property
    def _joined(self) -> "_RayCluster":
        assert self._cluster is not None, "resources() comes first"
        return self._cluster


@dataclass(frozen=True)
class NodeDescription:
    """A node and its machine."""

    node: Node
    machine: Machine

    @property
    def kind(self) -> str:
        """The fingerprint of the machine; only numbers of one kind are comparable."""
        return " | ".join(self.machine.fingerprint().values())


def best_kind(described: Sequence[NodeDescription], cells: Sequence[Cell]) -> str:
    """Return the kind of node that can run most cells; of several, the one with most cores.

    A GPU is preferred where a cell leaves its device open.
    """
    kinds: dict[str, list[NodeDescription]] = defaultdict(list)
    for each in described:
        kinds[each.kind].append(each)

    def rank(kind: str) -> tuple[int, bool, int]:
        machine = kinds[kind][0].machine
        runnable = sum(resolve(cell, machine, {}).skip is None for cell in cells)
        prefers_gpu = any(cell.device == "auto" for cell in cells) and bool(machine.gpus)
        return runnable, prefers_gpu, sum(each.node.cores for each in kinds[kind])

    return max(kinds, key=rank)


@dataclass(frozen=True)
class _LostWorker:
    """A group whose worker was lost, while its node is being probed."""

    why: str
    node_id: str
    probe: Any  # the node's answer, once it comes
    until_s: float


class _RayCluster:
    """A Ray cluster that this process has joined."""

    def __init__(self, address: str | None, cells: Sequence[Cell], targets: Sequence[str]) -> None:
        self._ray = _join(address, targets)
        remote = self._ray.remote(max_retries=0)
        self._describe = remote(ray_worker.describe)
        self._execute_runs = remote(ray_worker.execute_runs)
        self._check = remote(ray_worker.check)
        self._archives: dict[str, DatasetArchive] = {}
        self._active: dict[int, tuple[Any, str]] = {}  # messages and node id, by group
        self._lost: dict[int, _LostWorker] = {}
        self._awaited: dict[str, Any] = {}  # descriptions of new nodes
        self._described: dict[str, NodeDescription] = {}
        self._unusable: dict[str, str] = {}  # reasons by node
        self._refreshed_s = 0.0
        self._await_descriptions()
        self._kind = best_kind(list(self._described.values()), cells)

    def leave(self) -> None:
        self._ray.shutdown()

    def resources(self, jobs: int) -> Resources:
        """Return the nodes of the chosen kind, and why the others stay idle."""
        own = [each for each in self._described.values() if each.kind == self._kind]
        if not own:
            raise no_node_left()
        others = Counter(d.kind for d in self._described.values() if d.kind != self._kind)
        nodes = tuple(sorted((each.node for each in own), key=lambda node: node.name))
        idle = [f"{count} × {kind}, which is another kind" for kind, count in others.items()]
        idle += self._unusable.values()
        return Resources(own[0].machine, nodes, jobs, tuple(idle), is_cluster=True)

    def nodes(self) -> Sequence[Node]:
        """Return the nodes of the chosen kind, including those that joined later."""
        if time.monotonic() > self._refreshed_s + REFRESH_S:
            self._refresh()
        return [each.node for each in self._described.values() if each.kind == self._kind]

    def upload_datasets(self, runs: Sequence[Run], run_context: RunContext) -> None:
        """Put the data sets of runs into Ray's store."""
        choices = {run.cell.dataset.label: run.cell.dataset for run in runs}
        for label in choices.keys() - set(self._archives):
            folder = run_context.data_dirs.get(label, run_context.data_dir)
            digest, content = pack_dataset(choices[label].source(), folder)
            self._archives[label] = DatasetArchive(digest, _Fetch(self._ray.put(content)))

    def check(
        self, cells: Sequence[Cell], shapes: Shapes, metrics: Sequence[MetricChoice] = ()
    ) -> list[str]:
        """Build every cell's network once, on a node."""
        for node in self.nodes():
            answer = self._check.options(num_cpus=0, **self._on(node.node_id)).remote(
                cells, shapes, metrics
            )
            with suppress(self._ray.exceptions.RayError):  # another node may do
                problems: list[str] = self._ray.get(answer)
                return problems
        raise no_node_left()

    def start(self, number: int, group: RunGroup, node: Node, run_context: RunContext) -> None:
        """Start a group on a node, with the cores and GPUs that it takes."""
        remote = self._execute_runs.options(
            num_cpus=group.cores_on(node),
            num_gpus=group.gpus_on(node),
            **self._on(node.node_id),
        )
        archives = {
            name: self._archives[name] for name in {run.cell.dataset.label for run in group.runs}
        }
        self._active[number] = (remote.remote(group.runs, run_context, archives), node.node_id)

    def messages(self) -> Iterator[tuple[int, Message]]:
        """Wait up to a second, then yield all messages that are there."""
        numbers = {stream: number for number, (stream, _) in self._active.items()}
        awaited = [*numbers, *{lost.probe for lost in self._lost.values()}]
        if not awaited:
            time.sleep(0.2)
            return
        self._ray.wait(awaited, timeout=1.0)
        ready, _ = self._ray.wait(awaited, num_returns=len(awaited), timeout=0)
        for stream in numbers.keys() & set(ready):
            number = numbers[stream]
            yield from ((number, message) for message in self._received(number))
        yield from self._settle_lost(ready)

    def _received(self, number: int) -> Iterator[Message]:
        """Yield the messages of a group that have arrived."""
        errors = self._ray.exceptions
        while number in self._active:  # it may be abandoned meanwhile
            stream, _ = self._active[number]
            if not self._ray.wait([stream], timeout=0)[0]:
                return
            try:
                yield self._ray.get(next(stream))
            except StopIteration:
                del self._active[number]
                yield GroupEnded()
            except errors.OutOfMemoryError as error:
                del self._active[number]
                yield GroupEnded("memory", _first_line(error))
            except errors.RayTaskError as error:
                self._probe_node(number, f"its worker raised {_first_line(error.cause)}")
            except errors.RayError:
                self._probe_node(number, "its worker process died")

    def _probe_node(self, number: int, why: str) -> None:
        """Probe whether a worker was lost alone or with its node."""
        _, node_id = self._active.pop(number)
        probes = (lost.probe for lost in self._lost.values() if lost.node_id == node_id)
        probe = next(probes, None)
        if probe is None:
            probe = self._describe.options(num_cpus=0, **self._on(node_id)).remote()
        self._lost[number] = _LostWorker(why, node_id, probe, time.monotonic() + ALIVE_S)

    def _settle_lost(self, ready: Collection[Any]) -> Iterator[tuple[int, GroupEnded]]:
        """Yield the end of lost groups whose node has answered or had its time."""
        for number, lost in list(self._lost.items()):
            is_gone = lost.node_id not in self._described or time.monotonic() > lost.until_s
            if not is_gone and lost.probe not in ready:
                continue
            del self._lost[number]
            if is_gone or not self._has_answered(lost.probe):
                self._described.pop(lost.node_id, None)
                yield number, GroupEnded("node", "its node was lost")
            else:
                yield number, GroupEnded("worker", lost.why)

    def _has_answered(self, probe: Any) -> bool:
        try:
            self._ray.get(probe)
        except self._ray.exceptions.RayError:
            return False
        return True

    def abandon(self, number: int) -> None:
        """Kill the worker process and all that it started."""
        if self._lost.pop(number, None) is None:
            stream, _ = self._active.pop(number)
            self._ray.cancel(stream, force=True)

    def _on(self, node_id: str) -> dict[str, Any]:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node_id, soft=False)}

    def _refresh(self) -> None:
        """Forget nodes that are gone, request descriptions of new ones, and read answers."""
        self._refreshed_s = time.monotonic()
        alive = {
            node["NodeID"]: node
            for node in self._ray.nodes()
            if node["Alive"] and node["Resources"].get("CPU", 0) >= 1
        }
        for known in (self._awaited, self._described, self._unusable):
            for node_id in set(known) - set(alive):
                del known[node_id]
        for node_id in set(alive) - {*self._awaited, *self._described, *self._unusable}:
            gpus = alive[node_id]["Resources"].get("GPU", 0)  # Ray shows only requested GPUs
            options = {"num_cpus": 0, "num_gpus": gpus, **self._on(node_id)}
            self._awaited[node_id] = self._describe.options(**options).remote()
        names = _node_names(alive)
        for node_id, answer in list(self._awaited.items()):
            if not self._ray.wait([answer], timeout=0)[0]:
                continue
            del self._awaited[node_id]
            try:
                machine = self._ray.get(answer)
            except self._ray.exceptions.RayTaskError as error:
                self._unusable[node_id] = f"{names[node_id]}: {_first_line(error.cause)}"
                continue
            except self._ray.exceptions.RayError:
                continue  # it is requested again
            resources = alive[node_id]["Resources"]
            cores = min(int(resources["CPU"]), machine.cores)
            node = Node(node_id, names[node_id], cores, int(resources.get("GPU", 0)), cores)
            self._described[node_id] = NodeDescription(node, machine)

    def _await_descriptions(self) -> None:
        """Wait until every node has described itself; those that do not are left out."""
        until_s = time.monotonic() + ANSWER_S
        self._refresh()
        while self._awaited and time.monotonic() < until_s:
            self._ray.wait(list(self._awaited.values()), timeout=1.0)
            self._refresh()
        if not self._described:
            why = "; ".join(self._unusable.values()) or "none answers, or none has a core"
            raise BenchError(
                f"no node of the cluster can be used: {why}",
                hint="`ray status` lists the nodes and what they are busy with.",
            )


@dataclass(frozen=True)
class _Fetch:
    """Gets an object from Ray's store; a nested reference is not fetched in advance."""

    reference: Any

    def __call__(self) -> Mapping[str, bytes]:
        import ray

        content: Mapping[str, bytes] = ray.get(self.reference)
        return content


def _join(address: str | None, targets: Sequence[str]) -> ModuleType:
    """Join a cluster, or start one here, with this bench and the user's modules on its nodes."""
    # No usage reports, no warning about GPUs that CPU runs don't see, and our own working_dir
    # also where `ray job submit` has set another one.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_OVERRIDE_JOB_RUNTIME_ENV", "1")
    import ray

    if address is not None and address != "auto":
        _check_reachable(address)
    own: dict[str, Any] = {"num_cpus": core_count(), "include_dashboard": False}
    with tempfile.TemporaryDirectory() as folder, _sigterm_kept():
        _copy_modules(targets, Path(folder))
        try:
            ray.init(
                address=address or "local",
                runtime_env={"working_dir": folder},
                logging_level=logging.ERROR,
                log_to_driver=False,
                **({} if address else own),
            )
            # Ray would print a long message about each lost worker; `Lost` reports it.
            ray._private.worker._worker_logs_enabled = False
        except (OSError, RuntimeError, ValueError) as error:  # ConnectionError is an OSError
            raise BenchError(
                f"cannot join a Ray cluster: {_first_line(error)}",
                where=f"--address {address}" if address else "--executor ray",
                hint="`ray start --head` starts one; `ray status` shows whether there is one. If "
                "it requires a token, set RAY_AUTH_MODE=token and copy its head's "
                "~/.ray/auth_token.",
            ) from None
    return ray


def _check_reachable(address: str) -> None:
    """Raise for an address where nothing answers; Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except (OSError, ValueError) as error:
        raise BenchError(
            f"nothing answers there ({error})",
            where=f"--address {address}",
            hint="Give the head as HOST:PORT, by default port 6379, or use `auto` to find it.",
        ) from None


def _copy_modules(targets: Sequence[str], folder: Path) -> None:
    """Copy this bench and the user's own modules, which the nodes may lack."""
    _copy_package(Path(bench.__file__).parent, folder / "bench")
    modules: dict[str, Path] = {}
    for module in {target.partition(":")[0] for target in targets}:
        modules |= imported_modules(module, is_users)
    for top in {name.partition(".")[0] for name in modules}:
        found = modules.get(top)
        if found is not None and found.name == "__init__.py":
            _copy_package(found.parent, folder / top)
    for name, path in modules.items():
        copy = folder.joinpath(*name.split("."))
        copy = copy / path.name if path.name == "__init__.py" else copy.with_suffix(".py")
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)


def _copy_package(package: Path, to: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    shutil.copytree(package, to, ignore=ignored, dirs_exist_ok=True)


@contextmanager
def _sigterm_kept() -> Iterator[None]:
    """Keep this process's SIGTERM handler, which Ray would replace."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _node_names(nodes: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Name nodes by their hosts, those of one host also by their ids."""
    hosts = {node_id: str(node["NodeManagerHostname"]) for node_id, node in nodes.items()}
    shared = Counter(hosts.values())
    return {i: host if shared[host] == 1 else f"{host}-{i[:6]}" for i, host in hosts.items()}


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
