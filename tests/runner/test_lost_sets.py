"""A timing set that went down with its machine: what it lacks is timed in another one."""

import pandas as pd
from runner_doubles import ALL, Ask, FakeExecutor, Silent, batch, once

from bench.planning import plan_study
from bench.runner import run_study


def blocks_of(results: pd.DataFrame) -> dict[int, list[tuple[int, str]]]:
    parts = results.groupby("block")[["batch_size", "role"]]
    return {int(n): sorted(map(tuple, part.to_numpy().tolist())) for n, part in parts}


def test_lost_cells_are_timed_with_the_baseline_in_a_new_set(ask: Ask) -> None:
    executor = FakeExecutor(loses=once(lambda run: (run.block, batch(run)) == (1, 64)))
    reporter = Silent()
    finished = run_study(ask(), reporter, executor)
    assert not finished.has_failed
    table = pd.read_csv(finished.folder / "blocks.csv")
    assert (table.status == "ok").all()
    assert not table.duplicated(["cell_id", "block", "role"]).any()
    beside = [(64, "planned"), (512, "planned"), (512, "twin")]
    whole = {0: beside, 1: [(512, "planned"), (512, "twin")], 2: beside}
    assert blocks_of(table) == whole
    assert len(reporter.added) == 1
    assert plan_study(ask()).uncached == ()


def test_a_set_lost_twice_is_repeated_twice(ask: Ask) -> None:
    executor = FakeExecutor(loses=lambda run: run.block in (1, 2) and batch(run) == 64)
    finished = run_study(ask(), Silent(), executor)
    table = pd.read_csv(finished.folder / "blocks.csv")
    timed = table[table.batch_size == 64]
    assert set(timed.block) == {0, 3}


def test_no_run_is_duplicated(ask: Ask) -> None:
    executor = FakeExecutor(loses=once(lambda run: run.kind == "block"))
    finished = run_study(ask(), Silent(), executor)
    assert sum(finished.statuses.values()) >= ALL
    for name in ("trials", "blocks", "costs"):
        table = pd.read_csv(finished.folder / f"{name}.csv")
        keys = [k for k in ("cell_id", "seed", "block", "role") if k in table]
        assert not table.duplicated(keys).any()
