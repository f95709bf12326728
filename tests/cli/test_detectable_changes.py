"""While a study runs, it reports what its timing sets can detect, from the sixth set on."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.cli.json_reporter import JsonReporter
from bench.cli.study_reporter import StudyReporter
from bench.cli.terminal_reporter import TerminalReporter
from bench.execute.executor import Started
from bench.measure.resources import Resources, local_resources
from bench.planning import Request
from bench.records import Outcome, TimingRow
from bench.runner import run_study
from bench.stats.verdicts import LEAST_FLOOR
from bench.study.runs import Run

STUDY = """
name: made_up
base: {dataset: digits, epochs: 0, device: cpu}
axes: {batch_size: [64, 512]}
timing: {sets: 6, rounds: 2, epochs: 0, spares: 0}
"""
SETS = 6


class MadeUp:
    """Ends every run at once; a set's A/A control is a little slower or faster in turn."""

    def resources(self, cells: object, metrics: object = ()) -> Resources:
        return local_resources()

    def check(self, cells: object, shapes: object, metrics: object = ()) -> list[str]:
        return []

    def execute(
        self, runs: Sequence[Run], context: object, emit: Callable[[Any], None], *_: object
    ) -> Iterator[Outcome]:
        for run in runs:
            emit(Started(run.run_id))
            yield timed(run) if run.kind == "block" else run.ended("ok", None, 1.0)


def timed(run: Run) -> Outcome:
    apart = (0.99 if run.block % 2 else 1.01) if run.role == "twin" else 1.0
    rows = [
        TimingRow(
            block=run.block, role=run.role, phase="step", round=i, seconds=0.01 * apart,
            is_warmup=False, is_disturbed=False,
        )
        for i in range(2)
    ]  # fmt: skip
    return replace(run.ended("ok", None, 1.0), timings=tuple(rows))


@pytest.fixture
def shown(
    tmp_path: Path, digits_dir: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[[StudyReporter], str]:
    """Return what a reporter prints while a made-up study runs."""

    def run(reporter: StudyReporter) -> str:
        path = tmp_path / "study.yaml"
        path.write_text(STUDY, encoding="utf-8")
        request = Request(
            study=path, data_dir=digits_dir, results=tmp_path / "results", report=False
        )
        with reporter:
            run_study(request, reporter, MadeUp())
        return capsys.readouterr().out

    return run


def test_every_set_is_an_event_and_the_sixth_knows_what_it_detects(
    shown: Callable[[StudyReporter], str],
) -> None:
    events = [json.loads(line) for line in shown(JsonReporter()).splitlines()]
    noise = [event for event in events if event["event"] == "noise"]
    assert [event["sets"] for event in noise] == list(range(1, SETS + 1))
    assert [event["detects"] is None for event in noise] == [True] * (SETS - 1) + [False]
    assert all(event["floor"] >= LEAST_FLOOR for event in noise)


def test_the_progress_lines_state_it_once_it_is_known(
    shown: Callable[[StudyReporter], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    lines = [line for line in shown(TerminalReporter(verbose=False)).splitlines() if "left" in line]
    assert "; 6 timing sets can detect changes from " in lines[-1]
    assert all("can detect" not in line for line in lines[:-2])
