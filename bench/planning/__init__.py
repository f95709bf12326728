"""The plan of a study: its runs, held against its results folder."""

from bench.planning.plan import (
    Deciding,
    Narrowing,
    Plan,
    Request,
    ResourcesFor,
    make_plan,
    plan_study,
)
from bench.planning.planned_runs import PlannedRun, State, parts_of

__all__ = [
    "Deciding",
    "Narrowing",
    "Plan",
    "PlannedRun",
    "Request",
    "ResourcesFor",
    "State",
    "make_plan",
    "parts_of",
    "plan_study",
]
