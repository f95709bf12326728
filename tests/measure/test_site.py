"""Where a study runs: what a trial sees of it, and how many go on at once."""

import pytest

from bench.measure.machine import Machine
from bench.measure.resources import Node, Resources, local_resources

MACHINE = Machine("a CPU", 16, 2**30, "an OS", ("a GPU",) * 2, "", (("torch", "1"),))


def site(*nodes: tuple[int, int], jobs: int = 1) -> Resources:
    made = [Node(str(i), str(i), cores, gpus, cores) for i, (cores, gpus) in enumerate(nodes)]
    return Resources(MACHINE, tuple(made), jobs, is_cluster=True)


def test_auto_threads_are_a_share_of_the_smallest_node() -> None:
    assert site((16, 0), (8, 0)).planned_on.cores == 8
    assert site((16, 0), (8, 0), jobs=4).planned_on.cores == 2
    assert site((2, 0), jobs=4).planned_on.cores == 1


def test_the_fingerprint_is_the_machines_whatever_is_ours_of_it() -> None:
    assert site((8, 0)).machine.fingerprint() == MACHINE.fingerprint()


@pytest.mark.parametrize(
    ("threads", "gpus", "at_once"),
    [(1, False, 24), (4, False, 6), (64, False, 2), (1, True, 3), (16, True, 2)],
)
def test_as_many_trials_go_on_as_there_is_room_for(threads: int, gpus: bool, at_once: int) -> None:
    assert site((16, 2), (8, 1)).trials_at_once(threads, gpus=gpus) == at_once


def test_this_machine_takes_as_many_at_once_as_it_has_jobs() -> None:
    assert local_resources().trials_at_once(1, gpus=False) == 1
    assert "nodes" not in local_resources().describe()


def test_a_cluster_names_its_nodes() -> None:
    assert site((2, 0), (2, 0)).describe()["nodes"] == ["0", "1"]
