"""Hypothesis strategies for outcomes: any that the types allow, and some text that bites."""

from typing import get_args

from hypothesis import strategies as st

from bench.records import (
    BlockRow,
    CostRow,
    EpochRow,
    Kind,
    MetricRow,
    MisclassifiedRow,
    Outcome,
    Role,
    Status,
    TimingRow,
    TrialRow,
)

TEXT = (
    st.text(max_size=30)
    | st.sampled_from(["inf", "nan", "", "a,b", 'say "x"', "two\nlines", "a\rb", "\r\n", "=1+1"])
    | st.text(min_size=1, max_size=5).map(lambda text: text * 2000)
)
PRINTABLE = TEXT.map(lambda text: text.encode("utf-8", "replace").decode())
WHOLE = st.integers(0, 2**62)
FLOATS = st.floats(allow_nan=False)
STATUS = st.sampled_from(get_args(Status))
ROLES = st.sampled_from(get_args(Role))
NAMES = st.sampled_from(
    ["model", "dataset", "batch_size", "optimizer", "lr", "device", "precision", "threads",
     "model.hidden", "model.eps", "optimizer.eps", "schedule.gamma"]
)  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
CONFIGS = st.dictionaries(NAMES, SCALARS | TEXT, max_size=8)
JSON = st.recursive(
    SCALARS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def maybe(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | values


TRIALS = st.builds(
    TrialRow,
    trial_id=TEXT,
    seed=WHOLE,
    status=STATUS,
    reason=maybe(TEXT),
    epochs_done=maybe(WHOLE),
    test_accuracy=maybe(FLOATS),
    test_loss=maybe(FLOATS),
    time_to_target_s=maybe(FLOATS),
    peak_memory_bytes=maybe(WHOLE),
    parameters=maybe(WHOLE),
)
EPOCHS = st.builds(
    EpochRow,
    trial_id=TEXT,
    seed=WHOLE,
    epoch=WHOLE,
    train_loss=maybe(FLOATS),
    test_loss=FLOATS,
    test_accuracy=FLOATS,
    train_s=maybe(FLOATS),
    eval_s=FLOATS,
    elapsed_train_s=FLOATS,
)
TIMINGS = st.builds(
    TimingRow,
    block=WHOLE,
    phase=maybe(TEXT),
    round=maybe(WHOLE),
    seconds=maybe(FLOATS),
    is_warmup=maybe(st.booleans()),
    role=ROLES,
    status=STATUS,
    reason=maybe(TEXT),
    at_s=maybe(FLOATS),
    is_disturbed=maybe(st.booleans()),
)
BLOCKS = st.builds(
    BlockRow,
    block=WHOLE,
    role=ROLES,
    status=STATUS,
    reason=maybe(TEXT),
    protocol=maybe(TEXT),
    look=maybe(WHOLE),
    started_at=maybe(TEXT),
    wall_s=maybe(FLOATS),
    passes_s=maybe(FLOATS),
    train_images=maybe(WHOLE),
    steal_share=maybe(FLOATS),
    involuntary_switches=maybe(WHOLE),
    gpu_throttle=maybe(TEXT),
    gpu_others=maybe(WHOLE),
    peak_flops_per_s=maybe(FLOATS),
)
COSTS = st.builds(
    CostRow,
    status=STATUS,
    reason=maybe(TEXT),
    flops_per_image=maybe(FLOATS),
    step_flops=maybe(FLOATS),
    step_bytes=maybe(FLOATS),
    step_operations=maybe(WHOLE),
    step_peak_bytes=maybe(WHOLE),
)
MISCLASSIFIED = st.builds(
    MisclassifiedRow, trial_id=TEXT, seed=WHOLE, test_images=WHOLE, wrong=TEXT
)
METRICS = st.builds(
    MetricRow,
    trial_id=TEXT,
    seed=WHOLE,
    epoch=WHOLE,
    metric=TEXT,
    value=maybe(FLOATS),
    is_lower_better=st.booleans(),
)
OUTCOMES = st.builds(
    Outcome,
    run_id=st.from_regex(r"[a-z0-9][a-z0-9_-]{0,30}", fullmatch=True),
    kind=st.sampled_from(get_args(Kind)),
    study=TEXT,
    cell_id=TEXT,
    config=CONFIGS,
    status=STATUS,
    reason=maybe(TEXT),
    traceback=maybe(TEXT),
    trial=maybe(TRIALS),
    epochs=st.lists(EPOCHS, max_size=3).map(tuple),
    timings=st.lists(TIMINGS, max_size=3).map(tuple),
    block=maybe(BLOCKS),
    cost=maybe(COSTS),
    misclassified=maybe(MISCLASSIFIED),
    metrics=st.lists(METRICS, max_size=3).map(tuple),
    environment=st.dictionaries(TEXT, JSON, max_size=3),
    started_at=TEXT,
    wall_s=FLOATS,
    key=st.dictionaries(TEXT, TEXT, max_size=3),
)
