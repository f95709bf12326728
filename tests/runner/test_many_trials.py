"""What a long study leaves in the memory of the process that drives it."""

import tracemalloc

import pandas as pd
from many_trials import ManyNodes, study
from runner_doubles import Ask, Silent

from bench.planning import Plan, PlannedRun, plan_study
from bench.records import Outcome
from bench.runner import run_study

TRIALS, CELLS = 600, 4
KIB = 1024


class Weighing(Silent):
    """Weighs what Python holds at the first outcome and at the last."""

    def planned(self, plan: Plan) -> None:
        self.weights: list[int] = []

    def ended(self, planned: PlannedRun, outcome: Outcome) -> None:
        self.weights.append(tracemalloc.get_traced_memory()[0])


def test_an_outcome_leaves_less_than_two_kibibytes_with_the_driver(ask: Ask) -> None:
    request = ask(study(TRIALS, CELLS))
    weighing = Weighing()
    tracemalloc.start()
    try:
        finished = run_study(request, weighing, ManyNodes())
    finally:
        tracemalloc.stop()
    ended = len(weighing.weights)
    assert ended == TRIALS + CELLS
    middle, last = sorted(weighing.weights[ended // 3 : ended // 2])[0], weighing.weights[-1]
    assert (last - middle) / (ended // 2) < 2 * KIB
    assert len(pd.read_csv(finished.folder / "trials.csv")) == TRIALS
    assert plan_study(request, resources_for=ManyNodes().resources).uncached == ()
