"""Where a study runs: on this machine, or on nodes of a cluster that are of one kind."""

from dataclasses import dataclass, replace
from typing import Any

from bench.measure.machine import Machine, this_machine


@dataclass(frozen=True)
class Node:
    """A machine that runs are executed on: `cores` and `gpus` are ours, for `most` runs at once."""

    node_id: str
    name: str
    cores: int
    gpus: int
    most: int

    def at_once(self, threads: int) -> int:
        """Count the trials of so many threads that it takes at once."""
        return max(1, min(self.most, self.cores // max(1, threads)))


@dataclass(frozen=True)
class Resources:
    """Nodes whose numbers may stand beside each other, since each is `machine`.

    `jobs` says how many trials share a node's cores where a study leaves their threads open.
    `idle` says which nodes of a cluster are left alone.
    """

    machine: Machine
    nodes: tuple[Node, ...]
    jobs: int = 1
    idle: tuple[str, ...] = ()
    is_cluster: bool = False

    @property
    def planned_on(self) -> Machine:
        """The machine that a trial sees: `threads: auto` means its share of a node's cores."""
        cores = min(node.cores for node in self.nodes) // self.jobs
        return replace(self.machine, cores=max(1, cores))

    def trials_at_once(self, threads: int, *, gpus: bool) -> int:
        """Count the trials of so many threads that go on at once, on a GPU each or on none."""
        counts = [(node.at_once(threads), node.gpus) for node in self.nodes]
        return max(1, sum(min(n, on_gpus) if gpus else n for n, on_gpus in counts))

    def describe(self) -> dict[str, Any]:
        """Give the machine and its software as environment.json holds them, and its nodes."""
        nodes = {"nodes": [node.name for node in self.nodes]} if self.is_cluster else {}
        return {**self.machine.describe(), **nodes}


def local_resources(jobs: int = 1) -> Resources:
    """Look at the machine that this process runs on."""
    machine = this_machine()
    node = Node("", "", machine.cores, len(machine.gpus), jobs)
    return Resources(machine, (node,), jobs)
