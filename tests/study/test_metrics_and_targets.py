"""The metrics of a study, and targets of any of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.metrics import METRICS
from bench.study.runs import Run
from bench.study.spec import Study

Loaded = Callable[..., Study]
Refusal = Callable[..., str]
Planned = Callable[..., Any]

OWN = """
raise RuntimeError("this module was run")

def kappa(output, labels, *, weight: float = 1.0): ...

def step(output, labels): ...

class Kappa:
    def __init__(self, weight: float = 1.0): ...
    def __call__(self, output, labels): ...
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Put metrics of the user's own on the import path."""
    (tmp_path / f"own_{tmp_path.name}.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return f"own_{tmp_path.name}"


def study(**fields: Any) -> str:
    return "\n".join(["name: x", *(f"{name}: {value}" for name, value in fields.items())])


def trials(planned: Planned, text: str) -> list[Run]:
    return [run for run in planned(text).runs if run.kind == "trial"]


def test_every_built_in_metric_has_its_name(loaded: Loaded) -> None:
    made = loaded(study(metrics=list(METRICS)))
    assert [metric.label for metric in made.metrics] == list(METRICS)
    assert not any(metric.is_lower_better for metric in made.metrics)


def test_an_imported_metric_goes_by_its_function_and_what_is_set(loaded: Loaded, own: str) -> None:
    given: list[dict[str, Any]] = [
        {"import": f"{own}:kappa"},
        {"import": f"{own}:Kappa", "weight": 2},
        {"import": f"{own}:kappa", "weight": 3, "better": "lower"},
    ]
    metrics = loaded(study(metrics=given)).metrics
    assert [metric.label for metric in metrics] == [
        "kappa",
        "Kappa(weight=2.0)",
        "kappa(weight=3.0)",
    ]
    assert [metric.is_lower_better for metric in metrics] == [False, False, True]
    assert metrics[2].for_target() == {"weight": 3.0}


def test_a_study_as_written_has_the_same_metrics_and_target(loaded: Loaded, own: str) -> None:
    made = loaded(
        study(
            metrics=["top_5", {"import": f"{own}:kappa", "better": "lower"}],
            target={"metric": "macro_f1", "at_least": 0.9},
        )
    )
    again = Study.model_validate(made.as_written())
    assert (again.metrics, again.target) == (made.metrics, made.target)
    assert [metric.label for metric in again.measured_metrics] == ["top_5", "kappa", "macro_f1"]


def test_a_target_of_a_listed_metric_measures_it_once(loaded: Loaded) -> None:
    made = loaded(study(metrics=["macro_f1"], target={"metric": "macro_f1", "at_least": 0.9}))
    assert [metric.label for metric in made.measured_metrics] == ["macro_f1"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"metrics": ["macro_f2"]},
            "metrics[0]: unknown metric 'macro_f2'. Did you mean 'macro_f1'?",
        ),
        ({"metrics": ["accuracy"]}, "metrics[0]: accuracy is always measured"),
        ({"metrics": ["top_5", "top_5"]}, "metrics: two metrics are called 'top_5'"),
        ({"metrics": [{"import": "OWN:step"}]}, "'step' is the name of another measure"),
        (
            {"target": {"metric": {"import": "OWN:step"}, "at_least": 1}},
            "'step' is the name of another measure; rename the function",
        ),
        ({"metrics": [{"import": "OWN:kapa"}]}, "OWN has no 'kapa'. Did you mean 'kappa'?"),
        ({"metrics": [{"import": "OWN:kappa", "weigth": 1}]}, "Did you mean 'weight'?"),
        ({"metrics": [{"import": "OWN:kappa", "better": "less"}]}, "expected higher or lower"),
        (
            {"metrics": [{"name": "top_5", "k": 3}]},
            "metric top_5 has no parameter 'k'. It has none.",
        ),
        (
            {"target_accuracy": 0.9, "target": {"metric": "macro_f1", "at_least": 0.9}},
            "target: is given besides target_accuracy. Leave one out",
        ),
        ({"target": {"metric": "macro_f1"}}, "target.at_least: "),
        (
            {"target": {"metric": "macro_f1", "at_least": "much"}},
            "target.at_least: expected a number",
        ),
        ({"target": {"metric": "accuracy", "at_least": 0.9}}, "`target_accuracy` is its target"),
        (
            {"target": {"metric": {"import": "OWN:kappa", "better": "lower"}, "at_least": 1}},
            "target.metric: a target needs a metric of which more is better",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_mistake_is_named(
    refusal: Refusal, own: str, fields: dict[str, Any], message: str
) -> None:
    text = study(**fields).replace("OWN", own)
    assert message.replace("OWN", own) in refusal(text)


def test_metrics_count_in_the_configuration_of_trials_and_only_where_there_are_any(
    planned: Planned, own: str
) -> None:
    (plain,) = trials(planned, "name: x")
    (measured,) = trials(planned, study(metrics=[{"import": f"{own}:kappa"}]))
    (aimed,) = trials(planned, study(target={"metric": "top_5", "at_least": 0.9}))
    assert not plain.configuration().keys() & {"metrics", "target"}
    assert measured.configuration().keys() - plain.configuration().keys() == {"metrics"}
    assert aimed.configuration().keys() - plain.configuration().keys() == {"metrics", "target"}
    assert plain.cell == measured.cell
    assert f"{own}:kappa" in set(measured.targets()) - set(plain.targets())


def test_a_cost_pass_does_not_depend_on_metrics(planned: Planned) -> None:
    plain, measured = (
        next(run for run in planned(text).runs if run.kind == "cost")
        for text in ("name: x", study(metrics=["top_5"]))
    )
    assert plain.configuration() == measured.configuration()
