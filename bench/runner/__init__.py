"""`bench run`: execute the plan of a study, add runs to it, and report."""

from bench.runner.added_runs import Decided, Narrowed
from bench.runner.session import Reporter
from bench.runner.study_run import FinishedStudy, run_study

__all__ = ["Decided", "FinishedStudy", "Narrowed", "Reporter", "run_study"]
