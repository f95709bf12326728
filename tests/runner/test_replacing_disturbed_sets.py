"""What was timed while the machine was disturbed is timed again, whatever it gave."""

from runner_doubles import STUDY, Ask, FakeExecutor, batch, carry_out

from bench.study.runs import Run

FOUR = STUDY.replace("sets: 2", "sets: 4").replace("seeds: [0, 1]", "seeds: [0]")
BASELINE_AND_TWIN = [(512, "planned"), (512, "twin")]


def beyond(fake: FakeExecutor, requested: int = 4) -> dict[int, list[tuple[int, str]]]:
    """List what was timed in sets that the study did not request."""
    added: dict[int, list[tuple[int, str]]] = {}
    for run in fake.runs:
        if run.kind == "block" and run.block >= requested:
            added.setdefault(run.block, []).append((batch(run), run.role))
    return {block: sorted(parts) for block, parts in added.items()}


def second_set_of_64(run: Run) -> bool:
    return (run.block, batch(run)) == (1, 64)


def test_a_disturbed_cell_is_timed_again_with_the_baseline(ask: Ask) -> None:
    fake = FakeExecutor(disturbed=second_set_of_64)
    carry_out(ask(FOUR), fake)
    assert beyond(fake) == {4: [(64, "planned"), *BASELINE_AND_TWIN]}


def test_a_disturbed_control_invalidates_the_set_for_all(ask: Ask) -> None:
    fake = FakeExecutor(disturbed=lambda run: (run.block, run.role) == (1, "twin"))
    carry_out(ask(FOUR), fake)
    assert beyond(fake) == {4: [(64, "planned"), *BASELINE_AND_TWIN]}


def test_a_replacement_that_is_disturbed_too_is_replaced(ask: Ask) -> None:
    fake = FakeExecutor(disturbed=lambda run: batch(run) == 64 and run.block in (1, 4))
    carry_out(ask(FOUR), fake)
    assert list(beyond(fake)) == [4, 5]


def test_no_more_are_added_than_timing_spares(ask: Ask) -> None:
    fake = FakeExecutor(disturbed=lambda run: batch(run) == 64 and run.block >= 3)
    carry_out(ask(FOUR.replace("sets: 4", "sets: 4, spares: 2")), fake)
    assert list(beyond(fake)) == [4, 5]


def test_with_no_spares_nothing_is_replaced(ask: Ask) -> None:
    fake = FakeExecutor(disturbed=second_set_of_64)
    carry_out(ask(FOUR.replace("sets: 4", "sets: 4, spares: 0")), fake)
    assert beyond(fake) == {}


def test_where_most_sets_are_disturbed_none_is_replaced(ask: Ask) -> None:
    fake = FakeExecutor(disturbed=lambda run: run.block > 0)
    carry_out(ask(FOUR), fake)
    assert beyond(fake) == {}


def test_on_a_quiet_machine_nothing_is_replaced(ask: Ask) -> None:
    fake = FakeExecutor()
    carry_out(ask(FOUR), fake)
    assert beyond(fake) == {}


def test_a_session_that_times_nothing_replaces_nothing(ask: Ask) -> None:
    none = FOUR.replace("sets: 4", "sets: 4, spares: 0")
    carry_out(ask(none), FakeExecutor(disturbed=second_set_of_64))
    again = FakeExecutor()
    carry_out(ask(FOUR), again)
    assert again.runs == []


def test_replacements_are_kept_and_not_repeated(ask: Ask) -> None:
    carry_out(ask(FOUR), FakeExecutor(disturbed=second_set_of_64))
    again = FakeExecutor()
    carry_out(ask(FOUR), again)
    assert again.runs == []
