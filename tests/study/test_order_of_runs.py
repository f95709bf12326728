"""Trials go seed by seed; timing blocks go round by round, each in an order of its own."""

from collections.abc import Callable

from bench.study.plan import Plan, Run

Planned = Callable[..., Plan]

AXES = "axes: {batch_size: [1, 2, 3, 4, 5, 6, 7, 8]}\nseeds: [3, 1]\ntiming: {blocks: 4}\n"


def blocks_of(plan: Plan) -> list[list[int]]:
    """List the batch sizes of each round of blocks, in the order in which they run."""
    runs = [run for run in plan.runs if run.kind == "block"]
    assert plan.study.timing is not None
    return [
        [run.planned.cell.batch_size for run in runs if run.block == block]
        for block in range(plan.study.timing.blocks)
    ]


def what(run: Run) -> tuple[str, int]:
    return run.kind, run.seed if run.kind == "trial" else run.block


def test_one_seed_of_every_cell_comes_before_the_next_seed(planned: Planned) -> None:
    trials = [run for run in planned(f"name: x\n{AXES}").runs if run.kind == "trial"]
    assert [(run.seed, run.planned.cell.batch_size) for run in trials] == [
        (seed, size) for seed in (3, 1) for size in range(1, 9)
    ]


def test_trials_come_first_and_then_block_by_block(planned: Planned) -> None:
    runs = planned(f"name: x\n{AXES}").runs
    assert [what(run) for run in runs] == [
        (kind, i)
        for kind, numbers in (("trial", (3, 1)), ("block", range(4)))
        for i in numbers
        for _ in range(8)
    ]


def test_every_cell_is_in_every_round_of_blocks(planned: Planned) -> None:
    assert [sorted(block) for block in blocks_of(planned(f"name: x\n{AXES}"))] == [
        list(range(1, 9))
    ] * 4


def test_rounds_of_blocks_have_orders_of_their_own(planned: Planned) -> None:
    orders = blocks_of(planned(f"name: x\n{AXES}"))
    assert len({tuple(order) for order in orders}) == 4


def test_the_order_is_the_studys_own_and_always_the_same(planned: Planned) -> None:
    orders = blocks_of(planned(f"name: x\n{AXES}"))
    assert blocks_of(planned(f"name: x\n{AXES}")) == orders
    assert blocks_of(planned(f"name: y\n{AXES}")) != orders
    # what Python's random.Random("x") gives, on every machine
    assert orders[0] == [8, 3, 2, 1, 4, 7, 5, 6]


def test_a_study_without_timing_has_trials_only(planned: Planned) -> None:
    runs = planned("name: x\nseeds: [0, 1]\ntiming: off").runs
    assert [what(run) for run in runs] == [("trial", 0), ("trial", 1)]


def test_a_run_carries_what_the_study_says_of_it(planned: Planned) -> None:
    text = (
        "name: x\nseeds: [7]\ntarget_accuracy: 0.9\ntiming: {blocks: 1, rounds: 2}\n"
        "limits: {trial_timeout: 1m}"
    )
    trial, block = planned(text).runs
    assert (trial.study, trial.seed, trial.target_accuracy, trial.timing) == ("x", 7, 0.9, None)
    assert (block.study, block.seed, block.target_accuracy) == ("x", 7, None)
    assert block.timing is not None
    assert (block.timing.rounds, trial.timeout_s, block.timeout_s) == (2, 60, 60)
