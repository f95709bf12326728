"""Where a study runs: on this machine, or on identical nodes of a cluster."""

from dataclasses import dataclass, replace
from typing import Any

from bench.measure.machine import Machine, this_machine


@dataclass(frozen=True)
class Node:
    """A machine that executes up to `most` runs at once on `cores` cores and `gpus` GPUs."""

    node_id: str
    name: str
    cores: int
    gpus: int
    most: int

    def at_once(self, threads: int) -> int:
        """Return how many trials with this number of threads fit at once."""
        return max(1, min(self.most, self.cores // max(1, threads)))


@dataclass(frozen=True)
class Resources:
    """Nodes whose results are comparable because each is a `machine`.

    `jobs` is the number of trials that share a node's cores with `threads: auto`; `idle` names the
    nodes of the cluster that are not used.
    """

    machine: Machine
    nodes: tuple[Node, ...]
    jobs: int = 1
    idle: tuple[str, ...] = ()
    is_cluster: bool = False

    @property
    def planned_on(self) -> Machine:
        """The machine as one trial sees it: with its share of a node's cores."""
        cores = min(node.cores for node in self.nodes) // self.jobs
        return replace(self.machine, cores=max(1, cores))

    def trials_at_once(self, threads: int, *, gpus: bool) -> int:
        """Return how many such trials run at once, each with a GPU of its own or with none."""
        counts = [(node.at_once(threads), node.gpus) for node in self.nodes]
        return max(1, sum(min(n, on_gpus) if gpus else n for n, on_gpus in counts))

    def describe(self) -> dict[str, Any]:
        """Return the content of environment.json: machine, software, variables, nodes."""
        nodes = {"nodes": [node.name for node in self.nodes]} if self.is_cluster else {}
        return {**self.machine.describe(), **nodes}


def local_resources(jobs: int = 1) -> Resources:
    """Return the machine that this process runs on as resources."""
    machine = this_machine()
    node = Node("", "", machine.cores, len(machine.gpus), jobs)
    return Resources(machine, (node,), jobs)
