"""Every run on some node of a Ray cluster, in a process of its own; only the driver writes results.

Ray brings work to the nodes and back (https://docs.ray.io); which node does what is decided by
`bench.execute.scheduler`, and what a node does is what the local executor does.
"""

import importlib.util
import itertools
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
from bench.execute.executor import Emit, RunContext, Stopping, never
from bench.execute.scheduler import Ended, News, Placed, Ticket, nobody_left, spread
from bench.import_graph import imported_modules, is_users
from bench.measure.machine import Machine, core_count
from bench.measure.resources import Node, Resources
from bench.records import Outcome
from bench.study.runs import PlannedCell, Run, planned_cell
from bench.study.spec import Cell

LOOK_EVERY_S = 2.0
ANSWER_S = 60.0  # for a node's first answer: its first process has to start
ALIVE_S = 15.0
CONNECT_S = 5.0


class RayExecutor:
    """Executes on the nodes of a Ray cluster that are of one kind.

    `address` is HOST:PORT or auto; without one a Ray of its own is started on this machine.
    Raises BenchError where Ray isn't installed, and for the address of a Ray client.
    """

    def __init__(self, jobs: int = 1, address: str | None = None) -> None:
        if importlib.util.find_spec("ray") is None:
            raise BenchError(
                "--executor ray: Ray is not installed",
                hint="pip install 'small-vision-bench[ray]'",
            )
        if address is not None and "://" in address:
            raise BenchError(
                f"--address {address}: bench has to run in the cluster, not as a client of it",
                hint="Start it on a machine of the cluster, for example by `ray job submit`.",
            )
        self._jobs = jobs
        self._address = address
        self._cluster: _RayCluster | None = None

    def site(self, cells: Sequence[Cell]) -> Resources:
        """Join the cluster and look at its nodes; the kind that can run most cells is taken."""
        if self._cluster is None:
            self._cluster = _RayCluster(self._address, cells)
        return self._cluster.site(self._jobs)

    def check(self, cells: Sequence[PlannedCell]) -> list[str]:
        """Build every cell's network once, on a node."""
        return self._joined.check(cells)

    def execute(
        self,
        runs: Sequence[Run],
        run_context: RunContext,
        emit: Emit,
        is_stopping: Stopping = never,
    ) -> Generator[Outcome, None, None]:
        """Give outcomes as they come from the nodes."""
        self._joined.send(runs, run_context.data_dir)
        with closing(spread(self._joined, runs, run_context, emit, is_stopping)) as outcomes:
            yield from outcomes

    def close(self) -> None:
        """Leave the cluster; a Ray that was started for this study ends."""
        if self._cluster is not None:
            self._cluster.leave()
            self._cluster = None

    @property
    def _joined(self) -> "_RayCluster":
        assert self._cluster is not None, "site() comes first"
        return self._cluster


@dataclass(frozen=True)
class Answer:
    """What a node said of itself."""

    node: Node
    machine: Machine

    @property
    def kind(self) -> str:
        """Tell which numbers may stand beside its own: those of the same kind."""
        return " | ".join(self.machine.fingerprint().values())


def best_kind(answers: Sequence[Answer], cells: Sequence[Cell]) -> str:
    """Choose the kind of node that can run most cells; of several, the one with most cores.

    A GPU comes first where a cell leaves its device open.
    """
    kinds: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        kinds[answer.kind].append(answer)

    def worth(kind: str) -> tuple[int, bool, int]:
        machine = kinds[kind][0].machine
        able = sum(planned_cell(cell, machine, {}).skip is None for cell in cells)
        prefers_gpu = any(cell.device == "auto" for cell in cells) and bool(machine.gpus)
        return able, prefers_gpu, sum(answer.node.cores for answer in kinds[kind])

    return max(kinds, key=worth)


@dataclass(frozen=True)
class _Doubt:
    """A worker that was lost, and what was asked of its node since."""

    why: str
    node_id: str
    asked: Any  # the node's answer, once it comes
    until_s: float


class _RayCluster:
    """A Ray cluster that this process has joined."""

    def __init__(self, address: str | None, cells: Sequence[Cell]) -> None:
        self._ray = _join(address, [cell.model.target for cell in cells])
        self._describe = self._ray.remote(max_retries=0)(ray_worker.describe)
        self._work = self._ray.remote(max_retries=0)(ray_worker.carry_out)
        self._check = self._ray.remote(max_retries=0)(ray_worker.check)
        self._crates: dict[str, DatasetArchive] = {}
        self._going: dict[Ticket, Any] = {}
        self._doubts: dict[Ticket, _Doubt] = {}
        self._tickets = itertools.count()
        self._asked: dict[str, Any] = {}  # nodes that have not answered yet
        self._answers: dict[str, Answer] = {}
        self._refusals: dict[str, str] = {}  # why a node can't be used
        self._looked_s = 0.0
        self._wait_for_answers()
        self._kind = best_kind(list(self._answers.values()), cells)

    def leave(self) -> None:
        """Let go of the cluster."""
        self._ray.shutdown()

    def site(self, jobs: int) -> Resources:
        """Give the nodes of the kind that was chosen, and name the others."""
        own = [answer for answer in self._answers.values() if answer.kind == self._kind]
        if not own:
            raise nobody_left()
        others = Counter(a.kind for a in self._answers.values() if a.kind != self._kind)
        nodes = tuple(sorted((answer.node for answer in own), key=lambda node: node.name))
        idle = [f"{count} × {kind}, which is another kind" for kind, count in others.items()]
        idle += self._refusals.values()
        return Resources(own[0].machine, nodes, jobs, tuple(idle), is_cluster=True)

    def nodes(self) -> Sequence[Node]:
        """List the nodes of the kind that was chosen, also those that came later."""
        if time.monotonic() > self._looked_s + LOOK_EVERY_S:
            self._look()
        return [a.node for a in self._answers.values() if a.kind == self._kind]

    def send(self, runs: Sequence[Run], data_dir: Path) -> None:
        """Put the data that runs need where every node can get them."""
        for name in {run.planned.cell.dataset.name for run in runs} - set(self._crates):
            digest, content = pack_dataset(name, data_dir)
            self._crates[name] = DatasetArchive(digest, _Fetch(self._ray.put(content)))

    def check(self, cells: Sequence[PlannedCell]) -> list[str]:
        """Build every cell's network once, on a node."""
        for node in self.nodes():
            told = self._check.options(num_cpus=0, **self._on(node.node_id)).remote(cells)
            with suppress(self._ray.exceptions.RayError):  # another one may serve
                problems: list[str] = self._ray.get(told)
                return problems
        raise nobody_left()

    def begin(self, placed: Placed) -> Ticket:
        """Give a node a task, with so many of its cores and GPUs."""
        runs = placed.unit.runs
        names = {run.planned.cell.dataset.name for run in runs}
        work = self._work.options(
            num_cpus=placed.cores, num_gpus=placed.gpus, **self._on(placed.node.node_id)
        )
        ticket = next(self._tickets)
        archives = {name: self._crates[name] for name in names}
        self._going[ticket] = (work.remote(runs, placed.run_context, archives), placed.node.node_id)
        return ticket

    def news(self) -> Iterator[tuple[Ticket, News]]:
        """Wait up to a second, then tell all that is there."""
        tickets = {told: ticket for ticket, (told, _) in self._going.items()}
        awaited = [*tickets, *{doubt.asked for doubt in self._doubts.values()}]
        if not awaited:
            time.sleep(0.2)
            return
        self._ray.wait(awaited, timeout=1.0)
        ready, _ = self._ray.wait(awaited, num_returns=len(awaited), timeout=0)
        for told in tickets.keys() & set(ready):
            yield from ((tickets[told], news) for news in self._told(tickets[told]))
        yield from self._settled(ready)

    def _told(self, ticket: Ticket) -> Iterator[News]:
        """Tell all that has come of a task."""
        errors = self._ray.exceptions
        while ticket in self._going:  # it may be abandoned meanwhile
            told, _ = self._going[ticket]
            if not self._ray.wait([told], timeout=0)[0]:
                return
            try:
                yield self._ray.get(next(told))
            except StopIteration:
                del self._going[ticket]
                yield Ended()
            except errors.OutOfMemoryError as error:
                del self._going[ticket]
                yield Ended("memory", _first_line(error))
            except errors.RayTaskError as error:
                self._doubt(ticket, f"its worker raised {_first_line(error.cause)}")
            except errors.RayError:
                self._doubt(ticket, "its worker process died")

    def _doubt(self, ticket: Ticket, why: str) -> None:
        """Ask whether a worker was lost alone or with its node, whose last words are none."""
        _, node_id = self._going.pop(ticket)
        others = (doubt.asked for doubt in self._doubts.values() if doubt.node_id == node_id)
        asked = next(others, None)
        if asked is None:
            asked = self._describe.options(num_cpus=0, **self._on(node_id)).remote()
        self._doubts[ticket] = _Doubt(why, node_id, asked, time.monotonic() + ALIVE_S)

    def _settled(self, ready: Collection[Any]) -> Iterator[tuple[Ticket, Ended]]:
        """Tell of what was lost where a node has answered since, or has had its time."""
        for ticket, doubt in list(self._doubts.items()):
            is_gone = doubt.node_id not in self._answers or time.monotonic() > doubt.until_s
            if not is_gone and doubt.asked not in ready:
                continue
            del self._doubts[ticket]
            if is_gone or not self._has_answered(doubt.asked):
                self._answers.pop(doubt.node_id, None)
                yield ticket, Ended("node", "its node was lost")
            else:
                yield ticket, Ended("worker", doubt.why)

    def _has_answered(self, asked: Any) -> bool:
        try:
            self._ray.get(asked)
        except self._ray.exceptions.RayError:
            return False
        return True

    def abandon(self, ticket: Ticket) -> None:
        """Kill the worker process, and with it all that it started."""
        if self._doubts.pop(ticket, None) is None:
            told, _ = self._going.pop(ticket)
            self._ray.cancel(told, force=True)

    def _on(self, node_id: str) -> dict[str, Any]:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node_id, soft=False)}

    def _look(self) -> None:
        """Forget nodes that are gone, ask those that are new, and hear who has answered."""
        self._looked_s = time.monotonic()
        alive = {
            node["NodeID"]: node
            for node in self._ray.nodes()
            if node["Alive"] and node["Resources"].get("CPU", 0) >= 1
        }
        for known in (self._asked, self._answers, self._refusals):
            for node_id in set(known) - set(alive):
                del known[node_id]
        for node_id in set(alive) - {*self._asked, *self._answers, *self._refusals}:
            gpus = alive[node_id]["Resources"].get("GPU", 0)  # Ray shows only GPUs that one has
            options = {"num_cpus": 0, "num_gpus": gpus, **self._on(node_id)}
            self._asked[node_id] = self._describe.options(**options).remote()
        names = _names(alive)
        for node_id, asked in list(self._asked.items()):
            if not self._ray.wait([asked], timeout=0)[0]:
                continue
            del self._asked[node_id]
            try:
                machine = self._ray.get(asked)
            except self._ray.exceptions.RayTaskError as error:
                self._refusals[node_id] = f"{names[node_id]}: {_first_line(error.cause)}"
                continue
            except self._ray.exceptions.RayError:
                continue  # it is asked again
            resources = alive[node_id]["Resources"]
            cores = min(int(resources["CPU"]), machine.cores)
            node = Node(node_id, names[node_id], cores, int(resources.get("GPU", 0)), cores)
            self._answers[node_id] = Answer(node, machine)

    def _wait_for_answers(self) -> None:
        """Wait until every node has said what it is; those that don't are left out."""
        until_s = time.monotonic() + ANSWER_S
        self._look()
        while self._asked and time.monotonic() < until_s:
            self._ray.wait(list(self._asked.values()), timeout=1.0)
            self._look()
        if not self._answers:
            why = "; ".join(self._refusals.values()) or "none answers, or none has a core"
            raise BenchError(
                f"no node of the cluster can be used: {why}",
                hint="`ray status` says what there is, and what it is busy with.",
            )


@dataclass(frozen=True)
class _Fetch:
    """Gets an object of Ray's store; a reference inside of something is not fetched beforehand."""

    reference: Any

    def __call__(self) -> Mapping[str, bytes]:
        import ray

        content: Mapping[str, bytes] = ray.get(self.reference)
        return content


def _join(address: str | None, targets: Sequence[str]) -> ModuleType:
    """Join a cluster, or start one here, with this bench and the user's networks on its nodes."""
    # No reports to Ray's makers, no warning about GPUs that CPU runs don't see, and our own folder
    # of code also where `ray job submit` has brought another one.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_OVERRIDE_JOB_RUNTIME_ENV", "1")
    import ray

    if address is not None and address != "auto":
        _knock(address)
    own: dict[str, Any] = {"num_cpus": core_count(), "include_dashboard": False}
    with tempfile.TemporaryDirectory() as folder, _own_signals():
        _stage(targets, Path(folder))
        try:
            ray.init(
                address=address or "local",
                runtime_env={"working_dir": folder},
                logging_level=logging.ERROR,
                log_to_driver=False,
                **({} if address else own),
            )
            # Ray prints what it knows of each lost worker, by the bars; `Lost` says it shorter.
            ray._private.worker._worker_logs_enabled = False
        except (OSError, RuntimeError, ValueError) as error:  # ConnectionError is an OSError
            raise BenchError(
                f"cannot join a Ray cluster: {_first_line(error)}",
                where=f"--address {address}" if address else "--executor ray",
                hint="`ray start --head` starts one; `ray status` says whether there is one. If it "
                "asks for a token, it takes RAY_AUTH_MODE=token and its head's ~/.ray/auth_token.",
            ) from None
    return ray


def _knock(address: str) -> None:
    """Refuse an address at which nothing answers; Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except (OSError, ValueError) as error:
        raise BenchError(
            f"nothing answers there ({error})",
            where=f"--address {address}",
            hint="Name the head as HOST:PORT, by default port 6379, or let `auto` find it.",
        ) from None


def _stage(targets: Sequence[str], folder: Path) -> None:
    """Copy this bench and the user's own modules, which the nodes may lack."""
    _copy(Path(bench.__file__).parent, folder / "bench")
    modules: dict[str, Path] = {}
    for module in {target.partition(":")[0] for target in targets}:
        modules |= imported_modules(module, is_users)
    for top in {name.partition(".")[0] for name in modules}:
        found = modules.get(top)
        if found is not None and found.name == "__init__.py":
            _copy(found.parent, folder / top)
    for name, path in modules.items():
        copy = folder.joinpath(*name.split("."))
        copy = copy / path.name if path.name == "__init__.py" else copy.with_suffix(".py")
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)


def _copy(package: Path, to: Path) -> None:
    shutil.copytree(
        package, to, ignore=shutil.ignore_patterns("__pycache__", ".*"), dirs_exist_ok=True
    )


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep this process' answer to SIGTERM, which Ray would replace by its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _names(nodes: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Name nodes by their hosts, those of one host by their ids as well."""
    hosts = {node_id: str(node["NodeManagerHostname"]) for node_id, node in nodes.items()}
    shared = Counter(hosts.values())
    return {i: host if shared[host] == 1 else f"{host}-{i[:6]}" for i, host in hosts.items()}


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
