"""What the sets of a running session can detect follows from the baseline and its control."""

import numpy as np
import pytest

from bench.analysis.live_noise import LiveNoise
from bench.analysis.time_comparisons import Noise, SessionNoise
from bench.records import LOCKSTEP, BlockRow, Outcome, Role, Status, TimingRow

SETS = 6
APART = [1.03, 0.96, 1.01, 0.99, 1.05, 0.98]  # the control over the baseline


def part(
    number: int,
    seconds: list[float],
    cell_id: str = "a",
    role: Role = "planned",
    status: Status = "ok",
    disturbed: tuple[int, ...] = (),
    warmup: int = 0,
) -> Outcome:
    """Make a cell's part of a set: a step time for each turn."""
    timings = tuple(
        TimingRow(
            block=number, role=role, phase="step", round=i, seconds=s,
            is_warmup=i < warmup, is_disturbed=i - warmup in disturbed,
        )
        for i, s in enumerate([100.0] * warmup + seconds)
    )  # fmt: skip
    return Outcome(
        run_id=f"{cell_id}-b{number}-{role}", kind="block", study="s", cell_id=cell_id, config={},
        status=status, timings=timings,
        block=BlockRow(block=number, role=role, status=status, protocol=LOCKSTEP),
    )  # fmt: skip


def noises(*outcomes: Outcome) -> list[Noise]:
    live = LiveNoise()
    return [noise for noise in map(live.added, outcomes) if noise is not None]


def controlled(number: int, apart: float) -> list[Outcome]:
    """Make the baseline and its control, `apart` times as slow, on a machine that slows down."""
    turns = [1.0, 2.0, 4.0]
    return [part(number, turns), part(number, [apart * s for s in turns], role="twin")]


def test_what_can_be_detected_is_known_from_the_sixth_set_on() -> None:
    found = noises(*(o for i, apart in enumerate(APART) for o in controlled(i, apart)))
    assert [noise.n for noise in found] == list(range(1, SETS + 1))
    assert [noise.detects is None for noise in found] == [True] * (SETS - 1) + [False]


def test_the_noise_is_that_of_the_finished_session() -> None:
    found = noises(*(o for i, apart in enumerate(APART) for o in controlled(i, apart)))
    floor, detects = SessionNoise(np.log(APART)).floor_and_mde(SETS)
    assert (found[-1].floor, found[-1].detects) == pytest.approx((floor, detects))


def test_the_other_cells_change_nothing() -> None:
    alone = [o for i, apart in enumerate(APART) for o in controlled(i, apart)]
    others = [part(i, [9.0 * (i + 1)] * 3, cell_id="b") for i in range(SETS)]
    mixed = [o for i in range(SETS) for o in (alone[2 * i], others[i], alone[2 * i + 1])]
    assert noises(*mixed) == noises(*alone)


def test_the_control_may_end_before_the_baseline() -> None:
    own, control = controlled(0, 1.2)
    assert noises(control, own) == noises(own, control)


def test_turns_are_matched_and_not_rounds() -> None:
    own, control = part(0, [1.0, 4.0], warmup=1), part(0, [1.0, 4.0], role="twin", warmup=3)
    (noise,) = noises(own, control)
    assert noise == noises(*controlled(0, 1.0))[0]


def test_disturbed_turns_do_not_count() -> None:
    own = part(0, [1.0, 1.0, 1.0, 1.0], disturbed=(0,))
    control = part(0, [50.0, 1.0, 1.0, 70.0], role="twin", disturbed=(3,))
    assert noises(own, control) == noises(*controlled(0, 1.0))


@pytest.mark.parametrize("status", ["failed", "timeout", "oom"])
def test_a_set_whose_control_failed_tells_nothing(status: Status) -> None:
    assert noises(part(0, [1.0]), part(0, [1.0], role="twin", status=status)) == []


def test_sets_with_every_turn_disturbed_tell_nothing() -> None:
    assert noises(part(0, [1.0], disturbed=(0,)), part(0, [1.0], role="twin")) == []


def test_trials_tell_nothing() -> None:
    trial = Outcome(run_id="a-s0", kind="trial", study="s", cell_id="a", config={}, status="ok")
    assert noises(trial) == []
