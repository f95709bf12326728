"""In a turn of a timing set every thread that works has a core of its own."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.measure.counters import Proc
from bench.measure.thread_affinity import busiest_threads, cores_apart, physical_first

CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []

pytestmark = pytest.mark.skipif(len(CORES) < 2, reason="needs two cores of a Linux machine")


@pytest.fixture
def other() -> Iterator[int]:
    """Yield the id of a second thread, which sleeps."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    assert thread.native_id is not None
    yield thread.native_id
    done.set()
    thread.join()


def test_each_thread_has_a_core_in_the_block_and_all_of_them_after_it(other: int) -> None:
    main = threading.get_native_id()
    with cores_apart([main, other]):
        own, others = os.sched_getaffinity(main), os.sched_getaffinity(other)
        assert len(own) == len(others) == 1
        assert own != others
    assert sorted(os.sched_getaffinity(main)) == sorted(os.sched_getaffinity(other)) == CORES


def test_an_error_in_the_block_gives_the_cores_back(other: int) -> None:
    with pytest.raises(ZeroDivisionError), cores_apart([threading.get_native_id(), other]):
        1 / 0  # noqa: B018
    assert sorted(os.sched_getaffinity(0)) == CORES


@pytest.mark.parametrize("count", [0, 1, len(CORES) + 1])
def test_one_thread_and_more_threads_than_cores_are_left_alone(count: int) -> None:
    with cores_apart([threading.get_native_id()] * count):
        assert sorted(os.sched_getaffinity(0)) == CORES


def test_the_threads_that_worked_are_found() -> None:
    own = threading.get_native_id()
    before = {own: 10, 7: 100, 8: 100, 9: 5}
    after = {own: 500, 7: 100, 8: 400, 9: 905, 11: 1}
    assert busiest_threads(before, after, 3) == [own, 9, 8]
    assert busiest_threads(before, after, 4) == [own, 9, 8, 11]
    assert busiest_threads(before, after, 5) == []
    assert busiest_threads({}, {}, 2) == []  # a kernel that does not count


def test_the_kernel_counts_what_a_thread_has_run() -> None:
    before = Proc().ran_ns()
    sum(i * i for i in range(200_000))
    after = Proc().ran_ns()
    assert after[os.getpid()] > before[os.getpid()]


def test_cores_of_their_own_come_before_siblings(tmp_path: Path) -> None:
    for core, siblings in enumerate(("0,1", "0,1", "2-3", "2-3")):
        folder = tmp_path / f"cpu{core}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(siblings)
    assert physical_first((0, 1, 2, 3), tmp_path) == [0, 2, 1, 3]
    assert physical_first((5, 6), tmp_path) == [5, 6]  # an unknown topology
