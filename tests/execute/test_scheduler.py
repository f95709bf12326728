"""Runs over the nodes of a cluster: who runs where, and what becomes of what is lost."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_cluster import FakeCluster, node

from bench.errors import BenchError
from bench.execute.executor import Event, Lost, RunContext, Started
from bench.execute.scheduler import execute_on_cluster
from bench.records import Outcome
from bench.study.runs import Run

Runs = Callable[..., list[Run]]
TIMING = {"sets": 2, "rounds": 1}


def carry_out(cluster: FakeCluster, runs: list[Run], **options: Any) -> list[Outcome]:
    reported: list[Event] = []
    options = {"emit": reported.append, "is_stopping": lambda: False, **options}
    return list(execute_on_cluster(cluster, runs, RunContext(Path("data")), **options))


def trials(runs_of: Runs, seeds: int, **cell: Any) -> list[Run]:
    return runs_of(cell, seeds=list(range(seeds)))


def sets(runs_of: Runs, **timing: Any) -> list[Run]:
    """Plan two sets, of one cell and its twin."""
    return runs_of({}, "block", timing=TIMING | timing)


def names(outcomes: list[Outcome]) -> list[str]:
    return [outcome.run_id for outcome in outcomes]


def where(outcomes: list[Outcome]) -> dict[int, set[str | None]]:
    """List the nodes on which each set was timed."""
    found: dict[int, set[str | None]] = {}
    for outcome in outcomes:
        assert outcome.block is not None
        found.setdefault(outcome.block.block, set()).add(outcome.block.node)
    return found


def test_trials_fill_the_cores_of_all_nodes(runs_of: Runs) -> None:
    cluster = FakeCluster([node("a", 2), node("b", 4)])
    outcomes = carry_out(cluster, trials(runs_of, 12))
    assert cluster.most_at_once == 6
    assert Counter(placed.node.name for placed in cluster.begun) == {"a": 4, "b": 8}
    assert len(set(names(outcomes))) == 12
    assert {(o.trial.node, o.trial.jobs) for o in outcomes if o.trial} == {("a", 2), ("b", 4)}


def test_a_trial_takes_as_many_cores_as_it_has_threads(runs_of: Runs) -> None:
    cluster = FakeCluster([node("a", 4)])
    outcomes = carry_out(cluster, trials(runs_of, 4, threads=2))
    assert cluster.most_at_once == 2
    assert {o.trial.jobs for o in outcomes if o.trial} == {2}


def test_a_trial_with_too_many_threads_takes_all_cores_of_a_node(runs_of: Runs) -> None:
    cluster = FakeCluster([node("a", 4)])
    assert len(carry_out(cluster, trials(runs_of, 2, threads=64))) == 2
    assert cluster.most_at_once == 1


def test_a_trial_on_a_gpu_takes_one(runs_of: Runs) -> None:
    runs = trials(runs_of, 4)
    on_gpu = [with_device(run, "cuda") for run in runs]
    cluster = FakeCluster([node("a", 8, 2)])
    carry_out(cluster, on_gpu)
    assert cluster.most_at_once == 2
    assert {placed.group.gpus_on(placed.node) for placed in cluster.begun} == {1}

    second = FakeCluster([node("a", 8, 2)])
    carry_out(second, [with_device(run, "cuda:1") for run in runs])
    assert {placed.group.gpus_on(placed.node) for placed in second.begun} == {
        2
    }  # it is the second of those


def with_device(run: Run, device: str) -> Run:
    return replace(run, cell=run.cell.model_copy(update={"device": device}))


def test_a_set_has_its_node_to_itself_and_stays_there(runs_of: Runs) -> None:
    cluster = FakeCluster([node("a", 4), node("b", 4)])
    outcomes = carry_out(cluster, sets(runs_of))
    assert [placed.group.cores_on(placed.node) for placed in cluster.begun] == [4, 4]
    assert cluster.most_at_once == 2  # one on each
    assert sorted(map(len, where(outcomes).values())) == [1, 1]
    assert {o.block.jobs for o in outcomes if o.block} == {1}


def test_a_set_that_may_share_takes_its_threads_only(runs_of: Runs) -> None:
    cluster = FakeCluster([node("a", 4)])
    carry_out(cluster, sets(runs_of, alone=False))
    assert [placed.group.cores_on(placed.node) for placed in cluster.begun] == [1, 1]


def test_a_timing_set_waits_for_a_free_node(runs_of: Runs) -> None:
    cluster = FakeCluster([node("a", 2)])
    carry_out(cluster, [*trials(runs_of, 3), *sets(runs_of)])
    beside = [len(placed.group.runs) for placed in cluster.begun]
    assert beside == [1, 1, 1, 2, 2]
    assert cluster.most_at_once == 2


def test_a_trial_whose_worker_dies_is_run_again(runs_of: Runs) -> None:
    runs, deaths = trials(runs_of, 3), Counter[str]()

    def once(run: Run, at: object) -> str:
        deaths[run.run_id] += 1
        return "worker" if run is runs[1] and deaths[run.run_id] == 1 else ""

    outcomes = carry_out(FakeCluster([node("a")], once), runs)
    assert sorted(names(outcomes)) == sorted(run.run_id for run in runs)
    assert {o.status for o in outcomes} == {"ok"}


@pytest.mark.parametrize(("lost", "status"), [("worker", "failed"), ("memory", "oom")])
def test_a_trial_that_always_kills_its_worker_fails(lost: str, status: str, runs_of: Runs) -> None:
    runs = trials(runs_of, 2)
    cluster = FakeCluster([node("a")], lambda run, at: lost if run is runs[0] else "")
    outcomes = {o.run_id: o for o in carry_out(cluster, runs)}
    bad = outcomes[runs[0].run_id]
    assert (bad.status, bad.reason) == (status, f"its {lost} was lost, 3 times")
    assert bad.trial is not None
    assert bad.trial.node == "a"
    assert outcomes[runs[1].run_id].status == "ok"
    assert sum(placed.group.runs == (runs[0],) for placed in cluster.begun) == 3


def test_trials_of_a_lost_node_are_run_on_another(runs_of: Runs) -> None:
    runs = trials(runs_of, 8)
    cluster = FakeCluster([node("a"), node("b")], lambda run, at: "node" if at.name == "b" else "")
    outcomes = carry_out(cluster, runs)
    assert sorted(names(outcomes)) == sorted(run.run_id for run in runs)
    assert {o.trial.node for o in outcomes if o.trial} == {"a"}


def test_a_set_whose_worker_dies_before_any_outcome_is_timed_again(runs_of: Runs) -> None:
    runs, deaths = sets(runs_of), Counter[str]()

    def first_once(run: Run, at: object) -> str:
        deaths[run.run_id] += 1
        return "worker" if run is runs[0] and deaths[run.run_id] == 1 else ""

    outcomes = carry_out(FakeCluster([node("a"), node("b")], first_once), runs)
    assert sorted(names(outcomes)) == sorted(run.run_id for run in runs)
    assert {outcome.status for outcome in outcomes} == {"ok"}
    assert sorted(map(len, where(outcomes).values())) == [1, 1]


def test_a_set_that_always_kills_its_worker_fails(runs_of: Runs) -> None:
    runs = sets(runs_of, sets=1)
    cluster = FakeCluster([node("a")], lambda run, at: "worker" if run is runs[0] else "")
    outcomes = carry_out(cluster, runs)
    assert sorted(names(outcomes)) == sorted(run.run_id for run in runs)
    assert {(o.status, o.reason) for o in outcomes} == {("failed", "its worker was lost, 3 times")}
    assert [placed.group.runs for placed in cluster.begun] == [tuple(runs)] * 3


@pytest.mark.parametrize("lost", ["worker", "memory", "node"])
def test_of_a_set_that_is_lost_in_part_the_rest_has_no_outcome(lost: str, runs_of: Runs) -> None:
    runs = sets(runs_of)
    gone = runs[1]  # the second part of the first set
    cluster = FakeCluster([node("a"), node("b")], lambda run, at: lost if run is gone else "")
    outcomes = carry_out(cluster, runs)
    assert sorted(names(outcomes)) == sorted(run.run_id for run in runs if run is not gone)
    assert len(cluster.begun) == 2


def test_a_set_without_outcomes_restarts_on_another_node(runs_of: Runs) -> None:
    runs, deaths = sets(runs_of), Counter[str]()

    def first_once(run: Run, at: object) -> str:
        deaths[run.run_id] += 1
        return "node" if run is runs[0] and deaths[run.run_id] == 1 else ""

    outcomes = carry_out(FakeCluster([node("a"), node("b")], first_once), runs)
    assert sorted(names(outcomes)) == sorted(run.run_id for run in runs)
    assert where(outcomes)[0] == where(outcomes)[1]  # on the one that is left


def test_when_stopping_running_trials_end_and_none_starts(runs_of: Runs) -> None:
    runs = trials(runs_of, 6)
    cluster = FakeCluster([node("a")])
    outcomes = carry_out(cluster, runs, is_stopping=lambda: len(cluster.begun) > 0)
    assert len(cluster.begun) == 2
    assert len(outcomes) == 2


def test_when_stopping_a_set_that_has_started_is_finished(runs_of: Runs) -> None:
    cluster, runs = FakeCluster([node("a")]), sets(runs_of)
    outcomes = carry_out(cluster, runs, is_stopping=lambda: len(cluster.begun) > 0)
    assert names(outcomes) == [run.run_id for run in runs if run.block == 0]
    assert cluster.abandoned == []


def test_running_trials_are_abandoned_when_the_iterator_is_closed(runs_of: Runs) -> None:
    cluster = FakeCluster([node("a")])
    runs = trials(runs_of, 6)
    outcomes = execute_on_cluster(
        cluster, runs, RunContext(Path("data")), lambda e: None, lambda: False
    )
    next(outcomes)
    outcomes.close()
    assert len(cluster.abandoned) == 2  # one of them has given its outcome, and not ended yet
    assert not cluster.going


def test_a_node_that_comes_later_is_used(runs_of: Runs) -> None:
    cluster = FakeCluster([node("a", 1)])
    cluster.meanwhile = lambda: cluster.here.__setitem__(slice(1, None), [node("b", 1)])
    carry_out(cluster, trials(runs_of, 5))
    assert {placed.node.name for placed in cluster.begun} == {"a", "b"}


def test_a_cluster_without_nodes_is_reported_after_a_wait(runs_of: Runs) -> None:
    cluster = FakeCluster([node("a")], lambda run, at: "node")
    with pytest.raises(BenchError, match="no node of the cluster is left"):
        carry_out(cluster, trials(runs_of, 2), patience_s=0.0)


def test_events_have_the_node_of_a_run(runs_of: Runs) -> None:
    reported: list[Event] = []
    carry_out(FakeCluster([node("a")]), trials(runs_of, 1), emit=reported.append)
    assert [(type(event), event.node) for event in reported if isinstance(event, Started)] == [
        (Started, "a")
    ]


def test_events_report_lost_runs(runs_of: Runs) -> None:
    reported: list[Event] = []
    runs, deaths = trials(runs_of, 1), iter(["worker"])
    cluster = FakeCluster([node("a")], lambda run, at: next(deaths, ""))
    carry_out(cluster, runs, emit=reported.append)
    assert Lost(runs[0].run_id, "a", "its worker was lost") in reported
