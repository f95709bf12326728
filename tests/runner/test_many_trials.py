"""What a long study leaves in the memory of the process that drives it."""

import gc
import statistics
import tracemalloc
from itertools import pairwise

import pandas as pd
from many_trials import ManyNodes, study
from runner_doubles import Ask, Silent

from bench.planning import Plan, PlannedRun, plan_study
from bench.records import Outcome
from bench.runner import run_study

TRIALS, CELLS = 300, 4
EVERY = 50
KIB = 1024


class Weighing(Silent):
    """Weighs what Python holds at every fiftieth outcome, without garbage."""

    def planned(self, plan: Plan) -> None:
        self.ended_runs = 0
        self.weights: list[int] = []

    def ended(self, planned: PlannedRun, outcome: Outcome) -> None:
        self.ended_runs += 1
        if self.ended_runs % EVERY == 0:
            gc.collect()
            self.weights.append(tracemalloc.get_traced_memory()[0])


def test_an_outcome_leaves_less_than_two_kibibytes_with_the_driver(ask: Ask) -> None:
    request = ask(study(TRIALS, CELLS))
    weighing = Weighing()
    tracemalloc.start()
    try:
        finished = run_study(request, weighing, ManyNodes())
    finally:
        tracemalloc.stop()
    assert weighing.ended_runs == TRIALS + CELLS
    # The median, since Python's table of interned strings may grow by megabytes once.
    growth = [later - earlier for earlier, later in pairwise(weighing.weights)]
    assert statistics.median(growth) / EVERY < 2 * KIB
    assert len(pd.read_csv(finished.folder / "trials.csv")) == TRIALS
    assert plan_study(request, resources_for=ManyNodes().resources).uncached == ()
